//! Whom a node knows, and whom it names when it is asked.

use std::ops::Range;

use super::draws::{Draws, mix};
use super::ids::{BITS, shared_bits};
use super::{Kademlia, purpose};

/// A node that is named in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Exclusive-or with the target.
    pub distance: u64,
    /// Which node.
    pub node: u32,
}

impl Kademlia {
    /// How many contacts a node has in all its buckets.
    pub fn contacts(&self, node: u32) -> usize {
        let id = self.ids.at(node);
        (0..=self.ids.depth(node)).map(|level| self.ids.bucket(id, level).len().min(self.k)).sum()
    }

    /// The share of a node's contacts that is hostile.
    #[expect(clippy::cast_precision_loss, reason = "a node has some hundred contacts")]
    pub fn hostile_contacts(&self, node: u32) -> f64 {
        let contacts = self.known(node);
        let hostile = contacts.iter().filter(|&&contact| self.is_hostile(contact)).count();
        hostile as f64 / contacts.len().max(1) as f64
    }

    /// All contacts of a node, farthest bucket first.
    pub fn known(&self, node: u32) -> Vec<u32> {
        let mut contacts = Vec::new();
        (0..=self.ids.depth(node)).for_each(|level| self.members(node, level, &mut contacts));
        contacts
    }

    /// The contacts in one bucket.
    fn members(&self, node: u32, level: u32, out: &mut Vec<u32>) {
        let id = self.ids.at(node);
        let range = self.ids.bucket(id, level);
        if range.len() <= self.k {
            out.extend(range);
            return;
        }
        let mut draws = Draws::new(mix(mix(self.seed ^ purpose::BUCKET, id), u64::from(level)));
        if self.taken == Some(node) {
            return self.members_of_taken(id, level, range, &mut draws, out);
        }
        let first = out.len();
        draws.subset(self.k, range.end - range.start, out);
        out[first..].iter_mut().for_each(|member| *member += range.start);
    }

    /// Hostile nodes came first, honest ones get the places that are left.
    fn members_of_taken(&self, id: u64, level: u32, range: Range<u32>, draws: &mut Draws, out: &mut Vec<u32>) {
        let first = out.len();
        let hostile = self.hostile.bucket(id, level);
        let mut chosen = Vec::new();
        draws.subset(self.k, hostile.end - hostile.start, &mut chosen);
        out.extend(chosen.iter().filter_map(|&place| self.ids.find(self.hostile.at(hostile.start + place))));
        let honest = range.len() - hostile.len();
        let wanted = first + self.k.min(chosen.len() + honest);
        while out.len() < wanted {
            let node = range.start + draws.below(range.end - range.start);
            if !self.is_hostile(node) && !out[first..].contains(&node) {
                out.push(node);
            }
        }
    }

    /// The `k` contacts of an honest node that are closest to a target, closest first.
    pub fn answer(&self, node: u32, target: u64, out: &mut Vec<Named>) {
        let mut known = Vec::with_capacity(2 * self.k);
        self.collect(node, target, &mut known);
        out.clear();
        out.extend(known.into_iter().map(|node| Named { distance: self.ids.at(node) ^ target, node }));
        out.sort_unstable();
        out.truncate(self.k);
    }

    /// Contacts among which the `k` closest to a target are. Bucket by bucket: all in the bucket that the target falls
    /// into are closer than all others; then come those in deeper buckets, which like the node itself differ from the
    /// target at that bit; then the shallower buckets, each farther than the one before.
    fn collect(&self, node: u32, target: u64, known: &mut Vec<u32>) {
        let shared = shared_bits(self.ids.at(node), target);
        let depth = self.ids.depth(node);
        if shared < BITS {
            self.members(node, shared, known);
            if known.len() >= self.k {
                return;
            }
        }
        (shared + 1..=depth).for_each(|level| self.members(node, level, known));
        for level in (0..shared.min(depth + 1)).rev() {
            if known.len() >= self.k {
                return;
            }
            self.members(node, level, known);
        }
    }

    /// The `k` hostile nodes that are closest to a target, closest first: what hostile nodes answer. They know each
    /// other and name nobody else.
    pub fn lie(&self, target: u64) -> Vec<Named> {
        let named = |place| {
            let id = self.hostile.at(place);
            self.ids.find(id).map(|node| Named { distance: id ^ target, node })
        };
        self.hostile.closest(target, self.k).into_iter().filter_map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_closest_of_all_contacts() {
        let network = Kademlia::random(8, 3, 500, 0.1);
        let mut draws = Draws::new(5);
        let mut answer = Vec::new();
        for round in 0..300 {
            let node = draws.below(network.ids().count());
            // Some targets are near the node, one is the node.
            let target = network.ids().at(node) ^ draws.number().checked_shr(round % 65).unwrap_or(0);
            let mut contacts = Vec::new();
            (0..64).for_each(|level| network.members(node, level, &mut contacts));
            let named = |&node: &u32| Named { distance: network.ids().at(node) ^ target, node };
            let mut all: Vec<Named> = contacts.iter().map(named).collect();
            assert_eq!(all.len(), network.contacts(node));
            all.sort_unstable();
            all.dedup();
            all.truncate(8);
            network.answer(node, target, &mut answer);
            assert_eq!(answer, all);
        }
    }

    #[test]
    fn who_starts_empty_knows_hostile_nodes_first() {
        let mut network = Kademlia::random(20, 1, 4000, 0.02);
        let before = network.hostile_contacts(7);
        network.take_first(7);
        let contacts = network.contacts(7);
        let mut known = Vec::new();
        (0..64).for_each(|level| network.members(7, level, &mut known));
        assert_eq!(known.len(), contacts);
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), contacts);
        // 80 hostile nodes, 40 of which fall into the farthest bucket.
        assert!(before < 0.1 && network.hostile_contacts(7) > 0.25, "{before}");
    }

    #[test]
    fn lies_are_hostile() {
        let network = Kademlia::random(20, 9, 1000, 0.05);
        let lie = network.lie(77);
        assert_eq!(lie.len(), 20);
        assert!(lie.iter().all(|named| network.is_hostile(named.node)) && lie.is_sorted());
    }
}
