//! The predecessor attack (Wright, Adler, Levine and Shields, ACM TISSEC 7(4), 2004): an initiator has one tunnel after the
//! other, which are known to be of one initiator. Whenever the last node is hostile, and another hostile relay stands
//! before it, that one's predecessor is written down. The initiator is there more often than anybody.
//!
//! - `compromised`: initiators that had a tunnel of which both ends were hostile; `compromised_formula`: `1 - (1 - f²)^n` of `n` tunnels
//!   where the first relay is drawn each time, and `1 - (1 - f (1 - (1 - f)^(n/m)))^m` where `m` are kept and used by turns;
//! - `named`: initiators that are written down at least twice and more often than anybody else;
//! - `misnamed`: those of whom somebody else is;
//! - `tunnels_until`: tunnels until the first with both ends hostile, of those that had one.

use std::collections::BTreeMap;

use grid::id::NodeId;
use grid::mimics::{Firsts, Preset, Seed, links};
use serde::{Deserialize, Serialize};

use super::intersection::Entry;
use super::net::Net;
use super::route::{Router, neighbours};
use super::shown::Liars;
use super::{checked, drawn, period};
use crate::adversary::within;
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures::{mean, ratio};

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelPredecessor {
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
    /// `f`, of the nodes.
    pub hostile: f64,
    /// The first relay.
    pub entry: Entry,
    /// How many first relays are kept, where they are: 2 by turns, as ships, or 1.
    pub firsts: u32,
    /// Tunnels of each initiator.
    pub tunnels: u32,
    /// Tunnels after which all links are drawn anew; 0 for never.
    pub renew: u32,
    /// Initiators in one trial.
    pub initiators: u32,
}

impl Default for TunnelPredecessor {
    fn default() -> Self {
        let Preset { mimics, relays } = Preset::SHORT;
        let (dims, side, x, entry) = (4, 8, 8.0, Entry::Any);
        Self { dims, side, x, mimics, relays, hostile: 0.1, entry, firsts: 2, tunnels: 144, renew: 0, initiators: 10 }
    }
}

impl Model for TunnelPredecessor {
    const NAME: &'static str = "tunnel_predecessor";

    fn check(&self) -> Result<(), String> {
        checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        within("hostile", self.hostile, 0.001, 0.9)?;
        within("firsts", self.firsts.into(), 1.0, 2.0)?;
        within("tunnels", self.tunnels.into(), 1.0, 1e6)?;
        within("initiators", self.initiators.into(), 1.0, 1e6)
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        let mut chance = Chance::new(seed);
        let net = drawn(shape, self.x, &mut chance);
        let hostile = Liars::draw(&net, self.hostile, &mut chance);
        let (mut until, mut named, mut misnamed) = (Vec::new(), 0, 0);
        for _ in 0..self.initiators {
            let found = self.follow(&net, &hostile, seed, &mut chance)?;
            until.extend(found.until.map(f64::from));
            let (own, other) = found.counts();
            named += u64::from(own >= 2 && own > other);
            misnamed += u64::from(other >= 2 && other > own);
        }
        let of_all = |part: u64| ratio(part, self.initiators.into());
        let mut measures = BTreeMap::from([
            ("compromised", of_all(until.len() as u64)),
            ("compromised_formula", self.formula()),
            ("named", of_all(named)),
            ("misnamed", of_all(misnamed)),
        ]);
        if !until.is_empty() {
            measures.insert("tunnels_until", mean(&until));
        }
        Ok(measures)
    }
}

/// What the adversary wrote down of one initiator.
struct Log {
    initiator: u32,
    /// The first tunnel of which it had both ends, from 1.
    until: Option<u32>,
    seen: BTreeMap<u32, u32>,
}

impl Log {
    /// How often the initiator was written down, and who else was most often.
    fn counts(&self) -> (u32, u32) {
        let others = self.seen.iter().filter(|&(&node, _)| node != self.initiator);
        (self.seen.get(&self.initiator).copied().unwrap_or(0), others.map(|(_, &count)| count).max().unwrap_or(0))
    }
}

impl TunnelPredecessor {
    /// All tunnels of one honest initiator.
    fn follow(&self, net: &Net, hostile: &[bool], seed: u64, chance: &mut Chance) -> Result<Log, String> {
        let initiator = random_honest(net, hostile, chance);
        let initiator = initiator.ok_or("hardly anybody is honest: a smaller share of hostile nodes would do")?;
        let mut log = Log { initiator, until: None, seen: BTreeMap::new() };
        let mut kept = Firsts::new(period(seed, 0), []);
        for (tunnel, turn) in (0..self.tunnels).zip(0_usize..) {
            let number = tunnel.checked_div(self.renew).unwrap_or(0);
            let seed = period(seed, number.into());
            let successors =
                |end, last| if last { neighbours(net, end) } else { all_links(net, &seed, end, self.mimics) };
            let first = match (self.entry, self.firsts) {
                (Entry::Any, _) => None,
                (Entry::Kept, firsts) => {
                    let turn = if firsts == 1 { 0 } else { turn };
                    kept.choose(seed, &successors(initiator, false), turn, chance.generator())
                }
            };
            let router = Router { net, relays: self.relays, successors: &successors };
            let way = router.way(initiator, first.map(|first| Net::number(&first)), chance);
            let way = way.ok_or("a node had no successor: more mimics, or a denser grid")?;
            log.note(tunnel + 1, &way, hostile);
        }
        Ok(log)
    }

    fn formula(&self) -> f64 {
        let (f, n) = (self.hostile, f64::from(self.tunnels));
        match self.entry {
            Entry::Any => 1.0 - (1.0 - f * f).powf(n),
            Entry::Kept => {
                let firsts = f64::from(self.firsts);
                1.0 - (1.0 - f * (1.0 - (1.0 - f).powf(n / firsts))).powf(firsts)
            }
        }
    }
}

impl Log {
    fn note(&mut self, number: u32, way: &[u32], hostile: &[bool]) {
        let is_hostile = |place: usize| hostile[way[place] as usize];
        let last = way.len() - 1;
        let Some(earliest) = (1..last).find(|&place| is_hostile(place)).filter(|_| is_hostile(last)) else { return };
        *self.seen.entry(way[earliest - 1]).or_default() += 1;
        if earliest == 1 {
            self.until = self.until.or(Some(number));
        }
    }
}

/// One that is not hostile; `None` after a thousand that are.
fn random_honest(net: &Net, hostile: &[bool], chance: &mut Chance) -> Option<u32> {
    (0..1000).map(|_| net.random(chance)).find(|&node| !hostile[node as usize])
}

/// A node's links on all of its lines.
fn all_links(net: &Net, seed: &Seed, node: u32, mimics: usize) -> Vec<NodeId> {
    let (shape, home) = (net.shape(), net.home(node));
    let on = |axis| links(seed, &home, axis, shape.dims(), &net.line(home.cell, axis), mimics);
    shape.axes().flat_map(on).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_first_relay_gives_a_few_away_at_once_and_the_others_never() {
        let base = TunnelPredecessor { dims: 2, hostile: 0.2, tunnels: 60, initiators: 60, ..Default::default() };
        let any = base.trial(3).unwrap();
        let kept = TunnelPredecessor { entry: Entry::Kept, firsts: 1, ..base.clone() }.trial(3).unwrap();
        let two = TunnelPredecessor { entry: Entry::Kept, ..base }.trial(3).unwrap();
        assert!((any["compromised"] - any["compromised_formula"]).abs() < 0.15, "{any:?}");
        assert!((kept["compromised"] - kept["compromised_formula"]).abs() < 0.15, "{kept:?}");
        assert!((two["compromised"] - two["compromised_formula"]).abs() < 0.15, "{two:?}");
        assert!(two["compromised"] > kept["compromised"] && two["compromised_formula"] < 0.4, "{two:?}");
        assert!(any["named"] > 0.5 && kept["named"] < 0.4, "{any:?} {kept:?}");
    }

    #[test]
    fn what_is_written_down_is_the_predecessor_of_the_earliest() {
        let mut log = Log { initiator: 0, until: None, seen: BTreeMap::new() };
        let hostile = [false, true, true, false, false];
        log.note(1, &[0, 3, 1, 2], &hostile);
        log.note(2, &[0, 1, 3, 4], &hostile);
        assert_eq!((log.seen.clone(), log.until), (BTreeMap::from([(3, 1)]), None), "without the last node, nothing");
        log.note(3, &[0, 1, 3, 2], &hostile);
        assert_eq!((log.counts(), log.until), ((1, 1), Some(3)));
    }
}
