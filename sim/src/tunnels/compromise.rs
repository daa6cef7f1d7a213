//! Many tunnels, and an adversary that runs a share `f` of the nodes and recognises a tunnel at each of them: both ends
//! of a tunnel are known where relay 1 and the last node are hostile.
//!
//! Hostile relays show rosters that make their friends successors, as far as `Rosters` lets them. Honest nodes rebuild a
//! broken tunnel as a whole.
//!
//! - `end_to_end`: tunnels with both ends hostile; `f²` (`tor_formula`) where nobody can lie, and what Tor has (Syverson,
//!   Tsudik, Reed and Landwehr, PET 2000); `f` (`claimed_formula`) where everybody can, as the first hostile relay takes all that
//!   follow;
//! - `shadowwalker_formula`: a relay's links are believed where its `r = 2` shadows agree, so that all that follow are taken
//!   where a hostile relay's shadows are hostile, with chance `f²`. This is computed from its construction and gives the
//!   figure that its authors give, less than 5 % at `f = 0.2` (Mittal and Borisov, CCS 2009);
//! - `selective`: of the tunnels that are left when hostile nodes drop all that they cannot link,
//!   the share that is theirs; `selective_formula = f²/(f² + (1-f)^h)` with `h` hops (Borisov, Danezis, Mittal and Tabriz, CCS
//!   2007); `tries` that one such tunnel takes;
//! - `degree`: the initiator's mean degree of anonymity (Diaz et al. 2002) over all tunnels. Where the last node is hostile
//!   its knowledge and that of the earliest hostile relay are put together; where it is not, nobody knows what the tunnel is for;
//! - `degree_if_last`: over those whose last node is hostile;
//! - `captured_lines`: lines whose certificates the adversary can forge.

use std::collections::BTreeMap;

use grid::mimics::Preset;
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::net::Net;
use super::posterior::{Sight, entropy};
use super::route::{Router, honest};
use super::shown::{Liars, Rosters};
use super::{Links, checked, drawn, period};
use crate::adversary::within;
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures::{mean, ratio};

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelCompromise {
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
    /// What is asked of a relay's rosters.
    pub rosters: Rosters,
    /// Members of a line whose signatures are asked for, more than half of which are needed; for `Rosters::Certified`.
    pub witnesses: u32,
    /// Chance that an honest roster is not believed, for `Rosters::Density`.
    pub alpha: f64,
    /// Tunnels in one trial.
    pub tunnels: u32,
    /// Of those whose last node is hostile, how many are looked at for their anonymity.
    pub weighed: u32,
}

impl Default for TunnelCompromise {
    fn default() -> Self {
        let Preset { mimics, relays } = Preset::SHORT;
        Self {
            dims: 4,
            side: 8,
            x: 8.0,
            mimics,
            relays,
            hostile: 0.2,
            rosters: Rosters::Certified,
            witnesses: 64,
            alpha: 1e-6,
            tunnels: 4000,
            weighed: 60,
        }
    }
}

impl Model for TunnelCompromise {
    const NAME: &'static str = "tunnel_compromise";

    fn check(&self) -> Result<(), String> {
        checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        within("hostile", self.hostile, 0.001, 0.9)?;
        within("witnesses", self.witnesses.into(), 0.0, 10_000.0)?;
        within("alpha", self.alpha, 1e-12, 0.25)?;
        within("tunnels", self.tunnels.into(), 1.0, 1e7)?;
        within("weighed", self.weighed.into(), 0.0, 1e6)
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = checked(self.dims, self.side, self.x, self.mimics, self.relays)?;
        let mut chance = Chance::new(seed);
        let net = drawn(shape, self.x, &mut chance);
        let graph = Graph::draw(&net, &period(seed, 0), self.mimics, true);
        let hostile = Liars::draw(&net, self.hostile, &mut chance);
        let liars = Liars::new(&net, hostile, self.rosters, period(seed, 0), self.mimics)
            .with_band(self.x * f64::from(self.side), self.alpha);
        let liars = match self.rosters {
            Rosters::Certified => liars.with_witnesses(self.witnesses, &mut chance),
            Rosters::Density | Rosters::Claimed => liars,
        };
        let mut tally = Tally::default();
        for _ in 0..self.tunnels {
            let way = self.tunnel(&net, &graph, &liars, &mut chance)?;
            tally.count(&way, &liars, self.weighed, |place| self.anonymity(&net, &graph, &liars, &way, place));
        }
        let mut measures = tally.measures(self.possible(&net, &liars));
        measures.extend(self.formulas());
        measures.insert("captured_lines", liars.captured_share());
        Ok(measures)
    }
}

impl TunnelCompromise {
    /// One of an honest initiator.
    fn tunnel(&self, net: &Net, graph: &Graph, liars: &Liars<'_>, chance: &mut Chance) -> Result<Vec<u32>, String> {
        let initiator = loop {
            let node = net.random(chance);
            if !liars.is_hostile(node) {
                break node;
            }
        };
        let truth = honest(net, graph, Links::Both, initiator);
        let successors = |end, last| if liars.is_hostile(end) { liars.successors(end, last) } else { truth(end, last) };
        let router = Router { net, relays: self.relays, successors: &successors };
        // A liar whose friends are all on the way already brings the tunnel to no end, and it is built anew.
        let ways = (0..1000).find_map(|_| router.way(initiator, None, chance));
        ways.ok_or_else(|| "a node had no successor in 1000 tries: more mimics, or a denser grid".into())
    }

    /// Bits of a tunnel's initiator for the node at this place, given that everybody before it is honest.
    fn anonymity(&self, net: &Net, graph: &Graph, liars: &Liars<'_>, way: &[u32], place: usize) -> f64 {
        if place == 1 {
            return 0.0;
        }
        let possible = |node| !liars.is_hostile(node);
        let (seen, last) = ([way[place - 1], way[place]], place == self.relays + 1);
        let sight = Sight { net, graph, seen: &seen, last, before: place - 1, possible: &possible };
        let mut weights = vec![0.0; net.nodes() as usize];
        sight.ways(&mut |way, chance| weights[way[0] as usize] += chance);
        entropy(&weights)
    }

    /// Bits of an initiator of whom nothing is known but that it is honest.
    fn possible(&self, net: &Net, liars: &Liars<'_>) -> f64 {
        let honest = (0..net.nodes()).filter(|&node| !liars.is_hostile(node)).count();
        f64::from(u32::try_from(honest).unwrap_or(u32::MAX)).log2()
    }

    fn formulas(&self) -> Measures {
        let (f, hops) = (self.hostile, i32::try_from(self.relays).unwrap_or(0) + 1);
        let both = f * f;
        BTreeMap::from([
            ("tor_formula", both),
            ("claimed_formula", f),
            ("selective_formula", both / (both + (1.0 - f).powi(hops))),
            ("shadowwalker_formula", shadowwalker(f, 2, hops)),
        ])
    }
}

/// Both ends of a walk of so many hops, whose relays' links are vouched for by `shadows` others each.
fn shadowwalker(f: f64, shadows: i32, hops: i32) -> f64 {
    // From the first on, which is hostile: the chances that the walk is taken, and that its present relay is hostile
    // though it is not.
    let all = f.powi(shadows);
    let (mut taken, mut hostile) = (all, 1.0 - all);
    for hop in 2..=hops {
        hostile = (1.0 - taken) * f;
        if hop < hops {
            taken += hostile * all;
            hostile *= 1.0 - all;
        }
    }
    f * (taken + hostile)
}

#[derive(Default)]
struct Tally {
    tunnels: u64,
    both_ends: u64,
    all_honest: u64,
    last: u64,
    /// Bits of tunnels whose last node is hostile.
    bits: Vec<f64>,
}

impl Tally {
    fn count(&mut self, way: &[u32], liars: &Liars<'_>, weighed: u32, bits: impl Fn(usize) -> f64) {
        let is_hostile = |place: usize| liars.is_hostile(way[place]);
        let last = way.len() - 1;
        self.tunnels += 1;
        self.both_ends += u64::from(is_hostile(1) && is_hostile(last));
        self.all_honest += u64::from(!(1..=last).any(is_hostile));
        self.last += u64::from(is_hostile(last));
        if is_hostile(last) && self.bits.len() < weighed as usize {
            let first = (1..=last).find(|&place| is_hostile(place)).unwrap_or(last);
            self.bits.push(bits(first));
        }
    }

    fn measures(&self, possible: f64) -> Measures {
        let left = self.both_ends + self.all_honest;
        let (last, degree) = (ratio(self.last, self.tunnels), mean(&self.bits) / possible);
        BTreeMap::from([
            ("end_to_end", ratio(self.both_ends, self.tunnels)),
            ("selective", ratio(self.both_ends, left)),
            ("tries", ratio(self.tunnels, left)),
            ("degree_if_last", degree),
            ("degree", 1.0 - last + last * degree),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadows_give_the_published_figure() {
        let published = shadowwalker(0.2, 2, 3);
        assert!((0.04..0.05).contains(&published), "{published}");
        assert!((shadowwalker(0.2, 60, 4) - 0.04).abs() < 1e-9, "with shadows without number, f squared");
        assert!((shadowwalker(0.2, 0, 4) - 0.2).abs() < 1e-9, "without shadows, f");
    }

    #[test]
    fn who_may_say_what_its_links_are_takes_the_tunnel() {
        let of = |rosters| {
            let model = TunnelCompromise { dims: 3, rosters, tunnels: 6000, weighed: 20, ..Default::default() };
            model.trial(2).unwrap()
        };
        let (certified, claimed) = (of(Rosters::Certified), of(Rosters::Claimed));
        assert!((certified["end_to_end"] - 0.04).abs() < 0.02, "{certified:?}");
        assert!((claimed["end_to_end"] - 0.2).abs() < 0.04, "{claimed:?}");
        assert!((certified["selective"] / certified["selective_formula"] - 1.0).abs() < 0.5, "{certified:?}");
        assert!(certified["degree"] > claimed["degree"]);
    }
}
