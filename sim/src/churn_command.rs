//! `rook-sim churn`: nodes come and go while others put and get records.

use std::time::Instant;

use serde::Serialize;
use sim::churn::plan::Plan;
use sim::churn::report::Report;
use sim::churn::simulate;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    plan: Plan,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The figures, and how long they took.
#[derive(Debug, Serialize)]
struct Timed {
    #[serde(flatten)]
    report: Report,
    wall_s: f64,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        let begun = Instant::now();
        let report = simulate(&self.plan)?;
        let timed = Timed { report, wall_s: begun.elapsed().as_secs_f64() };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&timed).map_err(|error| error.to_string())?);
        } else {
            println!("{}\nsimulated in {:.1} s", timed.report, timed.wall_s);
        }
        Ok(())
    }
}
