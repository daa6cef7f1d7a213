//! All of them hold for what is kept in `fuzz/corpus`, and for changes to it.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::{ALL, seeds};

/// The most bytes that are kept for a target.
const KEPT: usize = 96 << 10;

fn folder(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus")).join(target)
}

/// What is kept for a target.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder(target)).unwrap_or_else(|error| panic!("fuzz/corpus/{target}: {error}"));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One change to some bytes.
#[derive(Clone, Debug)]
struct Change {
    what: u8,
    at: Index,
    other: Index,
    bytes: Vec<u8>,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let short = prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0xfd), 0x20..0x7f_u8], 1..9);
    let one = (0..7_u8, any::<Index>(), any::<Index>(), short).prop_map(|(what, at, other, bytes)| Change {
        what,
        at,
        other,
        bytes,
    });
    prop::collection::vec(one, 0..5)
}

impl Change {
    fn make(&self, bytes: &mut Vec<u8>, another: &[u8]) {
        let (at, end) = (self.at.index(bytes.len() + 1), self.other.index(bytes.len() + 1));
        let (start, end) = (at.min(end), at.max(end));
        match self.what {
            0 => _ = bytes.get_mut(at).map(|byte| *byte ^= 1 << (self.bytes[0] % 8)),
            1 => _ = bytes.splice(at..at, self.bytes.clone()),
            2 => bytes.iter_mut().skip(at).zip(&self.bytes).for_each(|(byte, new)| *byte = *new),
            3 => bytes.truncate(at),
            4 => _ = bytes.drain(start..end.min(start + 64)),
            5 => _ = bytes.splice(at..at, bytes[start..end.min(start + 64)].to_vec()),
            _ => {
                let from = self.other.index(another.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&another[from..]);
            }
        }
    }
}

/// A decoder holds, for what is kept and for changes to it; and what is kept is worth that.
fn holds(target: &str, cases: u32) {
    let check = ALL.iter().find(|(name, _)| *name == target).unwrap().1;
    let kept = kept(target);
    assert!(kept.iter().map(Vec::len).sum::<usize>() <= KEPT, "fuzz/corpus/{target} has grown");
    let read = kept.iter().filter(|bytes| check(bytes)).count();
    assert!(read > 0, "nothing of fuzz/corpus/{target} is read any more: docs/fuzzing.md says how it is written anew");
    for (place, seed) in seeds::of(target).iter().enumerate() {
        assert!(check(seed), "seed {place} is not read");
    }
    let any_bytes = prop::collection::vec(any::<u8>(), 0..200);
    let inputs = (any::<Index>(), any::<Index>(), changes(), prop::option::weighted(0.1, any_bytes));
    let mut runner = TestRunner::new(Config { source_file: Some(file!()), ..Config::with_cases(cases) });
    let result = runner.run(&inputs, |(one, another, changes, bytes)| {
        let bytes = bytes.unwrap_or_else(|| {
            let mut bytes = kept[one.index(kept.len())].clone();
            changes.iter().for_each(|change| change.make(&mut bytes, &kept[another.index(kept.len())]));
            bytes
        });
        check(&bytes);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{target}: {error}"));
}

macro_rules! decoders {
    ($($name:ident: $cases:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                holds(stringify!($name), $cases);
            }
        )*

        #[test]
        fn none_is_left_out() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(ALL.map(|(name, _)| name), tested);
            let mut targets: Vec<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets"))
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            targets.sort();
            assert_eq!(targets, tested);
        }
    };
}

decoders! {
    addresses: 3000,
    along: 3000,
    brief: 1200,
    card: 400,
    catalog: 1200,
    cells: 400,
    credential: 3000,
    csv: 1800,
    dap: 3000,
    data: 3000,
    exit_policy: 200,
    first_relays: 1800,
    frames: 3000,
    greeting: 3000,
    grid_file: 1800,
    head: 3000,
    identity: 400,
    identity_file: 60,
    ledger: 1800,
    manifest: 1800,
    meeting: 1200,
    message: 6000,
    names: 6000,
    netcdf: 400,
    outboards: 1800,
    payload: 1800,
    proof: 1800,
    questions: 3000,
    record: 1800,
    requests: 3000,
    run_file: 1800,
    saved: 1800,
    sealed: 100,
    socks: 3000,
    talk: 3000,
    terms: 1800,
    units: 3000,
}

/// Writes what changes begin with, after a change of the format: `ROOK_WRITE_CORPUS=1 cargo test --workspace --lib decoders`.
#[test]
fn seeds_can_be_written() {
    for (target, _) in ALL {
        let seeds = seeds::of(target);
        assert!(!seeds.is_empty());
        if std::env::var_os("ROOK_WRITE_CORPUS").is_some() {
            fs::create_dir_all(folder(target)).unwrap();
            for (place, seed) in seeds.iter().enumerate() {
                fs::write(folder(target).join(format!("seed-{place:02}")), seed).unwrap();
            }
        }
    }
}
