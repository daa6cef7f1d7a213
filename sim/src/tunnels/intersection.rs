//! Many tunnels that are known to be of one initiator, for instance by a name that it uses at a service: what each of them
//! tells is put together.
//!
//! Somebody sees the end of each: the last node, which knows the last relay, and is hostile every time here; or only who
//! is met beyond. The chances that each initiator has such tunnels are multiplied; where the first relay is kept, over
//! the tunnels through each possible first relay, and then added up. Whoever is not there while the initiator is, is
//! struck off (Raymond, "Traffic analysis", 2000; Kedogan, Agrawal and Penz, 2002).
//!
//! `bits`: entropy of the initiator afterwards, of `bits_possible`; `degree`; `candidates`: two to the power of `bits`,
//! `found`: how often it is more probable than all others together.

use std::collections::BTreeMap;

use grid::mimics::Preset;
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::net::Net;
use super::posterior::{Sight, entropy};
use super::route::{Router, honest};
use super::{Links, checked, drawn, period};
use crate::adversary::within;
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures::mean;

/// Who sees the far end of every tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// The last node.
    Last,
    /// Who is met beyond it.
    Service,
}

/// How an initiator chooses its first relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Anew for every tunnel.
    Any,
    /// Once, and again when it is no link any more.
    Kept,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelIntersection {
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
    /// Who sees the tunnels.
    pub observer: Observer,
    /// The first relay.
    pub entry: Entry,
    /// Tunnels that are seen.
    pub tunnels: u32,
    /// Tunnels after which all links are drawn anew; 0 for never.
    pub renew: u32,
    /// Chance that somebody else is there while the initiator has a tunnel.
    pub online: f64,
    /// Initiators in one trial.
    pub initiators: u32,
}

impl Default for TunnelIntersection {
    fn default() -> Self {
        let Preset { mimics, relays } = Preset::SHORT;
        let (observer, entry) = (Observer::Last, Entry::Any);
        let (dims, side, x) = (3, 8, 8.0);
        Self { dims, side, x, mimics, relays, observer, entry, tunnels: 8, renew: 0, online: 1.0, initiators: 4 }
    }
}

impl Model for TunnelIntersection {
    const NAME: &'static str = "tunnel_intersection";

    fn check(&self) -> Result<(), String> {
        checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        within("tunnels", self.tunnels.into(), 1.0, 1000.0)?;
        within("online", self.online, 0.01, 1.0)?;
        within("initiators", self.initiators.into(), 1.0, 1000.0)?;
        if self.entry == Entry::Kept && self.renew != 0 {
            return Err(
                "entry = \"kept\" takes renew = 0: where links are drawn anew, a first relay cannot be kept".into()
            );
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        let mut chance = Chance::new(seed);
        let net = drawn(shape, self.x, &mut chance);
        let mut cases: Vec<Case> = (0..self.initiators).map(|_| Case::new(&net, &mut chance)).collect();
        let mut graph = Graph::draw(&net, &period(seed, 0), self.mimics, true);
        for tunnel in 0..self.tunnels {
            if self.renew != 0 && tunnel != 0 && tunnel % self.renew == 0 {
                graph = Graph::draw(&net, &period(seed, tunnel.into()), self.mimics, true);
            }
            for case in &mut cases {
                self.observe(&net, &graph, case, &mut chance)?;
            }
        }
        let possible = f64::from(net.nodes()).log2();
        let ends: Vec<_> = cases.iter().map(|case| case.weights(&graph)).collect();
        let bits = mean(&ends.iter().map(|weights| entropy(weights)).collect::<Vec<_>>());
        let known = |(case, weights): (&Case, &Vec<f64>)| {
            let own = weights[case.initiator as usize];
            f64::from(u8::from(own > 0.5 * weights.iter().sum::<f64>()))
        };
        let found = mean(&cases.iter().zip(&ends).map(known).collect::<Vec<_>>());
        Ok(BTreeMap::from([
            ("bits", bits),
            ("bits_possible", possible),
            ("degree", bits / possible),
            ("candidates", bits.exp2()),
            ("found", found),
        ]))
    }
}

/// What is known of one initiator.
struct Case {
    initiator: u32,
    /// The first relay, where it is kept.
    first: Option<u32>,
    /// Of each node; where the first relay is kept, of what else is known, and 1 or 0.
    of_nodes: Vec<f64>,
    /// Of each link from an initiator to a first relay, where that is kept.
    of_links: Vec<f64>,
}

impl Case {
    fn new(net: &Net, chance: &mut Chance) -> Self {
        let of_nodes = vec![1.0; net.nodes() as usize];
        Self { initiator: net.random(chance), first: None, of_nodes, of_links: Vec::new() }
    }

    /// The chance that each node is the initiator, in proportion.
    fn weights(&self, graph: &Graph) -> Vec<f64> {
        if self.of_links.is_empty() {
            return self.of_nodes.clone();
        }
        let through = |node| {
            let links = &self.of_links[graph.onward.range(node)];
            f64::from(u32::try_from(links.len()).unwrap_or(u32::MAX).max(1)).recip() * links.iter().sum::<f64>()
        };
        (0_u32..).zip(&self.of_nodes).map(|(node, &known)| known * through(node)).collect()
    }
}

impl TunnelIntersection {
    /// One more tunnel of an initiator is seen.
    fn observe(&self, net: &Net, graph: &Graph, case: &mut Case, chance: &mut Chance) -> Result<(), String> {
        let successors = honest(net, graph, Links::Both, case.initiator);
        let router = Router { net, relays: self.relays, successors: &successors };
        let way = router.way(case.initiator, case.first, chance);
        let way = way.ok_or("a node had no successor: more mimics, or a denser grid")?;
        let (relay, last) = (way[self.relays], way[self.relays + 1]);
        let relays = match self.observer {
            Observer::Last => vec![relay],
            Observer::Service => net.neighbours(last).collect(),
        };
        match self.entry {
            Entry::Any => {
                let mut seen = vec![0.0; case.of_nodes.len()];
                self.each_way(net, graph, &relays, last, &mut |way, chance| seen[way[0] as usize] += chance);
                multiply(&mut case.of_nodes, &seen);
            }
            Entry::Kept => {
                case.first = Some(way[1]);
                let mut seen = vec![0.0; graph.onward.items()];
                self.each_way(net, graph, &relays, last, &mut |way, chance| {
                    if let Some(place) = graph.onward.position(way[0], way[1]) {
                        // Given the first relay, it has not to be drawn any more.
                        seen[place] += chance * graph.onward.range(way[0]).len() as f64;
                    }
                });
                case.of_links.resize(seen.len(), 1.0);
                multiply(&mut case.of_links, &seen);
            }
        }
        for (node, known) in (0_u32..).zip(&mut case.of_nodes) {
            if node != case.initiator && !chance.happens(self.online) {
                *known = 0.0;
            }
        }
        Ok(())
    }

    fn each_way(&self, net: &Net, graph: &Graph, relays: &[u32], last: u32, each: &mut dyn FnMut(&[u32], f64)) {
        for &relay in relays {
            let (seen, possible) = ([relay, last], |_| true);
            Sight { net, graph, seen: &seen, last: true, before: self.relays, possible: &possible }.ways(each);
        }
    }
}

/// Multiplies, and makes the greatest 1, so that nothing becomes too small for its kind of number.
fn multiply(known: &mut [f64], seen: &[f64]) {
    known.iter_mut().zip(seen).for_each(|(known, seen)| *known *= seen);
    let greatest = known.iter().copied().fold(0.0, f64::max);
    if greatest > 0.0 {
        known.iter_mut().for_each(|known| *known /= greatest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tunnels: u32, entry: Entry) -> Measures {
        TunnelIntersection { tunnels, entry, initiators: 6, ..TunnelIntersection::default() }.trial(1).unwrap()
    }

    #[test]
    fn one_tunnel_tells_as_much_whether_its_first_relay_is_kept_or_not() {
        let (any, kept) = (of(1, Entry::Any), of(1, Entry::Kept));
        assert!((any["bits"] - kept["bits"]).abs() < 1e-9, "{any:?} {kept:?}");
    }

    #[test]
    fn many_tunnels_tell_who_it_is_and_a_kept_relay_makes_it_take_longer() {
        let (any, kept) = (of(24, Entry::Any), of(24, Entry::Kept));
        assert!(any["found"] > 0.8 && any["bits"] < 1.0, "{any:?}");
        assert!(kept["bits"] > any["bits"] + 1.0 && kept["found"] < any["found"], "{any:?} {kept:?}");
    }

    #[test]
    fn who_is_absent_is_struck_off() {
        let model = TunnelIntersection { tunnels: 1, online: 0.25, initiators: 6, ..TunnelIntersection::default() };
        let (some, all) = (model.trial(1).unwrap(), of(1, Entry::Any));
        assert!((all["bits"] - some["bits"] - 2.0).abs() < 0.4, "{some:?} {all:?}");
    }
}
