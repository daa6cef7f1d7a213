//! The tunnels' cells that wait for a link.

use std::collections::{BTreeMap, VecDeque};

use crate::cell::{Cell, Reading};

/// How much may wait for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Cells of one circuit.
    pub of_circuit: usize,
    /// Cells in all.
    pub cells: usize,
}

/// Cells that wait: those of a circuit in their order, and circuits by turns, so that a bulk stream on one does not keep
/// the others waiting.
#[derive(Clone, Debug)]
pub struct Outgoing {
    room: Room,
    /// Cells by circuit, as its id travels; 0 for those of none.
    circuits: BTreeMap<u16, VecDeque<Cell>>,
    /// Circuits with cells, in the order of their turns.
    turns: VecDeque<u16>,
    cells: usize,
}

impl Outgoing {
    /// Nothing waits.
    pub fn new(room: Room) -> Self {
        Self { room, circuits: BTreeMap::new(), turns: VecDeque::new(), cells: 0 }
    }

    /// Takes in a cell. The end of a circuit finds room in any case, behind what waits of the circuit; there is one for each.
    ///
    /// # Errors
    ///
    /// The cell, if there is no room for it. A circuit that loses a cell is lost: [`crate::table::Table::dropped`] wants to
    /// know.
    pub fn push(&mut self, cell: Cell) -> Result<(), Cell> {
        let (circuit, most, all) = match cell.read() {
            Reading::Circuit(id) => (id.wire(), self.room.of_circuit, self.room.cells),
            Reading::Destroy(id) => (id.wire(), usize::MAX, usize::MAX),
            // Behind it may come the circuit's end, which must not overtake it.
            Reading::SetUp(id) => (id.wire(), usize::MAX, self.room.cells),
            Reading::Cover | Reading::Malformed => (0, self.room.cells, self.room.cells),
        };
        let waiting = self.circuits.get(&circuit).map_or(0, VecDeque::len);
        if self.cells >= all || waiting >= most {
            return Err(cell);
        }
        if waiting == 0 {
            self.turns.push_back(circuit);
        }
        self.circuits.entry(circuit).or_default().push_back(cell);
        self.cells += 1;
        Ok(())
    }

    /// Takes the next cell out.
    pub fn pop(&mut self) -> Option<Cell> {
        let circuit = self.turns.pop_front()?;
        let queue = self.circuits.get_mut(&circuit)?;
        let cell = queue.pop_front();
        if queue.is_empty() {
            self.circuits.remove(&circuit);
        } else {
            self.turns.push_back(circuit);
        }
        self.cells -= usize::from(cell.is_some());
        cell
    }

    /// How many cells wait.
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }
}
