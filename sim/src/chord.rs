//! Chord, of the same sorted identifiers: fingers are derived, lookups are iterative.
//!
//! I. Stoica et al., "Chord: A scalable peer-to-peer lookup protocol for internet applications" (IEEE/ACM Transactions
//! on Networking 11(1), 2003): finger `i` of a node is the first node at least `2^i` after it; a lookup goes to the
//! closest finger before the key until the key lies between a node and its successor, which has it. On average that
//! takes `½ log2 N` steps (their section on path length). No hostile nodes, and nobody fails.

use core::time::Duration;

use crate::kademlia::draws::mix;
use crate::kademlia::ids::{BITS, Ids};
use crate::kademlia::random_ids;
use crate::link::{Position, Weather};

const POSITION: u64 = 11;

/// A ring.
#[derive(Clone, Debug)]
pub struct Chord {
    ids: Ids,
    seed: u64,
    /// Successors that a node knows, as many as are needed that not all of them fail at once.
    successors: u32,
}

/// What came of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Fingers followed, until a node was asked whose successor has the key; the paper's path length.
    pub forwards: u32,
    /// From the node that looks up to the one that has the key.
    pub hops: u32,
    /// Until the node that has the key has answered, if the one that looks up asks all of them itself.
    pub latency: Duration,
}

impl Chord {
    /// A ring of random identifiers.
    pub fn random(seed: u64, nodes: u32, successors: u32) -> Self {
        Self { ids: Ids::new(random_ids(seed, nodes).collect()), seed, successors }
    }

    /// Its identifiers.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The first node at or after an identifier.
    pub fn owner(&self, id: u64) -> u32 {
        let node = self.ids.from(id);
        if node == self.ids.count() { 0 } else { node }
    }

    fn successor(&self, node: u32) -> u32 {
        if node + 1 == self.ids.count() { 0 } else { node + 1 }
    }

    /// How many different nodes one knows as fingers and successors.
    pub fn contacts(&self, node: u32) -> usize {
        let id = self.ids.at(node);
        let mut known: Vec<u32> = (0..BITS).map(|bit| self.owner(id.wrapping_add(1 << bit))).collect();
        known.extend((1..=self.successors.min(self.ids.count() - 1)).map(|step| (node + step) % self.ids.count()));
        known.sort_unstable();
        known.dedup();
        known.iter().filter(|&&other| other != node).count()
    }

    /// The finger of a node that most closely precedes a key.
    fn preceding(&self, node: u32, key: u64) -> u32 {
        let id = self.ids.at(node);
        let distance = key.wrapping_sub(id);
        let top = (BITS - 1).saturating_sub(distance.leading_zeros());
        let fingers = (0..=top).rev().map(|bit| self.owner(id.wrapping_add(1 << bit)));
        let precedes = |&finger: &u32| (1..distance).contains(&self.ids.at(finger).wrapping_sub(id));
        fingers.into_iter().find(precedes).unwrap_or(node)
    }

    /// A node looks up a key.
    pub fn look_up(&self, weather: &Weather, from: u32, key: u64) -> Found {
        let owner = self.owner(key);
        let mut found = Found::default();
        let mut node = from;
        while node != owner {
            let has = self.successor(node) == owner;
            node = if has { owner } else { self.preceding(node, key) };
            found.hops += 1;
            found.forwards += u32::from(!has);
            found.latency += 2 * weather.base(self.position(from), self.position(node));
        }
        found
    }

    fn position(&self, node: u32) -> Position {
        Position::of_hash(mix(self.seed ^ POSITION, self.ids.at(node)))
    }

    /// Bytes of memory that the model takes for a node.
    pub fn bytes_per_node(&self) -> f64 {
        self.ids.bytes_per_node()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kademlia::draws::Draws;

    /// The mean path length is `½ log2 N` (Stoica et al.).
    #[test]
    fn paths_have_half_the_bits_of_the_network_size() {
        let mut draws = Draws::new(8);
        for bits in [10, 13, 16] {
            let ring = Chord::random(3, 1 << bits, 16);
            let paths = 20_000;
            let draw = |_| ring.look_up(&Weather::default(), draws.below(ring.ids().count()), draws.number()).forwards;
            let mean = f64::from((0..paths).map(draw).sum::<u32>()) / f64::from(paths);
            let published = f64::from(bits) / 2.0;
            assert!((mean / published - 1.0).abs() < 0.1, "2^{bits} nodes: {mean} hops, {published} published");
        }
    }

    #[test]
    fn a_key_is_found_from_everywhere() {
        for nodes in [1, 2, 3, 50] {
            let ring = Chord::random(1, nodes, 4);
            for from in 0..nodes {
                for key in (0..40_u64).map(|number| mix(5, number)).chain([0, u64::MAX, ring.ids().at(from)]) {
                    assert!(ring.look_up(&Weather::default(), from, key).hops <= nodes);
                }
                assert!(ring.contacts(from) < nodes as usize);
            }
        }
    }
}
