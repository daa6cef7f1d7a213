//! What it costs to hide a node or a record from everybody else, and everybody else from a node.
//!
//! Every identity costs the attacker the same work in all networks, [`Eclipse::identity_days`]. What it buys differs:
//!
//! - in the grid, a random cell. A chosen cell is hit once in `g^d` identities, a chosen line once in `g^(d-1)`, and the
//!   cells beside a given one, itself included, once in `g^d / (d (g - 1) + 1)`;
//! - in Kademlia with chosen identifiers, any place at all. That is Kademlia as deployed, where an identifier is a random
//!   number or the hash of a key that takes microseconds to make: there the real price of an identity is nearly nothing,
//!   and the price here flatters it;
//! - in Kademlia with minted identifiers, a random place, as with the static puzzle of S/Kademlia (section 4.1 of its
//!   paper: the identifier is the hash of a public key, and keys cost work). One mint in about `N / k` falls among the
//!   `k` closest to a key;
//! - S/Kademlia has minted identifiers and disjoint paths.
//!
//! All identities join and answer as in [`crate::kademlia::search`]; records have moved to the nodes that are closest to
//! them now, hostile or not, and stand in all nodes of their replica cells.

use core::time::Duration;

use grid::cell::{Axis, Cell};
use serde::{Deserialize, Serialize};

use super::grid::{Grid, Retries, shape_of};
use super::network::{Figures, require, whole};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::walk::{Aim, World};
use crate::figures::ratio;
use crate::kademlia::draws::{Draws, mix};
use crate::kademlia::ids::{BITS, Ids};
use crate::kademlia::search::{Attack, Goal, Search};
use crate::kademlia::{Kademlia, random_ids};
use crate::link::Weather;

/// Which network is attacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attacked {
    /// Grid of Trust.
    #[default]
    Grid,
    /// Kademlia whose nodes choose their identifiers.
    KademliaChosen,
    /// Kademlia whose nodes mint their identifiers.
    KademliaMinted,
    /// S/Kademlia, whose nodes mint them.
    SKademlia,
}

/// What is to be hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victim {
    /// A record, from everybody: random nodes get it.
    #[default]
    Key,
    /// A node, from everybody: random nodes look it up.
    Finders,
    /// Everybody, from a node that has just started with empty tables: it gets random records. In Kademlia the attacker
    /// is the first to fill its buckets; in the grid it joins by the rosters of its lines, in which honest members
    /// cannot be left out by adding others.
    Entries,
}

/// An attacker with so many identities.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Eclipse {
    /// Which network is attacked.
    pub network: Attacked,
    /// What is to be hidden.
    pub victim: Victim,
    /// Identities of the attacker.
    pub identities: u32,
    /// What one costs, in CPU-days.
    pub identity_days: f64,
    /// Honest nodes.
    pub nodes: u32,
    /// The grid's axes.
    pub dims: u32,
    /// Coordinates on each axis.
    pub side: u32,
    /// The grid's replica cells of a record.
    pub replicas: usize,
    /// Routes that the grid tries, one after the other, around the replica cells.
    pub attempts: usize,
    /// Kademlia's contacts a bucket and holders of a record.
    pub k: usize,
    /// Kademlia's requests under way.
    pub alpha: usize,
    /// S/Kademlia's disjoint paths.
    pub paths: usize,
    /// Victims of a trial, one after the other, each in a network of its own.
    pub victims: u32,
    /// Lookups for each victim.
    pub lookups: u32,
}

impl Default for Eclipse {
    /// A grid of 4,096 cells with 8 nodes in each.
    fn default() -> Self {
        Self {
            network: Attacked::Grid,
            victim: Victim::Key,
            identities: 100,
            identity_days: 1.0,
            nodes: 32_768,
            dims: 4,
            side: 8,
            replicas: 3,
            attempts: 8,
            k: 20,
            alpha: 3,
            paths: 8,
            victims: 4,
            lookups: 100,
        }
    }
}

/// What the trials of all victims came to.
#[derive(Debug, Default)]
struct Tally {
    lookups: f64,
    successes: f64,
    /// The share of those around the victim that is hostile.
    hostile_around: Figures,
    messages: Figures,
    /// Of the lookups that succeeded, in milliseconds.
    latency: Figures,
    /// Identities until the first one is in a place that matters.
    until: [(&'static str, Figures); 3],
}

impl Model for Eclipse {
    const NAME: &'static str = "eclipse";

    fn check(&self) -> Result<(), String> {
        let Self { nodes, dims, side, k, alpha, paths, identities, identity_days, .. } = *self;
        require((1..=10_000_000).contains(&nodes), || format!("nodes = {nodes}: 1 to 10,000,000"))?;
        require(identities <= 100_000_000, || format!("identities = {identities}: 100,000,000 or fewer"))?;
        if self.network == Attacked::Grid {
            shape_of(dims, side, u64::from(nodes) + u64::from(identities))?;
        }
        require((1..=256).contains(&k), || format!("k = {k}: 1 to 256 contacts a bucket"))?;
        require((1..=k).contains(&alpha), || format!("alpha = {alpha}: 1 to k = {k} requests under way"))?;
        require((1..=k).contains(&paths), || format!("paths = {paths}: 1 to k = {k}, each begins with a contact"))?;
        require(identity_days >= 0.0, || format!("identity_days = {identity_days}: 0 or more CPU-days"))?;
        require(self.victims >= 1 && self.lookups >= 1, || {
            format!("victims = {}, lookups = {}: 1 or more of each", self.victims, self.lookups)
        })?;
        require((1..=16).contains(&self.replicas) && self.attempts >= 1, || {
            format!("replicas = {}, attempts = {}: 1 to 16 cells, 1 or more routes", self.replicas, self.attempts)
        })
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut tally = Tally::default();
        for victim in 0..self.victims {
            let seed = mix(seed, u64::from(victim));
            match self.network {
                Attacked::Grid => self.in_grid(seed, &mut tally)?,
                Attacked::KademliaChosen | Attacked::KademliaMinted => {
                    self.in_kademlia(seed, self.alpha, 1, &mut tally)?;
                }
                Attacked::SKademlia => self.in_kademlia(seed, 1, self.paths, &mut tally)?,
            }
        }
        let mut measures = Measures::from([
            ("success", tally.successes / tally.lookups),
            ("hidden", 1.0 - tally.successes / tally.lookups),
            ("hostile_around", tally.hostile_around.mean()),
            ("messages", tally.messages.mean()),
            ("latency_ms", tally.latency.percentile(50)),
            ("latency_p95_ms", tally.latency.percentile(95)),
            ("cpu_days", f64::from(self.identities) * self.identity_days),
        ]);
        let until = tally.until.iter().filter(|(name, _)| !name.is_empty());
        measures.extend(until.map(|(name, figures)| (*name, figures.mean())));
        Ok(measures)
    }
}

impl Eclipse {
    fn in_grid(&self, seed: u64, tally: &mut Tally) -> Result<(), String> {
        let shape = shape_of(self.dims, self.side, u64::from(self.nodes) + u64::from(self.identities))?;
        let grid = Grid::random(shape, (self.nodes, self.identities), seed)?;
        let mut chance = Chance::of(seed, 1);
        let honest_node = |chance: &mut Chance| grid.infested().random_honest(chance).ok_or("no honest node");
        let random_aims = |chance: &mut Chance| -> Vec<Aim> {
            grid.infested().random_homes(self.replicas, chance).into_iter().map(Aim::Cell).collect()
        };
        let victim = honest_node(&mut chance)?;
        let aims = match self.victim {
            Victim::Key => random_aims(&mut chance),
            Victim::Finders | Victim::Entries => vec![Aim::Node(victim)],
        };
        tally.hostile_around.push(hostile_around(&grid, &aims));
        Self::grid_hits(&grid, victim.cell(), &mut chance, tally);
        let retries = Retries { attempts: self.attempts, timeout: Duration::from_secs(1) };
        for _ in 0..self.lookups {
            let (from, aims) = match self.victim {
                Victim::Key | Victim::Finders => (honest_node(&mut chance)?, aims.clone()),
                Victim::Entries => (victim, random_aims(&mut chance)),
            };
            let found = grid.look_up(retries, (from, &aims), &mut chance);
            tally.note(found.hops.is_some(), found.latency, found.messages);
        }
        Ok(())
    }

    /// Mints until one identity is in a cell, on one of its lines, and anywhere beside it.
    fn grid_hits(grid: &Grid, cell: Cell, chance: &mut Chance, tally: &mut Tally) {
        let mut mint = |name, place: usize, hits: &dyn Fn(Cell) -> bool| {
            let mut minted = || grid.field().shape().cell_at(chance.number());
            let mints = (1..).find(|_: &u32| hits(minted())).unwrap_or(u32::MAX);
            tally.until[place].0 = name;
            tally.until[place].1.push(f64::from(mints));
        };
        mint("until_in_cell", 0, &|other| other == cell);
        let moved = |other: Cell| other.with(Axis::FIRST, cell.coordinate(Axis::FIRST));
        mint("until_on_line", 1, &|other| moved(other) == cell);
        mint("until_beside", 2, &|other| other.is_neighbour(&cell));
    }

    fn in_kademlia(&self, seed: u64, alpha: usize, paths: usize, tally: &mut Tally) -> Result<(), String> {
        let honest: Vec<u64> = random_ids(seed, self.nodes).collect();
        let mut draws = Draws::new(mix(seed, 1));
        let (key, victim) = (draws.number(), honest[draws.below(self.nodes) as usize]);
        let aim = if self.victim == Victim::Key { key } else { victim };
        self.kademlia_hits(&honest, aim, &mut draws, tally);
        let hostile = self.hostile_ids(aim, seed, &mut draws);
        let mut network = Kademlia::new(self.k, seed, honest, hostile);
        let node = network.ids().find(victim).ok_or("an identifier was drawn twice")?;
        if self.victim == Victim::Entries {
            network.take_first(node);
            tally.hostile_around.push(network.hostile_contacts(node));
        } else {
            let closest = network.ids().closest(aim, self.k);
            let hostile = closest.iter().filter(|&&node| network.is_hostile(node)).count();
            tally.hostile_around.push(ratio(hostile as u64, closest.len() as u64));
        }
        let goal = if self.victim == Victim::Finders { Goal::Closest } else { Goal::Holder };
        let (timeout, weather) = (Duration::from_secs(1), Weather::default());
        let search = Search { alpha, paths, goal, attack: Attack::Lie, timeout, weather };
        for _ in 0..self.lookups {
            let (from, target) = match self.victim {
                Victim::Key | Victim::Finders => (network.honest_node(&mut draws).ok_or("no honest node")?, aim),
                Victim::Entries => (node, draws.number()),
            };
            let found = network.look_up(&search, from, target);
            tally.note(found.hops_to(goal).is_some(), found.latency, whole(found.asked + found.answered));
        }
        Ok(())
    }

    /// Mints until one identity is among the `k` closest to the victim.
    fn kademlia_hits(&self, honest: &[u64], aim: u64, draws: &mut Draws, tally: &mut Tally) {
        let mints = if self.network == Attacked::KademliaChosen {
            1
        } else {
            let ids = Ids::new(honest.to_vec());
            let farthest = ids.closest(aim, self.k).last().map_or(u64::MAX, |&node| ids.at(node) ^ aim);
            (1..).find(|_: &u32| draws.number() ^ aim < farthest).unwrap_or(u32::MAX)
        };
        tally.until[0].0 = "until_among_closest";
        tally.until[0].1.push(f64::from(mints));
    }

    /// Where the attacker's identities are.
    fn hostile_ids(&self, aim: u64, seed: u64, draws: &mut Draws) -> Vec<u64> {
        if self.network != Attacked::KademliaChosen {
            return random_ids(mix(seed, 2), self.identities).collect();
        }
        let count = u64::from(self.identities);
        if self.victim != Victim::Entries {
            return (1..=count).map(|distance| aim ^ distance).collect();
        }
        // `k` in each of the victim's buckets, beginning with the one for half of all identifiers.
        let into_bucket = |number: u64| {
            let level = u32::try_from(number / self.k as u64).unwrap_or(BITS).min(BITS / 2);
            aim ^ (1 << (BITS - 1 - level)) ^ (draws.number() >> (level + 1))
        };
        (0..count).map(into_bucket).collect()
    }
}

impl Tally {
    fn note(&mut self, success: bool, latency: Duration, messages: u32) {
        self.lookups += 1.0;
        if success {
            self.successes += 1.0;
            self.latency.push(1000.0 * latency.as_secs_f64());
        }
        self.messages.push(f64::from(messages));
    }
}

/// The hostile share of the nodes in the cells of a record, or of those who know a node.
fn hostile_around(grid: &Grid, aims: &[Aim]) -> f64 {
    let (all, honest) = (grid.infested().all(), grid.infested().honest());
    let counts = aims.iter().map(|&aim| match aim {
        Aim::Cell(cell) => [honest, all].map(|field| u64::from(field.count(cell))),
        Aim::Node(node) => [honest, all].map(|field| field.around(node.cell())),
    });
    let [honest, all] = counts.fold([0, 0], |sum, counts| [sum[0] + counts[0], sum[1] + counts[1]]);
    ratio(all - honest, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(network: Attacked, victim: Victim, identities: u32) -> f64 {
        let model = Eclipse { network, victim, identities, nodes: 8192, side: 6, ..Eclipse::default() };
        model.check().unwrap();
        model.trial(3).unwrap()["success"]
    }

    #[test]
    fn twenty_chosen_identifiers_hide_a_key_of_kademlia() {
        assert_eq!(success(Attacked::KademliaChosen, Victim::Key, 20), 0.0);
        for network in [Attacked::Grid, Attacked::KademliaMinted, Attacked::SKademlia] {
            assert!(success(network, Victim::Key, 20) > 0.98, "{network:?}");
        }
    }

    #[test]
    fn nothing_is_hidden_without_an_attacker() {
        for victim in [Victim::Key, Victim::Finders, Victim::Entries] {
            for network in [Attacked::KademliaChosen, Attacked::KademliaMinted, Attacked::SKademlia] {
                assert_eq!(success(network, victim, 0), 1.0, "{network:?} {victim:?}");
            }
            assert!(success(Attacked::Grid, victim, 0) > 0.99, "{victim:?}");
        }
    }

    /// `g^d`, `g^(d-1)` and `g^d / (d (g-1) + 1)`, and `N / k`.
    #[test]
    fn mints_for_a_place_are_as_many_as_there_are_places() {
        let mints = |network| {
            let model = Eclipse { network, victims: 400, lookups: 1, nodes: 500, side: 4, ..Eclipse::default() };
            model.trial(5).unwrap()
        };
        let grid = mints(Attacked::Grid);
        // 400 geometric variables: the mean's standard deviation is a 20th of it; four of them are allowed.
        for (name, expected) in [("until_in_cell", 256.0), ("until_on_line", 64.0), ("until_beside", 256.0 / 13.0)] {
            assert!((grid[name] / expected - 1.0).abs() < 0.2, "{name}: {}, {expected} expected", grid[name]);
        }
        let mints = mints(Attacked::SKademlia)["until_among_closest"];
        assert!((mints / (500.0 / 20.0) - 1.0).abs() < 0.25, "{mints}");
    }

    #[test]
    fn the_impossible_is_refused() {
        let refusal = |model: Eclipse| model.check().unwrap_err();
        assert!(refusal(Eclipse { dims: 9, ..Eclipse::default() }).contains("dimensions"));
        assert!(refusal(Eclipse { side: 0, ..Eclipse::default() }).contains("side"));
        assert!(refusal(Eclipse { identities: 1_000_000, ..Eclipse::default() }).contains("take at most"));
        assert!(refusal(Eclipse { victims: 0, ..Eclipse::default() }).contains("1 or more"));
    }
}
