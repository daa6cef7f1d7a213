#![allow(clippy::unwrap_used, reason = "a test may fail")]
//! `rook-sim` as people type it, and as they mistype it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn rook_sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rook-sim")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder that is removed with the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.text_path(name)
    }
}

/// All files below a folder, by their paths.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(contents(&entry))
        } else {
            found.push((entry.clone(), fs::read(entry).unwrap()))
        }
    }
    found.sort();
    found
}

#[test]
fn what_ships_is_listed_shown_and_can_be_changed() {
    let listed = rook_sim(&["list"]);
    assert!(listed.status.success() && text(&listed.stdout).contains("geometry: Geometry"));
    let all: Vec<serde_json::Value> = serde_json::from_slice(&rook_sim(&["list", "--json"]).stdout).unwrap();
    let geometry = all.iter().find(|one| one["name"] == "geometry").unwrap();
    assert_eq!((geometry["command"].as_str(), geometry["trials"].as_u64()), (Some("rook-sim run geometry"), Some(280)));

    let folder = Folder::new();
    let changed = text(&rook_sim(&["show", "geometry"]).stdout).replace("pairs = 20000", "pairs = 20001");
    let file = folder.file("mine.toml", &changed);
    let ran = rook_sim(&["run", &file, "--small", "--json", "--out", &folder.text_path("out")]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let printed: Vec<serde_json::Value> = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&printed[0]["name"], &printed[0]["holds"]), (&"mine".into(), &true.into()));
    let json = fs::read(folder.path("out/mine/mine.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["points"][0]["parameters"]["pairs"], 20001);
}

#[test]
fn files_are_the_same_on_one_thread_and_on_two() {
    let folder = Folder::new();
    for threads in ["1", "2"] {
        let out = folder.text_path(threads);
        let ran = rook_sim(&["run", "geometry", "--small", "--threads", threads, "--out", &out]);
        assert!(ran.status.success(), "{}", text(&ran.stderr));
    }
    let relative = |threads: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let root = folder.path(threads);
        contents(&root).into_iter().map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes)).collect()
    };
    let (one, two) = (relative("1"), relative("2"));
    let names: Vec<_> = one.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    for name in ["report.html", "geometry/geometry.csv", "geometry/geometry.raw.csv", "geometry/geometry.json"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(names.contains(&"geometry/geometry-1.svg") && names.contains(&"geometry/geometry-1.png"), "{names:?}");
    assert!(one == two, "the bytes differ");
}

#[test]
fn a_claim_that_fails_is_told_and_everything_is_written_all_the_same() {
    let folder = Folder::new();
    let text_of = text(&rook_sim(&["show", "geometry"]).stdout);
    let wrong = text_of.replace("near = 60\n", "near = 61\n").replace("within = 0.01\n", "within = 0.001\n");
    let file = folder.file("wrong.toml", &wrong);
    let ran = rook_sim(&["run", &file, "--small", "--out", &folder.text_path("out")]);
    assert!(!ran.status.success());
    let error = text(&ran.stderr);
    assert!(error.contains("60 neighbours") && error.contains("neighbours 61 ± 0.061"), "{error}");
    let report = fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(report.contains("do not hold") && report.contains("rook-sim run") && report.contains("<svg"));
    assert!(!["http-equiv", "<script", "<link", "src=", "url("].iter().any(|outside| report.contains(outside)));
}

#[test]
fn rubbish_is_refused_before_any_work() {
    let folder = Folder::new();
    let out = folder.text_path("never");
    let broken = folder.file("broken.toml", "model = \"geometry\"\ntitel = \"x\"\n");
    let not_a_folder = folder.file("file", "");
    let twin = {
        fs::create_dir(folder.path("other")).unwrap();
        folder.file("other/geometry.toml", &text(&rook_sim(&["show", "geometry"]).stdout))
    };
    let cases: &[(&[&str], &[&str])] = &[
        (&["run", "geometri"], &["geometri", "near it: geometry"]),
        (&["run", "zzzzzzzz"], &["there are", "geometry"]),
        (&["run", "no/such.toml"], &["no/such.toml"]),
        (&["run", &broken], &["broken.toml", "line 2", "titel"]),
        (&["run"], &["FILE|NAME"]),
        (&["run", "geometry", "--seeds", "0"], &["--seeds"]),
        (&["run", "geometry", "--seeds", "-3"], &["-3"]),
        (&["run", "geometry", "--threads", "0"], &["1 to 1024"]),
        (&["run", "geometry", "--threads", "many"], &["1 to 1024"]),
        (&["run", "geometry", "--seeds", "1000000"], &["trials", "--yes"]),
        (&["run", "geometry", "--out", &not_a_folder], &["cannot be written"]),
        (&["run", "geometry", &twin, "--small"], &["both called geometry"]),
        (&["show", "geometri"], &["near it: geometry"]),
        (&["show"], &["NAME"]),
    ];
    for (arguments, words) in cases {
        let mut all = arguments.to_vec();
        if arguments[0] == "run" && !arguments.contains(&"--out") {
            all.extend(["--out", &out]);
        }
        let ran = rook_sim(&all);
        let error = text(&ran.stderr);
        assert!(!ran.status.success() && !error.contains("panicked"), "{all:?}: {error}");
        words.iter().for_each(|word| assert!(error.contains(word), "{all:?}: {word:?} is not in: {error}"));
        assert!(!folder.path("never").exists(), "{all:?} began");
    }
}

#[test]
fn a_storm_is_told_in_words_and_in_figures() {
    let small = ["storm", "--nodes", "8", "--newcomers", "20", "--side", "4", "--requests", "100"];
    let told = text(&rook_sim(&small).stdout);
    assert!(told.starts_with("20 newcomers within 1000 ms through one of 8 nodes"), "{told}");
    assert!(told.contains("20 joined:") && told.contains("0 contacts leaked"), "{told}");
    let figures = rook_sim(&[&small[..], &["--json"]].concat());
    let figures: serde_json::Value = serde_json::from_slice(&figures.stdout).unwrap();
    assert_eq!((figures["joined"].as_u64(), figures["unjoined"].as_u64()), (Some(20), Some(0)), "{figures}");
    let nobody = rook_sim(&["storm", "--newcomers", "0"]);
    assert!(!nobody.status.success() && text(&nobody.stderr).contains("--newcomers 1"));
}
