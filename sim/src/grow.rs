//! `rook-sim grow`: a large network of real state machines, asked some questions, and what it took to run it.

use core::time::Duration;
use std::collections::BTreeMap;
use std::time::Instant;

use grid::cell::Shape;
use serde::Serialize;
use sim::machine;
use sim::oracle::RosterErrors;
use sim::scenario::{Growth, Outcome, Scenario};

use crate::tell;

/// What to grow.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many nodes join.
    #[arg(long, default_value_t = 20_000)]
    nodes: usize,
    /// The grid's axes.
    #[arg(long, default_value_t = 4)]
    dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 8)]
    side: u16,
    /// Decides everything that is left to chance: the same seed gives the same trace.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Milliseconds between two joins.
    #[arg(long, default_value_t = 50)]
    every_ms: u64,
    /// A newcomer joins through one of the first so many nodes, at random.
    #[arg(long, default_value_t = 64)]
    introducers: usize,
    /// Seconds between the last join and the first request.
    #[arg(long, default_value_t = 120)]
    settle_s: u64,
    /// Requests from random nodes to random occupied cells.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was grown, and what it took.
#[derive(Debug, Serialize)]
struct Report {
    nodes: usize,
    dims: u8,
    side: u16,
    seed: u64,
    introducers: usize,
    every_ms: u64,
    nodes_per_cell: f64,
    joined: usize,
    join_p50_ms: Option<f64>,
    join_p95_ms: Option<f64>,
    join_tries_failed: usize,
    roster_missing: usize,
    roster_extra: usize,
    links_per_node: f64,
    success: f64,
    mean_hops: f64,
    most_hops: u8,
    /// `d (1 - 1/g)`: what a way between random cells takes when every coordinate is corrected once.
    expected_hops: f64,
    p50_ms: Option<u64>,
    p95_ms: Option<u64>,
    requests: Outcome,
    messages: BTreeMap<&'static str, u64>,
    bytes_per_node_and_second: f64,
    leaked_contacts: u64,
    simulated_s: f64,
    events: u64,
    wall_s: f64,
    cpu_s: Option<f64>,
    events_per_s_per_core: Option<f64>,
    peak_rss_mib: Option<f64>,
    trace: String,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        let report = self.simulate()?;
        tell(&report, self.json, print)
    }

    fn check(&self) -> Result<Shape, String> {
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        if self.nodes == 0 || self.introducers == 0 {
            return Err("a network needs a node, and an introducer: --nodes 1 --introducers 1 or more".into());
        }
        machine::check_memory(self.nodes, shape)?;
        Ok(shape)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    fn simulate(&self) -> Result<Report, String> {
        let (begun, shape) = (Instant::now(), self.check()?);
        let mut scenario = Scenario::new(self.dims, self.side, self.seed).map_err(|error| error.to_string())?;
        let growth = Growth {
            nodes: self.nodes,
            every: Duration::from_millis(self.every_ms),
            introducers: self.introducers,
            settle: Duration::from_secs(self.settle_s),
        };
        let grown = scenario.grow_as(&growth, |_| ()).map_err(|error| format!("{error:?}"))?;
        let RosterErrors { missing, extra, unjoined } = scenario.roster_errors();
        let outcome = scenario.ask_random_cells(self.requests);
        let network = &scenario.network;
        let links: usize = network.hosts().iter().map(|host| host.links.len()).sum();
        let simulated_s = network.now().as_micros() as f64 / 1e6;
        let (events, cpu_s) = (network.happened(), machine::cpu_seconds());
        Ok(Report {
            nodes: self.nodes,
            dims: self.dims,
            side: self.side,
            seed: self.seed,
            introducers: self.introducers,
            every_ms: self.every_ms,
            nodes_per_cell: self.nodes as f64 / shape.cells() as f64,
            joined: self.nodes - unjoined,
            join_p50_ms: grown.percentile(50),
            join_p95_ms: grown.percentile(95),
            join_tries_failed: grown.tries(),
            roster_missing: missing,
            roster_extra: extra,
            links_per_node: links as f64 / self.nodes as f64,
            success: outcome.success(),
            mean_hops: outcome.mean_hops(),
            most_hops: outcome.most_hops(),
            expected_hops: f64::from(self.dims) * (1.0 - 1.0 / f64::from(self.side)),
            p50_ms: outcome.percentile(50),
            p95_ms: outcome.percentile(95),
            requests: outcome,
            messages: network.traffic().kinds().map(|(kind, count)| (kind, count.messages)).collect(),
            bytes_per_node_and_second: network.traffic().total().bytes as f64 / self.nodes as f64 / simulated_s,
            leaked_contacts: network.traffic().leaked_contacts,
            simulated_s,
            events,
            wall_s: begun.elapsed().as_secs_f64(),
            cpu_s,
            events_per_s_per_core: cpu_s.map(|seconds| events as f64 / seconds),
            peak_rss_mib: machine::peak_rss_mib(),
            trace: format!("{:016x}", network.trace().value()),
        })
    }
}

fn print(report: &Report) {
    println!(
        "{} nodes in a grid of {}^{} cells ({:.2} a cell), seed {}, one every {} ms through one of {} introducers",
        report.nodes, report.side, report.dims, report.nodes_per_cell, report.seed, report.every_ms, report.introducers
    );
    println!(
        "{} joined, half of them within {} ms, 95 % within {} ms; {} links a node; {} neighbours missing, {} too many",
        report.joined,
        report.join_p50_ms.unwrap_or(0.0),
        report.join_p95_ms.unwrap_or(0.0),
        report.links_per_node.round(),
        report.roster_missing,
        report.roster_extra
    );
    println!(
        "{} requests: {:.3} % arrive, in {:.3} hops on average ({:.3} expected), {} at most; half within {} ms",
        report.requests.asked,
        100.0 * report.success,
        report.mean_hops,
        report.expected_hops,
        report.most_hops,
        report.p50_ms.unwrap_or(0)
    );
    println!(
        "{} events in {:.0} s simulated; {:.0} s on one core ({:.0} s by the clock), {:.0} events a second and core; \
         {:.0} MiB at most; trace {}",
        report.events,
        report.simulated_s,
        report.cpu_s.unwrap_or(0.0),
        report.wall_s,
        report.events_per_s_per_core.unwrap_or(0.0),
        report.peak_rss_mib.unwrap_or(0.0),
        report.trace
    );
}
