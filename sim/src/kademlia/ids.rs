//! Sorted identifiers. Whoever shares a prefix stands together, so a subtree of the identifier space is a range.
//!
//! Identifiers are 64 bits long instead of 160 or 256: ten million of them collide with a chance of 3·10⁻⁶
//! (`n² / 2^65`), and beyond the first 40 bits or so nothing but collisions depends on their length.

use std::ops::Range;

/// Bits of an identifier.
pub const BITS: u32 = u64::BITS;

/// The identifiers of a network, in order; a node is its place in it.
#[derive(Clone, Debug)]
pub struct Ids {
    sorted: Vec<u64>,
    /// Where the identifiers begin whose upper bits are at least the place in this table, one more than there are
    /// such values: it saves a search most of its steps, each of which misses the cache in a large network.
    starts: Vec<u32>,
    /// How many lower bits the table leaves out.
    shift: u32,
}

impl Ids {
    /// Sorts identifiers, of which each counts once.
    pub fn new(mut sorted: Vec<u64>) -> Self {
        sorted.sort_unstable();
        sorted.dedup();
        let bits = sorted.len().max(2).ilog2();
        let shift = BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for &id in &sorted {
            starts[slot(id, shift) + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        Self { sorted, starts, shift }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.sorted.len()).unwrap_or(u32::MAX)
    }

    /// The identifier of a node.
    pub fn at(&self, node: u32) -> u64 {
        self.sorted[node as usize]
    }

    /// The first node whose identifier is at least this one; the count if there is none.
    pub fn from(&self, id: u64) -> u32 {
        let slot = slot(id, self.shift);
        let (low, high) = (self.starts[slot], self.starts[slot + 1]);
        let within = self.sorted[low as usize..high as usize].partition_point(|&other| other < id);
        low + u32::try_from(within).unwrap_or(0)
    }

    /// The node with this identifier.
    pub fn find(&self, id: u64) -> Option<u32> {
        let node = self.from(id);
        (node < self.count() && self.at(node) == id).then_some(node)
    }

    /// The nodes whose first `bits` bits are those of `id`.
    pub fn sharing(&self, id: u64, bits: u32) -> Range<u32> {
        let Some(size) = 1_u64.checked_shl(BITS - bits) else { return 0..self.count() };
        let first = id & !(size - 1);
        let end = first.checked_add(size).map_or(self.count(), |next| self.from(next));
        self.from(first)..end
    }

    /// The nodes that share exactly `level` first bits with `id`: Kademlia's bucket of that distance.
    pub fn bucket(&self, id: u64, level: u32) -> Range<u32> {
        self.sharing(id ^ (1 << (BITS - 1 - level)), level + 1)
    }

    /// The deepest level at which a node has somebody in its bucket; 0 for the only node.
    pub fn depth(&self, node: u32) -> u32 {
        let shared = |other: Option<u32>| {
            other.filter(|&other| other < self.count()).map_or(0, |other| shared_bits(self.at(node), self.at(other)))
        };
        shared(node.checked_sub(1)).max(shared(node.checked_add(1)))
    }

    /// The `count` nodes whose identifiers have the least exclusive-or with a target, closest first.
    pub fn closest(&self, target: u64, count: usize) -> Vec<u32> {
        let enough = |bits: u32| self.sharing(target, bits).len() >= count;
        // Most of the bits that enough nodes share are those of the table; from there one at a time.
        let mut bits = self.sorted.len().max(2).ilog2();
        while bits > 0 && !enough(bits) {
            bits -= 1;
        }
        while bits < BITS && enough(bits + 1) {
            bits += 1;
        }
        let mut nodes: Vec<u32> = self.sharing(target, bits).collect();
        nodes.sort_unstable_by_key(|&node| self.at(node) ^ target);
        nodes.truncate(count);
        nodes
    }

    /// Bytes of memory a node.
    #[expect(clippy::cast_precision_loss, reason = "sizes of memory are far below 2^53")]
    pub fn bytes_per_node(&self) -> f64 {
        (size_of_val(&self.sorted[..]) + size_of_val(&self.starts[..])) as f64 / self.sorted.len().max(1) as f64
    }
}

/// How many first bits two identifiers share.
pub const fn shared_bits(a: u64, b: u64) -> u32 {
    (a ^ b).leading_zeros()
}

#[expect(clippy::cast_possible_truncation, reason = "the table has that many places, so they fit")]
const fn slot(id: u64, shift: u32) -> usize {
    (id >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Identifiers of which many share many bits.
    fn some_ids() -> impl Strategy<Value = Vec<u64>> {
        let id = (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift);
        prop::collection::vec(id, 1..80)
    }

    proptest! {
        #[test]
        fn ranges_are_what_a_look_at_all_finds(ids in some_ids(), id: u64, bits in 0..=64_u32) {
            let ids = Ids::new(ids);
            let shares = |&node: &u32| bits == 0 || shared_bits(ids.at(node), id) >= bits;
            let found: Vec<u32> = (0..ids.count()).filter(shares).collect();
            prop_assert_eq!(ids.sharing(id, bits).collect::<Vec<_>>(), found);
        }

        #[test]
        fn buckets_of_a_node_are_everybody_else(ids in some_ids(), choice: prop::sample::Index) {
            let ids = Ids::new(ids);
            let node = u32::try_from(choice.index(ids.count() as usize)).unwrap();
            let levels = 0..=ids.depth(node);
            let mut others: Vec<u32> = levels.flat_map(|level| ids.bucket(ids.at(node), level)).collect();
            others.sort_unstable();
            prop_assert_eq!(others, (0..ids.count()).filter(|&other| other != node).collect::<Vec<_>>());
        }

        #[test]
        fn the_closest_are_what_sorting_all_finds(ids in some_ids(), target: u64, count in 1..30_usize) {
            let ids = Ids::new(ids);
            let mut all: Vec<u32> = (0..ids.count()).collect();
            all.sort_unstable_by_key(|&node| ids.at(node) ^ target);
            all.truncate(count);
            prop_assert_eq!(ids.closest(target, count), all);
        }
    }
}
