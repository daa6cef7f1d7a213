//! The way of a tunnel: relay 1 from the initiator's links, relay i + 1 from those of relay i, then a last node from any of
//! the last relay's certified rosters.
//!
//! **Never from the initiator's own roster beyond relay 1**: two cells that differ in two axes share two cells, so a relay
//! that knows two relays of one's own neighbourhood knows one's cell nearly (Danezis and Clayton, "Route Fingerprinting in
//! Anonymous Communications", P2P 2006). Never by latency either, which is something that others can arrange. Where a relay's
//! links come from is the caller's business: [`super::links`] over rosters that are certified, never what the relay says.
//!
//! The *last node* is drawn of all neighbours of the last relay, not of its links alone. To be one costs a hostile identity
//! nothing but its place, so it is as often hostile as nodes are, not more; whoever meets the tunnel at its far end knows
//! neither the last relay, one of some 230 beside it, nor its links; and no other node would do, since a relay has open
//! connections to its neighbours only and knows nobody else's address.
//!
//! An initiator keeps its first relays for all of its tunnels ([`super::Firsts`]): it draws the first one of a [`Path`] from
//! these alone.

use alloc::vec::Vec;

use rand_core::Rng;

use super::Candidate;
use crate::cell::Cell;
use crate::chance::pick;
use crate::id::NodeId;

/// How many mimics a node draws, and how many relays a tunnel has before its last node. All nodes of a grid have to draw
/// alike, or nobody could check them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// `k`, mimics that each node draws; with those that draw it, it has about `2k` tunnel links.
    pub mimics: usize,
    /// Relays before the last node.
    pub relays: usize,
}

impl Preset {
    /// Fewer hops, more cover: 20 links for each node, 20^3 ways to a last relay.
    pub const SHORT: Self = Self { mimics: 10, relays: 3 };
    /// One more hop, less cover: 12 links for each node, 12^4 ways to a last relay.
    pub const LONG: Self = Self { mimics: 6, relays: 4 };
}

/// A way that is being drawn. Nobody is on it twice, and the initiator not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    initiator: NodeId,
    relays: Vec<NodeId>,
    length: usize,
}

impl Path {
    /// Begins one with so many relays before its last node.
    pub fn new(initiator: NodeId, relays: usize) -> Self {
        Self { initiator, relays: Vec::with_capacity(relays + 1), length: relays }
    }

    /// Of whom links or rosters are needed next: the initiator, then the relay that was drawn last; `None` when the way is
    /// complete.
    pub fn end(&self) -> Option<NodeId> {
        (self.relays.len() <= self.length).then(|| self.relays.last().copied().unwrap_or(self.initiator))
    }

    /// Whether the next one to be drawn is the last node, from all that is in the rosters of [`Self::end`], and not a relay,
    /// from its links.
    pub fn wants_last(&self) -> bool {
        self.relays.len() == self.length
    }

    /// Draws the next one at random from the links of [`Self::end`], or from its rosters if [`Self::wants_last`]. `None`,
    /// and nothing changed, if none of them is left: the way has to be begun anew, as a whole.
    pub fn extend<R: Rng>(&mut self, from: &[NodeId], rng: &mut R) -> Option<NodeId> {
        self.end()?;
        let fresh = from.iter().filter(|&&one| one != self.initiator && !self.relays.contains(&one));
        let mut fresh: Vec<NodeId> = fresh.copied().collect();
        fresh.sort_unstable();
        fresh.dedup();
        let drawn = *pick(rng, &fresh)?;
        self.relays.push(drawn);
        Some(drawn)
    }

    /// The relays in their order, the last node at the end when it is complete.
    pub fn nodes(&self) -> &[NodeId] {
        &self.relays
    }
}

/// Who of a roster is a rook's move nearer to a cell than `from`, the cell of the roster's owner: members that agree with `to`
/// on one axis more, or live there. By them a way is led on to a node that is no neighbour of its last relay.
pub fn nearer(roster: &[Candidate], from: Cell, to: Cell) -> impl Iterator<Item = &Candidate> {
    let is_nearer = move |one: &&Candidate| from.is_neighbour(&one.cell) && one.cell.distance(&to) < from.distance(&to);
    roster.iter().filter(is_nearer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    proptest! {
        #[test]
        fn nobody_is_on_a_way_twice(seed: u64, relays in 0..6_usize, crowd in 0..12_u8) {
            let (mut path, mut rng) = (Path::new(id(0), relays), ChaCha8Rng::seed_from_u64(seed));
            let crowd: Vec<_> = (0..crowd).map(id).collect();
            while path.extend(&crowd, &mut rng).is_some() {}
            let nodes = path.nodes();
            let distinct: alloc::collections::BTreeSet<_> = nodes.iter().collect();
            prop_assert_eq!(distinct.len(), nodes.len());
            prop_assert!(!nodes.contains(&id(0)));
            prop_assert_eq!(nodes.len(), (relays + 1).min(crowd.len().saturating_sub(1)));
            prop_assert_eq!(path.end().is_none(), nodes.len() == relays + 1);
        }
    }

    #[test]
    fn a_way_says_whose_links_it_needs() {
        let (mut path, mut rng) = (Path::new(id(0), 1), ChaCha8Rng::seed_from_u64(1));
        assert_eq!((path.end(), path.wants_last()), (Some(id(0)), false));
        assert_eq!(path.extend(&[id(0), id(1)], &mut rng), Some(id(1)));
        assert_eq!((path.end(), path.wants_last()), (Some(id(1)), true));
        assert_eq!(path.extend(&[id(0), id(1)], &mut rng), None, "the initiator and a relay are no last node");
        assert_eq!(path.extend(&[id(2)], &mut rng), Some(id(2)));
        assert_eq!((path.end(), path.extend(&[id(3)], &mut rng)), (None, None));
        assert_eq!(path.nodes(), [id(1), id(2)]);
    }

    proptest! {
        #[test]
        fn a_way_that_is_led_on_arrives_within_as_many_moves_as_axes_differ(from in 0..256_u64, to in 0..256_u64, seed: u64) {
            let shape = Shape::new(4, 4).unwrap();
            let (mut at, to) = (shape.cell_at(from), shape.cell_at(to));
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for left in (0..at.distance(&to)).rev() {
                let others = shape.neighbourhood(at).filter(|cell| *cell != at).zip(0..).map(|(cell, n)| Candidate { id: id(n), cell });
                let others: Vec<_> = others.collect();
                let found: Vec<_> = nearer(&others, at, to).copied().collect();
                prop_assert_eq!(found.len(), usize::from(left) + 1, "one on each axis that differs");
                at = pick(&mut rng, &found).unwrap().cell;
                prop_assert_eq!(at.distance(&to), left);
            }
            prop_assert_eq!(nearer(&[], at, to).count(), 0);
        }
    }

    #[test]
    fn every_link_is_taken_alike() {
        let (mut counts, mut rng) = ([0_u32; 4], ChaCha8Rng::seed_from_u64(1));
        let links: Vec<_> = (1..5).map(id).chain([id(1)]).collect();
        for _ in 0..4000 {
            let drawn = Path::new(id(0), 1).extend(&links, &mut rng).unwrap();
            counts[usize::from(drawn.as_bytes()[0] - 1)] += 1;
        }
        assert!(counts.iter().all(|count| (880..1120).contains(count)), "{counts:?}");
    }
}
