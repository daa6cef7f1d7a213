//! A populated grid with spies in it, through which requests are routed as nodes do it.

use core::time::Duration;

use grid::cell::{Cell, Shape};
use grid::id::NodeId;
use grid::neighbours::{Cost, Neighbours};
use grid::route::Leg;
use rand_core::Rng;

use crate::adversary::draws;
use crate::chance::Chance;
use crate::kademlia::draws::Draws;

/// Links beyond one an axis that a request may cross.
const SPARE_HOPS: u8 = 4;

/// Who lives where.
#[derive(Debug)]
pub(super) struct World {
    shape: Shape,
    home: Cell,
    boasts: bool,
    /// By the cell's number; everybody is linked with everybody beside.
    nodes: Vec<Vec<NodeId>>,
    spy_cells: Vec<Cell>,
    named: u64,
}

/// How a request came to the victim's cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    /// A spy passed it into the cell.
    pub(super) by_spy: bool,
    /// It was passed to a spy in the cell.
    pub(super) at_spy: bool,
}

/// The world as one node sees it.
#[derive(Debug)]
struct View<'a> {
    world: &'a World,
    viewer: u64,
}

impl World {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be at most ten million cells")]
    pub(super) fn populate(shape: Shape, home: Cell, x: f64, boasts: bool, chance: &mut Chance) -> Self {
        let nodes = vec![Vec::new(); shape.cells() as usize];
        let mut world = Self { shape, home, boasts, nodes, spy_cells: Vec::new(), named: 0 };
        for cell in 0..shape.cells() {
            for _ in 0..draws::poisson(chance, x) {
                world.add(shape.cell_at(cell), 0);
            }
        }
        // The victim itself, who is there in any case.
        world.add(home, 0);
        world
    }

    /// Adds a spy to a cell.
    pub(super) fn add_spy(&mut self, cell: Cell) {
        self.spy_cells.push(cell);
        self.add(cell, 1);
    }

    fn add(&mut self, cell: Cell, spy: u8) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.named.to_be_bytes());
        bytes[31] = spy;
        self.named += 1;
        let index = self.number(cell);
        self.nodes[index].push(NodeId::from_bytes(bytes));
    }

    #[expect(clippy::cast_possible_truncation, reason = "checked to be at most ten million cells")]
    fn number(&self, cell: Cell) -> usize {
        self.shape.index(cell) as usize
    }

    fn in_cell(&self, cell: Cell) -> &[NodeId] {
        &self.nodes[self.number(cell)]
    }

    /// A random cell that is not the victim's.
    pub(super) fn elsewhere(&self, chance: &mut Chance) -> Cell {
        loop {
            let cell = self.shape.cell_at(chance.number());
            if cell != self.home {
                return cell;
            }
        }
    }

    /// Where a request goes that somebody passes to the victim: the hop to it has corrected one coordinate.
    pub(super) fn relayed_target(&self, chance: &mut Chance) -> Cell {
        let axes: Vec<_> = self.shape.axes().collect();
        loop {
            let cell = self.shape.cell_at(chance.number());
            let cell = chance.pick(&axes).map_or(cell, |axis| cell.with(axis, self.home.coordinate(axis)));
            // In a grid of one axis nothing is passed on but to the cell itself.
            if cell != self.home || self.shape.dims() == 1 {
                return cell;
            }
        }
    }

    /// Whether the victim's own choice of the next hop falls on a spy.
    pub(super) fn first_hop_is_spy<R: Rng>(&self, target: Cell, rng: &mut R) -> bool {
        let view = View { world: self, viewer: u64::MAX };
        self.next_hop(&view, self.home, target, self.shape.dims() + SPARE_HOPS, rng).is_some_and(is_spy)
    }

    /// Routes a request from a cell to the victim's.
    pub(super) fn arrive_from<R: Rng>(&self, origin: Cell, rng: &mut R) -> Arrival {
        let (mut here, mut holder) = (origin, None);
        for left in (1..=self.shape.dims() + SPARE_HOPS).rev() {
            let viewer = holder.map_or(rng.next_u64(), number_of);
            let Some(next) = self.next_hop(&View { world: self, viewer }, here, self.home, left, rng) else { break };
            let cell = self.cell_of(next, here);
            if cell == self.home {
                return Arrival { by_spy: holder.is_some_and(is_spy), at_spy: is_spy(next) };
            }
            (here, holder) = (cell, Some(next));
        }
        Arrival::default()
    }

    fn next_hop<R: Rng>(&self, view: &View, here: Cell, target: Cell, hops_left: u8, rng: &mut R) -> Option<NodeId> {
        Leg { here, target, hops_left }.next_hop(self.shape, view, |node| number_of(node) != view.viewer, rng)
    }

    /// The cell of a node that is known to be beside `here`.
    fn cell_of(&self, node: NodeId, here: Cell) -> Cell {
        self.shape.neighbourhood(here).find(|&cell| self.in_cell(cell).contains(&node)).unwrap_or(here)
    }

    /// Share of the honest nodes in the victim's cell whose address a spy knows.
    pub(super) fn addresses_of_cell(&self) -> f64 {
        self.known(std::iter::once(self.home))
    }

    /// Share of the victim's honest neighbours whose address a spy knows.
    pub(super) fn addresses_of_neighbours(&self) -> f64 {
        self.known(self.shape.neighbourhood(self.home))
    }

    fn known(&self, cells: impl Iterator<Item = Cell>) -> f64 {
        let (mut known, mut all) = (0_u32, 0_u32);
        for cell in cells {
            let honest: u32 = self.in_cell(cell).iter().map(|&node| u32::from(!is_spy(node))).sum();
            all += honest;
            if self.spy_cells.iter().any(|spy| spy.is_neighbour(&cell)) {
                known += honest;
            }
        }
        f64::from(known) / f64::from(all.max(1))
    }

    /// Spies in the victim's cell.
    pub(super) fn spies_in_home(&self) -> usize {
        self.spy_cells.iter().filter(|&&cell| cell == self.home).count()
    }
}

impl Neighbours for View<'_> {
    type Node = NodeId;

    fn count_in(&self, cell: Cell) -> usize {
        self.world.in_cell(cell).len()
    }

    fn node_in(&self, cell: Cell, number: usize) -> Option<NodeId> {
        self.world.in_cell(cell).get(number).copied()
    }

    fn bridges(&self) -> impl Iterator<Item = (NodeId, Cell)> {
        std::iter::empty()
    }

    fn cost(&self, node: NodeId) -> Cost {
        let fastest = self.world.boasts && is_spy(node);
        // Any latency of 1 to 170 ms, the same each time for the same two.
        let micros = if fastest {
            0
        } else {
            1000 + Draws::new(self.viewer ^ number_of(node).rotate_left(32)).number() % 169_000
        };
        Cost { suspected: false, delay: Duration::from_micros(micros) }
    }
}

fn is_spy(node: NodeId) -> bool {
    node.as_bytes()[31] == 1
}

fn number_of(node: NodeId) -> u64 {
    node.as_bytes()[..8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
