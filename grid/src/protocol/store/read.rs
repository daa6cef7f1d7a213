//! Reading: from our own disk, from the other nodes of the cell, or the newest that any of them has.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::id::{NodeId, RecordKey, RequestId};
use crate::input::Ticket;
use crate::message::{AnswerBody, Message, Nonce, Reach, StoreFailure};
use crate::output::Output;
use crate::protocol::store::{MAX_SUBSTANDARD, MAX_UNDER_WAY, Reader, Store, Timer, Writer};
use crate::protocol::{Context, Signal};
use crate::ranges::is_news;
use crate::record::{Mark, Record};

/// A get that the cell's other nodes were asked for.
#[derive(Debug)]
pub(super) struct Search {
    request: RequestId,
    key: RecordKey,
    waiting: BTreeSet<NodeId>,
    /// The newest is wanted, so all are heard.
    newest: bool,
    best: Option<Record>,
}

impl Store {
    /// A get has reached our cell.
    pub(crate) fn get<R: Rng>(&mut self, request: RequestId, key: RecordKey, reach: Reach, cx: &mut Context<'_, R>) {
        let held = self.holds_today(&key, cx);
        match reach {
            Reach::Newest if self.searches.len() < MAX_UNDER_WAY => self.search(request, key, true, cx),
            Reach::Nearest | Reach::Cell if held && self.may_read(&key) => {
                self.read(key, Reader::Request(request), cx);
            }
            Reach::Cell if self.searches.len() < MAX_UNDER_WAY => self.search(request, key, false, cx),
            Reach::Nearest if !held => cx.signal(Signal::Reply(request, AnswerBody::NotFound)),
            Reach::Nearest | Reach::Cell | Reach::Newest => cx.signal(Signal::Reply(request, AnswerBody::Busy)),
        }
    }

    fn holds_today<R: Rng>(&self, key: &RecordKey, cx: &Context<'_, R>) -> bool {
        self.index.get(key).is_some_and(|holding| cx.today() <= holding.expiry)
    }

    /// Whether one more read is possible. What was not paid for in full is served last.
    fn may_read(&self, key: &RecordKey) -> bool {
        let standard = self.index.get(key).is_some_and(|holding| holding.worth.is_standard());
        self.reading.len() < if standard { MAX_UNDER_WAY } else { MAX_SUBSTANDARD }
    }

    pub(super) fn read<R: Rng>(&mut self, key: RecordKey, reader: Reader, cx: &mut Context<'_, R>) {
        let ticket = cx.ticket();
        self.reading.insert(ticket, (key, reader));
        cx.out.push(Output::Load { ticket, key });
    }

    fn search<R: Rng>(&mut self, request: RequestId, key: RecordKey, newest: bool, cx: &mut Context<'_, R>) {
        let mates: Vec<NodeId> = cx.table.mates_alive();
        let nonce = cx.nonce();
        let than = self.index.get(&key).map(|holding| holding.mark);
        for &mate in &mates {
            cx.send(mate, Message::Fetch { nonce, key, than });
        }
        let alone = mates.is_empty();
        self.searches.insert(nonce, Search { request, key, waiting: mates.into_iter().collect(), newest, best: None });
        match alone {
            true => self.end_search(nonce, cx),
            false => {
                let patience = if newest { cx.config.newest_timeout } else { cx.config.replicate_timeout };
                cx.timer(patience, Timer::Fetch(nonce));
            }
        }
    }

    pub(crate) fn on_loaded<R: Rng>(&mut self, ticket: Ticket, record: Option<Record>, cx: &mut Context<'_, R>) {
        let Some((key, reader)) = self.reading.remove(&ticket) else { return };
        if record.is_none() {
            self.index.remove(&key);
        }
        match reader {
            Reader::Request(request) => {
                cx.signal(Signal::Reply(request, record.map_or(AnswerBody::NotFound, AnswerBody::Found)));
            }
            Reader::Mate(mate, nonce) => cx.send(mate, Message::Fetched { nonce, record }),
            Reader::Merge(other, writer) => match record.map(|record| (record.mark(), record.merge(&other))) {
                // What is known already is not written again.
                Some((mark, merged)) if mark == merged.mark() => self.end_merge(key, writer, &merged, cx),
                Some((_, merged)) => self.begin_write(merged, writer, cx),
                None => self.begin_write(other, writer, cx),
            },
            Reader::Push(cell) => self.push(cell, record, cx),
        }
    }

    /// The disk could not say what it has: that is no reason to forget it.
    pub(crate) fn on_unread<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        let Some((key, reader)) = self.reading.remove(&ticket) else { return };
        match reader {
            Reader::Request(request) => cx.signal(Signal::Reply(request, AnswerBody::Busy)),
            Reader::Mate(mate, nonce) => cx.send(mate, Message::Fetched { nonce, record: None }),
            Reader::Merge(_, writer) => {
                self.written(writer, Err(StoreFailure::Failed), cx);
                self.next_in_line(key, cx);
            }
            Reader::Push(cell) => self.push(cell, None, cx),
        }
    }

    /// Two states of a record came to the one that is here.
    fn end_merge<R: Rng>(&mut self, key: RecordKey, writer: Writer, merged: &Record, cx: &mut Context<'_, R>) {
        let twin = merged.version().is_some_and(|version| version.twin.is_some());
        self.written(writer, if twin { Err(StoreFailure::Equivocation) } else { Ok(()) }, cx);
        self.next_in_line(key, cx);
    }

    pub(crate) fn on_fetch<R: Rng>(
        &mut self,
        from: NodeId,
        nonce: Nonce,
        key: RecordKey,
        than: Option<Mark>,
        cx: &mut Context<'_, R>,
    ) {
        let news = self.index.get(&key).is_some_and(|holding| is_news(holding.mark, than.as_ref()));
        if news && cx.table.mates().contains(&from) && self.may_read(&key) {
            self.read(key, Reader::Mate(from, nonce), cx);
        } else {
            cx.send(from, Message::Fetched { nonce, record: None });
        }
    }

    /// What a mate had, we keep as well: the cell should not lack it twice.
    pub(crate) fn on_fetched<R: Rng>(
        &mut self,
        from: NodeId,
        nonce: Nonce,
        record: Option<Record>,
        cx: &mut Context<'_, R>,
    ) {
        if self.on_recovered(from, nonce, record.as_ref(), cx) {
            return;
        }
        let Some(search) = self.searches.get_mut(&nonce) else { return };
        if !search.waiting.remove(&from) {
            return;
        }
        let record = record.filter(|record| record.key() == search.key);
        if let Some(record) = &record {
            search.best = Some(search.best.as_ref().map_or(record.clone(), |best| best.merge(record)));
        }
        if search.waiting.is_empty() || (record.is_some() && !search.newest) {
            self.end_search(nonce, cx);
        }
        if let Some(record) = record.filter(|record| self.has_room(record)) {
            self.write(record, Writer::Nobody, cx);
        }
    }

    /// Answers with the best that was heard; if that is nothing, with what we have ourselves.
    pub(super) fn end_search<R: Rng>(&mut self, nonce: Nonce, cx: &mut Context<'_, R>) {
        let Some(search) = self.searches.remove(&nonce) else { return };
        match search.best {
            Some(record) => cx.signal(Signal::Reply(search.request, AnswerBody::Found(record))),
            None if self.holds_today(&search.key, cx) => self.read(search.key, Reader::Request(search.request), cx),
            None => cx.signal(Signal::Reply(search.request, AnswerBody::NotFound)),
        }
    }
}
