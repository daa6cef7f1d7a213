//! What a lookup costs and how often it succeeds, in networks of any size and with a share of hostile nodes.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::grid::{Grid, Retries, shape_of};
use super::network::{Figures, Network, require, shape_for, whole};
use crate::chance::Chance;
use crate::chord::Chord;
use crate::experiment::{Measures, Model};
use crate::field::MOST_PER_CELL;
use crate::field::walk::{Aim, World};
use crate::kademlia::Kademlia;
use crate::kademlia::draws::{Draws, mix};
use crate::kademlia::search::{Attack, Goal, Search};
use crate::link::Weather;

/// Gibibytes that a trial may take.
const MEMORY_GIB: f64 = 4.0;
/// Identifiers take 8, the table over them up to 4, flags an eighth; the rest is what lists have too much.
const BYTES_PER_NODE: f64 = 16.0;

/// What is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A random key: hostile nodes may be the closest to it.
    #[default]
    Key,
    /// A random honest node, in Kademlia alone: what Baumgart and Mies simulate (section 5 of their paper).
    Node,
}

/// Lookups of random keys or nodes by random honest nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerLookups {
    /// Which network.
    pub network: Network,
    /// Nodes.
    pub nodes: u32,
    /// How many of them look something up.
    pub lookups: u32,
    /// Kademlia's contacts a bucket and holders of a record.
    pub k: usize,
    /// Kademlia's requests under way. S/Kademlia has one on each path.
    pub alpha: usize,
    /// S/Kademlia's disjoint paths.
    pub paths: usize,
    /// What is looked up.
    pub target: Target,
    /// When a lookup of Kademlia is over. The grid's is over when somebody in a replica cell is reached.
    pub goal: Goal,
    /// The share of hostile nodes. In the grid they drop what they should pass on; in Chord there are none.
    pub hostile: f64,
    /// What they do in Kademlia.
    pub attack: Attack,
    /// How long an answer is awaited, in milliseconds.
    pub timeout_ms: u32,
    /// The grid's nodes a cell.
    pub per_cell: f64,
    /// The grid's replica cells of a record.
    pub replicas: usize,
    /// Routes that the grid tries, one after the other, around the replica cells.
    pub attempts: usize,
    /// Chord's successors.
    pub successors: u32,
    /// What is kept of a contact in Kademlia and Chord: 20 bytes of identifier, 18 of address, 8 of time.
    pub contact_bytes: f64,
    /// What is kept of a neighbour in the grid: a key of 272 bytes, a signature of 256, two keys of 32, 18 bytes of
    /// address and 16 of times.
    pub neighbour_bytes: f64,
}

impl Default for PeerLookups {
    fn default() -> Self {
        Self {
            network: Network::Kademlia,
            nodes: 10_000,
            lookups: 2000,
            k: 20,
            alpha: 3,
            paths: 8,
            target: Target::Key,
            goal: Goal::Holder,
            hostile: 0.0,
            attack: Attack::Lie,
            timeout_ms: 1000,
            per_cell: 4.0,
            replicas: 3,
            attempts: 8,
            successors: 16,
            contact_bytes: 46.0,
            neighbour_bytes: 626.0,
        }
    }
}

/// What the lookups of a trial came to.
#[derive(Debug, Default)]
struct Tally {
    lookups: f64,
    successes: f64,
    /// Of those that succeeded.
    hops: Figures,
    /// Of those that succeeded, in milliseconds.
    latency: Figures,
    messages: Figures,
    contacts: Figures,
    hostile_asked: Figures,
    /// The chance of success by the analysis of S/Kademlia.
    predicted: Figures,
}

impl Tally {
    fn note(&mut self, hops: Option<u32>, latency: Duration, messages: u32) {
        self.lookups += 1.0;
        self.messages.push(f64::from(messages));
        if let Some(hops) = hops {
            self.successes += 1.0;
            self.hops.push(f64::from(hops));
            self.latency.push(1000.0 * latency.as_secs_f64());
        }
    }

    fn measures(&self, state_bytes: f64, model_bytes: f64) -> Measures {
        let (success, predicted) = (self.successes / self.lookups.max(1.0), self.predicted.mean());
        Measures::from([
            ("success", success),
            ("hops", self.hops.mean()),
            ("hops_most", self.hops.percentile(100)),
            ("messages", self.messages.mean()),
            ("latency_ms", self.latency.percentile(50)),
            ("latency_p95_ms", self.latency.percentile(95)),
            ("contacts", self.contacts.mean()),
            ("state_bytes", self.contacts.mean() * state_bytes),
            ("hostile_asked", self.hostile_asked.mean()),
            ("model_bytes", model_bytes),
            ("success_predicted", predicted),
            ("success_ratio", if predicted > 0.0 { success / predicted } else { 0.0 }),
        ])
    }
}

impl Model for PeerLookups {
    const NAME: &'static str = "peer_lookups";

    fn check(&self) -> Result<(), String> {
        let Self { nodes, k, alpha, paths, hostile, per_cell, .. } = *self;
        require(nodes >= 1, || "nodes = 0: somebody has to look up, 1 or more".into())?;
        require(self.lookups >= 1, || "lookups = 0: nothing would be measured, 1 or more".into())?;
        require((1..=256).contains(&k), || format!("k = {k}: 1 to 256 contacts a bucket"))?;
        require((1..=k).contains(&alpha), || format!("alpha = {alpha}: 1 to k = {k} requests under way"))?;
        require((1..=k).contains(&paths), || format!("paths = {paths}: 1 to k = {k}, each begins with a contact"))?;
        require((0.0..1.0).contains(&hostile), || {
            format!("hostile = {hostile}: a share of 0 or more and below 1, for somebody honest has to look up")
        })?;
        let per_cell_fits = (0.1..=MOST_PER_CELL).contains(&per_cell);
        require(per_cell_fits, || format!("per_cell = {per_cell}: 0.1 to {MOST_PER_CELL} nodes a cell"))?;
        require((1..=16).contains(&self.replicas) && self.attempts >= 1, || {
            format!("replicas = {}, attempts = {}: 1 to 16 cells, 1 or more routes", self.replicas, self.attempts)
        })?;
        let is_kademlia = matches!(self.network, Network::Kademlia | Network::SKademlia);
        require(is_kademlia || self.target == Target::Key, || "target = \"node\" is for Kademlia alone".into())?;
        if self.network == Network::Grid {
            let (dims, side) = shape_for(nodes, per_cell);
            shape_of(dims, side, nodes.into())?;
        }
        let gib = f64::from(nodes) * BYTES_PER_NODE / f64::from(1 << 30);
        require(gib <= MEMORY_GIB, || {
            let most = MEMORY_GIB * f64::from(1 << 30) / BYTES_PER_NODE;
            format!("nodes = {nodes} take {gib:.1} GiB, {MEMORY_GIB} are allowed: {most:.0} would fit")
        })
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        match self.network {
            Network::Grid => self.in_grid(seed),
            Network::Kademlia => self.in_kademlia(seed, self.alpha, 1),
            Network::SKademlia => self.in_kademlia(seed, 1, self.paths),
            Network::Chord => self.in_chord(seed),
        }
    }
}

impl PeerLookups {
    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout_ms))
    }

    fn in_kademlia(&self, seed: u64, alpha: usize, paths: usize) -> Result<Measures, String> {
        let network = Kademlia::random(self.k, seed, self.nodes, self.hostile);
        let (goal, attack) = (self.goal, self.attack);
        let search = Search { alpha, paths, goal, attack, timeout: self.timeout(), weather: Weather::default() };
        let (mut draws, mut tally) = (Draws::new(mix(seed, 0)), Tally::default());
        for _ in 0..self.lookups {
            let from = network.honest_node(&mut draws).ok_or("all nodes happen to be hostile")?;
            let target = self.target(&network, &mut draws)?;
            let found = network.look_up(&search, from, target);
            tally.predicted.push(self.predicted(&network, &search, from, target));
            tally.note(found.hops_to(goal), found.latency, whole(found.asked + found.answered));
            tally.contacts.push(f64::from(whole(network.contacts(from))));
            tally.hostile_asked.push(f64::from(whole(found.hostile_asked)));
        }
        Ok(tally.measures(self.contact_bytes, network.bytes_per_node()))
    }

    fn target(&self, network: &Kademlia, draws: &mut Draws) -> Result<u64, String> {
        match self.target {
            Target::Key => Ok(draws.number()),
            Target::Node => {
                let node = network.honest_node(draws).ok_or("all nodes happen to be hostile")?;
                Ok(network.ids().at(node))
            }
        }
    }

    /// The chance that a lookup of the closest node succeeds if a path is lost that asks a hostile one: with `h` hops and
    /// `d` paths of that length, `1 - (1 - (1 - f)^h)^d`: the argument of I. Baumgart and S. Mies, section 3.2, in our
    /// own words. It counts the last node of a key's path, as it should: the closest honest node is lost too where a
    /// hostile one is closer. A node that is looked up is honest. 0 unless that is what hostile nodes do.
    fn predicted(&self, network: &Kademlia, search: &Search, from: u32, target: u64) -> f64 {
        if self.attack != Attack::Capture {
            return 0.0;
        }
        let alone = Search { alpha: 1, paths: 1, goal: Goal::Closest, attack: Attack::None, ..search.clone() };
        let all = network.look_up(&alone, from, target).hops.unwrap_or(0);
        let hops = all.saturating_sub(u32::from(self.target == Target::Node));
        let [hops, paths] = [hops, whole(search.paths)].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        1.0 - (1.0 - (1.0 - self.hostile).powi(hops)).powi(paths)
    }

    fn in_chord(&self, seed: u64) -> Result<Measures, String> {
        let ring = Chord::random(seed, self.nodes, self.successors);
        let (mut draws, mut tally) = (Draws::new(mix(seed, 0)), Tally::default());
        for _ in 0..self.lookups {
            let from = draws.below(ring.ids().count());
            let found = ring.look_up(&Weather::default(), from, draws.number());
            tally.note(Some(found.hops), found.latency, 2 * found.hops);
            tally.contacts.push(f64::from(whole(ring.contacts(from))));
        }
        Ok(tally.measures(self.contact_bytes, ring.bytes_per_node()))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of what fits does")]
    fn in_grid(&self, seed: u64) -> Result<Measures, String> {
        let (dims, side) = shape_for(self.nodes, self.per_cell);
        let hostile = (f64::from(self.nodes) * self.hostile) as u32;
        let shape = shape_of(dims, side, self.nodes.into())?;
        let grid = Grid::random(shape, (self.nodes - hostile, hostile), seed)?;
        let (mut chance, mut tally) = (Chance::of(seed, 1), Tally::default());
        let retries = Retries { attempts: self.attempts, timeout: self.timeout() };
        for _ in 0..self.lookups {
            let from = grid.infested().random_honest(&mut chance).ok_or("all nodes happen to be hostile")?;
            let homes = grid.infested().random_homes(self.replicas, &mut chance);
            let aims: Vec<Aim> = homes.into_iter().map(Aim::Cell).collect();
            let found = grid.look_up(retries, (from, &aims), &mut chance);
            tally.note(found.hops, found.latency, found.messages);
            let neighbours = grid.field().neighbours_of(from);
            tally.contacts.push(f64::from(u32::try_from(neighbours).unwrap_or(u32::MAX)));
        }
        Ok(tally.measures(self.neighbour_bytes, grid.bytes_per_node()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(model: &PeerLookups) -> Measures {
        model.check().unwrap();
        model.trial(1).unwrap()
    }

    #[test]
    fn a_trial_is_decided_by_its_seed() {
        for network in [Network::Grid, Network::Kademlia, Network::SKademlia, Network::Chord] {
            let model = PeerLookups { network, nodes: 3000, lookups: 200, ..PeerLookups::default() };
            assert_eq!(trial(&model), trial(&model));
            assert_ne!(trial(&model), model.trial(2).unwrap());
        }
    }

    #[test]
    fn without_hostile_nodes_lookups_succeed() {
        for network in [Network::Grid, Network::Kademlia, Network::SKademlia, Network::Chord] {
            let measures = trial(&PeerLookups { network, lookups: 300, ..PeerLookups::default() });
            assert_eq!(measures["success"], 1.0, "{network:?}");
        }
    }

    #[test]
    fn the_impossible_is_refused_with_what_would_do() {
        let refusal = |model: PeerLookups| model.check().unwrap_err();
        assert!(refusal(PeerLookups { hostile: 1.5, ..PeerLookups::default() }).contains("below 1"));
        assert!(refusal(PeerLookups { paths: 21, ..PeerLookups::default() }).contains("1 to k = 20"));
        assert!(refusal(PeerLookups { nodes: 4_000_000_000, ..PeerLookups::default() }).contains("268435456"));
    }
}
