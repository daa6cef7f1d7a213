//! The next hop: a rook's move that corrects a coordinate, and what to do where no such move is open.
//!
//! With `k` coordinates still wrong there are `k` cells that correct one, each with all its nodes: the choice among
//! them is free, and goes to the least peak-EWMA latency times requests outstanding, out of a few taken at random
//! (Mitzenmacher, "The power of two choices", 2001), so that load spreads.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::{Axis, Cell, MAX_DIMS, Shape};
use crate::chance::{below, shuffle_front};
use crate::neighbours::{MOST_COMPARED, Neighbours};

/// All nodes that one kind of move leads to.
type Tier<N> = fn(&Leg, Shape, &N) -> Vec<<N as Neighbours>::Node>;

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
        usable: impl Fn(N::Node) -> bool,
        rng: &mut R,
    ) -> Option<N::Node> {
        if let Some(next) = self.one_of_the_first_few(neighbours, &usable, rng) {
            return Some(next);
        }
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

    /// The cheapest of a few nodes that correct a coordinate, taken at random before anybody looks whether they can be
    /// used; `None` unless nothing speaks against any of them.
    ///
    /// It spares the common case a look at all candidates, and does not bend the choice: a random few out of all that
    /// happen to be good are a random few out of the good, and so are those that are taken when these are given up.
    fn one_of_the_first_few<N: Neighbours, R: Rng>(
        &self,
        neighbours: &N,
        usable: impl Fn(N::Node) -> bool,
        rng: &mut R,
    ) -> Option<N::Node> {
        let corners = Corners::of(self, neighbours);
        let first = corners.total.saturating_sub(neighbours.compared().min(MOST_COMPARED));
        let mut ranks = [usize::MAX; MOST_COMPARED];
        let mut best = None;
        // Floyd's sample without replacement (Bentley and Floyd, CACM 30(9), 1987).
        for (index, last) in (first..corners.total).enumerate() {
            let drawn = usize::try_from(below(rng, last as u64 + 1)).unwrap_or(last);
            let rank = if ranks.contains(&drawn) { last } else { drawn };
            ranks[index] = rank;
            let node = corners.node(self, neighbours, rank)?;
            let cost = neighbours.cost(node);
            if cost.suspected || !usable(node) {
                return None;
            }
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((node, cost));
            }
        }
        best.map(|(node, _)| node)
    }

    /// Whether so many moves after the next one still fit.
    fn affords(&self, moves_after: u8) -> bool {
        self.hops_left > moves_after
    }

    fn distance(&self) -> u8 {
        self.here.distance(&self.target)
    }

    /// The cell that corrects the coordinate of an axis.
    fn corner(&self, axis: Axis) -> Cell {
        self.here.with(axis, self.target.coordinate(axis))
    }

    fn direct<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<N::Node> {
        if self.hops_left < self.distance() {
            return Vec::new();
        }
        self.here.differing_axes(&self.target).flat_map(|axis| neighbours.linked_in(self.corner(axis))).collect()
    }

    fn nearer_bridges<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<N::Node> {
        self.bridges(neighbours, |cell| cell.distance(&self.target) < self.distance())
    }

    fn all_bridges<N: Neighbours>(&self, _shape: Shape, neighbours: &N) -> Vec<N::Node> {
        self.bridges(neighbours, |_| true)
    }

    fn bridges<N: Neighbours>(&self, neighbours: &N, wanted: impl Fn(Cell) -> bool) -> Vec<N::Node> {
        let reachable = |&(_, cell): &(N::Node, Cell)| wanted(cell) && self.affords(cell.distance(&self.target));
        neighbours.bridges().filter(reachable).map(|(node, _)| node).collect()
    }

    fn sidesteps_at_the_same_distance<N: Neighbours>(&self, shape: Shape, neighbours: &N) -> Vec<N::Node> {
        if self.distance() == 0 || !self.affords(self.distance()) {
            return Vec::new();
        }
        let axes = self.here.differing_axes(&self.target);
        let cells = axes.flat_map(|axis| shape.line(self.here, axis).filter(|&cell| cell != self.here));
        let cells = cells.filter(|cell| cell.distance(&self.target) == self.distance()).chain([self.here]);
        cells.flat_map(|cell| neighbours.linked_in(cell)).collect()
    }

    fn sidesteps_on_right_axes<N: Neighbours>(&self, shape: Shape, neighbours: &N) -> Vec<N::Node> {
        if self.distance() == 0 || !self.affords(self.distance() + 1) {
            return Vec::new();
        }
        let right = |axis: &_| self.here.coordinate(*axis) == self.target.coordinate(*axis);
        let cells = shape.axes().filter(right).flat_map(|axis| shape.line(self.here, axis));
        let cells = cells.filter(|&cell| cell != self.here);
        cells.flat_map(|cell| neighbours.linked_in(cell)).collect()
    }
}

/// The nodes to which moves lead that correct a coordinate, counted through axis by axis; none if the hops that are left do
/// not suffice.
struct Corners {
    /// Nodes in the corners up to each axis, it included.
    up_to: [usize; MAX_DIMS as usize],
    /// Nodes in all of them.
    total: usize,
}

impl Corners {
    fn of<N: Neighbours>(leg: &Leg, neighbours: &N) -> Self {
        let mut corners = Self { up_to: [0; _], total: 0 };
        // As many moves are needed as there are axes that differ.
        if leg.hops_left >= leg.distance() {
            corners.up_to = neighbours.counts_towards(leg.here, leg.target);
            for up_to in &mut corners.up_to {
                corners.total += *up_to;
                *up_to = corners.total;
            }
        }
        corners
    }

    /// The node with that number, counted through all cells.
    fn node<N: Neighbours>(&self, leg: &Leg, neighbours: &N, rank: usize) -> Option<N::Node> {
        // Counted over all, since where it stops cannot be foreseen.
        let index = self.up_to.iter().map(|&up_to| usize::from(rank >= up_to)).sum::<usize>();
        let before = index.checked_sub(1).map_or(0, |before| self.up_to[before]);
        neighbours.node_in(leg.corner(Axis::of_index(index)?), rank - before)
    }
}

fn cheapest<N: Neighbours, R: Rng>(neighbours: &N, mut candidates: Vec<N::Node>, rng: &mut R) -> Option<N::Node> {
    // Suspects are compared only when there is nobody else.
    if candidates.iter().any(|&node| !neighbours.cost(node).suspected) {
        candidates.retain(|&node| !neighbours.cost(node).suspected);
    }
    let compared = neighbours.compared();
    shuffle_front(rng, &mut candidates, compared);
    candidates.into_iter().take(compared).min_by_key(|&node| neighbours.cost(node))
}
