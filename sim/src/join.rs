//! `rook-sim join`: from the first node to a network that has lost a third of itself and repaired.

use core::time::Duration;
use std::collections::BTreeMap;
use std::time::Instant;

use grid::cell::Shape;
use serde::Serialize;
use sim::link::Weather;
use sim::machine;
use sim::oracle::{self, RosterErrors};
use sim::scenario::{Outcome, Scenario};

use crate::tell;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many nodes join.
    #[arg(long, default_value_t = 2000)]
    nodes: usize,
    /// The grid's axes.
    #[arg(long, default_value_t = 3)]
    dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 8)]
    side: u16,
    /// Decides everything that is left to chance: the same seed gives the same trace.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The share of nodes that vanish at once.
    #[arg(long, default_value_t = 0.3, value_parser = share)]
    kill: f64,
    /// The share of packets that are lost.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    loss: f64,
    /// Milliseconds between two joins.
    #[arg(long, default_value_t = 500)]
    every_ms: u64,
    /// Requests to random occupied cells, in each of the three rounds.
    #[arg(long, default_value_t = 10_000)]
    requests: usize,
    /// Records that are put before the kill and got in each round.
    #[arg(long, default_value_t = 1000)]
    records: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err(format!("{share} is not in 0..1")) }
}

/// One round of requests and gets.
#[derive(Debug, Serialize)]
struct Round {
    living: usize,
    missing: usize,
    extra: usize,
    unjoined: usize,
    requests: Figures,
    gets: Figures,
}

#[derive(Debug, Serialize)]
struct Figures {
    success: f64,
    mean_hops: f64,
    most_hops: u8,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    #[serde(flatten)]
    outcome: Outcome,
}

impl From<Outcome> for Figures {
    fn from(outcome: Outcome) -> Self {
        Self {
            success: outcome.success(),
            mean_hops: outcome.mean_hops(),
            most_hops: outcome.most_hops(),
            p50_ms: outcome.percentile(50),
            p95_ms: outcome.percentile(95),
            outcome,
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    dims: u8,
    side: u16,
    seed: u64,
    killed: usize,
    stored: usize,
    cells_per_put: f64,
    joined: Round,
    after_kill: Round,
    after_repair: Round,
    leaked_contacts: u64,
    messages: BTreeMap<&'static str, u64>,
    bytes_per_node_and_second: f64,
    simulated_s: f64,
    events: u64,
    events_per_s: f64,
    trace: String,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        if self.nodes == 0 {
            return Err("a network needs at least one node: --nodes 1 or more".into());
        }
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        machine::check_memory(self.nodes, shape)?;
        let begun = Instant::now();
        let report = self.simulate(begun)?;
        tell(&report, self.json, print)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    fn simulate(&self, begun: Instant) -> Result<Report, String> {
        let weather = Weather { loss: self.loss, ..Weather::default() };
        let scenario = Scenario::in_weather(self.dims, self.side, weather, self.seed);
        let mut scenario = scenario.map_err(|error| error.to_string())?;
        scenario.grow(self.nodes, Duration::from_millis(self.every_ms)).map_err(|error| format!("{error:?}"))?;
        scenario.network.run_for(Duration::from_secs(120));
        let (keys, puts) = scenario.put_records(self.records);
        let joined = self.round(&mut scenario, &keys);
        let killed = scenario.silence_share(self.kill).len();
        let after_kill = self.round(&mut scenario, &keys);
        scenario.network.run_for(Duration::from_secs(240));
        let after_repair = self.round(&mut scenario, &keys);
        oracle::invariant_records_are_where_they_belong(&scenario.network)?;
        let (network, traffic) = (&scenario.network, scenario.network.traffic());
        let simulated_s = network.now().as_micros() as f64 / 1e6;
        Ok(Report {
            nodes: self.nodes,
            dims: self.dims,
            side: self.side,
            seed: self.seed,
            killed,
            stored: keys.len(),
            cells_per_put: puts.mean_hops(),
            joined,
            after_kill,
            after_repair,
            leaked_contacts: traffic.leaked_contacts,
            messages: traffic.kinds().map(|(kind, count)| (kind, count.messages)).collect(),
            bytes_per_node_and_second: traffic.total().bytes as f64 / self.nodes as f64 / simulated_s,
            simulated_s,
            events: network.happened(),
            events_per_s: network.happened() as f64 / begun.elapsed().as_secs_f64(),
            trace: format!("{:016x}", network.trace().value()),
        })
    }

    fn round(&self, scenario: &mut Scenario, records: &[grid::record::Pointer]) -> Round {
        let living = scenario.network.living().len();
        let RosterErrors { missing, extra, unjoined } = scenario.roster_errors();
        // Both begin before either is waited for: after a kill there is no time to repair anything.
        let (gets, requests) = (scenario.begin_getting(records), scenario.begin_asking(self.requests));
        let (gets, requests) = (scenario.finish(gets).into(), scenario.finish(requests).into());
        Round { living, missing, extra, unjoined, requests, gets }
    }
}

fn print(report: &Report) {
    println!(
        "{} nodes in a grid of {}^{} cells, seed {}; {} records stored in {:.2} cells each",
        report.nodes, report.side, report.dims, report.seed, report.stored, report.cells_per_put
    );
    let rounds = [("joined", &report.joined), ("killed", &report.after_kill), ("repaired", &report.after_repair)];
    println!(
        "{:9} {:>6} {:>8} {:>6} {:>9} {:>6} {:>5} {:>7} {:>9}",
        "", "living", "missing", "extra", "requests", "hops", "most", "p95 ms", "records"
    );
    for (name, round) in rounds {
        println!(
            "{name:9} {:>6} {:>8} {:>6} {:>8.3}% {:>6.2} {:>5} {:>7} {:>8.3}%",
            round.living,
            round.missing,
            round.extra,
            100.0 * round.requests.success,
            round.requests.mean_hops,
            round.requests.most_hops,
            round.requests.p95_ms.unwrap_or(0),
            100.0 * round.gets.success,
        );
    }
    println!(
        "{} killed; {} contacts leaked; {:.0} bytes a node and second; {} events, {:.0} a second; trace {}",
        report.killed,
        report.leaked_contacts,
        report.bytes_per_node_and_second,
        report.events,
        report.events_per_s,
        report.trace
    );
}
