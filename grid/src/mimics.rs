//! Mimics: the few neighbours that lot gives a node as possible relays (Freedman and Morris, "Tarzan", CCS 2002, section
//! 4.3), drawn so that whoever holds the certified roster of a line can check them.
//!
//! Each node draws `k` mimics, spread over its `d` lines as evenly as they go ([`share`]). On one line they are the members
//! in other cells with the lowest
//!
//! ```text
//! rank(node, candidate) = the first eight bytes of BLAKE3 keyed by the seed, of node ‖ candidate
//! seed                  = BLAKE3-derive-key("rook mimics v1", grid id ‖ period)
//! ```
//!
//! which is rendezvous hashing (Thaler and Ravishankar, IEEE/ACM Transactions on Networking 6(1), 1998): one member that
//! comes or goes changes one mimic at most, and to check a draw takes the roster of one line, not of all. Members of the
//! own cell are left out: they lie on every line, so they would be drawn `d` times as often as others, and a step to one leads
//! nowhere.
//!
//! Tunnels go along the draws in both directions ([`links`]): from a node to those it drew, and to those that drew it, some
//! `2k` in all. With the draws of one direction alone, a thousand ways of three steps with `k = 10` would lead to a relay,
//! instead of eight thousand. Why the seed is no secret: `docs/decisions/021-mimics.md`.

mod firsts;
mod path;

use alloc::vec::Vec;
use core::time::Duration;

use crate::cell::{Axis, Cell};
use crate::id::{GridId, NodeId, leading_number};

pub use firsts::{Firsts, REMEMBERED, USED};
pub use path::{Path, Preset, nearer};

/// How long a seed lasts. A first relay that is hostile now and then gives a tunnel away, and one that is kept does not: so
/// links have to outlast rosters' epochs by far (Wright et al., ACM TISSEC 7(4), 2004; `docs/decisions/021-mimics.md`).
pub const PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// Makes the hashes of this module different from all others.
const CONTEXT: &str = "rook mimics v1";

/// What decides who draws whom, for a period. Everybody can compute it, for any period: it follows from nothing that
/// anybody could influence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed at a time, in seconds since the Unix epoch: the same for a [`PERIOD`].
    pub fn at(grid: &GridId, seconds: u64) -> Self {
        Self::of(grid, seconds / PERIOD.as_secs())
    }

    /// The seed of a period, counted from the Unix epoch.
    pub fn of(grid: &GridId, period: u64) -> Self {
        let mut material = [0; 40];
        material[..32].copy_from_slice(grid.as_bytes());
        material[32..].copy_from_slice(&period.to_be_bytes());
        Self(blake3::derive_key(CONTEXT, &material))
    }

    /// What it is, to be kept with what was drawn by it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// One that was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Where a candidate stands in a node's draw: who is lower is drawn first. One compression.
    fn rank(&self, node: &NodeId, candidate: &NodeId) -> u64 {
        let mut pair = [0; 64];
        pair[..32].copy_from_slice(node.as_bytes());
        pair[32..].copy_from_slice(candidate.as_bytes());
        leading_number(blake3::keyed_hash(&self.0, &pair).as_bytes())
    }
}

/// A member of a line's roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Who it is.
    pub id: NodeId,
    /// Where it lives.
    pub cell: Cell,
}

/// How many of its `mimics` a node draws on the line along `axis`, of `dims`. The shares differ by one at most and add up to
/// `mimics`; which lines have one more, the seed decides for each node.
pub fn share(seed: &Seed, node: &NodeId, axis: Axis, dims: u8, mimics: usize) -> usize {
    let dims = usize::from(dims.max(1));
    // Nobody is its own candidate, so this hash is none of the ranks.
    let first = usize::try_from(seed.rank(node, node) % dims as u64).unwrap_or(0);
    let turn = (axis.index() + dims - first) % dims;
    mimics / dims + usize::from(turn < mimics % dims)
}

/// The `count` candidates of lowest rank, lowest first; fewer if there are fewer. The node itself is never one, and who is
/// named twice is drawn once.
pub fn mimics<'a>(
    seed: &Seed,
    node: &NodeId,
    candidates: impl IntoIterator<Item = &'a NodeId>,
    count: usize,
) -> Vec<NodeId> {
    let mut drawn: Vec<(u64, NodeId)> = Vec::with_capacity(count.min(64));
    for candidate in candidates.into_iter().filter(|&candidate| candidate != node) {
        let entry = (seed.rank(node, candidate), *candidate);
        if let Err(place) = drawn.binary_search(&entry)
            && place < count
        {
            drawn.truncate(count - 1);
            drawn.insert(place, entry);
        }
    }
    drawn.into_iter().map(|(_, id)| id).collect()
}

/// Whether `mimic` is among the [`mimics`] that the node draws of these candidates.
///
/// Takes about `count · ln n` hashes of `n` candidates: it ends as soon as `count` others stand before it.
pub fn is_mimic<'a>(
    seed: &Seed,
    node: &NodeId,
    candidates: impl IntoIterator<Item = &'a NodeId>,
    count: usize,
    mimic: &NodeId,
) -> bool {
    let own = (seed.rank(node, mimic), *mimic);
    let (mut before, mut is_there) = (Vec::with_capacity(count.min(64)), false);
    for candidate in candidates.into_iter().filter(|&candidate| candidate != node) {
        if candidate == mimic {
            is_there = true;
        } else if (seed.rank(node, candidate), *candidate) < own && !before.contains(candidate) {
            before.push(*candidate);
        }
        if before.len() >= count {
            return false;
        }
    }
    is_there
}

/// With whom of its line along `axis` a node has a tunnel link: those it drew, then those that drew it, each once.
///
/// `line` is the certified roster of the line, `mimics` what everybody draws in all, `dims` the grid's axes. A node that is
/// not on the line has none.
pub fn links(seed: &Seed, node: &Candidate, axis: Axis, dims: u8, line: &[Candidate], mimics: usize) -> Vec<NodeId> {
    if !line.contains(node) {
        return Vec::new();
    }
    let mut links = drawn(seed, node, axis, dims, line, mimics);
    for other in beyond(line, node.cell) {
        let count = share(seed, &other.id, axis, dims, mimics);
        let candidates = beyond(line, other.cell).map(|one| &one.id);
        if !links.contains(&other.id) && is_mimic(seed, &other.id, candidates, count, &node.id) {
            links.push(other.id);
        }
    }
    links
}

/// Whom of its line along `axis` a node draws: one direction of its [`links`].
pub fn drawn(seed: &Seed, node: &Candidate, axis: Axis, dims: u8, line: &[Candidate], total: usize) -> Vec<NodeId> {
    let count = share(seed, &node.id, axis, dims, total);
    mimics(seed, &node.id, beyond(line, node.cell).map(|one| &one.id), count)
}

/// The members of a line that are not in this cell.
fn beyond(line: &[Candidate], cell: Cell) -> impl Iterator<Item = &Candidate> {
    line.iter().filter(move |one| one.cell != cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;
    use proptest::prelude::*;

    fn seed(period: u64) -> Seed {
        Seed::of(&GridId::from_bytes([7; 32]), period)
    }

    fn id(number: u64) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    fn ids(numbers: core::ops::Range<u64>) -> Vec<NodeId> {
        numbers.map(id).collect()
    }

    /// A line of eight cells, eight members each.
    fn line(from: u64) -> Vec<Candidate> {
        let shape = Shape::new(4, 8).unwrap();
        (0..64).map(|n| Candidate { id: id(from + n), cell: shape.cell_at(n / 8) }).collect()
    }

    #[test]
    fn seeds_and_ranks_are_those_of_another_implementation() {
        // Computed with the Python package `blake3` 1.0: derive_key_context, then key.
        let first = seed(1);
        assert_eq!(first.0[..8], [0xd4, 0x3d, 0x7e, 0x1b, 0x63, 0x44, 0x49, 0xce]);
        let (node, candidate) = (NodeId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
        assert_eq!(first.rank(&node, &candidate), 0xd8da_0c43_ea5b_8fd6);
        assert_ne!(first.rank(&node, &candidate), first.rank(&candidate, &node), "each draws for itself");
        let grid = GridId::from_bytes([7; 32]);
        assert_eq!((Seed::at(&grid, 2_592_000), Seed::at(&grid, 5_183_999)), (first, first));
        assert!(
            Seed::at(&grid, 5_184_000) == seed(2)
                && seed(1) != seed(2)
                && seed(1) != Seed::of(&GridId::from_bytes([8; 32]), 1)
        );
    }

    proptest! {
        #[test]
        fn everybody_agrees_who_is_a_mimic(period: u64, size in 0..80_u64, count in 0..12_usize, turn in 0..80_usize) {
            let (seed, node, mut candidates) = (seed(period), id(3), ids(0..size));
            let drawn = mimics(&seed, &node, &candidates, count);
            prop_assert!(!drawn.contains(&node));
            prop_assert_eq!(drawn.len(), count.min(candidates.iter().filter(|&&one| one != node).count()));
            if !candidates.is_empty() {
                let middle = turn % candidates.len();
                candidates.rotate_left(middle);
                candidates.push(candidates[0]);
            }
            prop_assert_eq!(&mimics(&seed, &node, &candidates, count), &drawn, "neither order nor repetition matters");
            for one in &ids(0..size + 2) {
                prop_assert_eq!(is_mimic(&seed, &node, &candidates, count, one), drawn.contains(one));
            }
        }

        #[test]
        fn one_more_member_changes_one_mimic_at_most(period: u64, size in 1..80_u64, count in 1..12_usize) {
            let (seed, node) = (seed(period), id(1000));
            let before = mimics(&seed, &node, &ids(0..size), count);
            let after = mimics(&seed, &node, &ids(0..size + 1), count);
            let left = before.iter().filter(|one| !after.contains(one)).count();
            let came = after.iter().filter(|one| !before.contains(one)).count();
            prop_assert!(left <= 1 && came <= 1, "{} left, {} came", left, came);
            prop_assert!(came == 0 || after.contains(&id(size)), "only the one that came");
        }

        #[test]
        fn shares_are_even_and_add_up(period: u64, node: u64, dims in 1..9_u8, total in 0..40_usize) {
            let (seed, shape) = (seed(period), Shape::new(dims, 2).unwrap());
            let shares: Vec<_> = shape.axes().map(|axis| share(&seed, &id(node), axis, dims, total)).collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), total);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn links_are_mutual(period: u64, mimics in 1..14_usize) {
            let (seed, line) = (seed(period), line(0));
            let of = |node: &Candidate| links(&seed, node, Axis::FIRST, 4, &line, mimics);
            for node in &line {
                for other in of(node) {
                    let other = line.iter().find(|one| one.id == other).unwrap();
                    prop_assert!(other.cell != node.cell);
                    prop_assert!(of(other).contains(&node.id));
                }
            }
        }
    }

    #[test]
    fn everybody_is_drawn_alike() {
        let candidates = ids(0..56);
        let mut counts = [0_u32; 56];
        for period in 0..4000 {
            for drawn in mimics(&seed(period), &id(99), &candidates, 3) {
                counts[candidates.iter().position(|&one| one == drawn).unwrap()] += 1;
            }
        }
        // Three of 56 without repetition vary a little less than with it, so this bound is on the safe side. Chi-square
        // with 55 degrees of freedom: 93.2 is the 0.1 % point.
        let expected = 4000.0 * 3.0 / 56.0;
        let chi: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        assert!((25.0..93.2).contains(&chi), "chi-square {chi}");
    }

    #[test]
    fn axes_have_the_odd_draws_alike() {
        let shape = Shape::new(4, 8).unwrap();
        let mut counts = [0_u32; 4];
        for number in 0..4000 {
            for axis in shape.axes() {
                counts[axis.index()] += u32::from(share(&seed(1), &id(number), axis, 4, 10) == 3);
            }
        }
        assert_eq!(counts.iter().sum::<u32>(), 8000);
        assert!(counts.iter().all(|count| (1850..2150).contains(count)), "{counts:?}");
    }

    #[test]
    fn who_is_not_on_the_line_has_no_links() {
        let stranger = Candidate { id: id(5000), cell: Shape::new(4, 8).unwrap().cell_at(9) };
        assert!(links(&seed(1), &stranger, Axis::FIRST, 4, &line(0), 10).is_empty());
    }
}
