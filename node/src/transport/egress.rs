//! What leaves a node on one link, and when: a state machine without sockets or clock.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`lanes`] | what waits, cut into pieces |
//! | [`turns`] | which lane is next |
//! | [`flight`] | the bulk that is under way, by marks |
//! | [`window`] | how much of it may be |

mod flight;
mod lanes;
mod turns;
mod window;

use std::mem;
use std::time::Duration;

use grid::queue::Class;
use grid::time::Time;
use tunnel::cell::Cell;

pub(crate) use self::flight::{Flight, Unasked};
pub(crate) use self::lanes::Full;
use self::lanes::Lanes;
use self::turns::Turns;
pub(crate) use self::window::Window;
use super::Limits;
use crate::wire::piece::{MAX_PIECE, Reached, SLOT, append_cell, append_mark, append_padding, append_reached};

/// A batch is written at once and has at most so many bytes and a piece; one frame of the layers below.
pub(crate) const BATCH: usize = MAX_PIECE;
/// A mark follows on this part of the window.
const MARKS: u64 = 8;
/// After how many of the quickest round trips without word a link may be mute.
const MUTE_ROUNDS: u32 = 4;

/// Where links have send slots, tunnels' cells have this many in a row before messages that wait get one: without that a long
/// stream through a tunnel would keep the node from answering its neighbours at all.
const CELLS_IN_A_ROW: u32 = 3;

/// What a send slot was filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// A tunnel's cell.
    Cell,
    /// Messages.
    Messages,
    /// Nothing.
    Cover,
}

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Egress {
    lanes: Lanes,
    turns: Turns,
    flight: Flight,
    window: Window,
    /// Marks of the other side that were read, and what is to be said of them.
    marks: u64,
    answer: Option<Reached>,
    /// A mark is wanted in one of the next slots.
    felt: bool,
    /// The shortest time from a mark to the answer.
    round_trip: Option<Duration>,
    /// Slots in a row that went to cells.
    in_a_row: u32,
    /// Nothing more will be queued.
    closed: bool,
}

impl Egress {
    pub(crate) fn new(limits: &Limits, now: Time) -> Self {
        Self {
            lanes: Lanes::new(limits.queue_frames, limits.queue_bytes, limits.queue_cells),
            turns: Turns::default(),
            flight: Flight::default(),
            window: Window::new(now),
            marks: 0,
            answer: None,
            felt: false,
            round_trip: None,
            in_a_row: 0,
            closed: false,
        }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it.
    pub(crate) fn push(&mut self, lane: Class, message: Vec<u8>) -> Result<(), Full> {
        self.lanes.push(lane, message)
    }

    /// Queues a cell of a tunnel.
    ///
    /// # Errors
    /// The cell, if there is no room for it, or nothing more is taken.
    pub(crate) fn push_cell(&mut self, cell: Cell) -> Result<(), Cell> {
        if self.closed { Err(cell) } else { self.lanes.push_cell(cell) }
    }

    /// Has a link with send slots show whether the other side still reads: a mark follows, unless one is under way already. Without slots
    /// marks follow on all bulk, and cells are bulk.
    pub(crate) fn feel(&mut self) {
        self.felt = !self.flight.is_marked();
    }

    /// Whether the other side has not read on for so long, nor for [`MUTE_ROUNDS`] round trips. Marks alone show that.
    pub(crate) fn is_mute(&self, now: Time, least: Duration) -> bool {
        let patience = self.round_trip.map_or(least, |round_trip| least.max(round_trip * MUTE_ROUNDS));
        self.waited(now) >= patience
    }

    /// What waits in each lane, in bytes, in the order of [`Class::ALL`].
    pub(crate) fn waiting(&self) -> [usize; 3] {
        self.lanes.waiting()
    }

    /// Nothing more will be queued: what waits is written without regard to what is under way, as nothing comes behind
    /// it, and nobody may be there any more who answers marks.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it is closed and all is written.
    pub(crate) fn is_done(&self) -> bool {
        self.closed && self.lanes.bytes() == 0
    }

    /// Appends what is to be written now. Nothing, if nothing waits or bulk has to.
    pub(crate) fn fill(&mut self, now: Time, batch: &mut Vec<u8>) {
        if let Some(reached) = self.answer.take() {
            append_reached(batch, reached);
        }
        if self.flight.bytes() == 0 {
            self.window.begin(now);
        }
        let mut room = BATCH;
        while batch.len() < room {
            let next = self.next();
            let Some(lane) = self.turns.next(next, self.is_open(next)) else { break };
            let length = self.lanes.cut(lane, self.longest(lane), batch);
            self.turns.sent(lane, length, self.next().map(|next| next.is_some()));
            if lane == Class::Bulk {
                // A batch is decrypted as a whole: one with bulk is as short as its piece.
                room = self.longest(lane);
                self.wrote(length, now, batch);
            }
        }
        // The last bulk before a pause is marked in any case: nothing else would open the window again.
        let next = self.next();
        if self.flight.unmarked() > 0 && (next[Class::Bulk.index()].is_none() || !self.is_open(next)) {
            self.mark(now, batch);
        }
    }

    /// Appends what goes in a send slot: [`SLOT`] bytes, whatever waits. What is under way on the link is not regarded: the slots
    /// are no faster for it.
    pub(crate) fn fill_slot(&mut self, now: Time, batch: &mut Vec<u8>) -> Filling {
        let end = batch.len() + SLOT;
        let waits = self.answer.is_some() || self.felt || self.lanes.waiting().iter().any(|&bytes| bytes > 0);
        if (!waits || self.in_a_row < CELLS_IN_A_ROW) && self.lanes.cut_cell(batch) {
            self.in_a_row += 1;
            return Filling::Cell;
        }
        self.in_a_row = 0;
        if !waits {
            append_cell(batch, &Cell::cover());
            return Filling::Cover;
        }
        if let Some(reached) = self.answer.take() {
            append_reached(batch, reached);
        }
        if mem::take(&mut self.felt) {
            self.mark(now, batch);
        }
        loop {
            let next = Class::ALL.map(|lane| self.lanes.fitting(lane, end - batch.len()));
            let Some(lane) = self.turns.next(next, true) else { break };
            let length = self.lanes.cut_message(lane, next[lane.index()].unwrap_or_default(), batch);
            self.turns.sent(lane, length, self.lanes.waiting().map(|bytes| bytes > 0));
        }
        append_padding(batch, end - batch.len());
        Filling::Messages
    }

    /// The longest piece of a lane. Pieces of bulk are shorter on slow links.
    fn longest(&self, lane: Class) -> usize {
        match lane {
            Class::Control | Class::Interactive => MAX_PIECE,
            Class::Bulk => self.window.piece(),
        }
    }

    /// The lengths of the lanes' next pieces.
    fn next(&self) -> [Option<usize>; 3] {
        Class::ALL.map(|lane| self.lanes.next(lane, self.longest(lane)))
    }

    /// A piece of bulk was written.
    fn wrote(&mut self, length: usize, now: Time, batch: &mut Vec<u8>) {
        self.flight.wrote(length);
        if self.flight.unmarked() >= self.window.bytes() / MARKS {
            self.mark(now, batch);
        }
    }

    /// Whether bulk may be sent beyond its floor.
    fn is_open(&self, next: [Option<usize>; 3]) -> bool {
        let length = next[Class::Bulk.index()].unwrap_or_default() as u64;
        let under_way = self.flight.bytes();
        self.closed || under_way == 0 || under_way + length <= self.window.bytes()
    }

    fn mark(&mut self, now: Time, batch: &mut Vec<u8>) {
        append_mark(batch);
        self.flight.mark(now);
    }

    /// A mark of the other side was read.
    pub(crate) fn on_mark(&mut self, now: Time) {
        self.marks += 1;
        self.window.opposed(now);
        self.answer = Some(Reached { marks: self.marks, at: now.as_micros() });
    }

    /// The other side says how far it has read.
    ///
    /// # Errors
    /// [`Unasked`] if that cannot be.
    pub(crate) fn on_reached(&mut self, now: Time, reached: Reached) -> Result<(), Unasked> {
        let sample = self.flight.reached(now, reached)?;
        self.round_trip = Some(self.round_trip.map_or(sample.round, |least| least.min(sample.round)));
        self.window.reached(now, &sample);
        Ok(())
    }

    /// For how long the other side has not read on to a mark.
    pub(crate) fn waited(&self, now: Time) -> Duration {
        if self.closed { Duration::ZERO } else { self.flight.waited(now) }
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]
mod tests;
