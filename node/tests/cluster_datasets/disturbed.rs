//! What is read while disks err, servers are killed, versions are replaced and clients leave.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dataset::climate::{Climate, Layout};
use dataset::dap::{self, Format};
use dataset::netcdf::NetCdf;
use dataset::source::Source;

use super::cli_support::{Node, eventually};
use super::http;
use super::world::{NAME, WORLD, World, expected, noise, same_values, text};

const MIB: u64 = 1 << 20;
/// More than all buffers between a server and a client hold.
const LARGE: u64 = 64 * MIB;
/// How long it may take until a client hears that nobody is left.
const TIMELY: Duration = Duration::from_secs(60);
/// Bytes that are read of one gateway to see what it takes.
const MOST_READ: u64 = 6144 * MIB;
/// Memory that a gateway may take, whatever is asked of it.
const GATEWAY_MEMORY: u64 = 128 * MIB;

/// A publisher and so many mirrors of a large file, each with a copy of its own, and a gateway.
fn large(bytes: u64, mirrors: usize) -> (World, PathBuf, usize) {
    let (mut world, file) = published(bytes, mirrors, |file, copy| _ = fs::copy(file, copy).unwrap());
    let gateway = world.start_gateway(&[]);
    world.await_servers(gateway, mirrors + 1);
    (world, file, gateway)
}

/// A publisher and so many mirrors of a large file.
fn published(bytes: u64, mirrors: usize, copy: impl Fn(&Path, &Path)) -> (World, PathBuf) {
    let mut world = World::new();
    (0..=mirrors).for_each(|_| _ = world.start(&[]));
    let file = world.place.path("published.nc");
    noise(&file, bytes);
    let copies: Vec<PathBuf> = (0..mirrors).map(|number| world.place.path(&format!("copy-{number}.nc"))).collect();
    copies.iter().for_each(|to| copy(&file, to));
    world.publish(&file, &[], &copies.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    (world, file)
}

/// Flips the byte in the middle of a file, as a failing disk does: nothing else of the file changes.
fn flip(path: &Path) -> u64 {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let metadata = file.metadata().unwrap();
    let (place, mut byte) = (metadata.len() / 2, [0]);
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
    place
}

/// `ROOK_FILE_MIB=1024` takes a GiB.
#[test]
fn one_flipped_byte_is_found() {
    let mib = std::env::var("ROOK_FILE_MIB").map_or(LARGE / MIB, |mib| mib.parse().unwrap());
    let (world, file, gateway) = large(mib * MIB, 1);
    let place = flip(&world.place.path("copy-0.nc"));
    let expected = expected(&file, "");
    let begun = Instant::now();
    let failed = eventually("the damaged mirror was asked for that group", Duration::from_secs(120), || {
        let answer = world.get(&format!("/{NAME}.dods"));
        assert_eq!(answer.header("rook-validation"), "signed");
        assert!(answer.ok() == expected, "a wrong byte was delivered");
        world.standing(gateway, 1).filter(|standing| !standing["shunned"].is_null() || standing["timeouts"] != 0)
    });
    println!("byte {place} of {mib} MiB flipped: found after {:?}; {failed}", begun.elapsed());
    assert!(failed["shunned"].is_null(), "whose disk fails is no liar if it says so: {failed}");
    assert_eq!(world.shunned(gateway, 0), None);
    let all = ["dataset", "check", NAME, "--all", "--json", "--api", &world.nodes[gateway].api];
    let output = world.place.output(all);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    println!("{said}");
    assert!(said.contains("\"lied\": false") && !said.contains("\"lied\": true"), "{said}");
}

#[test]
fn a_server_killed_in_the_middle_of_an_answer_is_replaced() {
    let (mut world, file, _) = large(LARGE, 1);
    let expected = expected(&file, "");
    let path = format!("/{NAME}.dods");
    let mut reading = http::open(world.gateway(), &path, "rook test");
    assert_eq!(reading.status, 200);
    let mut got = vec![0; 8 << 20];
    reading.read_exact(&mut got).unwrap();
    world.nodes.remove(1).kill();
    let begun = Instant::now();
    reading.read_to_end(&mut got).unwrap();
    assert!(got == expected, "the answer is not what was published");
    println!("one of two killed after 8 MiB: the rest of {} MiB came in {:?}", expected.len() >> 20, begun.elapsed());

    let mut reading = http::open(world.gateway(), &path, "rook test");
    let mut got = vec![0; 1 << 20];
    reading.read_exact(&mut got).unwrap();
    world.nodes.remove(0).kill();
    let begun = Instant::now();
    let error = reading.read_to_end(&mut got).unwrap_err();
    println!("all killed after 1 MiB: {error} after {:?} and {} MiB", begun.elapsed(), got.len() >> 20);
    assert!(begun.elapsed() < TIMELY);
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error:?}");
    assert!(got == expected[..got.len()], "what came before the end is right");

    let begun = Instant::now();
    let answer = http::get(world.gateway(), &path, "rook test");
    println!("nobody left: {} after {:?}: {}", answer.status, begun.elapsed(), answer.text());
    assert!(begun.elapsed() < TIMELY);
    assert!([502, 503].contains(&answer.status), "{}", answer.status);
    assert!(answer.text().starts_with("Error {"), "{}", answer.text());
}

#[test]
fn who_has_opened_a_version_goes_on_with_it() {
    let mut world = World::new();
    world.start(&[]);
    let gateway = world.start_gateway(&[]);
    let one = world.climate("one.nc", &WORLD, Layout::Classic);
    let two = world.climate("two.nc", &Climate { days: WORLD.days + 1, ..WORLD }, Layout::Hdf5);
    world.publish(&one, &[], &[]);
    let first = world.await_servers(gateway, 1);
    let ask = |agent: &str, path: &str| http::get(world.gateway(), &format!("/{NAME}{path}"), agent);
    let opened = ask("old", ".dds");
    assert_eq!(opened.header("rook-version"), first["version"]);
    let tag = ask("old", ".dods?sst").header("etag").to_owned();

    // The clocks of records count whole seconds.
    sleep(Duration::from_millis(1100));
    world.dataset(0, &["add", NAME, text(&two)]);
    let second = eventually("the gateway knows of the next version", Duration::from_secs(60), || {
        let head = world.await_servers(gateway, 1);
        (head["version"] != first["version"]).then_some(head)
    });
    let goes_on = ask("old", ".dods?sst");
    assert_eq!((goes_on.header("rook-version"), goes_on.header("etag")), (first["version"].as_str().unwrap(), &*tag));
    assert!(goes_on.ok() == expected(&one, "sst"), "the first version goes on");
    let new = ask("new", ".dods?sst");
    assert_eq!(new.header("rook-version"), second["version"]);
    assert_ne!(new.header("etag"), tag);
    assert!(new.ok() == expected(&two, "sst"), "who comes now reads the second");
    assert_eq!(ask("old", ".dds").header("rook-version"), second["version"], "it opens the dataset again");
    assert!(ask("old", ".dods?sst").ok() == expected(&two, "sst"));
}

#[test]
fn a_get_that_was_killed_goes_on() {
    let (world, file, gateway) = large(LARGE, 1);
    let output = world.place.path("got.nc");
    let args = ["dataset", "get", NAME, "-o", text(&output), "--json", "--api", &world.nodes[gateway].api];
    let part = || {
        let folder = fs::read_dir(output.parent().unwrap()).unwrap().map(Result::unwrap);
        folder.filter(|entry| entry.path().extension() == Some("part".as_ref())).map(|entry| entry.path()).next()
    };
    let mut child = world.place.rook(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while part().is_none_or(|path| fs::metadata(path).unwrap().len() < 8 * MIB) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(begun.elapsed() < TIMELY, "it does not get on");
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!output.exists(), "a part is not called by the file's name");
    let kept = fs::metadata(part().unwrap()).unwrap().len();
    let got = world.place.json(args);
    println!("killed at {kept} bytes: {got}");
    assert_eq!(got["resumed_at"].as_u64(), Some(kept));
    assert!(part().is_none());
    same_values(&file, &output);

    let refused = |what: &[&str], expected: &str| {
        let args = [&["dataset", "get"], what, &["-o", "x.nc", "--api", &world.nodes[gateway].api]].concat();
        let said = world.place.fails(1, args);
        assert!(said.contains(expected), "{said}");
    };
    refused(&["nonesuch"], "nobody offers a dataset nonesuch");
    refused(&[NAME, "--var", "salt"], "the dataset has no variable \"salt\"; it has ");
    refused(&[NAME, "--slice", "depth=0:1:2"], "the dataset has no dimension \"depth\"; it has ");
    refused(&[NAME, "--slice", "lat=0:1:9999"], "lat");
}

/// The most memory that a process took, in bytes.
fn peak_memory(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// `ROOK_FILE_MIB=10240` takes ten GiB, which are on disk once, for all servers have the same file; and as many clients at once
/// as read [`MOST_READ`] in all.
#[test]
fn large_answers_stream_in_little_memory() {
    let mib = std::env::var("ROOK_FILE_MIB").map_or(LARGE / MIB, |mib| mib.parse().unwrap());
    let (mut world, file) = published(mib * MIB, 2, |file, copy| fs::hard_link(file, copy).unwrap());
    let query = "air_temperature,precipitation,sst.sst";
    let body = dap::plan(Format::Dods, NAME, NetCdf::open_path(&file).unwrap().description(), query).unwrap();
    let length = body.length.unwrap();
    let mut read = |flags: &[&str], at_once: usize| {
        let gateway = world.start_gateway(flags);
        world.await_servers(gateway, 3);
        let (begun, address) = (Instant::now(), world.gateway());
        std::thread::scope(|scope| {
            let one = move || {
                let mut reading = http::open(address, &format!("/{NAME}.dods?{query}"), "rook test");
                assert_eq!(reading.status, 200);
                assert_eq!(std::io::copy(&mut reading, &mut std::io::sink()).unwrap(), length);
            };
            let readers: Vec<_> = (0..at_once).map(|_| scope.spawn(one)).collect();
            readers.into_iter().for_each(|reader| reader.join().unwrap());
        });
        let (peak, took) = (peak_memory(&world.nodes[gateway]), begun.elapsed());
        println!("{at_once} answers of {mib} MiB, {flags:?}: {} MiB at most, {took:?}", peak / MIB);
        assert!(peak < GATEWAY_MEMORY, "it took {} MiB", peak / MIB);
    };
    for flags in [&[][..], &["--proofs", "disputes", "--check-rate", "1"]] {
        for at_once in [1, 4, 24].into_iter().filter(|&at_once| at_once == 1 || at_once as u64 * mib <= MOST_READ / MIB)
        {
            read(flags, at_once);
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn slow_clients_and_those_who_leave_cost_a_gateway_little() {
    let (world, file, gateway) = large(4 * LARGE, 1);
    let path = format!("/{NAME}.dods");
    let before = peak_memory(&world.nodes[gateway]);
    let open = || http::open(world.gateway(), &path, "rook test");
    let mut slow: Vec<_> = (0..4).map(|_| open()).collect();
    for _ in 0..8 {
        for reading in &mut slow {
            reading.read_exact(&mut vec![0; 1 << 20]).unwrap();
        }
        sleep(Duration::from_millis(250));
    }
    let during = peak_memory(&world.nodes[gateway]);
    // More than there is room for at a time: one that went on for a client that left would keep others waiting.
    drop(slow);
    let kept = files(&world.place.path(&format!("data-{gateway}")));
    for _ in 0..40 {
        let mut reading = open();
        assert_eq!(reading.status, 200);
        reading.read_exact(&mut [0; 1000]).unwrap();
    }
    let mut reading = open();
    let (mut hasher, mut expected) = (blake3::Hasher::new(), blake3::Hasher::new());
    std::io::copy(&mut reading, &mut hasher).unwrap();
    expected.update(&super::world::expected(&file, ""));
    assert_eq!(hasher.finalize(), expected.finalize());
    let after = peak_memory(&world.nodes[gateway]);
    let [before, during, most] = [before, during, after].map(|bytes| bytes / MIB);
    println!("a gateway took {before} MiB, with four slow clients {during} MiB, and {most} MiB at most");
    assert!(after < GATEWAY_MEMORY, "it took {most} MiB");
    assert_eq!(files(&world.place.path(&format!("data-{gateway}"))), kept, "nothing is left of what was given up");
    assert_eq!(files(&world.place.user_folder("TMPDIR")), world.nodes.len(), "but the places of the nodes' APIs");
}
