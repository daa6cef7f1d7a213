//! Getting the newest version of a mutable record: as many cells are heard as a put needs, so that at least one of them
//! has what was put last; and before a version is given to the owner, as many cells have it, so that no later get can
//! come to an earlier one (H. Attiya, A. Bar-Noy, D. Dolev, "Sharing memory robustly in message-passing systems", J. ACM
//! 42(1), 1995).

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::RecordKey;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, Reach, RequestBody, StoreFailure};
use crate::output::{Event, GetReport, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::client::ask;
use crate::record::{Mark, Record};

#[derive(Debug)]
pub(super) struct Newest {
    key: RecordKey,
    /// Cells that were not asked yet, in the record's own order.
    rest: VecDeque<Cell>,
    replicas: u32,
    quorum: u32,
    waiting: u32,
    /// Cells that have answered, and what they have.
    heard: Vec<(Cell, Option<Mark>)>,
    /// Cells that failed to answer.
    failed: u32,
    best: Option<Best>,
    /// Cells that are being given the newest version; `None` as long as it is looked for.
    giving: Option<BTreeSet<Cell>>,
    last_failure: Option<RequestFailure>,
}

#[derive(Debug)]
struct Best {
    record: Record,
    hops: u8,
    from: Cell,
}

impl Newest {
    pub(super) fn begin<R: Rng>(ticket: Ticket, key: RecordKey, replicas: u8, cx: &mut Context<'_, R>) -> Self {
        let mut newest = Self {
            key,
            rest: replica_cells(cx.table.shape(), &key.routing_key()).into(),
            replicas: replicas.into(),
            quorum: u32::from(cx.config.write_quorum.min(replicas)),
            waiting: 0,
            heard: Vec::new(),
            failed: 0,
            best: None,
            giving: None,
            last_failure: None,
        };
        for _ in 0..replicas {
            newest.ask_next(ticket, cx);
        }
        newest
    }

    /// What is said when the time is up.
    pub(super) fn late(self) -> RequestFailure {
        let (stored, needed) = (self.agreeing(), self.quorum);
        self.last_failure.unwrap_or(RequestFailure::TooFewCells { stored, needed, why: None })
    }

    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> bool {
        let Some(target) = self.rest.pop_front() else { return false };
        self.waiting += 1;
        ask(ticket, target, RequestBody::Get { key: self.key, reach: Reach::Newest }, cx);
        true
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        match self.giving.as_mut().is_some_and(|giving| giving.remove(&cell)) {
            true => self.on_given(cell, outcome),
            false => self.on_heard(ticket, cell, outcome, cx),
        }
        self.go_on(ticket, cx)
    }

    fn on_heard<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        self.waiting -= 1;
        match outcome {
            Ok(Answer { body: AnswerBody::Found(record), hops, from, .. }) if record.key() == self.key => {
                self.heard.push((cell, Some(record.mark())));
                let newer = |best: &Best| best.record.mark().sequence < record.mark().sequence;
                self.best = Some(match self.best.take() {
                    Some(best) if !newer(&best) => Best { record: best.record.merge(&record), ..best },
                    Some(_) | None => Best { record, hops, from },
                });
            }
            Ok(Answer { body: AnswerBody::NotFound, .. }) => self.heard.push((cell, None)),
            Ok(Answer { body: AnswerBody::Vacant, .. }) | Err(RequestFailure::NoWay(_)) => {
                self.ask_next(ticket, cx);
            }
            Ok(_) => self.failed += 1,
            Err(failure) => (self.failed, self.last_failure) = (self.failed + 1, Some(failure)),
        }
    }

    fn on_given(&mut self, cell: Cell, outcome: Result<Answer, RequestFailure>) {
        let has_it = match outcome.map(|answer| answer.body) {
            Ok(AnswerBody::Stored { .. }) => true,
            // It has a later one, or both of two.
            Ok(AnswerBody::NotStored(why)) => {
                matches!(why, StoreFailure::Superseded { .. } | StoreFailure::Equivocation)
            }
            Ok(_) | Err(_) => false,
        };
        let mark = self.best.as_ref().map(|best| best.record.mark());
        match self.heard.iter_mut().find(|(heard, _)| *heard == cell) {
            Some(entry) if has_it => entry.1 = mark,
            Some(_) | None => self.failed += u32::from(!has_it),
        }
    }

    /// Cells that have the newest version that we know.
    fn agreeing(&self) -> u32 {
        let Some(newest) = self.best.as_ref().map(|best| best.record.mark()) else { return 0 };
        let agreeing = self.heard.iter().filter(|(_, mark)| *mark == Some(newest)).count();
        u32::try_from(agreeing).unwrap_or(u32::MAX)
    }

    fn go_on<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> Option<Event> {
        let heard = u32::try_from(self.heard.len()).unwrap_or(u32::MAX);
        if self.best.is_none() {
            return self.look_further(ticket, heard, cx);
        }
        // All that can be heard, if a quorum cannot.
        if heard < self.quorum && self.waiting > 0 {
            return None;
        }
        let agreeing = self.agreeing();
        let all_there_are = self.waiting == 0 && self.failed == 0 && heard <= agreeing;
        if agreeing >= self.quorum || all_there_are {
            let Best { record, hops, from } = self.best.take()?;
            return Some(Event::GetDone { ticket, outcome: Ok(GetReport { record, hops, from, cells: heard }) });
        }
        self.give(ticket, cx);
        let busy = self.waiting > 0 || self.giving.as_ref().is_some_and(|giving| !giving.is_empty());
        if busy || self.ask_next(ticket, cx) {
            return None;
        }
        let failure = RequestFailure::TooFewCells { stored: agreeing, needed: self.quorum, why: None };
        Some(Event::GetDone { ticket, outcome: Err(failure) })
    }

    /// Nobody who answered has it: those that stand in may.
    fn look_further<R: Rng>(&mut self, ticket: Ticket, heard: u32, cx: &mut Context<'_, R>) -> Option<Event> {
        // Twice as many as hold it when nothing is amiss: a bound on what a get for nothing costs the grid.
        if self.waiting > 0 || (heard < 2 * self.replicas && self.ask_next(ticket, cx)) {
            return None;
        }
        let nobody = RequestFailure::NotFound { asked: heard };
        let failure = if heard > 0 { nobody } else { self.last_failure.take().unwrap_or(nobody) };
        Some(Event::GetDone { ticket, outcome: Err(failure) })
    }

    /// Gives the newest version to the cells that have an earlier one, or none; to each once.
    fn give<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        if self.giving.is_some() {
            return;
        }
        let Some(best) = &self.best else { return };
        let mark = best.record.mark();
        let behind = self.heard.iter().filter(|(_, theirs)| *theirs != Some(mark)).map(|(cell, _)| *cell);
        let behind: BTreeSet<Cell> = behind.collect();
        for &cell in &behind {
            ask(ticket, cell, RequestBody::Put(best.record.clone()), cx);
        }
        self.giving = Some(behind);
    }
}
