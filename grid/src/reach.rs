//! Which neighbours relay for a node that others cannot dial.
//!
//! Two nodes that want a link share a line, or a cell, and whoever else is on that line is a neighbour of both: it has
//! links to both of them, verified and paid for. So a node behind an address translator needs no relays of anybody's
//! choice. It asks a few nodes of each of its lines to keep a place for it, and everybody who may ever dial it knows one
//! of them already.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::cell::{Cell, MAX_DIMS};
use crate::id::NodeId;

/// A neighbour that might relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub id: NodeId,
    /// Where it is.
    pub cell: Cell,
    /// Whether it keeps a place for us already.
    pub held: bool,
}

/// The neighbours at which the node `me` in the cell `own` should have a place, such that each of its lines that has so
/// many candidates has `each` of them. The nodes of its own cell are on all its lines. Those that keep a place already come
/// first, then those of rendezvous hashing (Thaler and Ravishankar 1998): the places of many nodes spread evenly over the
/// relays of a line, and stay where they are when others come and go.
pub fn relays(me: NodeId, own: Cell, candidates: &[Candidate], each: usize) -> Vec<NodeId> {
    let mut ranked: Vec<&Candidate> = candidates.iter().filter(|candidate| own.is_neighbour(&candidate.cell)).collect();
    ranked.sort_by_cached_key(|candidate| (!candidate.held, rank(me, candidate.id)));
    let mut wanted = Vec::new();
    let mut kept = [0_usize; MAX_DIMS as usize];
    for candidate in ranked {
        // One of our own cell is on all of our lines.
        let lines = match own.shared_line(&candidate.cell) {
            Some(axis) => axis.index()..axis.index() + 1,
            None => 0..own.coordinates().len(),
        };
        if kept[lines.clone()].iter().any(|kept| *kept < each) {
            kept[lines].iter_mut().for_each(|kept| *kept += 1);
            wanted.push(candidate.id);
        }
    }
    wanted
}

fn rank(me: NodeId, relay: NodeId) -> [u8; 32] {
    let hash = Sha256::new().chain_update(b"rook relay").chain_update(me.as_bytes());
    hash.chain_update(relay.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::cell::Shape;

    const EACH: usize = 2;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    /// Neighbours and others in a cube of three cells a side, some of whom keep a place.
    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let shape = Shape::new(3, 3).unwrap();
        prop::collection::vec((0..27_u64, any::<bool>()), 0..40).prop_map(move |drawn| {
            let candidate = |(number, (cell, held)): (usize, (u64, bool))| Candidate {
                id: id(u8::try_from(number).unwrap() + 1),
                cell: shape.cell_at(cell),
                held,
            };
            drawn.into_iter().enumerate().map(candidate).collect()
        })
    }

    fn own() -> Cell {
        Shape::new(3, 3).unwrap().cell(&[1, 1, 1]).unwrap()
    }

    fn is_on(line: usize, cell: &Cell) -> bool {
        own().shared_line(cell).is_none_or(|axis| axis.index() == line) && own().is_neighbour(cell)
    }

    proptest! {
        #[test]
        fn each_line_has_its_relays_and_no_more_are_asked(candidates in candidates()) {
            let wanted = relays(id(0), own(), &candidates, EACH);
            let cell_of = |wanted: &NodeId| candidates.iter().find(|candidate| candidate.id == *wanted).unwrap().cell;
            let cells: Vec<Cell> = wanted.iter().map(cell_of).collect();
            prop_assert_eq!(wanted.iter().collect::<HashSet<_>>().len(), wanted.len());
            prop_assert!(cells.iter().all(|cell| own().is_neighbour(cell)));
            prop_assert!(cells.len() <= EACH * 3);
            for line in 0..3 {
                let there = candidates.iter().filter(|candidate| is_on(line, &candidate.cell)).count();
                prop_assert!(cells.iter().filter(|cell| is_on(line, cell)).count() >= there.min(EACH));
            }
        }

        #[test]
        fn places_stay_when_others_come(candidates in candidates(), newcomer in 0..27_u64) {
            let before = relays(id(0), own(), &candidates, EACH);
            let held = |candidate: &Candidate| Candidate { held: before.contains(&candidate.id), ..*candidate };
            let mut now: Vec<Candidate> = candidates.iter().map(held).collect();
            now.push(Candidate { id: id(99), cell: Shape::new(3, 3).unwrap().cell_at(newcomer), held: false });
            let after = relays(id(0), own(), &now, EACH);
            // Of one's own cell and of a line may both have been asked before the first covered the other's line.
            let covered = |line| before.iter().filter(|id| now.iter().any(|c| c.id == **id && is_on(line, &c.cell))).count() >= EACH;
            if (0..3).all(covered) {
                prop_assert!(after.iter().all(|id| before.contains(id)));
            }
        }
    }

    #[test]
    fn nodes_ask_different_relays_of_a_line() {
        let shape = Shape::new(1, 16).unwrap();
        let candidate = |number: u8| Candidate { id: id(number), cell: shape.cell_at(number.into()), held: false };
        let line: Vec<Candidate> = (0..16).map(candidate).collect();
        let asked: HashSet<NodeId> = (100..200).flat_map(|me| relays(id(me), shape.cell_at(0), &line, EACH)).collect();
        assert!(asked.len() >= 15, "{asked:?}");
    }
}
