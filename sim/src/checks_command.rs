//! `rook-sim checks`: dataset servers of which some lie.

use sim::checks::plan::Plan;
use sim::checks::simulate;

use crate::tell;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    plan: Plan,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        let report = simulate(&self.plan)?;
        tell(&report, self.json, |report| println!("{report}"))
    }
}
