//! A network as the number of nodes in each cell.

use grid::cell::{Cell, Shape};

use crate::chance::Chance;

/// How many nodes are in each cell.
#[derive(Debug)]
pub(super) struct Occupancy {
    shape: Shape,
    /// By the cell's number, see [`Shape::index`].
    counts: Vec<u16>,
    nodes: u64,
    most: u16,
}

impl Occupancy {
    /// Each node falls into a random cell; `nodes` is not 0.
    pub(super) fn draw(shape: Shape, nodes: u64, chance: &mut Chance) -> Self {
        let cells = usize::try_from(shape.cells()).unwrap_or(usize::MAX);
        let mut counts = vec![0_u16; cells];
        for _ in 0..nodes {
            let count = &mut counts[chance.index(cells)];
            *count = count.saturating_add(1);
        }
        Self::of(shape, counts)
    }

    fn of(shape: Shape, counts: Vec<u16>) -> Self {
        let nodes = counts.iter().map(|&count| u64::from(count)).sum();
        let most = counts.iter().copied().max().unwrap_or(0);
        Self { shape, counts, nodes, most }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn nodes(&self) -> u64 {
        self.nodes
    }

    pub(super) fn is_occupied(&self, cell: Cell) -> bool {
        self.count(cell) > 0
    }

    /// How many cells have no node.
    pub(super) fn vacant(&self) -> usize {
        self.counts.iter().filter(|&&count| count == 0).count()
    }

    /// How many neighbours a node has, on average over all nodes, itself not counted.
    ///
    /// A line with `s` nodes gives each of them `s`, so all of them `s²`; the own cell is then counted once for each axis
    /// instead of once.
    #[expect(clippy::cast_precision_loss, reason = "sums of squares of counts, far below 2^53 for what can be drawn")]
    pub(super) fn mean_neighbours(&self) -> f64 {
        let side = usize::from(self.shape.side());
        let mut squares = 0_u64;
        let mut stride = 1;
        for _ in self.shape.axes() {
            for plane in self.counts.chunks(stride * side) {
                for offset in 0..stride {
                    let line = plane[offset..].iter().step_by(stride);
                    squares += line.map(|&count| u64::from(count)).sum::<u64>().pow(2);
                }
            }
            stride *= side;
        }
        let own: u64 = self.counts.iter().map(|&count| u64::from(count).pow(2)).sum();
        let pairs = squares - (u64::from(self.shape.dims()) - 1) * own - self.nodes;
        pairs as f64 / self.nodes as f64
    }

    /// The cell of a random node: a cell is taken as often as it has nodes.
    pub(super) fn random_node(&self, chance: &mut Chance) -> Cell {
        loop {
            let index = chance.index(self.counts.len());
            if chance.index(self.most.into()) < usize::from(self.counts[index]) {
                return self.shape.cell_at(index as u64);
            }
        }
    }

    /// The cells of two random nodes, not of one node twice.
    pub(super) fn random_pair(&self, chance: &mut Chance) -> (Cell, Cell) {
        let one = self.random_node(chance);
        loop {
            let other = self.random_node(chance);
            if other != one || chance.index(self.count(one).into()) > 0 {
                return (one, other);
            }
        }
    }

    fn count(&self, cell: Cell) -> u16 {
        usize::try_from(self.shape.index(cell)).map_or(0, |index| self.counts[index])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A network with one node in each of these cells.
    pub(in super::super) fn of_cells(dims: u8, side: u16, cells: &[&[u16]]) -> Occupancy {
        let shape = Shape::new(dims, side).unwrap();
        let mut counts = vec![0; usize::try_from(shape.cells()).unwrap()];
        for cell in cells {
            counts[usize::try_from(shape.index(shape.cell(cell).unwrap())).unwrap()] += 1;
        }
        Occupancy::of(shape, counts)
    }

    #[test]
    fn neighbours_are_those_of_the_cells_neighbourhoods() {
        let shape = Shape::new(3, 4).unwrap();
        let network = Occupancy::draw(shape, 150, &mut Chance::new(7));
        let count = |cell: Cell| u64::from(network.count(cell));
        let mut pairs = 0;
        for index in 0..shape.cells() {
            let cell = shape.cell_at(index);
            pairs += count(cell) * (shape.neighbourhood(cell).map(count).sum::<u64>().saturating_sub(1));
        }
        assert_eq!(network.nodes(), 150);
        assert!((network.mean_neighbours() - f64::from(u32::try_from(pairs).unwrap()) / 150.0).abs() < 1e-9);
    }

    #[test]
    fn a_random_node_is_in_a_full_cell_more_often() {
        let network = of_cells(1, 4, &[&[0], &[2], &[2], &[2]]);
        let mut chance = Chance::new(1);
        let full = (0..4000).filter(|_| network.random_node(&mut chance).coordinates() == [2]).count();
        assert!((2850..3150).contains(&full), "{full}");
        // Of the 12 ordered pairs of 4 nodes, 6 are of two nodes of the full cell.
        let of_one_cell = |(one, other)| one == other;
        let together = (0..4000).filter(|_| of_one_cell(network.random_pair(&mut chance))).count();
        assert!((1850..2150).contains(&together), "{together}");
        assert_eq!(network.vacant(), 2);
    }
}
