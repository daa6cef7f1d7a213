//! What waits for a link: three queues of messages, each cut into pieces when its turn comes, and the cells of tunnels, which
//! share the bulk lane with bulk messages, byte for byte.

use std::collections::VecDeque;

use grid::queue::Class;

use tunnel::cell::{CELL, Cell};
use tunnel::slots::{Outgoing, Room};

use crate::wire::piece::{MIN_PIECE, append_cell, append_piece, head};

/// A message found no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// There is no more room for bulk; other messages still find some.
    Bulk,
    /// There is no room for anything: the other side does not read.
    All,
}

/// The queues. Bulk may fill half of the room, so that it never takes all of it from what matters more.
#[derive(Debug)]
pub(crate) struct Lanes {
    queues: [Queue; 3],
    cells: Outgoing,
    /// Bytes of bulk messages that went while cells waited, less those of cells: what cells are owed.
    owed: usize,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    /// How much of the first one is gone already.
    gone: usize,
    /// What is still to go.
    bytes: usize,
}

impl Lanes {
    /// Room for so many messages and bytes of messages in all, and for so many cells, half of them of one circuit.
    pub(crate) fn new(max_messages: usize, max_bytes: usize, max_cells: usize) -> Self {
        let cells = Outgoing::new(Room { of_circuit: max_cells.div_ceil(2), cells: max_cells });
        Self { queues: Default::default(), cells, owed: 0, max_messages, max_bytes }
    }

    /// Queues a cell behind the others of its circuit.
    ///
    /// # Errors
    /// The cell, if there is no room for it.
    pub(crate) fn push_cell(&mut self, cell: Cell) -> Result<(), Cell> {
        self.cells.push(cell)
    }

    /// Whether the next piece of the bulk lane is a cell.
    fn is_cells_turn(&self) -> bool {
        let alone = self.queues[Class::Bulk.index()].messages.is_empty();
        !self.cells.is_empty() && (alone || self.owed >= CELL)
    }

    /// Queues a message behind those of its lane. A lane that is empty takes one message in any case, however large.
    ///
    /// # Errors
    /// [`Full`] if there is no room.
    pub(crate) fn push(&mut self, lane: Class, message: Vec<u8>) -> Result<(), Full> {
        let queue = &self.queues[lane.index()];
        let room = |messages: usize, bytes: usize, share: usize| {
            messages < self.max_messages / share && bytes + message.len() <= self.max_bytes / share
        };
        let (messages, bytes) = (self.queues.iter().map(|q| q.messages.len()).sum(), self.message_bytes());
        if !queue.messages.is_empty() {
            if lane == Class::Bulk && !room(queue.messages.len(), queue.bytes, 2) {
                return Err(Full::Bulk);
            }
            if !room(messages, bytes, 1) {
                return Err(if lane == Class::Bulk { Full::Bulk } else { Full::All });
            }
        }
        // What is empty says nothing.
        if !message.is_empty() {
            let queue = &mut self.queues[lane.index()];
            queue.bytes += message.len();
            queue.messages.push_back(message);
        }
        Ok(())
    }

    /// What waits in each lane, in bytes, in the order of [`Class::ALL`].
    pub(crate) fn waiting(&self) -> [usize; 3] {
        Class::ALL.map(|class| self.queues[class.index()].bytes)
    }

    /// Cuts the next piece off a lane, of at most so many bytes where the message is longer; its length, 0 if nothing
    /// waits there.
    pub(crate) fn cut(&mut self, lane: Class, most: usize, to: &mut Vec<u8>) -> usize {
        if lane == Class::Bulk && self.is_cells_turn() && self.cut_cell(to) {
            return CELL;
        }
        self.cut_message(lane, most, to)
    }

    /// The same of messages alone.
    pub(crate) fn cut_message(&mut self, lane: Class, most: usize, to: &mut Vec<u8>) -> usize {
        let queue = &mut self.queues[lane.index()];
        let Some(message) = queue.messages.front() else { return 0 };
        let length = append_piece(to, lane, message, queue.gone, most);
        queue.gone += length;
        queue.bytes -= length;
        if queue.gone == message.len() {
            queue.messages.pop_front();
            queue.gone = 0;
        }
        if lane == Class::Bulk {
            self.owed = if self.cells.is_empty() { 0 } else { self.owed + length };
        }
        length
    }

    /// Appends the next cell; `false` if none waits.
    pub(crate) fn cut_cell(&mut self, to: &mut Vec<u8>) -> bool {
        let Some(cell) = self.cells.pop() else { return false };
        append_cell(to, &cell);
        self.owed = self.owed.saturating_sub(CELL);
        true
    }

    /// The length of the next piece of a lane's messages that fits into so many bytes with its head, if one does.
    pub(crate) fn fitting(&self, lane: Class, room: usize) -> Option<usize> {
        let queue = &self.queues[lane.index()];
        let rest = queue.messages.front()?.len() - queue.gone;
        if head(queue.gone, true) + rest <= room {
            return Some(rest);
        }
        room.checked_sub(head(queue.gone, false)).filter(|&length| length >= MIN_PIECE)
    }

    /// The length of the next piece of a lane, if something waits there.
    pub(crate) fn next(&self, lane: Class, most: usize) -> Option<usize> {
        if lane == Class::Bulk && self.is_cells_turn() {
            return Some(CELL);
        }
        let queue = &self.queues[lane.index()];
        queue.messages.front().map(|message| most.min(message.len() - queue.gone))
    }

    /// What waits, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.message_bytes() + self.cells.len() * CELL
    }

    fn message_bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(byte: u8) -> Cell {
        Cell::from_bytes(Box::new([byte; CELL]))
    }

    #[test]
    fn bulk_takes_half_of_the_room_and_others_the_rest() {
        let mut lanes = Lanes::new(100, 1000, 4);
        for _ in 0..5 {
            lanes.push(Class::Bulk, vec![0; 100]).unwrap();
        }
        assert_eq!(lanes.push(Class::Bulk, vec![0; 100]), Err(Full::Bulk));
        for _ in 0..5 {
            lanes.push(Class::Interactive, vec![0; 100]).unwrap();
        }
        assert_eq!(lanes.push(Class::Interactive, vec![0; 1]), Err(Full::All));
        assert_eq!(lanes.push(Class::Control, vec![0; 1]), Ok(()), "an empty lane takes one in any case");
        assert_eq!(lanes.push(Class::Control, vec![0; 1]), Err(Full::All));
    }

    #[test]
    fn messages_are_counted_too() {
        let mut lanes = Lanes::new(4, 1000, 4);
        let filled = |lanes: &mut Lanes, lane| (0..9).find(|_| lanes.push(lane, vec![1]).is_err());
        assert_eq!(filled(&mut lanes, Class::Bulk), Some(2));
        assert_eq!(filled(&mut lanes, Class::Control), Some(2));
    }

    #[test]
    fn one_message_always_fits_and_an_empty_one_is_nothing() {
        let mut lanes = Lanes::new(4, 10, 4);
        lanes.push(Class::Control, Vec::new()).unwrap();
        assert_eq!((lanes.bytes(), lanes.next(Class::Control, 5)), (0, None));
        lanes.push(Class::Bulk, vec![1; 5000]).unwrap();
        let mut out = Vec::new();
        assert_eq!((lanes.next(Class::Bulk, 2000), lanes.cut(Class::Bulk, 2000, &mut out)), (Some(2000), 2000));
        assert_eq!((lanes.next(Class::Bulk, 4000), lanes.cut(Class::Bulk, 4000, &mut out)), (Some(3000), 3000));
        assert_eq!((lanes.bytes(), lanes.cut(Class::Bulk, 2000, &mut out)), (0, 0));
    }

    #[test]
    fn cells_and_bulk_messages_halve_the_lane() {
        let mut lanes = Lanes::new(100, 1 << 20, 100);
        lanes.push(Class::Bulk, vec![1; 500_000]).unwrap();
        (0..100).for_each(|byte| lanes.push_cell(cell(byte)).unwrap());
        assert_eq!(lanes.push_cell(cell(7)), Err(cell(7)));
        let (mut cells, mut others) = (Vec::new(), 0);
        while cells.len() < 50 {
            let mut piece = Vec::new();
            let next = lanes.next(Class::Bulk, 4000).unwrap();
            assert_eq!(lanes.cut(Class::Bulk, 4000, &mut piece), next);
            match piece.len() == 1 + CELL {
                true => cells.push(piece[1]),
                false => others += next,
            }
        }
        assert!(cells.is_sorted(), "cells keep their order");
        assert!((others as i64 - 50 * CELL as i64).abs() <= 4000, "{others} bytes beside 50 cells");
        assert_eq!(lanes.bytes(), 500_000 - others + 50 * CELL);
    }

    #[test]
    fn cells_alone_have_the_lane_and_are_never_cut() {
        let mut lanes = Lanes::new(100, 1000, 100);
        (0..3).for_each(|byte| lanes.push_cell(cell(byte)).unwrap());
        let mut pieces = Vec::new();
        while lanes.next(Class::Bulk, 1024).is_some() {
            assert_eq!(lanes.cut(Class::Bulk, 1024, &mut pieces), CELL);
        }
        assert_eq!((pieces.len(), lanes.bytes()), (3 * (1 + CELL), 0));
    }
}
