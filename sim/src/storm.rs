//! `rook-sim storm`: a crowd that joins all at once through one node, and what that node carries meanwhile.

use core::time::Duration;
use std::collections::BTreeMap;
use std::time::Instant;

use grid::cell::Shape;
use serde::Serialize;
use sim::machine;
use sim::oracle::{self, RosterErrors};
use sim::scenario::{Carried, Outcome, Scenario, Storm, Stormed};

use crate::tell;

/// What comes over what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Nodes that are there before.
    #[arg(long, default_value_t = 32)]
    nodes: usize,
    /// Nodes that come at once, all through the first one.
    #[arg(long, default_value_t = 1000)]
    newcomers: usize,
    /// The grid's axes.
    #[arg(long, default_value_t = 2)]
    dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 16)]
    side: u16,
    /// Decides everything that is left to chance: the same seed gives the same trace.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds within which all newcomers start.
    #[arg(long, default_value_t = 1000)]
    within_ms: u64,
    /// Microseconds that the introducer takes to serve a request, one after the other.
    #[arg(long, default_value_t = 0)]
    service_us: u64,
    /// Seconds after which those that are still out are given up.
    #[arg(long, default_value_t = 600)]
    patience_s: u64,
    /// Requests from random nodes to random occupied cells afterwards.
    #[arg(long, default_value_t = 10_000)]
    requests: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    newcomers: usize,
    dims: u8,
    side: u16,
    seed: u64,
    within_ms: u64,
    service_us: u64,
    joined: usize,
    /// Newcomers that had joined so many seconds after they had come.
    joined_within_s: BTreeMap<u64, usize>,
    join_p50_ms: Option<f64>,
    join_p95_ms: Option<f64>,
    join_most_ms: Option<f64>,
    tries_failed: BTreeMap<String, usize>,
    introducer_most: Carried,
    introducer_left: Carried,
    introducer_messages: u64,
    introducer_bytes: u64,
    roster_missing: usize,
    roster_extra: usize,
    unjoined: usize,
    /// Those of them that have no neighbour in the whole network.
    unjoined_alone: usize,
    requests: Outcome,
    success: f64,
    leaked_contacts: u64,
    simulated_s: f64,
    events: u64,
    wall_s: f64,
    peak_rss_mib: Option<f64>,
    trace: String,
}

/// Seconds at which those that have joined are counted.
const SECONDS: [u64; 9] = [1, 2, 5, 10, 20, 30, 60, 120, 300];
/// What passes between the last join and the first request.
const SETTLE: Duration = Duration::from_secs(120);

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        let report = self.simulate()?;
        tell(&report, self.json, print)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    fn simulate(&self) -> Result<Report, String> {
        if self.nodes == 0 || self.newcomers == 0 {
            return Err("a storm needs a network and somebody who comes: --nodes 1 --newcomers 1 or more".into());
        }
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        machine::check_memory(self.nodes.saturating_add(self.newcomers), shape)?;
        let begun = Instant::now();
        let mut scenario = Scenario::new(self.dims, self.side, self.seed).map_err(|error| error.to_string())?;
        scenario.grow(self.nodes, Duration::from_millis(500)).map_err(|error| format!("{error:?}"))?;
        scenario.network.run_for(SETTLE);
        let storm = Storm {
            newcomers: self.newcomers,
            within: Duration::from_millis(self.within_ms),
            service: Duration::from_micros(self.service_us),
            patience: Duration::from_secs(self.patience_s),
        };
        let stormed = scenario.storm(&storm).map_err(|error| format!("{error:?}"))?;
        scenario.network.run_for(SETTLE);
        let RosterErrors { missing, extra, unjoined } = scenario.roster_errors();
        let unjoined_alone = alone(&scenario);
        let outcome = scenario.ask_random_cells(self.requests);
        let network = &scenario.network;
        let within = SECONDS.map(|seconds| (seconds, stormed.joins.within(Duration::from_secs(seconds))));
        let (join_p50_ms, join_p95_ms, join_most_ms) =
            (stormed.joins.percentile(50), stormed.joins.percentile(95), stormed.joins.percentile(100));
        let Stormed { joins, most, left, messages, bytes } = stormed;
        Ok(Report {
            nodes: self.nodes,
            newcomers: self.newcomers,
            dims: self.dims,
            side: self.side,
            seed: self.seed,
            within_ms: self.within_ms,
            service_us: self.service_us,
            joined: joins.times.len(),
            joined_within_s: within.into(),
            join_p50_ms,
            join_p95_ms,
            join_most_ms,
            tries_failed: joins.failed_tries,
            introducer_most: most,
            introducer_left: left,
            introducer_messages: messages,
            introducer_bytes: bytes,
            roster_missing: missing,
            roster_extra: extra,
            unjoined,
            unjoined_alone,
            success: outcome.success(),
            requests: outcome,
            leaked_contacts: network.traffic().leaked_contacts,
            simulated_s: network.now().as_micros() as f64 / 1e6,
            events: network.happened(),
            wall_s: begun.elapsed().as_secs_f64(),
            peak_rss_mib: machine::peak_rss_mib(),
            trace: format!("{:016x}", network.trace().value()),
        })
    }
}

/// How many that have not joined have no neighbour in the whole network.
fn alone(scenario: &Scenario) -> usize {
    let network = &scenario.network;
    let inhabitants = oracle::inhabitants(network);
    let others = |host: usize| -> usize {
        let near = network.shape().neighbourhood(network.book().cell(host));
        near.filter_map(|cell| inhabitants.get(&cell)).map(Vec::len).sum::<usize>() - 1
    };
    let out = network.living().into_iter().filter(|&host| !network.hosts()[host].overlay.status().joined);
    out.filter(|&host| others(host) == 0).count()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
fn print(report: &Report) {
    println!(
        "{} newcomers within {} ms through one of {} nodes in a grid of {}^{} cells, seed {}; {} us for a request",
        report.newcomers, report.within_ms, report.nodes, report.side, report.dims, report.seed, report.service_us
    );
    let within = report.joined_within_s.iter().map(|(seconds, joined)| format!("{joined} in {seconds} s"));
    println!("{} joined: {}", report.joined, within.collect::<Vec<_>>().join(", "));
    println!(
        "half of them within {} ms, 95 % within {} ms, the last in {} ms",
        report.join_p50_ms.unwrap_or(0.0),
        report.join_p95_ms.unwrap_or(0.0),
        report.join_most_ms.unwrap_or(0.0)
    );
    for (why, count) in &report.tries_failed {
        println!("  {count} tries failed: {why}");
    }
    for (when, carried) in [("at most", report.introducer_most), ("in the end", report.introducer_left)] {
        println!(
            "the introducer had {when}: {} links, {} guests, {} bridges, {} requests waiting, {} under way, {} welcomes",
            carried.links, carried.guests, carried.bridges, carried.queued, carried.under_way, carried.sealing
        );
    }
    println!("it sent and got {} messages, {:.1} MB", report.introducer_messages, report.introducer_bytes as f64 / 1e6);
    println!(
        "afterwards: {} neighbours missing, {} too many, {} not joined ({} without a neighbour); {:.3} % of {} requests arrive; {} contacts leaked",
        report.roster_missing,
        report.roster_extra,
        report.unjoined,
        report.unjoined_alone,
        100.0 * report.success,
        report.requests.asked,
        report.leaked_contacts
    );
    println!(
        "{} events in {:.0} s simulated; {:.0} s by the clock; {:.0} MiB at most; trace {}",
        report.events,
        report.simulated_s,
        report.wall_s,
        report.peak_rss_mib.unwrap_or(0.0),
        report.trace
    );
}
