//! The churn as a model that an experiment file can name.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::report::Report;
use super::simulate;
use crate::experiment::{Measures, Model};

/// A [`Plan`] without its seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct Churn {
    /// See [`Plan::nodes`].
    pub nodes: usize,
    /// See [`Plan::dims`].
    pub dims: u8,
    /// See [`Plan::side`].
    pub side: u16,
    /// See [`Plan::median_minutes`].
    pub median_minutes: f64,
    /// See [`Plan::hours`].
    pub hours: f64,
    /// See [`Plan::records`].
    pub records: usize,
    /// See [`Plan::record_bytes`].
    pub record_bytes: usize,
    /// See [`Plan::gets_per_minute`].
    pub gets_per_minute: f64,
    /// See [`Plan::puts_per_minute`].
    pub puts_per_minute: f64,
    /// See [`Plan::graceful`].
    pub graceful: f64,
    /// See [`Plan::killed`].
    pub killed: f64,
}

impl Default for Churn {
    fn default() -> Self {
        Self {
            nodes: 200,
            dims: 2,
            side: 6,
            median_minutes: 10.0,
            hours: 0.25,
            records: 300,
            record_bytes: 1024,
            gets_per_minute: 200.0,
            puts_per_minute: 20.0,
            graceful: 0.0,
            killed: 0.0,
        }
    }
}

impl Churn {
    fn plan(&self, seed: u64) -> Plan {
        Plan {
            nodes: self.nodes,
            dims: self.dims,
            side: self.side,
            median_minutes: self.median_minutes,
            hours: self.hours,
            records: self.records,
            record_bytes: self.record_bytes,
            gets_per_minute: self.gets_per_minute,
            puts_per_minute: self.puts_per_minute,
            graceful: self.graceful,
            killed: self.killed,
            seed,
        }
    }
}

impl Model for Churn {
    const NAME: &'static str = "churn";

    fn check(&self) -> Result<(), String> {
        grid::cell::Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        for (name, value) in [("graceful", self.graceful), ("killed", self.killed)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(format!("{name} = {value} is no share: 0 to 1"));
            }
        }
        for (name, value) in [("median_minutes", self.median_minutes), ("hours", self.hours)] {
            if !(1e-3..=1e6).contains(&value) {
                return Err(format!("{name} = {value} is not in 0.001 to 1000000"));
            }
        }
        for (name, value) in [("gets_per_minute", self.gets_per_minute), ("puts_per_minute", self.puts_per_minute)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("{name} = {value} is not in 0 to 1000000"));
            }
        }
        self.plan(0).check()
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        simulate(&self.plan(seed)).map(|report| measures(&report))
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts of a simulation are far below 2^53")]
fn measures(report: &Report) -> Measures {
    let rates = &report.bytes_per_node_and_second;
    let mut measures = Measures::from([
        ("get_success", report.gets.success),
        ("put_success", report.puts.success),
        ("lost_share", report.records.lost_share),
        ("first_lost_share", report.first_records.lost_share),
        ("repair_bytes_per_node_s", rates.repair),
        ("join_bytes_per_node_s", rates.join),
        ("upkeep_bytes_per_node_s", rates.upkeep),
        ("client_bytes_per_node_s", rates.client),
        ("links_per_node_s", report.links_opened_per_node_and_second),
        ("joined_share", report.population.mean_joined / report.population.mean_living),
        ("leaked_contacts", report.leaked_contacts as f64),
    ]);
    let times = [
        ("get_p50_ms", report.gets.p50_ms),
        ("get_p95_ms", report.gets.p95_ms),
        ("join_p50_ms", report.population.join_p50_ms),
        ("join_p95_ms", report.population.join_p95_ms),
    ];
    measures.extend(times.into_iter().filter_map(|(name, time)| Some((name, time? as f64))));
    measures
}
