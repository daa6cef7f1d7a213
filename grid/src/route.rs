//! The next hop: a rook's move that corrects a coordinate, and what to do where no such move is open.
//!
//! With `k` coordinates still wrong there are `k` cells that correct one, each with all its nodes: the choice among
//! them is free, and goes to the least peak-EWMA latency times requests outstanding, out of a few taken at random
//! (Mitzenmacher, "The power of two choices", 2001), so that load spreads.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::{Cell, Shape};
use crate::chance::shuffle_front;
use crate::id::NodeId;
use crate::neighbours::Neighbours;

/// Candidates that are compared by cost; the design says two to four.
const COMPARED: usize = 4;

/// All nodes that one kind of move leads to.
type Tier<N> = fn(&Leg, Shape, &N) -> Vec<NodeId>;

/// A request's wish, as far as the choice of the next hop goes.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Where we are.
    pub here: Cell,
    /// Where it goes.
    pub target: Cell,
    /// Links it may still cross.
    pub hops_left: u8,
}

impl Leg {
    /// Chooses the next hop among nodes for which `usable` holds; `None` if no move within `hops_left` is open.
    ///
    /// In this order: a move that corrects a coordinate; a bridge that lies nearer to the target; a sidestep along a
    /// wrong axis or to another node of our own cell, which costs one hop more; a bridge that lies no nearer but may
    /// know others; a sidestep along a right axis, which costs two hops more.
    pub fn next_hop<N: Neighbours, R: Rng>(
        &self,
        shape: Shape,
        neighbours: &N,
        usable: impl Fn(NodeId) -> bool,
        rng: &mut R,
    ) -> Option<NodeId> {
        let tiers: [Tier<N>; 5] = [
            Self::direct,
            Self::nearer_bridges,
            Self::sidesteps_at_the_same_distance,
            Self::all_bridges,
            Self::sidesteps_on_right_axes,
        ];
        tiers.iter().find_map(|tier| {
            let mut candidates = tier(self, shape, neighbours);
            candidates.retain(|&node| usable(node));
            cheapest(neighbours, candidates, rng)
        })
    }

    /// Whether so many moves after the next one still fit.
    fn affords(&self, moves_after: u8) -> bool {
        self.hops_left > moves_after
    }

    fn distance(&self) -> u8 {
        self.here.distance(&self.target)
    }

    fn direct<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<NodeId> {
        if self.distance() == 0 || !self.affords(self.distance() - 1) {
            return Vec::new();
        }
        let cells = self.here.differing_axes(&self.target);
        cells
            .flat_map(|axis| neighbours.linked_in(self.here.with(axis, self.target.coordinate(axis))))
            .copied()
            .collect()
    }

    fn nearer_bridges<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<NodeId> {
        self.bridges(neighbours, |cell| cell.distance(&self.target) < self.distance())
    }

    fn all_bridges<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<NodeId> {
        self.bridges(neighbours, |_| true)
    }

    fn bridges<N: Neighbours>(&self, neighbours: &N, wanted: impl Fn(Cell) -> bool) -> Vec<NodeId> {
        let reachable = |&(_, cell): &(NodeId, Cell)| wanted(cell) && self.affords(cell.distance(&self.target));
        neighbours.bridges().filter(reachable).map(|(node, _)| node).collect()
    }

    fn sidesteps_at_the_same_distance<N: Neighbours>(&self, shape: Shape, neighbours: &N) -> Vec<NodeId> {
        if self.distance() == 0 || !self.affords(self.distance()) {
            return Vec::new();
        }
        let axes = self.here.differing_axes(&self.target);
        let cells = axes.flat_map(|axis| shape.line(self.here, axis).filter(|&cell| cell != self.here));
        let cells = cells.filter(|cell| cell.distance(&self.target) == self.distance()).chain([self.here]);
        cells.flat_map(|cell| neighbours.linked_in(cell)).copied().collect()
    }

    fn sidesteps_on_right_axes<N: Neighbours>(&self, shape: Shape, neighbours: &N) -> Vec<NodeId> {
        if self.distance() == 0 || !self.affords(self.distance() + 1) {
            return Vec::new();
        }
        let right = |axis: &_| self.here.coordinate(*axis) == self.target.coordinate(*axis);
        let cells = shape.axes().filter(right).flat_map(|axis| shape.line(self.here, axis));
        let cells = cells.filter(|&cell| cell != self.here);
        cells.flat_map(|cell| neighbours.linked_in(cell)).copied().collect()
    }
}

fn cheapest<N: Neighbours, R: Rng>(neighbours: &N, mut candidates: Vec<NodeId>, rng: &mut R) -> Option<NodeId> {
    // Suspects are compared only when there is nobody else.
    if candidates.iter().any(|&node| !neighbours.cost(node).suspected) {
        candidates.retain(|&node| !neighbours.cost(node).suspected);
    }
    shuffle_front(rng, &mut candidates, COMPARED);
    candidates.into_iter().take(COMPARED).min_by_key(|&node| neighbours.cost(node))
}
