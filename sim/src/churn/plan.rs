//! What to simulate.

use core::time::Duration;

use grid::cell::Shape;

use crate::machine;

/// The options of the experiment.
#[derive(Clone, Debug, PartialEq, clap::Args, serde::Serialize)]
pub struct Plan {
    /// How many nodes live at any time.
    #[arg(long, default_value_t = 2000)]
    pub nodes: usize,
    /// The grid's axes.
    #[arg(long, default_value_t = 3)]
    pub dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 8)]
    pub side: u16,
    /// Half of all sessions are shorter than so many minutes.
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub median_minutes: f64,
    /// How long nodes come and go, in hours.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub hours: f64,
    /// Records that are put before the first node goes.
    #[arg(long, default_value_t = 1000)]
    pub records: usize,
    /// How large a record's value is.
    #[arg(long, default_value_t = 1024)]
    pub record_bytes: usize,
    /// Gets of random records by random nodes that have joined.
    #[arg(long, default_value_t = 100.0, value_parser = not_negative)]
    pub gets_per_minute: f64,
    /// Puts of new records by random nodes that have joined.
    #[arg(long, default_value_t = 10.0, value_parser = not_negative)]
    pub puts_per_minute: f64,
    /// The share of sessions that end with a farewell; what is left beside the killed vanish without a sign.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub graceful: f64,
    /// The share of sessions that end with the process, so that the neighbours see their links close.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub killed: f64,
    /// Decides everything that is left to chance: the same seed gives the same trace.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Plan {
    /// Whether it can be carried out.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.nodes < 2 {
            return Err("somebody has to be there when another goes: --nodes 2 or more".into());
        }
        if self.graceful + self.killed > 1.0 {
            return Err("--graceful and --killed together are more than all".into());
        }
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        machine::check_memory(self.nodes, shape)
    }

    /// How long nodes come and go.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(3600.0 * self.hours)
    }

    pub(super) fn gets_every(&self) -> Option<Duration> {
        every(self.gets_per_minute)
    }

    pub(super) fn puts_every(&self) -> Option<Duration> {
        every(self.puts_per_minute)
    }
}

fn every(per_minute: f64) -> Option<Duration> {
    (per_minute > 0.0).then(|| Duration::from_secs_f64(60.0 / per_minute))
}

fn positive(text: &str) -> Result<f64, String> {
    within(text, f64::MIN_POSITIVE, 1e6)
}

fn not_negative(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1e6)
}

fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (least..=most).contains(&number) { Ok(number) } else { Err(format!("{number} is not in {least}..{most}")) }
}
