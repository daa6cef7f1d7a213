//! The experiment "small grids": few nodes in a grid that is made for many.
//!
//! With `N` nodes in `g^d` cells a node expects `m = (N - 1)(d(g - 1) + 1) / g^d` neighbours. Below one the nodes that
//! are neighbours of each other fall into many parts, as those of a random graph do (Erdős and Rényi, 1960), and only
//! bridges tie these together; some node has no neighbour at all until `m` is above `ln N`. The trial grows such a
//! network of real state machines, asks it, puts and gets records, takes a share of the nodes away, and asks again:
//! at once, and when there was time to repair.

use core::time::Duration;

use grid::cell::Shape;
use serde::{Deserialize, Serialize};

use crate::experiment::{Measures, Model};
use crate::machine;
use crate::network::Network;
use crate::oracle::{self, RosterErrors};
use crate::scenario::{Growth, Outcome, Scenario};

/// What works, and what does not, where most cells are vacant?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct SmallGrids {
    /// How many nodes join.
    pub nodes: usize,
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis.
    pub side: u16,
    /// Milliseconds between two newcomers.
    pub every_ms: u64,
    /// A newcomer joins through one of the first so many nodes, at random: by default through anybody.
    pub introducers: usize,
    /// Seconds from the last newcomer to the first question, and from the loss to the last round of questions.
    pub settle_s: u64,
    /// Requests to random occupied cells, in each round.
    pub requests: usize,
    /// Records that are put before the loss, and got in each round.
    pub records: usize,
    /// The share of nodes that vanish at once.
    pub lost: f64,
}

impl Default for SmallGrids {
    fn default() -> Self {
        Self {
            nodes: 100,
            dims: 4,
            side: 8,
            every_ms: 100,
            introducers: MOST_NODES,
            settle_s: 60,
            requests: 500,
            records: 100,
            lost: 0.3,
        }
    }
}

/// The largest network that is small: beyond it a trial takes minutes.
const MOST_NODES: usize = 5000;

impl Model for SmallGrids {
    const NAME: &'static str = "small_grids";

    fn check(&self) -> Result<(), String> {
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        if !(2..=MOST_NODES).contains(&self.nodes) {
            return Err(format!("nodes is {}, and has to be in 2..={MOST_NODES}", self.nodes));
        }
        if self.introducers == 0 {
            return Err("introducers is 0, and somebody has to let the others in: 1 or more".into());
        }
        if !(0.0..1.0).contains(&self.lost) {
            return Err(format!("lost is {}, and has to be at least 0 and below 1", self.lost));
        }
        if self.requests == 0 || self.records == 0 {
            return Err("requests and records have to be 1 or more: a share of none says nothing".into());
        }
        machine::check_memory(self.nodes, shape)
    }

    /// `.._after` is measured right after the loss, `.._repaired` when there was time to repair. `cells_per_put` is of
    /// the puts that succeeded; `get_success` is of the records whose put succeeded.
    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut scenario = Scenario::new(self.dims, self.side, seed).map_err(|error| error.to_string())?;
        let settle = Duration::from_secs(self.settle_s);
        let growth = Growth {
            nodes: self.nodes,
            every: Duration::from_millis(self.every_ms),
            introducers: self.introducers,
            settle,
        };
        let grown = scenario.grow_as(&growth, |_| ()).map_err(|error| format!("{error:?}"))?;
        let mut measures = anatomy(&scenario.network);
        // Without a join there is no time to tell.
        let ends = [("join_p50_s", 50), ("join_p95_s", 95)];
        measures.extend(ends.into_iter().filter_map(|(name, percent)| Some((name, grown.percentile(percent)? / 1e3))));
        let (records, puts) = scenario.put_records(self.records);
        measures.extend([("put_success", puts.success()), ("cells_per_put", puts.mean_hops())]);
        let mut ask = |scenario: &mut Scenario, names: Names| {
            let (gets, requests) = (scenario.begin_getting(&records), scenario.begin_asking(self.requests));
            let (gets, requests) = (scenario.finish(gets), scenario.count(requests));
            measures.extend(names.of(&requests, &gets));
        };
        ask(&mut scenario, GROWN);
        scenario.silence_share(self.lost);
        ask(&mut scenario, AFTER);
        scenario.network.run_for(settle);
        ask(&mut scenario, REPAIRED);
        Ok(measures)
    }
}

/// What the measures of a round are called: success of requests, their hops, success of gets.
#[derive(Clone, Copy)]
struct Names([&'static str; 3]);

const GROWN: Names = Names(["success", "hops", "get_success"]);
const AFTER: Names = Names(["success_after", "hops_after", "get_success_after"]);
const REPAIRED: Names = Names(["success_repaired", "hops_repaired", "get_success_repaired"]);

impl Names {
    fn of(self, requests: &Outcome, gets: &Outcome) -> [(&'static str, f64); 3] {
        let [success, hops, get_success] = self.0;
        [(success, requests.success()), (hops, requests.mean_hops()), (get_success, gets.success())]
    }
}

/// How a network hangs together.
#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
fn anatomy(network: &Network) -> Measures {
    let (nodes, shape) = (network.hosts().len() as f64, network.shape());
    let (mut neighbours, mut bridges, mut alone, mut most) = (0, 0, 0, 0);
    for host in network.hosts() {
        let linked = host.overlay.peers().into_iter().filter(|peer| peer.linked);
        let (near, far): (Vec<_>, Vec<_>) = linked.partition(|peer| peer.neighbour);
        neighbours += near.len();
        bridges += far.len();
        alone += usize::from(near.is_empty());
        most = most.max(near.len() + far.len());
    }
    let RosterErrors { missing, unjoined, .. } = oracle::roster_errors(network);
    let known: usize = network.hosts().iter().map(|host| host.overlay.status().neighbours).sum();
    let occupied = oracle::occupied_cells(network).len() as f64;
    Measures::from([
        ("joined_share", 1.0 - unjoined as f64 / nodes),
        ("vacant_share", 1.0 - occupied / shape.cells() as f64),
        ("neighbours_per_node", neighbours as f64 / nodes),
        ("bridges_per_node", bridges as f64 / nodes),
        ("alone_share", alone as f64 / nodes),
        ("most_links", most as f64),
        ("roster_missing_share", missing as f64 / (missing + known).max(1) as f64),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named_before_anything_is_simulated() {
        let usual = SmallGrids::default;
        usual().check().unwrap();
        let impossible = [
            (SmallGrids { nodes: 1, ..usual() }, "2..=5000"),
            (SmallGrids { nodes: 100_000, ..usual() }, "2..=5000"),
            (SmallGrids { side: 0, ..usual() }, "side"),
            (SmallGrids { dims: 9, ..usual() }, "dimensions"),
            (SmallGrids { dims: 8, side: 60_000, ..usual() }, "cells"),
            (SmallGrids { introducers: 0, ..usual() }, "1 or more"),
            (SmallGrids { lost: 1.0, ..usual() }, "below 1"),
            (SmallGrids { lost: f64::NAN, ..usual() }, "below 1"),
            (SmallGrids { requests: 0, ..usual() }, "1 or more"),
        ];
        for (model, word) in impossible {
            let refused = model.check().unwrap_err();
            assert!(refused.contains(word), "{refused:?} says nothing of {word:?}");
        }
    }

    #[test]
    fn two_nodes_are_a_network_and_a_trial_is_decided_by_its_seed() {
        let two = SmallGrids { nodes: 2, lost: 0.0, requests: 50, records: 10, ..SmallGrids::default() };
        let measures = two.trial(1).unwrap();
        assert_eq!(two.trial(1).unwrap(), measures);
        assert_eq!((measures["success"], measures["joined_share"]), (1.0, 1.0), "{measures:?}");
        assert_ne!(SmallGrids { nodes: 20, ..two.clone() }.trial(1), SmallGrids { nodes: 20, ..two }.trial(2));
    }

    /// A node has as many neighbours as the geometry says, `(N - 1)(d(g - 1) + 1) / g^d`, and nearly all are known.
    #[test]
    fn neighbours_are_as_many_as_geometry_says() {
        let model = SmallGrids { nodes: 120, dims: 2, side: 8, requests: 1, records: 1, ..SmallGrids::default() };
        let measures = model.trial(3).unwrap();
        let missing = measures["roster_missing_share"];
        assert!(missing < 0.05, "{measures:?}");
        let (found, expected) = (measures["neighbours_per_node"] / (1.0 - missing), 119.0 * 15.0 / 64.0);
        // Of the mean over nodes: twice the number of neighbouring pairs among 7,140, over 120.
        let deviation = 2.0 / 120.0 * (7140.0_f64 * (15.0 / 64.0) * (49.0 / 64.0)).sqrt();
        assert!((found - expected).abs() < 3.0 * deviation, "{found} {expected} {deviation}");
    }
}
