//! The choice of the next hop, walked through whole grids.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use grid::cell::{Cell, Shape};
use grid::id::NodeId;
use grid::neighbours::{Cost, Neighbours};
use grid::route::Leg;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Everything that is alive, seen from any cell: one node a cell, whose name is the cell's number.
struct World {
    shape: Shape,
    alive: BTreeMap<Cell, Vec<NodeId>>,
    bridges: Vec<(NodeId, Cell)>,
}

impl World {
    fn new(shape: Shape, vacant: &BTreeSet<u64>) -> Self {
        let cells = (0..shape.cells()).filter(|index| !vacant.contains(index));
        let alive = cells.map(|index| (shape.cell_at(index), vec![name(index)])).collect();
        Self { shape, alive, bridges: Vec::new() }
    }

    fn cell_of(&self, node: NodeId) -> Cell {
        self.shape.cell_at(u64::from_be_bytes(node.as_bytes()[..8].try_into().unwrap()))
    }
}

fn name(index: u64) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    NodeId::from_bytes(bytes)
}

impl Neighbours for World {
    type Node = NodeId;

    fn count_in(&self, cell: Cell) -> usize {
        self.alive.get(&cell).map_or(0, Vec::len)
    }

    fn node_in(&self, cell: Cell, number: usize) -> Option<NodeId> {
        self.alive.get(&cell)?.get(number).copied()
    }

    fn bridges(&self) -> impl Iterator<Item = (NodeId, Cell)> {
        self.bridges.iter().copied()
    }

    fn cost(&self, _: NodeId) -> Cost {
        Cost { suspected: false, delay: Duration::ZERO }
    }
}

proptest! {
    #[test]
    fn a_full_grid_needs_exactly_the_distance(dims in 1..=4_u8, side in 2..=6_u16, a: u64, b: u64, seed: u64) {
        let shape = Shape::new(dims, side).unwrap();
        let world = World::new(shape, &BTreeSet::new());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut here, target) = (shape.cell_at(a), shape.cell_at(b));
        for hops_left in (1..=here.distance(&target)).rev() {
            let next = Leg { here, target, hops_left }.next_hop(shape, &world, |_| true, &mut rng).unwrap();
            prop_assert!(world.cell_of(next).is_neighbour(&here));
            here = world.cell_of(next);
        }
        prop_assert_eq!(here, target);
    }

    /// Wherever a move is chosen, the hops that are left still suffice; and no move is chosen that leaves the lines.
    #[test]
    fn no_move_is_chosen_that_could_not_arrive(
        dims in 1..=4_u8, side in 2..=5_u16, a: u64, b: u64, hops_left in 0..7_u8, seed: u64,
        vacant in prop::collection::btree_set(0..625_u64, 0..200),
    ) {
        let shape = Shape::new(dims, side).unwrap();
        let world = World::new(shape, &vacant);
        let (here, target) = (shape.cell_at(a), shape.cell_at(b));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // The world's one node of a cell is the one that chooses.
        let other = |node| world.cell_of(node) != here;
        if let Some(next) = (Leg { here, target, hops_left }).next_hop(shape, &world, other, &mut rng) {
            let cell = world.cell_of(next);
            prop_assert!(cell != here && cell.is_neighbour(&here));
            prop_assert!(cell.distance(&target) < hops_left);
        }
    }
}

#[test]
fn vacant_corners_take_a_sidestep_only_if_the_hops_allow_it() {
    let shape = Shape::new(2, 3).unwrap();
    let cell = |a, b| shape.cell(&[a, b]).unwrap();
    let (here, target) = (cell(0, 0), cell(1, 1));
    let vacant = [cell(1, 0), cell(0, 1)].map(|cell| shape.index(cell)).into();
    let world = World::new(shape, &vacant);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let other = |node| world.cell_of(node) != here;
    let mut next = |hops_left| Leg { here, target, hops_left }.next_hop(shape, &world, other, &mut rng);
    assert_eq!(next(2), None);
    let sidestep = world.cell_of(next(3).unwrap());
    assert!([cell(2, 0), cell(0, 2)].contains(&sidestep), "{sidestep}");
}

#[test]
fn a_bridge_is_taken_where_no_neighbour_leads_on() {
    let shape = Shape::new(3, 4).unwrap();
    let cell = |a, b, c| shape.cell(&[a, b, c]).unwrap();
    let (here, target, bridge) = (cell(0, 0, 0), cell(1, 1, 1), cell(1, 1, 3));
    let all_but: BTreeSet<u64> = (0..shape.cells()).filter(|&index| index != shape.index(bridge)).collect();
    let mut world = World::new(shape, &all_but);
    world.bridges = vec![(name(shape.index(bridge)), bridge)];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let leg = Leg { here, target, hops_left: 3 };
    assert_eq!(leg.next_hop(shape, &world, |_| true, &mut rng), Some(name(shape.index(bridge))));
}

#[test]
fn another_node_of_the_own_cell_is_asked_before_giving_up() {
    let shape = Shape::new(2, 2).unwrap();
    let (here, target) = (shape.cell(&[0, 0]).unwrap(), shape.cell(&[1, 1]).unwrap());
    let world = World::new(shape, &[1, 2, 3].into());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut next = |hops_left| Leg { here, target, hops_left }.next_hop(shape, &world, |_| true, &mut rng);
    assert_eq!((next(2), next(3)), (None, Some(name(0))));
}

#[test]
fn the_fastest_of_the_candidates_is_taken_and_suspects_last() {
    struct Line(Vec<NodeId>);
    impl Neighbours for Line {
        type Node = NodeId;
        fn count_in(&self, cell: Cell) -> usize {
            if cell.coordinates() == [1] { self.0.len() } else { 0 }
        }
        fn node_in(&self, cell: Cell, number: usize) -> Option<NodeId> {
            self.0.get(number).copied().filter(|_| cell.coordinates() == [1])
        }
        fn bridges(&self) -> impl Iterator<Item = (NodeId, Cell)> {
            core::iter::empty()
        }
        fn cost(&self, node: NodeId) -> Cost {
            let rank = node.as_bytes()[7];
            Cost { suspected: rank == 0, delay: Duration::from_millis(rank.into()) }
        }
    }
    let shape = Shape::new(1, 2).unwrap();
    let (here, target) = (shape.cell(&[0]).unwrap(), shape.cell(&[1]).unwrap());
    let line = Line((0..4).map(name).collect());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let leg = Leg { here, target, hops_left: 1 };
    assert_eq!(leg.next_hop(shape, &line, |_| true, &mut rng), Some(name(1)));
    assert_eq!(leg.next_hop(shape, &line, |node| node == name(0), &mut rng), Some(name(0)));
    assert_eq!(leg.next_hop(shape, &line, |_| false, &mut rng), None);
}

/// However many of the candidates cannot be used, each of the others is as likely as the next: chi-square with 6 degrees
/// of freedom, whose 0.1 % point is 22.5 (NIST/SEMATECH handbook, table 1.3.6.7.4).
#[test]
fn the_choice_among_equals_is_even() {
    struct Corner(usize);
    impl Neighbours for Corner {
        type Node = usize;
        fn count_in(&self, cell: Cell) -> usize {
            if cell.coordinates() == [1] { self.0 } else { 0 }
        }
        fn node_in(&self, _: Cell, number: usize) -> Option<usize> {
            Some(number)
        }
        fn bridges(&self) -> impl Iterator<Item = (usize, Cell)> {
            core::iter::empty()
        }
        fn cost(&self, node: usize) -> Cost {
            Cost { suspected: node.is_multiple_of(3), delay: Duration::ZERO }
        }
    }
    let shape = Shape::new(1, 2).unwrap();
    let leg = Leg { here: shape.cell(&[0]).unwrap(), target: shape.cell(&[1]).unwrap(), hops_left: 1 };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut counts = BTreeMap::new();
    for _ in 0..7000 {
        // Of 13 nodes 5 are suspected (0, 3, 6, 9, 12), and 5 is not usable.
        let next = leg.next_hop(shape, &Corner(13), |node| node != 5, &mut rng).unwrap();
        *counts.entry(next).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [1, 2, 4, 7, 8, 10, 11]);
    let chi: f64 = counts.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi < 22.5, "chi-square {chi}: {counts:?}");
}
