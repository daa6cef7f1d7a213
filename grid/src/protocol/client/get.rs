//! Getting an immutable record: the nearest cell first, others when it takes long.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::RecordKey;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, Reach, RequestBody};
use crate::output::{Event, GetReport, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::client::ask;
use crate::queue::Class;
use crate::record::Record;

#[derive(Debug)]
pub(super) struct Get {
    key: RecordKey,
    class: Class,
    /// The cells that keep it when none is vacant.
    homes: Vec<Cell>,
    /// Cells that were not asked yet, in the order in which they are to be.
    rest: VecDeque<Cell>,
    /// Cells whose first node lacked it: asked again for all their nodes, when nothing else is left.
    lacking: VecDeque<Cell>,
    /// Whether the questions now go to all nodes of a cell.
    thorough: bool,
    /// Cells that answered and lack it.
    answered: u32,
    /// So many of them are enough to look no further along the sequence.
    enough: u32,
    waiting: u32,
    last_asked: Cell,
    last_failure: Option<RequestFailure>,
}

impl Get {
    pub(super) fn begin<R: Rng>(
        ticket: Ticket,
        key: RecordKey,
        class: Class,
        replicas: u8,
        cx: &mut Context<'_, R>,
    ) -> Self {
        let mut cells = replica_cells(cx.table.shape(), &key.routing_key());
        let home = cx.me.cell();
        let first = usize::from(replicas).min(cells.len());
        // The record is in the first occupied cells; of those, the nearest costs least. The sort keeps the order of
        // equals, so that the sequence decides among them.
        cells[..first].sort_by_key(|cell| cell.distance(&home));
        let mut get = Self {
            key,
            class,
            homes: cells[..first].to_vec(),
            rest: cells.into(),
            lacking: VecDeque::new(),
            thorough: false,
            answered: 0,
            // Twice as many as hold it when nothing is amiss: a bound on what a get for nothing costs the grid.
            enough: 2 * u32::from(replicas),
            waiting: 0,
            last_asked: home,
            last_failure: None,
        };
        get.ask_next(ticket, cx);
        get
    }

    /// What is said when the time is up.
    pub(super) fn late(self) -> RequestFailure {
        let late = RequestFailure::TimedOut(self.last_asked);
        self.last_failure.unwrap_or(late)
    }

    /// Asks one more cell; `false` if there is none left.
    pub(super) fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> bool {
        if !self.thorough && self.answered >= self.enough {
            return false;
        }
        let Some(target) = self.rest.pop_front() else { return false };
        self.waiting += 1;
        self.last_asked = target;
        let reach = if self.thorough { Reach::Cell } else { Reach::Nearest };
        ask(ticket, target, self.class, RequestBody::Get { key: self.key, reach }, cx);
        true
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        self.waiting -= 1;
        match outcome {
            Ok(Answer { body: AnswerBody::Found(record), hops, from, .. }) if record.key() == self.key => {
                self.repair(ticket, &record, cx);
                return Some(Event::GetDone { ticket, outcome: Ok(GetReport { record, hops, from, cells: 1 }) });
            }
            Ok(Answer { body: AnswerBody::Vacant, .. }) => {}
            Ok(Answer { body: AnswerBody::Busy, .. }) => self.last_failure = Some(RequestFailure::TimedOut(cell)),
            Ok(_) => {
                self.answered += u32::from(!self.thorough);
                self.lacking.push_back(cell);
            }
            Err(failure) => self.last_failure = Some(failure),
        }
        self.go_on(ticket, cx)
    }

    /// Read repair: the cells that should have the record and said that they lack it, for they were vacant when it was
    /// put, or all their nodes are new, get it now. Nobody waits for their answers.
    fn repair<R: Rng>(&mut self, ticket: Ticket, record: &Record, cx: &mut Context<'_, R>) {
        for target in core::mem::take(&mut self.lacking).into_iter().filter(|cell| self.homes.contains(cell)) {
            ask(ticket, target, Class::Bulk, RequestBody::Put(record.clone()), cx);
        }
    }

    /// Asks the next cell, or the same ones more thoroughly, or gives up.
    fn go_on<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> Option<Event> {
        if self.ask_next(ticket, cx) || self.waiting > 0 {
            return None;
        }
        if !self.thorough && !self.lacking.is_empty() {
            self.thorough = true;
            self.rest = core::mem::take(&mut self.lacking);
            while self.ask_next(ticket, cx) {}
            return None;
        }
        let nobody = RequestFailure::NotFound { asked: self.answered };
        let failure = if self.answered > 0 { nobody.clone() } else { self.last_failure.take().unwrap_or(nobody) };
        Some(Event::GetDone { ticket, outcome: Err(failure) })
    }
}
