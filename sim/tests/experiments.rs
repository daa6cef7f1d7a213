#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]
//! Every experiment that ships, in its small version.

use std::path::Path;

use sim::experiment::claims::judge;
use sim::experiment::plot;
use sim::experiment::report::{Chapter, page};
use sim::experiment::run::run;
use sim::experiment::setup::{Setup, Wishes};
use sim::experiment::{results, shipped};

const SMALL: Wishes = Wishes { small: true, seeds: None, many: false };

fn setup(name: &str, wishes: Wishes) -> Setup {
    Setup::new(shipped::open(name).unwrap(), wishes).unwrap()
}

/// All that a run writes, as one text.
fn everything(name: &str, threads: usize) -> String {
    let results = run(setup(name, SMALL), Some(threads), &|| ()).unwrap();
    let verdicts = judge(&results).unwrap();
    let plots = results.setup.experiment.plots.iter();
    let pictures: Vec<_> = plots.filter_map(|one| plot::draw(&results, one).unwrap()).collect();
    let report = page(&[Chapter { results: &results, verdicts: &verdicts, pictures: &pictures }]);
    let json = results::json(&results, &verdicts).to_string();
    let svgs: String = pictures.iter().map(plot::Picture::svg).collect();
    [results::table(&results), results::raw_table(&results), json, report, svgs].concat()
}

#[test]
fn every_claim_holds_in_every_small_version_and_everything_can_be_drawn() {
    let mut failed = Vec::new();
    for name in shipped::names() {
        let results = run(setup(name, SMALL), None, &|| ()).unwrap();
        let verdicts = judge(&results).unwrap();
        for verdict in verdicts.iter().inspect(|verdict| println!("{name}: {verdict}")).filter(|verdict| !verdict.holds)
        {
            failed.push(format!("{name}: {verdict}"));
        }
        assert!(!verdicts.is_empty(), "{name} claims nothing in its small version");
        for one in &results.setup.experiment.plots {
            plot::draw(&results, one).unwrap();
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_whole_version_can_be_run_and_has_seeds_enough() {
    for name in shipped::names() {
        let whole = setup(name, Wishes::default());
        let experiment = &whole.experiment;
        assert!(!experiment.claims.is_empty() && !experiment.plots.is_empty(), "{name}");
        assert!(whole.seeds.count >= 20 || whole.seeds.count == 1, "{name}: {} seeds", whole.seeds.count);
        assert!(experiment.question.contains('?'), "{name} asks nothing");
        assert_eq!(whole.command(), format!("rook-sim run {name}"));
    }
}

#[test]
fn every_file_of_the_folder_ships_under_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(shipped::names().collect::<Vec<_>>(), names);
    for (name, path) in names.iter().zip(&files) {
        assert_eq!(shipped::text(name).unwrap(), std::fs::read_to_string(path).unwrap());
    }
}

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    assert_eq!(everything("geometry", 1), everything("geometry", 2));
    assert_eq!(everything("churn", 1), everything("churn", 2));
}
