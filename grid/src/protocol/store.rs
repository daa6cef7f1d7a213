//! The cell's side of records: keep what a put brings, on every living node of the cell, and give it to a get.

mod recovery;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use rand_core::Rng;

use crate::id::{NodeId, RecordKey, RequestId};
use crate::input::Ticket;
use crate::message::{AnswerBody, Message, Nonce, StoreFailure};
use crate::output::Output;
use crate::placement::replica_cells;
use crate::protocol::{Context, Signal};
use crate::record::Record;

use recovery::Recovery;

/// When the cell's other nodes have had their time, and when to ask them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// To store a replica.
    Replicate(Nonce),
    /// To look for a record.
    Fetch(Nonce),
    /// To send a record that we lack.
    Recover(Nonce),
    /// The next comparison with another node of the cell.
    Reconcile,
}

/// For whom something is written.
#[derive(Clone, Copy, Debug)]
enum Writer {
    /// A put that reached us first in the cell.
    Put(Nonce),
    /// Another node of the cell.
    Mate(NodeId, Nonce),
    /// Nobody waits: we came by it in a get.
    Nobody,
    /// We fetched it because another node of the cell has it and we had not.
    Recovery { mate: NodeId, key: RecordKey },
}

/// For whom something is read.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Request(RequestId),
    Mate(NodeId, Nonce),
}

/// A put whose replicas are being confirmed.
#[derive(Debug)]
struct Replication {
    request: RequestId,
    /// The others that have not said anything yet.
    waiting: BTreeSet<NodeId>,
    /// Our own disk has not said anything yet.
    own_pending: bool,
    stored: u16,
    failure: Option<StoreFailure>,
}

/// A get that the cell's other nodes were asked for.
#[derive(Debug)]
struct Search {
    request: RequestId,
    waiting: BTreeSet<NodeId>,
}

/// What this node keeps, and what it is about to.
#[derive(Debug, Default)]
pub(crate) struct Store {
    keys: BTreeSet<RecordKey>,
    writing: BTreeMap<Ticket, (RecordKey, Writer)>,
    reading: BTreeMap<Ticket, (RecordKey, Reader)>,
    replications: BTreeMap<Nonce, Replication>,
    searches: BTreeMap<Nonce, Search>,
    recovery: Recovery,
}

/// Reads and writes under way at the same time; beyond it a request is answered as if we had nothing.
const MAX_UNDER_WAY: usize = 1024;

impl Store {
    /// Takes over what an earlier run left on disk.
    pub(crate) fn restore(&mut self, keys: Vec<RecordKey>) {
        self.keys.extend(keys);
    }

    /// How many records are held.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// A put has reached our cell.
    pub(crate) fn put<R: Rng>(&mut self, request: RequestId, record: Record, cx: &mut Context<'_, R>) {
        if self.writing.len() >= MAX_UNDER_WAY {
            return cx.signal(Signal::Reply(request, AnswerBody::NotStored(StoreFailure::Failed)));
        }
        let nonce = cx.nonce();
        let mates: Vec<NodeId> = cx.table.mates_alive();
        for &mate in &mates {
            cx.send(mate, Message::Replicate { nonce, record: record.clone() });
        }
        let waiting = mates.into_iter().collect();
        let fresh = Replication { request, waiting, own_pending: true, stored: 0, failure: None };
        self.replications.insert(nonce, fresh);
        cx.timer(cx.config.replicate_timeout, Timer::Replicate(nonce));
        self.write(record, Writer::Put(nonce), cx);
    }

    fn write<R: Rng>(&mut self, record: Record, writer: Writer, cx: &mut Context<'_, R>) {
        if self.keys.contains(&record.key()) {
            return self.written(writer, Ok(()), cx);
        }
        let ticket = cx.ticket();
        self.writing.insert(ticket, (record.key(), writer));
        cx.out.push(Output::Store { ticket, record });
    }

    pub(crate) fn on_stored<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<(), StoreFailure>,
        cx: &mut Context<'_, R>,
    ) {
        if let Some((key, writer)) = self.writing.remove(&ticket) {
            if outcome.is_ok() {
                self.keys.insert(key);
            }
            self.written(writer, outcome, cx);
        }
    }

    fn written<R: Rng>(&mut self, writer: Writer, outcome: Result<(), StoreFailure>, cx: &mut Context<'_, R>) {
        match writer {
            Writer::Put(nonce) => {
                if let Some(replication) = self.replications.get_mut(&nonce) {
                    replication.own_pending = false;
                    replication.count(outcome);
                    self.conclude(nonce, cx);
                }
            }
            Writer::Mate(mate, nonce) => cx.send(mate, Message::Replicated { nonce, stored: outcome.is_ok() }),
            Writer::Nobody => {}
            Writer::Recovery { mate, key } => self.on_recovery_written(mate, key, outcome.is_ok(), cx),
        }
    }

    /// Another node of our cell wants us to keep a record as well.
    pub(crate) fn on_replicate<R: Rng>(&mut self, from: NodeId, nonce: Nonce, record: Record, cx: &mut Context<'_, R>) {
        let cells = replica_cells(cx.table.shape(), &record.key().routing_key());
        let ours = cx.table.mates().contains(&from) && cells.contains(&cx.me.cell());
        if ours && self.writing.len() < MAX_UNDER_WAY {
            self.write(record, Writer::Mate(from, nonce), cx);
        } else {
            cx.send(from, Message::Replicated { nonce, stored: false });
        }
    }

    pub(crate) fn on_replicated<R: Rng>(&mut self, from: NodeId, nonce: Nonce, stored: bool, cx: &mut Context<'_, R>) {
        if let Some(replication) = self.replications.get_mut(&nonce)
            && replication.waiting.remove(&from)
        {
            match stored {
                true => replication.count(Ok(())),
                // Our own disk's reason, if it has one, says more.
                false => _ = replication.failure.get_or_insert(StoreFailure::Failed),
            }
            self.conclude(nonce, cx);
        }
    }

    /// Answers a put when everybody has spoken.
    fn conclude<R: Rng>(&mut self, nonce: Nonce, cx: &mut Context<'_, R>) {
        let done = |r: &Replication| r.waiting.is_empty() && !r.own_pending;
        if self.replications.get(&nonce).is_some_and(done) {
            self.answer_put(nonce, cx);
        }
    }

    fn answer_put<R: Rng>(&mut self, nonce: Nonce, cx: &mut Context<'_, R>) {
        if let Some(replication) = self.replications.remove(&nonce) {
            let body = match replication.stored {
                0 => AnswerBody::NotStored(replication.failure.unwrap_or(StoreFailure::Failed)),
                nodes => AnswerBody::Stored { nodes },
            };
            cx.signal(Signal::Reply(replication.request, body));
        }
    }

    /// A get has reached our cell.
    pub(crate) fn get<R: Rng>(&mut self, request: RequestId, key: RecordKey, ask_cell: bool, cx: &mut Context<'_, R>) {
        if self.keys.contains(&key) && self.reading.len() < MAX_UNDER_WAY {
            self.read(key, Reader::Request(request), cx);
        } else if ask_cell && self.searches.len() < MAX_UNDER_WAY {
            self.search(request, key, cx);
        } else {
            cx.signal(Signal::Reply(request, AnswerBody::NotFound));
        }
    }

    fn read<R: Rng>(&mut self, key: RecordKey, reader: Reader, cx: &mut Context<'_, R>) {
        let ticket = cx.ticket();
        self.reading.insert(ticket, (key, reader));
        cx.out.push(Output::Load { ticket, key });
    }

    fn search<R: Rng>(&mut self, request: RequestId, key: RecordKey, cx: &mut Context<'_, R>) {
        let mates: Vec<NodeId> = cx.table.mates_alive();
        if mates.is_empty() {
            return cx.signal(Signal::Reply(request, AnswerBody::NotFound));
        }
        let nonce = cx.nonce();
        for &mate in &mates {
            cx.send(mate, Message::Fetch { nonce, key });
        }
        self.searches.insert(nonce, Search { request, waiting: mates.into_iter().collect() });
        cx.timer(cx.config.replicate_timeout, Timer::Fetch(nonce));
    }

    pub(crate) fn on_loaded<R: Rng>(&mut self, ticket: Ticket, record: Option<Record>, cx: &mut Context<'_, R>) {
        let Some((key, reader)) = self.reading.remove(&ticket) else { return };
        if record.is_none() {
            self.keys.remove(&key);
        }
        match reader {
            Reader::Request(request) => {
                cx.signal(Signal::Reply(request, record.map_or(AnswerBody::NotFound, AnswerBody::Found)));
            }
            Reader::Mate(mate, nonce) => cx.send(mate, Message::Fetched { nonce, record }),
        }
    }

    pub(crate) fn on_fetch<R: Rng>(&mut self, from: NodeId, nonce: Nonce, key: RecordKey, cx: &mut Context<'_, R>) {
        let ours = cx.table.mates().contains(&from) && self.keys.contains(&key);
        if ours && self.reading.len() < MAX_UNDER_WAY {
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
        match record {
            Some(record) => {
                self.end_search(nonce, AnswerBody::Found(record.clone()), cx);
                self.write(record, Writer::Nobody, cx);
            }
            None if search.waiting.is_empty() => self.end_search(nonce, AnswerBody::NotFound, cx),
            None => {}
        }
    }

    fn end_search<R: Rng>(&mut self, nonce: Nonce, body: AnswerBody, cx: &mut Context<'_, R>) {
        if let Some(search) = self.searches.remove(&nonce) {
            cx.signal(Signal::Reply(search.request, body));
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Replicate(nonce) => self.answer_put(nonce, cx),
            Timer::Fetch(nonce) => self.end_search(nonce, AnswerBody::NotFound, cx),
            Timer::Recover(nonce) => self.give_up_recovery(nonce, cx),
            Timer::Reconcile => self.on_reconcile(cx),
        }
    }
}

impl Replication {
    fn count(&mut self, outcome: Result<(), StoreFailure>) {
        match outcome {
            Ok(()) => self.stored = self.stored.saturating_add(1),
            Err(failure) => self.failure = Some(failure),
        }
    }
}
