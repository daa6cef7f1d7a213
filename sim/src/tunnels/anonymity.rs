//! One tunnel, seen at one hop: how many initiators are possible, weighed by their chances.
//!
//! - `bits_relay_i`: the entropy of the initiator for relay `i`, which knows its predecessor, all rosters, and (to be on the
//!   safe side) that it is the `i`-th;
//! - `bits_last`: for the last node, which knows the last relay; `bits_service`: for who is met beyond the last node,
//!   and knows that alone;
//! - `degree_*`: the same as a share of `bits_possible = log2 N` (Diaz, Seys, Claessens and Preneel, "Towards measuring
//!   anonymity", PET 2002);
//! - `guess_last`: how often the last node names the initiator when it names the most probable one;
//! - `links`: tunnel links of a node, on average.

use std::collections::BTreeMap;

use grid::mimics::Preset;
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::net::Net;
use super::posterior::{Sight, entropy, greatest, spread};
use super::route::{Router, honest};
use super::{Links, checked, drawn, period};
use crate::adversary::within;
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures::mean;

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Anonymity {
    /// `d`
    pub dims: u8,
    /// `g`
    pub side: u16,
    /// Nodes in a cell.
    pub x: f64,
    /// `k`
    pub mimics: usize,
    /// Relays before the last node.
    pub relays: usize,
    /// From where successors are drawn.
    pub links: Links,
    /// Tunnels that are looked at on the way in one trial.
    pub tunnels: u32,
    /// Of these, tunnels that are looked at beyond the last node: each takes some 200 times as long.
    pub met: u32,
}

impl Default for Anonymity {
    fn default() -> Self {
        let Preset { mimics, relays } = Preset::SHORT;
        Self { dims: 4, side: 8, x: 8.0, mimics, relays, links: Links::Both, tunnels: 40, met: 1 }
    }
}

/// What relays at each place measure.
const AT_RELAYS: [&str; 3] = ["bits_relay_2", "bits_relay_3", "bits_relay_4"];

impl Model for Anonymity {
    const NAME: &'static str = "anonymity";

    fn check(&self) -> Result<(), String> {
        checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        within("tunnels", self.tunnels.into(), 1.0, 1e6)?;
        within("met", self.met.into(), 0.0, self.tunnels.into())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        let mut chance = Chance::new(seed);
        let net = drawn(shape, self.x, &mut chance);
        let graph = Graph::draw(&net, &period(seed, 0), self.mimics, self.links == Links::Both);
        let (nodes, items) = (f64::from(net.nodes()), u32::try_from(graph.onward.items()).unwrap_or(u32::MAX));
        let possible = nodes.log2();
        let mut found: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for tunnel in 0..self.tunnels {
            let initiator = net.random(&mut chance);
            let successors = honest(&net, &graph, self.links, initiator);
            let router = Router { net: &net, relays: self.relays, successors: &successors };
            let way = router.way(initiator, None, &mut chance);
            let way = way.ok_or("a node had no successor: more mimics, or a denser grid")?;
            let eye = Eye { net: &net, graph: &graph, links: self.links, relays: self.relays };
            for (place, name) in (2..=self.relays).zip(AT_RELAYS) {
                found.entry(name).or_default().push(entropy(&eye.on_the_way(&way, place)));
            }
            let last = eye.on_the_way(&way, self.relays + 1);
            found.entry("bits_last").or_default().push(entropy(&last));
            found.entry("guess_last").or_default().push(greatest(&last));
            if tunnel < self.met {
                found.entry("bits_service").or_default().push(entropy(&eye.beyond(way[self.relays + 1])));
            }
        }
        let mut measures: Measures = found.iter().map(|(&name, values)| (name, mean(values))).collect();
        for (name, bits) in [("degree_last", "bits_last"), ("degree_service", "bits_service")] {
            if let Some(&bits) = measures.get(bits) {
                measures.insert(name, bits / possible);
            }
        }
        measures.extend([("bits_possible", possible), ("links", f64::from(items) / nodes)]);
        Ok(measures)
    }
}

/// Somebody who knows all rosters.
pub(super) struct Eye<'a> {
    pub(super) net: &'a Net,
    pub(super) graph: &'a Graph,
    pub(super) links: Links,
    pub(super) relays: usize,
}

impl Eye<'_> {
    /// For each node, in proportion, the chance that it began the tunnel: as the node at this place of the way sees it. The
    /// initiator is at place 0, the last node at `relays + 1`.
    pub(super) fn on_the_way(&self, way: &[u32], place: usize) -> Vec<f64> {
        let (before, itself) = (way[place - 1], way[place]);
        match self.links {
            Links::Free => spread(self.net, before, place - 1),
            Links::Own => self.of_common_neighbours(before, itself),
            Links::Both | Links::Drawn => {
                let mut weights = vec![0.0; self.net.nodes() as usize];
                self.add_ways(&[before, itself], place - 1, &mut weights);
                weights
            }
        }
    }

    /// The same for who knows the last node and nothing else.
    pub(super) fn beyond(&self, last: u32) -> Vec<f64> {
        let mut weights = vec![0.0; self.net.nodes() as usize];
        match self.links {
            Links::Free => return spread(self.net, last, self.relays + 1),
            Links::Own => {
                for node in self.net.neighbours(last) {
                    weights[node as usize] = 1.0 / f64::from(self.net.neighbour_count(node));
                }
            }
            Links::Both | Links::Drawn => {
                for relay in self.net.neighbours(last) {
                    self.add_ways(&[relay, last], self.relays, &mut weights);
                }
            }
        }
        weights
    }

    /// `before` counts the nodes of the way, the initiator's included, that stand before the first that is seen.
    fn add_ways(&self, seen: &[u32], before: usize, weights: &mut [f64]) {
        let last = before + seen.len() == self.relays + 2;
        let sight = Sight { net: self.net, graph: self.graph, seen, last, before, possible: &|_| true };
        sight.ways(&mut |way, chance| weights[way[0] as usize] += chance);
    }

    /// All relays are neighbours of the initiator, so that it is one of theirs.
    fn of_common_neighbours(&self, one: u32, other: u32) -> Vec<f64> {
        let mut weights = vec![0.0; self.net.nodes() as usize];
        for node in self.net.neighbours(one).filter(|&node| self.net.are_neighbours(node, other)) {
            let count = f64::from(self.net.neighbour_count(node));
            weights[node as usize] = 1.0 / (count * (count - 1.0));
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_neighbours_place_the_initiator_nearly_and_links_do_not() {
        let of = |links| Anonymity { dims: 3, links, met: 1, ..Anonymity::default() }.trial(1).unwrap();
        let (own, both, drawn, free) = (of(Links::Own), of(Links::Both), of(Links::Drawn), of(Links::Free));
        assert!(own["bits_last"] < 6.0 && own["bits_relay_2"] < 6.0, "{own:?}");
        assert!(both["bits_last"] > own["bits_last"] + 3.0, "{both:?}");
        assert!(drawn["bits_last"] < both["bits_last"] && both["bits_last"] < free["bits_last"] + 0.5);
        assert!((both["links"] - 20.0).abs() < 1.5 && (drawn["links"] - 10.0).abs() < 0.01);
        for bits in ["bits_relay_2", "bits_relay_3", "bits_last", "bits_service"] {
            assert!((0.0..=both["bits_possible"]).contains(&both[bits]), "{bits}: {both:?}");
        }
    }
}
