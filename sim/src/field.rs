//! The second floor: a grid of millions as flat arrays, which shares with the state machine its geometry
//! ([`grid::cell`]), its placement ([`grid::placement`]) and its choice of the next hop ([`grid::route`]).
//!
//! Who is whose neighbour follows from the cells, so nothing is kept but how many nodes each cell has: a byte a cell, and
//! a running sum every 64 cells by which a node's number is turned into its cell. A node is named by its cell and its
//! rank there. What is left out: time, messages, and that rosters can be wrong; that it says the same of hops and
//! success as the state machines do is tested in `tests/floors.rs`.

pub mod chase;
pub(crate) mod infested;
pub mod scale;
pub mod walk;

use std::sync::atomic::{AtomicU8, Ordering};

use grid::cell::{Cell, MAX_DIMS, Shape};
use rayon::prelude::*;

use crate::chance::Chance;
use crate::machine;

/// Cells whose nodes are summed up together: their counts are one line of the cache.
const BLOCK: usize = 64;
/// Cells of a block whose counts are added up in one go.
const GROUP: usize = 8;
/// How many blocks off a guess at a node's block may be. In random fields the sums stray by half the root of the nodes, at
/// most: 1,000 in four million, which are four blocks at four nodes a cell.
const SPREAD: usize = 16;
/// Nodes that one generator places: results do not depend on who does it, or when.
const BATCH: u64 = 1 << 16;
/// The most nodes a cell can be expected to have. A count is a byte; at 128 expected, one in 10^22 cells has more than
/// 255 (Poisson).
pub const MOST_PER_CELL: f64 = 128.0;

/// A node: which of its cell's it is, and the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// The cell's number and the rank, in one word.
    name: u64,
    cell: Cell,
}

impl Node {
    /// A name that no other node has.
    pub const fn name(self) -> u64 {
        self.name
    }

    /// Which of its cell's nodes it is, below their count.
    pub const fn rank(self) -> u8 {
        self.name.to_le_bytes()[0]
    }

    /// Where it lives.
    pub const fn cell(self) -> Cell {
        self.cell
    }
}

/// How many nodes live where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    shape: Shape,
    counts: Vec<u8>,
    /// Nodes before each block of cells; one more entry than there are blocks.
    before: Vec<u64>,
    /// How far apart in number two cells are that are neighbours along each axis.
    strides: [u64; MAX_DIMS as usize],
}

/// Why a field cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// There would be nobody.
    #[error("a network needs at least one node: --nodes 1 or more")]
    Nobody,
    /// More nodes a cell than its count can tell.
    #[error(
        "{nodes} nodes in {cells} cells are {density} a cell, and this model counts up to {MOST_PER_CELL}: take at most \
         {most} nodes, or more cells (a larger side, more dimensions)"
    )]
    TooDense {
        /// Nodes wanted.
        nodes: u64,
        /// `g^d`
        cells: u64,
        /// Nodes a cell, rounded.
        density: u64,
        /// What would fit.
        most: u64,
    },
    /// More memory than there is.
    #[error(
        "{cells} cells take {needed_mib} MiB of memory, and {free_mib} MiB are free: at most {most_cells} cells fit, for \
         instance a side of {side} with these {dims} dimensions"
    )]
    TooLarge {
        /// `g^d`
        cells: u64,
        /// What they take.
        needed_mib: u64,
        /// What there is.
        free_mib: u64,
        /// What would fit.
        most_cells: u64,
        /// The largest side that would fit.
        side: u16,
        /// `d`
        dims: u8,
    },
    /// Two networks of different grids.
    #[error("the two networks have grids of different shapes")]
    OtherShape,
    /// A cell has more nodes than its count can tell, although fewer were expected.
    #[error("a cell has more than 255 nodes, which this model cannot count: take fewer nodes or more cells")]
    Overflow,
}

/// Bytes that a field of so many cells takes: a count each, and a sum for every 64.
pub const fn bytes_of(cells: u64) -> u64 {
    cells + (cells / BLOCK as u64 + 2) * size_of::<u64>() as u64
}

/// Whether a field can be built here; `free` is the memory there is, in bytes, if known.
///
/// # Errors
/// [`FieldError`], with what would fit.
#[expect(clippy::cast_precision_loss, reason = "a ratio for a comparison")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "128 times a count of cells below 2^50")]
pub fn check(shape: Shape, nodes: u64, free: Option<u64>) -> Result<(), FieldError> {
    let cells = shape.cells();
    if nodes == 0 {
        return Err(FieldError::Nobody);
    }
    if let Some(free) = free.filter(|&free| bytes_of(cells) > free) {
        let most_cells = free / (BLOCK as u64 + 8) * BLOCK as u64;
        let fits = |&side: &u16| u64::from(side).checked_pow(shape.dims().into()).is_some_and(|c| c <= most_cells);
        let side = (2..shape.side()).rev().find(fits).unwrap_or(2);
        let (needed_mib, free_mib) = (bytes_of(cells) >> 20, free >> 20);
        return Err(FieldError::TooLarge { cells, needed_mib, free_mib, most_cells, side, dims: shape.dims() });
    }
    if nodes as f64 > MOST_PER_CELL * cells as f64 {
        let most = (MOST_PER_CELL * cells as f64) as u64;
        return Err(FieldError::TooDense { nodes, cells, density: nodes / cells, most });
    }
    Ok(())
}

impl Field {
    /// A network of so many nodes, each in a cell that chance gives it; on all threads of the current pool.
    ///
    /// # Errors
    /// [`FieldError`] if [`check`] says no, or a cell has more than 255 nodes.
    pub fn random(shape: Shape, nodes: u64, seed: u64) -> Result<Self, FieldError> {
        check(shape, nodes, machine::free_memory())?;
        let counts: Vec<AtomicU8> = (0..shape.cells()).map(|_| AtomicU8::new(0)).collect();
        let placed = |batch: u64| {
            let mut chance = Chance::of(seed, batch);
            let size = BATCH.min(nodes - batch * BATCH);
            // The order of additions does not matter, so any number of threads gives the same field.
            (0..size).all(|_| {
                let cell = usize_of(chance.number() % shape.cells());
                counts[cell].fetch_add(1, Ordering::Relaxed) < u8::MAX
            })
        };
        if (0..nodes.div_ceil(BATCH)).into_par_iter().all(placed) {
            Ok(Self::from_counts(shape, counts.into_iter().map(AtomicU8::into_inner).collect()))
        } else {
            Err(FieldError::Overflow)
        }
    }

    /// A network of nodes whose cells are known.
    ///
    /// # Errors
    /// [`FieldError::Overflow`] if one of them has more than 255.
    pub fn of_cells(shape: Shape, cells: impl IntoIterator<Item = Cell>) -> Result<Self, FieldError> {
        let mut counts = vec![0_u8; usize_of(shape.cells())];
        for cell in cells {
            let count = &mut counts[usize_of(shape.index(cell))];
            *count = count.checked_add(1).ok_or(FieldError::Overflow)?;
        }
        Ok(Self::from_counts(shape, counts))
    }

    /// A network in which nobody is.
    pub fn empty(shape: Shape) -> Self {
        Self::from_counts(shape, vec![0; usize_of(shape.cells())])
    }

    /// The nodes of two networks together; in each cell those of `self` have the lower ranks.
    ///
    /// # Errors
    /// [`FieldError::Overflow`] if a cell then has more than 255, [`FieldError::OtherShape`] if the shapes differ.
    pub fn and(&self, other: &Self) -> Result<Self, FieldError> {
        if self.shape != other.shape {
            return Err(FieldError::OtherShape);
        }
        let sums = self.counts.iter().zip(&other.counts).map(|(a, b)| a.checked_add(*b).ok_or(FieldError::Overflow));
        Ok(Self::from_counts(self.shape, sums.collect::<Result<_, _>>()?))
    }

    fn from_counts(shape: Shape, counts: Vec<u8>) -> Self {
        let sums = counts.chunks(BLOCK).scan(0, |sum, block| {
            *sum += sum_of(block);
            Some(*sum)
        });
        let before = core::iter::once(0).chain(sums).collect();
        let mut strides = [0; _];
        for (power, stride) in (0..shape.dims()).zip(&mut strides) {
            *stride = u64::from(shape.side()).pow(power.into());
        }
        Self { shape, counts, before, strides }
    }

    /// [`Shape::index`] without a chain of multiplications.
    fn index(&self, cell: Cell) -> u64 {
        cell.padded_coordinates().iter().zip(&self.strides).map(|(&c, stride)| u64::from(c) * stride).sum()
    }

    /// The grid's shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// Bytes that the field takes.
    pub fn bytes(&self) -> u64 {
        (self.counts.len() + self.before.len() * size_of::<u64>()) as u64
    }

    /// How many nodes a cell has.
    pub fn count(&self, cell: Cell) -> u8 {
        self.counts[usize_of(self.index(cell))]
    }

    /// How many nodes live in each cell that a move from `here` reaches which corrects a coordinate on the way to `target`,
    /// by axis; 0 along the axes on which the two agree.
    ///
    /// The reads do not depend on each other, and which of them count is multiplied in, so that they wait for the memory
    /// together and no branch has to be foreseen.
    pub fn counts_towards(&self, here: Cell, target: Cell) -> [usize; MAX_DIMS as usize] {
        let base = self.index(here);
        let (from, to) = (here.padded_coordinates(), target.padded_coordinates());
        core::array::from_fn(|axis| {
            let stride = self.strides[axis];
            let cell = base + u64::from(to[axis]) * stride - u64::from(from[axis]) * stride;
            usize::from(self.counts[usize_of(cell)]) * usize::from(from[axis] != to[axis])
        })
    }

    /// How many nodes each cell has, by the cell's number.
    pub fn counts(&self) -> &[u8] {
        &self.counts
    }

    /// Node `number` of all, counted through the cells; `None` for a number that is not below their count.
    pub fn node(&self, number: u64) -> Option<Node> {
        let block = self.block_of(number)?;
        let first = block * BLOCK;
        let counts = &self.counts[first..self.counts.len().min(first + BLOCK)];
        let (group, rank) = place_of(number - self.before[block], counts.chunks(GROUP).map(sum_of));
        let (offset, rank) = place_of(rank, counts.iter().skip(group * GROUP).take(GROUP).map(|&count| count.into()));
        let index = (first + group * GROUP + offset) as u64;
        Some(Node { name: index << 8 | rank, cell: self.shape.cell_at(index) })
    }

    /// The block in which a node is: first looked for near where it would be if all blocks had the same.
    fn block_of(&self, number: u64) -> Option<usize> {
        let last = self.before.len() - 1;
        let guess = u128::from(number) * last as u128 / u128::from(self.nodes().max(1));
        let guess = usize::try_from(guess).unwrap_or(last);
        let (from, to) = (guess.saturating_sub(SPREAD), (guess + SPREAD).min(last));
        let (from, to) = match self.before.get(from..=to) {
            Some([first, .., end]) if *first <= number && number < *end => (from, to),
            Some(_) | None => (0, last),
        };
        (number < self.nodes()).then(|| from + self.before[from..to].partition_point(|&before| before <= number) - 1)
    }

    /// A random node; `None` of an empty field.
    pub fn random_node(&self, chance: &mut Chance) -> Option<Node> {
        self.node(chance.below(self.nodes()))
    }

    /// How many nodes live in the cells that differ from one in at most one coordinate, itself included.
    pub fn around(&self, cell: Cell) -> u64 {
        self.shape.neighbourhood(cell).map(|cell| u64::from(self.count(cell))).sum()
    }

    /// How many other nodes a node has as neighbours.
    pub fn neighbours_of(&self, node: Node) -> u64 {
        self.around(node.cell) - 1
    }

    /// A node of a cell, by a number below their count; `None` for a number that no rank can be.
    pub fn node_in(&self, cell: Cell, number: usize) -> Option<Node> {
        u8::try_from(number).ok().map(|rank| Node { name: self.index(cell) << 8 | u64::from(rank), cell })
    }
}

/// In which of some heaps the thing with that number is, counted through all of them, and its number there. No branch
/// depends on it, since none could foresee it.
fn place_of(number: u64, heaps: impl Iterator<Item = u64>) -> (usize, u64) {
    let up_to = heaps.scan(0, |sum, heap| {
        *sum += heap;
        Some(*sum)
    });
    up_to.fold((0, number), |(at, rest), up_to| if up_to <= number { (at + 1, number - up_to) } else { (at, rest) })
}

fn sum_of(block: &[u8]) -> u64 {
    block.iter().map(|&count| u64::from(count)).sum()
}

/// A number of cells as an index: a field's cells fit the memory, so they fit an address.
#[expect(clippy::cast_possible_truncation, reason = "checked against the memory when the field is built")]
const fn usize_of(number: u64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_nodes_are_one_to_one(dims in 1..=4_u8, side in 2..=7_u16, nodes in 1..3000_u64, seed: u64) {
            let shape = Shape::new(dims, side).unwrap();
            prop_assume!(nodes < shape.cells() * 60);
            let field = Field::random(shape, nodes, seed).unwrap();
            let all: Vec<Node> = (0..field.nodes()).map(|number| field.node(number).unwrap()).collect();
            prop_assert_eq!(all.len() as u64, nodes);
            prop_assert_eq!(field.node(nodes), None);
            prop_assert!(all.iter().all(|node| node.rank() < field.count(node.cell())));
            let distinct: std::collections::BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
            let again = Field::of_cells(shape, all.iter().map(|node| node.cell())).unwrap();
            prop_assert_eq!(again, field);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_field() {
        let shape = Shape::new(3, 20).unwrap();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Field::random(shape, 300_000, 5).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn what_cannot_be_is_said_with_what_could() {
        let shape = Shape::new(2, 8).unwrap();
        assert_eq!(check(shape, 0, None), Err(FieldError::Nobody));
        let dense = check(shape, 10_000, None).unwrap_err();
        assert_eq!(dense, FieldError::TooDense { nodes: 10_000, cells: 64, density: 156, most: 8192 });
        let large = check(Shape::new(6, 100).unwrap(), 10, Some(1 << 30)).unwrap_err().to_string();
        assert!(large.contains("a side of 31 with these 6 dimensions"), "{large}");
        check(Shape::new(6, 31).unwrap(), 10, Some(1 << 30)).unwrap();
        assert_eq!(Field::of_cells(shape, vec![shape.cell_at(3); 256]), Err(FieldError::Overflow));
    }

    #[test]
    fn neighbours_are_those_of_the_lines() {
        let shape = Shape::new(2, 3).unwrap();
        let field = Field::of_cells(shape, [0, 1, 1, 3, 4, 8].map(|index| shape.cell_at(index))).unwrap();
        let corner = field.node(0).unwrap();
        assert_eq!(field.neighbours_of(corner), 3);
    }
}
