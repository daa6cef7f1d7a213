//! `rook-sim run`: runs experiments and writes what came out.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sim::experiment::claims::{Verdict, judge};
use sim::experiment::file::Experiment;
use sim::experiment::folder::Folder;
use sim::experiment::plot::{self, Picture};
use sim::experiment::report::{Chapter, page};
use sim::experiment::run::{Results, run};
use sim::experiment::setup::{Setup, Wishes};
use sim::experiment::{results, shipped};

/// What to run, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Experiments that ship, or files (what ends in .toml or contains a slash); `all` is all that ship.
    #[arg(required = true, value_name = "FILE|NAME")]
    experiments: Vec<String>,
    /// Where the results go: a folder for each experiment, and a report over all.
    #[arg(long, default_value = "results", value_name = "DIR")]
    out: PathBuf,
    /// Tries so many seeds at each point, instead of what the file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Works on so many trials at a time; one for each core unless told. The results are the same.
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
    /// Runs the small versions, which take seconds.
    #[arg(long)]
    small: bool,
    /// Runs also what has more than 100,000 trials.
    #[arg(long)]
    yes: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1024) => Ok(threads),
        Ok(_) | Err(_) => Err("1 to 1024 threads".into()),
    }
}

/// An experiment that was run, and what came of its claims.
struct Ran {
    results: Results,
    verdicts: Vec<Verdict>,
    pictures: Vec<Picture>,
    folder: PathBuf,
    seconds: f64,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        // Everything that can be wrong is found out before the first trial.
        let setups = self.setups()?;
        let report = Folder::open(&self.out)?;
        let folders: Vec<Folder> =
            setups.iter().map(|setup| Folder::open(&self.folder(setup))).collect::<Result<_, _>>()?;
        let (mut ran, mut failed) = (Vec::new(), Vec::new());
        for (setup, folder) in setups.into_iter().zip(&folders) {
            match self.run_one(setup, folder) {
                Ok(one) => {
                    failed.extend(one.failures());
                    ran.push(one);
                }
                // The others are not to blame.
                Err(error) => failed.push(format!("  {error}")),
            }
        }
        let chapters: Vec<Chapter> = ran.iter().map(Ran::chapter).collect();
        let written = report.write("report.html", page(&chapters))?;
        if self.json {
            let all: Vec<Value> = ran.iter().map(Ran::described).collect();
            println!("{}", serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?);
        } else {
            println!("{}", written.display());
        }
        if failed.is_empty() { Ok(()) } else { Err(format!("not all is as claimed:\n{}", failed.join("\n"))) }
    }

    fn setups(&self) -> Result<Vec<Setup>, String> {
        let wishes = Wishes { small: self.small, seeds: self.seeds, many: self.yes };
        let mut setups: Vec<Setup> = Vec::new();
        for argument in &self.experiments {
            let found = if argument == "all" {
                shipped::names().map(shipped::open).collect::<Result<Vec<_>, _>>()?
            } else {
                vec![open(argument)?]
            };
            for experiment in found {
                let twin = setups.iter().find(|earlier| earlier.experiment.name == experiment.name);
                match twin {
                    Some(twin) if twin.experiment.argument == experiment.argument => {}
                    Some(twin) => return Err(same_name(&twin.experiment, &experiment)),
                    None => setups.push(Setup::new(experiment, wishes)?),
                }
            }
        }
        Ok(setups)
    }

    fn folder(&self, setup: &Setup) -> PathBuf {
        self.out.join(&setup.experiment.name)
    }

    fn run_one(&self, setup: Setup, folder: &Folder) -> Result<Ran, String> {
        let (path, begun) = (self.folder(&setup), Instant::now());
        let bar = bar(&setup)?;
        let results = run(setup, self.threads, &|| bar.inc(1));
        bar.finish_and_clear();
        let results = results?;
        let name = &results.setup.experiment.name;
        folder.write(&format!("{name}.csv"), results::table(&results))?;
        folder.write(&format!("{name}.raw.csv"), results::raw_table(&results))?;
        let verdicts = judge(&results)?;
        let json =
            serde_json::to_string_pretty(&results::json(&results, &verdicts)).map_err(|error| error.to_string())?;
        folder.write(&format!("{name}.json"), json + "\n")?;
        let pictures = draw(&results, folder)?;
        let ran = Ran { results, verdicts, pictures, folder: path, seconds: begun.elapsed().as_secs_f64() };
        if !self.json {
            ran.print();
        }
        Ok(ran)
    }
}

/// Draws the diagrams, each as SVG and PNG.
fn draw(results: &Results, folder: &Folder) -> Result<Vec<Picture>, String> {
    let experiment = &results.setup.experiment;
    let mut pictures = Vec::new();
    for (number, plot) in (1..).zip(&experiment.plots) {
        if let Some(picture) = plot::draw(results, plot)? {
            folder.write(&format!("{}-{number}.svg", experiment.name), picture.svg())?;
            folder.write(&format!("{}-{number}.png", experiment.name), picture.png()?)?;
            pictures.push(picture);
        }
    }
    Ok(pictures)
}

/// A file, or an experiment that ships.
fn open(argument: &str) -> Result<Experiment, String> {
    let path = Path::new(argument);
    if path.extension().is_some_and(|ending| ending == "toml") || path.components().count() > 1 {
        return Experiment::open(path);
    }
    shipped::open(argument)
        .map_err(|error| if path.exists() { format!("{error}; a file is ./{argument}") } else { error })
}

fn same_name(one: &Experiment, other: &Experiment) -> String {
    let (name, one, other) = (&one.name, &one.argument, &other.argument);
    format!(
        "{one} and {other} are both called {name}, and so would their results be: run one after the other, with --out"
    )
}

/// On a terminal only.
fn bar(setup: &Setup) -> Result<ProgressBar, String> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} trials, {elapsed} (to go: {eta})");
    let style = style.map_err(|error| error.to_string())?;
    let bar = ProgressBar::new(setup.trials() as u64).with_style(style);
    Ok(bar.with_prefix(setup.experiment.name.clone()))
}

impl Ran {
    fn chapter(&self) -> Chapter<'_> {
        Chapter { results: &self.results, verdicts: &self.verdicts, pictures: &self.pictures }
    }

    fn print(&self) {
        let (setup, name) = (&self.results.setup, &self.results.setup.experiment.name);
        println!("{name}: {}", setup.experiment.title);
        println!("  {} points with {} seeds each in {:.1} s", setup.points.len(), setup.seeds.count, self.seconds);
        for verdict in &self.verdicts {
            println!("  {verdict}");
        }
        println!("  {}\n", self.folder.display());
    }

    fn failures(&self) -> Vec<String> {
        let name = &self.results.setup.experiment.name;
        self.verdicts.iter().filter(|verdict| !verdict.holds).map(|verdict| format!("  {name}: {verdict}")).collect()
    }

    fn described(&self) -> Value {
        let setup = &self.results.setup;
        json!({
            "name": setup.experiment.name,
            "folder": self.folder,
            "points": setup.points.len(),
            "trials": setup.trials(),
            "seconds": self.seconds,
            "holds": self.verdicts.iter().all(|verdict| verdict.holds),
            "claims": self.verdicts,
        })
    }
}
