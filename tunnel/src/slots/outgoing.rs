//! What waits for a link's slots.

use std::collections::{BTreeMap, VecDeque};

use thiserror::Error;

use crate::cell::{Cell, Reading};

/// How much may wait for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Cells of one circuit.
    pub of_circuit: usize,
    /// Cells of tunnels in all.
    pub cells: usize,
    /// Other messages.
    pub messages: usize,
}

impl Default for Room {
    fn default() -> Self {
        // 5 MiB of cells for a link. One circuit may have 608 KiB of payload in them: all of two streams' windows of
        // 256 KiB may come to wait here when this link is the slowest.
        Self { of_circuit: 512, cells: 4096, messages: 1024 }
    }
}

/// There is no room for a cell or a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("too much waits for this link")]
pub struct NoRoom;

/// What a slot is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling<M> {
    /// A tunnel's cell.
    Tunnel(Cell),
    /// Another message.
    Other(M),
    /// Nothing waits: a cell that says nothing.
    Cover(Cell),
}

/// The queues of a link: tunnel cells, where circuits take turns, and other messages `M`.
#[derive(Clone, Debug)]
pub struct Outgoing<M> {
    room: Room,
    /// Cells by circuit, as its id travels; 0 for set-ups and ends of circuits.
    circuits: BTreeMap<u16, VecDeque<Cell>>,
    /// Circuits with cells, in the order of their turns.
    turns: VecDeque<u16>,
    cells: usize,
    messages: VecDeque<M>,
}

impl<M> Outgoing<M> {
    /// Nothing waits.
    pub fn new(room: Room) -> Self {
        Self { room, circuits: BTreeMap::new(), turns: VecDeque::new(), cells: 0, messages: VecDeque::new() }
    }

    /// Takes in a tunnel's cell.
    ///
    /// # Errors
    ///
    /// There is no room for it. A circuit that loses a cell is lost: [`crate::table::Table::dropped`] wants to know.
    pub fn push_cell(&mut self, cell: Cell) -> Result<(), NoRoom> {
        let circuit = match cell.read() {
            Reading::Circuit(id) => id.wire(),
            Reading::Destroy(id) => {
                // What still waits of the circuit goes nowhere; and an end always finds room then.
                self.forget(id.wire());
                0
            }
            Reading::SetUp(_) | Reading::Cover | Reading::Message(_) | Reading::Malformed => 0,
        };
        let queue = self.circuits.entry(circuit).or_default();
        let of_circuit = if circuit == 0 { self.room.cells } else { self.room.of_circuit };
        if self.cells >= self.room.cells || queue.len() >= of_circuit {
            if queue.is_empty() {
                self.circuits.remove(&circuit);
            }
            return Err(NoRoom);
        }
        if queue.is_empty() {
            self.turns.push_back(circuit);
        }
        queue.push_back(cell);
        self.cells += 1;
        Ok(())
    }

    /// Takes in another message.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn push_message(&mut self, message: M) -> Result<(), NoRoom> {
        if self.messages.len() >= self.room.messages {
            return Err(NoRoom);
        }
        self.messages.push_back(message);
        Ok(())
    }

    /// What the next slot is filled with.
    pub fn fill(&mut self) -> Filling<M> {
        if let Some(cell) = self.pop() {
            return Filling::Tunnel(cell);
        }
        self.messages.pop_front().map_or_else(|| Filling::Cover(Cell::cover()), Filling::Other)
    }

    /// How many tunnel cells wait.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// How many tunnel cells of the circuit of this cell wait, so that whoever makes them can wait as well.
    pub fn waiting_with(&self, cell: &Cell) -> usize {
        let Reading::Circuit(id) = cell.read() else { return 0 };
        self.circuits.get(&id.wire()).map_or(0, VecDeque::len)
    }

    fn pop(&mut self) -> Option<Cell> {
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

    fn forget(&mut self, circuit: u16) {
        if let Some(queue) = self.circuits.remove(&circuit) {
            self.cells -= queue.len();
            self.turns.retain(|&turn| turn != circuit);
        }
    }
}
