//! Getting the newest version of a mutable record: as many cells are heard as a put needs, so that at least one of them
//! has what was put last; and before a version is given to the owner, as many cells have it, so that no later get can
//! come to an earlier one (H. Attiya, A. Bar-Noy, D. Dolev, "Sharing memory robustly in message-passing systems", J. ACM
//! 42(1), 1995). Cells that fail are not replaced by others; only where nobody is does another cell stand in.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::RecordKey;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, Reach, RequestBody, StoreFailure};
use crate::output::{Event, GetReport, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::client::ask;
use crate::queue::Class;
use crate::record::{Mark, Record};

#[derive(Debug)]
pub(super) struct Newest {
    key: RecordKey,
    /// Cells that were not asked yet, in the record's own order.
    rest: VecDeque<Cell>,
    replicas: u32,
    quorum: u32,
    /// Cells that were asked what they have.
    asking: BTreeSet<Cell>,
    /// Cells that are being given a version.
    giving: BTreeMap<Cell, Mark>,
    /// Cells that have answered, and what they have.
    heard: BTreeMap<Cell, Option<Mark>>,
    /// Which version each cell was given, so that none is given the same twice.
    given: BTreeMap<Cell, Mark>,
    /// Cells that said that they have something later than what they were given, and were asked again.
    asked_again: BTreeSet<Cell>,
    /// Cells that failed to answer.
    failed: u32,
    best: Option<Best>,
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
            asking: BTreeSet::new(),
            giving: BTreeMap::new(),
            heard: BTreeMap::new(),
            given: BTreeMap::new(),
            asked_again: BTreeSet::new(),
            failed: 0,
            best: None,
            last_failure: None,
        };
        for _ in 0..replicas {
            newest.ask_next(ticket, cx);
        }
        newest
    }

    /// What is said when the time is up.
    pub(super) fn late(self) -> RequestFailure {
        let too_few = self.too_few();
        self.last_failure.unwrap_or(too_few)
    }

    fn too_few(&self) -> RequestFailure {
        RequestFailure::TooFewCells { stored: self.agreeing(), needed: self.quorum, why: None }
    }

    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> bool {
        let Some(target) = self.rest.pop_front() else { return false };
        self.ask(ticket, target, cx);
        true
    }

    fn ask<R: Rng>(&mut self, ticket: Ticket, target: Cell, cx: &mut Context<'_, R>) {
        self.asking.insert(target);
        ask(ticket, target, Class::Interactive, RequestBody::Get { key: self.key, reach: Reach::Newest }, cx);
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        match self.giving.remove(&cell) {
            Some(mark) => self.on_given(ticket, cell, mark, outcome, cx),
            None => self.on_heard(ticket, cell, outcome, cx),
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
        self.asking.remove(&cell);
        match outcome {
            Ok(Answer { body: AnswerBody::Found(record), hops, from, .. }) if record.key() == self.key => {
                self.heard.insert(cell, Some(record.mark()));
                let newer = |best: &Best| best.record.mark().sequence < record.mark().sequence;
                self.best = Some(match self.best.take() {
                    Some(best) if !newer(&best) => Best { record: best.record.merge(&record), ..best },
                    Some(_) | None => Best { record, hops, from },
                });
            }
            Ok(Answer { body: AnswerBody::NotFound, .. }) => _ = self.heard.insert(cell, None),
            Ok(Answer { body: AnswerBody::Vacant, .. }) | Err(RequestFailure::NoWay(_)) => {
                self.ask_next(ticket, cx);
            }
            Ok(_) => self.failed += 1,
            Err(failure) => (self.failed, self.last_failure) = (self.failed + 1, Some(failure)),
        }
    }

    fn on_given<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        mark: Mark,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        match outcome.map(|answer| answer.body) {
            Ok(AnswerBody::Stored { .. }) => _ = self.heard.insert(cell, Some(mark)),
            // It has a later one, or both of two: which, it has to say itself.
            Ok(AnswerBody::NotStored(StoreFailure::Superseded { .. } | StoreFailure::Equivocation))
                if self.asked_again.insert(cell) =>
            {
                self.heard.remove(&cell);
                self.ask(ticket, cell, cx);
            }
            Ok(_) | Err(_) => self.failed += 1,
        }
    }

    /// Cells that have the newest version that we know.
    fn agreeing(&self) -> u32 {
        let Some(newest) = self.best.as_ref().map(|best| best.record.mark()) else { return 0 };
        count(self.heard.values().filter(|mark| **mark == Some(newest)).count())
    }

    fn go_on<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) -> Option<Event> {
        let heard = count(self.heard.len());
        if self.best.is_none() {
            return self.look_further(ticket, heard, cx);
        }
        // All that can be heard, if a quorum cannot.
        if heard < self.quorum && !self.asking.is_empty() {
            return None;
        }
        let agreeing = self.agreeing();
        let idle = self.asking.is_empty() && self.giving.is_empty();
        let all_there_are = idle && self.failed == 0 && heard <= agreeing;
        if agreeing >= self.quorum || all_there_are {
            let Best { record, hops, from } = self.best.take()?;
            return Some(Event::GetDone { ticket, outcome: Ok(GetReport { record, hops, from, cells: heard }) });
        }
        self.give(ticket, cx);
        if !self.asking.is_empty() || !self.giving.is_empty() {
            return None;
        }
        Some(Event::GetDone { ticket, outcome: Err(self.too_few()) })
    }

    /// Nobody who answered has it: those that stand in may, unless somebody who may have it did not answer.
    fn look_further<R: Rng>(&mut self, ticket: Ticket, heard: u32, cx: &mut Context<'_, R>) -> Option<Event> {
        if !self.asking.is_empty() {
            return None;
        }
        // Twice as many as hold it when nothing is amiss: a bound on what a get for nothing costs the grid.
        if self.failed == 0 && heard < 2 * self.replicas && self.ask_next(ticket, cx) {
            return None;
        }
        let nobody = RequestFailure::NotFound { asked: heard };
        let failure = if self.failed == 0 { nobody } else { self.last_failure.take().unwrap_or(nobody) };
        Some(Event::GetDone { ticket, outcome: Err(failure) })
    }

    /// Gives the newest version to the cells that have an earlier one, or none; to each once.
    fn give<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        let Some(best) = &self.best else { return };
        let mark = best.record.mark();
        for (&cell, _) in self.heard.iter().filter(|(_, theirs)| **theirs != Some(mark)) {
            if !self.giving.contains_key(&cell) && self.given.insert(cell, mark) != Some(mark) {
                self.giving.insert(cell, mark);
                ask(ticket, cell, Class::Bulk, RequestBody::Put(best.record.clone()), cx);
            }
        }
    }
}

fn count(cells: usize) -> u32 {
    u32::try_from(cells).unwrap_or(u32::MAX)
}
