//! The storage when the process is killed, and when the disk is full: this test starts itself again as the victim.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cli_support::die_with_us;
use grid::id::NodeId;
use grid::parameters::Parameters;
use grid::record::{Pointer, PointerError, Record, Rules, Stamp, Subject, Terms, Tree};
use grid::time::Day;
use node::stamps::{self, Proofs};
use node::storage::{Owner, Storage};
use rand::RngExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Tells the victim its folder.
const FOLDER: &str = "ROOK_TEST_STORAGE";

fn owner() -> Owner {
    Owner { rules: rules(), node: NodeId::from_bytes([2; 32]) }
}

fn rules() -> Rules {
    Rules::of(&Parameters::local())
}

/// The same in every process: it takes whatever the first stamp is worth.
fn pointer(terms: &Terms) -> Pointer {
    let check = |bits| Pointer::check(terms.clone(), Stamp { nonce: [0; 8], bits }, &rules(), &Proofs);
    match check(0) {
        Err(PointerError::OtherTerms { found, .. }) => check(found as u8).unwrap(),
        other => other.unwrap(),
    }
}

fn record(number: u32) -> Record {
    let mut value = vec![0; 60_000];
    value[..4].copy_from_slice(&number.to_be_bytes());
    let tree = Tree::of(&value, rules().limits.chunk);
    let (subject, size) = (Subject::Immutable { root: tree.root() }, value.len() as u64);
    let from = Day::new(2_461_366);
    let terms = Terms { subject, size, from, days: 30, half_life: 0, priority: 0, application: Vec::new() };
    stamps::chunk(&pointer(&terms), &tree, 0, &value, &rules()).unwrap()
}

/// The command that starts one of the victims below.
fn victim(name: &str, folder: &Path, wrapper: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut words: Vec<&str> = wrapper.to_vec();
    words.extend([test.to_str().unwrap(), "--exact", name, "--ignored", "--nocapture"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(FOLDER, folder).stdout(Stdio::piped());
    die_with_us(&mut command);
    command
}

/// The numbers that the victim says.
fn numbers(child: &mut Child) -> impl Iterator<Item = u32> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok())
}

#[test]
#[ignore = "a victim of the tests below"]
fn store_for_ever() {
    let storage = Storage::open(Path::new(&std::env::var(FOLDER).unwrap()), owner()).unwrap();
    for number in storage.holdings().unwrap().len() as u32.. {
        storage.store(&[record(number)]).unwrap();
        println!("\nstored {number}");
    }
}

#[test]
fn what_was_stored_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = 0;
    for _ in 0..8 {
        let mut child = victim("store_for_ever", folder.path(), &["env"]).spawn().unwrap();
        let mut numbers = numbers(&mut child);
        let first = numbers.next().unwrap();
        assert!(first >= stored, "{first} was stored before");
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(1..150)));
        child.kill().unwrap();
        child.wait().unwrap();
        stored = numbers.last().unwrap_or(first) + 1;
        let storage = Storage::open(folder.path(), owner()).unwrap();
        for number in 0..stored {
            let record = record(number);
            assert_eq!(storage.load(record.key()).unwrap(), Some(record), "{number} of {stored}");
        }
    }
    println!("{stored} records survived 8 times SIGKILL");
}

/// Stores until the disk is full, reads all of it back, and goes on when there is space again.
fn fill(folder: &Path, make_space: impl FnOnce()) {
    let storage = Storage::open(folder, owner()).unwrap();
    let mut count = 0;
    let refused = loop {
        match storage.store(&[record(count)]) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
        assert!(count < 10_000, "the disk is never full");
    };
    assert!(refused.is_full(), "{refused}");
    assert!(refused.to_string().contains("no space left"), "{refused}");
    assert!(storage.store(&[record(count)]).unwrap_err().is_full());
    for number in 0..count {
        let record = record(number);
        assert_eq!(storage.load(record.key()).unwrap(), Some(record));
    }
    make_space();
    storage.store(&[record(count)]).unwrap();
    assert_eq!(storage.holdings().unwrap().len() as u32, count + 1);
    println!("\nstored {count}");
}

#[test]
#[ignore = "a victim of the tests below"]
fn fill_a_limited_file() {
    let folder = std::env::var(FOLDER).unwrap();
    fill(Path::new(&folder), || {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
    });
}

#[test]
#[ignore = "a victim of the tests below"]
fn fill_a_small_disk() {
    let folder = std::env::var(FOLDER).unwrap();
    let filler = Path::new(&folder).join("filler");
    std::fs::write(&filler, vec![0; 8 << 20]).unwrap();
    fill(Path::new(&folder), || std::fs::remove_file(filler).unwrap());
}

#[test]
fn the_system_refuses_in_the_middle_of_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 20480; exec \"$0\" \"$@\""];
    let mut child = victim("fill_a_limited_file", folder.path(), &limited).spawn().unwrap();
    let stored = numbers(&mut child).last();
    assert!(child.wait().unwrap().success());
    println!("the limit came after {stored:?} records");
}

#[test]
fn a_disk_becomes_full() {
    let folder = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=32m none {} && exec \"$0\" \"$@\"", folder.path().display());
    let may_mount = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        println!("not run: this user may not mount a small disk");
        return;
    }
    let mut child =
        victim("fill_a_small_disk", folder.path(), &["unshare", "-rm", "sh", "-c", &mount]).spawn().unwrap();
    let stored = numbers(&mut child).last();
    assert!(child.wait().unwrap().success());
    println!("the disk was full after {stored:?} records");
}
