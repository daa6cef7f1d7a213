//! The figures of the experiment.

use core::fmt;
use std::collections::BTreeMap;

use grid::record::Pointer;
use grid::time::Time;
use serde::Serialize;

use crate::churn::plan::Plan;
use crate::figures::ratio;
use crate::network::Network;
use crate::oracle;
use crate::scenario::Outcome;
use crate::traffic::{Count, Purpose};

/// Everything that was measured. Nothing in it depends on the machine that simulates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was simulated.
    pub plan: Plan,
    /// Who came and went.
    pub population: Population,
    /// What came of the gets.
    pub gets: Gets,
    /// What came of the puts during the churn.
    pub puts: Puts,
    /// What became of the records that were put before the churn.
    pub first_records: Records,
    /// What became of all records whose put succeeded.
    pub records: Records,
    /// What the churn and the records cost.
    pub bytes_per_node_and_second: Rates,
    /// Each costs a handshake, which is not among the bytes.
    pub links_opened_per_node_and_second: f64,
    /// Contacts given to nodes that are no neighbours of their owner.
    pub leaked_contacts: u64,
    /// From the first node to the end of the last operation.
    pub simulated_s: f64,
    /// Events in that time.
    pub events: u64,
    /// A hash over all that happened.
    pub trace: String,
}

/// Who came and went during the churn.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Population {
    /// Sessions that ended.
    pub deaths: usize,
    /// Nodes that came.
    pub arrivals: usize,
    /// Those of them that have joined.
    pub joins: usize,
    /// The time that half of them needed for it at most.
    pub join_p50_ms: Option<u64>,
    /// The time that 95 % of them needed for it at most.
    pub join_p95_ms: Option<u64>,
    /// Living nodes, on average over time.
    pub mean_living: f64,
    /// Living nodes that have joined, on average over time.
    pub mean_joined: f64,
}

impl Population {
    pub(super) fn fill(&mut self, census: &Census, join_times: &[u64]) {
        self.joins = join_times.len();
        (self.join_p50_ms, self.join_p95_ms) = (percentile(join_times, 50), percentile(join_times, 95));
        (self.mean_living, self.mean_joined) = (census.mean_living(), census.mean_joined());
    }
}

/// What came of the gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gets {
    /// The share of those whose asker stayed that brought the record.
    pub success: f64,
    /// Latency of the successes that half did not exceed.
    pub p50_ms: Option<u64>,
    /// Latency of the successes that 95 % did not exceed.
    pub p95_ms: Option<u64>,
    /// Failures though a living node had the record.
    pub missed: usize,
    /// Failures for which no node is to blame any more: nobody living had the record.
    pub of_lost: usize,
    /// Another record came.
    pub wrong: usize,
    /// The asker was gone before there was an outcome; not among those asked.
    pub asker_gone: usize,
    /// Those whose asker stayed.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Gets {
    pub(super) fn fill(&mut self) {
        self.outcome.sort();
        self.success = self.outcome.success();
        (self.p50_ms, self.p95_ms) = (self.outcome.percentile(50), self.outcome.percentile(95));
    }
}

/// What came of the puts; their hops are cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Puts {
    /// The share of those whose asker stayed that succeeded.
    pub success: f64,
    /// Latency of the successes that half did not exceed.
    pub p50_ms: Option<u64>,
    /// Latency of the successes that 95 % did not exceed.
    pub p95_ms: Option<u64>,
    /// The asker was gone before there was an outcome; not among those asked.
    pub asker_gone: usize,
    /// Those whose asker stayed.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Puts {
    pub(super) fn fill(&mut self) {
        self.outcome.sort();
        self.success = self.outcome.success();
        (self.p50_ms, self.p95_ms) = (self.outcome.percentile(50), self.outcome.percentile(95));
    }
}

/// Where records are at the end of the churn.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Records {
    /// Records that were stored once.
    pub stored: usize,
    /// Those that no living node has.
    pub lost: usize,
    /// The share that no living node has.
    pub lost_share: f64,
    /// Records in no cell or one.
    pub in_fewer_than_2_cells: usize,
    /// Records in two cells or fewer.
    pub in_fewer_than_3_cells: usize,
    /// Records by the number of cells in which a living node has them.
    pub by_cells: BTreeMap<usize, usize>,
}

impl Records {
    /// Looks at the disks of all living nodes.
    pub(super) fn count(network: &Network, pointers: &[Pointer]) -> Self {
        let holding = oracle::cells_that_hold(network);
        let mut by_cells: BTreeMap<usize, usize> = BTreeMap::new();
        for pointer in pointers {
            *by_cells.entry(holding.get(&pointer.key()).map_or(0, |cells| cells.len())).or_default() += 1;
        }
        let fewer_than = |cells| by_cells.range(..cells).map(|(_, count)| count).sum();
        let (stored, lost) = (pointers.len(), fewer_than(1));
        let (in_fewer_than_2_cells, in_fewer_than_3_cells) = (fewer_than(2), fewer_than(3));
        let lost_share = ratio(lost as u64, stored as u64);
        Self { stored, lost, lost_share, in_fewer_than_2_cells, in_fewer_than_3_cells, by_cells }
    }
}

/// Bytes of messages that were delivered, by what they were sent for, for each node and second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// See [`Purpose::Client`].
    pub client: f64,
    /// See [`Purpose::Repair`].
    pub repair: f64,
    /// See [`Purpose::Upkeep`].
    pub upkeep: f64,
    /// See [`Purpose::Join`].
    pub join: f64,
    /// All together.
    pub total: f64,
}

/// What was spent in some time.
#[derive(Clone, Debug)]
pub(super) struct Spending {
    purposes: [Count; Purpose::ALL.len()],
    links_opened: u64,
}

impl Spending {
    pub(super) fn so_far(network: &Network) -> Self {
        let purposes = Purpose::ALL.map(|purpose| network.traffic().of(purpose));
        Self { purposes, links_opened: network.links_opened() }
    }

    pub(super) fn since(mut self, earlier: &Self) -> Self {
        for (count, earlier) in self.purposes.iter_mut().zip(earlier.purposes) {
            *count = count.since(earlier);
        }
        self.links_opened -= earlier.links_opened;
        self
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    pub(super) fn rates(&self, node_seconds: f64) -> Rates {
        let [client, repair, upkeep, join] = self.purposes.map(|count| count.bytes as f64 / node_seconds);
        Rates { client, repair, upkeep, join, total: client + repair + upkeep + join }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    pub(super) fn links_rate(&self, node_seconds: f64) -> f64 {
        self.links_opened as f64 / node_seconds
    }
}

/// How many lived and had joined, over time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Census {
    begin: Time,
    last: Time,
    living: f64,
    joined: f64,
}

impl Census {
    pub(super) fn begin(now: Time) -> Self {
        Self { begin: now, last: now, living: 0.0, joined: 0.0 }
    }

    /// So many there were since the last time.
    #[expect(clippy::cast_precision_loss, reason = "counts of hosts are far below 2^53")]
    pub(super) fn take(&mut self, now: Time, living: usize, joined: usize) {
        let seconds = now.since(self.last).as_secs_f64();
        self.living += seconds * living as f64;
        self.joined += seconds * joined as f64;
        self.last = self.last.max(now);
    }

    /// The time that nodes have lived, all together.
    pub(super) fn node_seconds(&self) -> f64 {
        self.living
    }

    fn mean_living(&self) -> f64 {
        self.living / self.last.since(self.begin).as_secs_f64()
    }

    fn mean_joined(&self) -> f64 {
        self.joined / self.last.since(self.begin).as_secs_f64()
    }
}

fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        writeln!(
            f,
            "{} nodes in a grid of {}^{} cells, sessions of {} min median for {} h, seed {}",
            plan.nodes, plan.side, plan.dims, plan.median_minutes, plan.hours, plan.seed
        )?;
        writeln!(f, "nodes    {}", self.population)?;
        writeln!(f, "gets     {}", self.gets)?;
        writeln!(f, "puts     {}", self.puts)?;
        writeln!(f, "records  put before the churn: {}", self.first_records)?;
        writeln!(f, "         all: {}", self.records)?;
        writeln!(f, "bytes    a node and second: {}", self.bytes_per_node_and_second)?;
        writeln!(
            f,
            "         {:.3} links opened a node and second; {} contacts leaked",
            self.links_opened_per_node_and_second, self.leaked_contacts
        )?;
        write!(f, "{} events in {:.0} s; trace {}", self.events, self.simulated_s, self.trace)
    }
}

impl fmt::Display for Population {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} lived and {:.1} had joined on average; {} went, {} came, {} joined (p50 {}, p95 {} ms)",
            self.mean_living,
            self.mean_joined,
            self.deaths,
            self.arrivals,
            self.joins,
            self.join_p50_ms.unwrap_or(0),
            self.join_p95_ms.unwrap_or(0)
        )
    }
}

impl fmt::Display for Gets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} % of {} answered, p50 {} ms, p95 {} ms; {} missed, {} of lost records, {} wrong; {} askers gone",
            100.0 * self.success,
            self.outcome.asked,
            self.p50_ms.unwrap_or(0),
            self.p95_ms.unwrap_or(0),
            self.missed,
            self.of_lost,
            self.wrong,
            self.asker_gone
        )
    }
}

impl fmt::Display for Puts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} % of {} stored, p50 {} ms, p95 {} ms; {} askers gone",
            100.0 * self.success,
            self.outcome.asked,
            self.p50_ms.unwrap_or(0),
            self.p95_ms.unwrap_or(0),
            self.asker_gone
        )
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} lost ({:.3} %), {} in fewer than 2 cells, {} in fewer than 3",
            self.lost,
            self.stored,
            100.0 * self.lost_share,
            self.in_fewer_than_2_cells,
            self.in_fewer_than_3_cells
        )
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} client, {:.1} repair, {:.1} upkeep, {:.1} join, {:.1} total",
            self.client, self.repair, self.upkeep, self.join, self.total
        )
    }
}
