//! Who lives where: nodes numbered cell by cell, so that those of a cell are a range of numbers.

use core::ops::Range;

use grid::cell::{Axis, Cell, Shape};
use grid::id::NodeId;
use grid::mimics::Candidate;

use crate::chance::Chance;

/// A populated grid.
pub(super) struct Net {
    shape: Shape,
    /// The first node of each cell, and one more entry.
    starts: Vec<u32>,
    /// Of each node.
    homes: Vec<Candidate>,
    /// Nodes in each cell and beside it.
    around: Vec<u32>,
}

impl Net {
    /// So many nodes, each in a random cell.
    pub(super) fn draw(shape: Shape, nodes: u32, chance: &mut Chance) -> Self {
        let mut cells: Vec<u64> = (0..nodes).map(|_| chance.below(shape.cells())).collect();
        cells.sort_unstable();
        let cell_count = usize_of(shape.cells());
        let mut starts = vec![0; cell_count + 1];
        for &cell in &cells {
            starts[usize_of(cell) + 1] += 1;
        }
        for cell in 0..cell_count {
            starts[cell + 1] += starts[cell];
        }
        let homes = (0_u32..).zip(&cells).map(|(number, &cell)| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&chance.number().to_be_bytes());
            bytes[8..12].copy_from_slice(&number.to_be_bytes());
            Candidate { id: NodeId::from_bytes(bytes), cell: shape.cell_at(cell) }
        });
        let mut net = Self { shape, starts, homes: homes.collect(), around: Vec::new() };
        net.around = (0..shape.cells()).map(|cell| net.count_around(shape.cell_at(cell))).collect();
        net
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// How many there are.
    pub(super) fn nodes(&self) -> u32 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// A random one.
    pub(super) fn random(&self, chance: &mut Chance) -> u32 {
        u32::try_from(chance.below(self.nodes().into())).unwrap_or(0)
    }

    pub(super) fn home(&self, node: u32) -> Candidate {
        self.homes[node as usize]
    }

    /// The number of a node of this net.
    pub(super) fn number(id: &NodeId) -> u32 {
        let bytes = id.as_bytes();
        u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]])
    }

    /// Those in a node's cell and beside it, without itself.
    pub(super) fn neighbours(&self, node: u32) -> impl Iterator<Item = u32> {
        let cells = self.shape.neighbourhood(self.home(node).cell);
        cells.flat_map(|cell| self.in_cell(cell)).filter(move |&other| other != node)
    }

    /// How many they are.
    pub(super) fn neighbour_count(&self, node: u32) -> u32 {
        self.around[usize_of(self.shape.index(self.home(node).cell))] - 1
    }

    pub(super) fn are_neighbours(&self, one: u32, other: u32) -> bool {
        one != other && self.home(one).cell.is_neighbour(&self.home(other).cell)
    }

    /// The members of a line.
    pub(super) fn line(&self, cell: Cell, axis: Axis) -> Vec<Candidate> {
        let members = self.shape.line(cell, axis).flat_map(|cell| self.in_cell(cell));
        members.map(|node| self.home(node)).collect()
    }

    fn in_cell(&self, cell: Cell) -> Range<u32> {
        let index = usize_of(self.shape.index(cell));
        self.starts[index]..self.starts[index + 1]
    }

    fn count_around(&self, cell: Cell) -> u32 {
        self.shape.neighbourhood(cell).map(|cell| self.in_cell(cell)).map(|nodes| nodes.end - nodes.start).sum()
    }
}

/// A number of cells is at most that of nodes, roughly: far below what a `usize` holds.
fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
