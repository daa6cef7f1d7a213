//! Putting: to all cells of the record, successful at a quorum of them.

use alloc::collections::VecDeque;

use rand_core::Rng;

use crate::cell::Cell;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, RequestBody, StoreFailure};
use crate::output::{Event, PutReport, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::client::ask;
use crate::record::Record;

#[derive(Debug)]
pub(super) struct Put {
    record: Record,
    /// Cells that were not asked yet, in the record's own order.
    rest: VecDeque<Cell>,
    /// Cells that store it when nothing is amiss.
    wanted: u32,
    /// Cells that must.
    quorum: u32,
    stored_cells: u32,
    stored_nodes: u32,
    /// Cells that could not be asked though somebody may be there, or that failed to store.
    failed: u32,
    why: Option<StoreFailure>,
    waiting: u32,
}

impl Put {
    pub(super) fn begin<R: Rng>(ticket: Ticket, record: Record, replicas: u8, cx: &mut Context<'_, R>) -> Self {
        let rest = replica_cells(cx.table.shape(), &record.key().routing_key()).into();
        let wanted = replicas.into();
        let quorum = u32::from(cx.config.write_quorum).min(wanted);
        let (stored_cells, stored_nodes, failed, why, waiting) = (0, 0, 0, None, 0);
        let mut put = Self { record, rest, wanted, quorum, stored_cells, stored_nodes, failed, why, waiting };
        for _ in 0..replicas {
            put.ask_next(ticket, cx);
        }
        put
    }

    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        // Not further than a get looks for it: twice as many as keep it when nothing is amiss.
        if self.stored_cells + self.failed >= 2 * self.wanted {
            return;
        }
        if let Some(target) = self.rest.pop_front() {
            self.waiting += 1;
            ask(ticket, target, self.record.class(), RequestBody::Put(self.record.clone()), cx);
        }
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        self.waiting -= 1;
        match outcome.map(|answer| answer.body) {
            Ok(AnswerBody::Stored { nodes }) => {
                self.stored_cells += 1;
                self.stored_nodes += u32::from(nodes);
            }
            // Nobody there, or nobody who can be reached: the next cell of the sequence stands in.
            Ok(AnswerBody::Vacant) | Err(RequestFailure::NoWay(_)) => self.ask_next(ticket, cx),
            // No other cell would take it either.
            Ok(AnswerBody::NotStored(why)) if why.is_final() => (self.failed, self.why) = (self.failed + 1, Some(why)),
            Ok(AnswerBody::NotStored(why)) => {
                self.failed += 1;
                self.why = Some(self.why.filter(StoreFailure::is_final).unwrap_or(why));
                self.stand_in(ticket, cx);
            }
            // Anything else is no answer to a put.
            Ok(_) | Err(_) => {
                self.failed += 1;
                self.stand_in(ticket, cx);
            }
        }
        let done = self.stored_cells >= self.wanted || self.waiting == 0;
        done.then(|| Event::PutDone { ticket, outcome: self.outcome() })
    }

    /// Another cell for one that failed. Not for a version: a get that hears the cell that failed does not hear the one
    /// that stood in for it.
    fn stand_in<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        if self.record.version().is_none() {
            self.ask_next(ticket, cx);
        }
    }

    /// What it comes to, given what is known now. Where all other cells are vacant, one cell is all there can be.
    pub(super) fn outcome(&self) -> Result<PutReport, RequestFailure> {
        let needed = if self.failed == 0 && self.waiting == 0 { 1 } else { self.quorum };
        if self.stored_cells >= needed {
            Ok(PutReport { nodes: self.stored_nodes, cells: self.stored_cells })
        } else if let Some(why) = self.why.filter(StoreFailure::is_final) {
            Err(RequestFailure::Refused(why))
        } else if self.failed == 0 && self.waiting == 0 {
            Err(RequestFailure::NoKeeper)
        } else {
            Err(RequestFailure::TooFewCells { stored: self.stored_cells, needed, why: self.why })
        }
    }
}
