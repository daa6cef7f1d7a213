//! A large file, put and got over eight real processes, each interrupted once by SIGKILL; and how much memory that takes.
//!
//! ```text
//! ROOK_FILE_MIB=1024 cargo test --release -p node --test cluster_file -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const NODES: usize = 8;
const MIB: u64 = 1 << 20;
/// Memory that a command may take, whatever the file's size: eight chunks under way, a few copies of each, the program.
const COMMAND_MEMORY: u64 = 96 * MIB;
/// Memory that a node may take: the database's pages, queues of several links, chunks under way.
const NODE_MEMORY: u64 = 256 * MIB;

#[test]
fn a_large_file_comes_back_whatever_is_interrupted() {
    let mib: u64 = std::env::var("ROOK_FILE_MIB").map_or(48, |mib| mib.parse().unwrap());
    let place = Place::new();
    let nodes = start(&place);
    let file = place.path("file");
    write_random(&file, mib * MIB);
    let chunks = mib * 4;

    let begun = Instant::now();
    let put = ["put", file.to_str().unwrap(), "--json", "--api", &nodes[0].api];
    let resume = place.user_folder("XDG_STATE_HOME").join("rook/puts");
    let (first, memory) = interrupt_at(&place, &put, chunks / 3, || lines_in_folder(&resume));
    println!("put: interrupted after {first} of {chunks} chunks and {:?}, {} MiB", begun.elapsed(), memory / MIB);
    let pointer = std::fs::read_to_string(only_file(&resume)).unwrap().lines().next().unwrap().to_owned();
    let (output, again) = run_to_end(&place, &put);
    println!("put: all of it after {:?}, {} MiB", begun.elapsed(), again / MIB);
    let said: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(said["pointer"], pointer.as_str(), "what was paid for was paid for once");
    assert!(memory.max(again) < COMMAND_MEMORY, "a put took {} MiB", memory.max(again) / MIB);

    let begun = Instant::now();
    let copy = place.path("copy");
    let get = ["get", &pointer, "-o", copy.to_str().unwrap(), "--json", "--api", &nodes[NODES - 1].api];
    let noted = place.path("copy.rook-chunks");
    let (first, memory) = interrupt_at(&place, &get, chunks / 3, || lines(&noted));
    println!("get: interrupted after {first} of {chunks} chunks and {:?}, {} MiB", begun.elapsed(), memory / MIB);
    assert!(!copy.exists(), "a part is not called by the file's name");
    let (_, again) = run_to_end(&place, &get);
    println!("get: all of it after {:?}, {} MiB", begun.elapsed(), again / MIB);
    assert!(memory.max(again) < COMMAND_MEMORY, "a get took {} MiB", memory.max(again) / MIB);
    assert!(equal(&file, &copy), "what came back is not what was put");

    let most = nodes.iter().map(|node| peak_memory(node.pid())).max().unwrap();
    println!("the largest node took {} MiB", most / MIB);
    assert!(most < NODE_MEMORY, "a node took {} MiB", most / MIB);
    nodes.into_iter().for_each(Node::kill);
}

fn start(place: &Place) -> Vec<Node> {
    let grid = place.grid("files", 2, 2);
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..NODES {
        let identity = place.mint(&grid, &format!("{number}.pem"));
        let mut args = place.run_args(&identity, &format!("data-{number}"));
        args.extend(nodes.first().iter().flat_map(|first| ["--peer".to_owned(), first.listen[0].clone()]));
        let mut node = place.node(&args);
        node.wait_for("joined", Duration::from_secs(60));
        nodes.push(node);
    }
    nodes
}

fn write_random(path: &Path, size: u64) {
    let mut random = StdRng::seed_from_u64(size);
    let mut file = File::create(path).unwrap();
    let mut block = vec![0; 1 << 20];
    for _ in 0..size / MIB {
        random.fill_bytes(&mut block);
        file.write_all(&block).unwrap();
    }
}

fn spawn(place: &Place, args: &[&str]) -> Child {
    place.rook(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a command when it has come so far; returns how far it came, and its memory.
fn interrupt_at(place: &Place, args: &[&str], chunks: u64, far: impl Fn() -> u64) -> (u64, u64) {
    let mut child = spawn(place, args);
    let deadline = Instant::now() + Duration::from_secs(900);
    while far() < chunks {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        assert!(Instant::now() < deadline, "only {} chunks", far());
        std::thread::sleep(Duration::from_millis(5));
    }
    let memory = peak_memory(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    (far(), memory)
}

/// Runs a command to its end; returns what it says, and its memory.
fn run_to_end(place: &Place, args: &[&str]) -> (String, u64) {
    let mut child = spawn(place, args);
    let (pid, mut memory) = (child.id(), 0);
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => memory = memory.max(peak_memory(pid)),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(status.success(), "{args:?}: {status}");
    (said, memory)
}

/// The most memory that a process has had so far, in bytes; 0 if it has ended.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// Chunks that are noted in a file, below the pointer.
fn lines(path: &Path) -> u64 {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count().saturating_sub(1) as u64)
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(folder).unwrap();
    files.next().unwrap().unwrap().path()
}

fn lines_in_folder(folder: &Path) -> u64 {
    if std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()) { lines(&only_file(folder)) } else { 0 }
}

fn equal(one: &Path, other: &Path) -> bool {
    if std::fs::metadata(one).unwrap().len() != std::fs::metadata(other).unwrap().len() {
        return false;
    }
    let (mut one, mut other) = (File::open(one).unwrap(), File::open(other).unwrap());
    let (mut ours, mut theirs) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let length = one.read(&mut ours).unwrap();
        other.read_exact(&mut theirs[..length]).unwrap();
        if ours[..length] != theirs[..length] {
            return false;
        }
        if length == 0 {
            return true;
        }
    }
}
