//! `rook-sim list` and `rook-sim show`: the experiments that ship.

use serde_json::{Value, json};
use sim::experiment::setup::{Setup, Wishes};
use sim::experiment::shipped;

/// Which experiments there are.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// An experiment's file.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Its name, see `rook-sim list`.
    name: String,
}

impl List {
    pub(crate) fn run(&self) -> Result<(), String> {
        let setups: Vec<(Setup, Setup)> = shipped::names().map(both).collect::<Result<_, _>>()?;
        if self.json {
            let all: Vec<Value> = setups.iter().map(|(whole, small)| described(whole, small)).collect();
            println!("{}", serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?);
            return Ok(());
        }
        for (whole, small) in &setups {
            let experiment = &whole.experiment;
            println!("{}: {}", experiment.name, experiment.title);
            println!("    {}", experiment.question.trim().replace('\n', "\n    "));
            println!("    {} trials, {} in the small version\n", whole.trials(), small.trials());
        }
        println!(
            "rook-sim run NAME.. runs them, `all` runs all, --small in seconds; rook-sim show NAME prints the file."
        );
        Ok(())
    }
}

/// The whole version and the small one.
fn both(name: &str) -> Result<(Setup, Setup), String> {
    let whole = Setup::new(shipped::open(name)?, Wishes { many: true, ..Wishes::default() })?;
    let small = Setup::new(shipped::open(name)?, Wishes { small: true, many: true, ..Wishes::default() })?;
    Ok((whole, small))
}

fn described(whole: &Setup, small: &Setup) -> Value {
    let experiment = &whole.experiment;
    json!({
        "name": experiment.name,
        "model": experiment.model,
        "title": experiment.title,
        "question": experiment.question.trim(),
        "claims": experiment.claims.len(),
        "points": whole.points.len(),
        "trials": whole.trials(),
        "small_trials": small.trials(),
        "command": whole.command(),
    })
}

impl Show {
    pub(crate) fn run(&self) -> Result<(), String> {
        print!("{}", shipped::text(&self.name)?);
        Ok(())
    }
}
