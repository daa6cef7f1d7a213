//! The cell's side of records: keep what a put brings, on every living node of the cell, and give it to a get.

mod audit;
mod index;
mod read;
mod recovery;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::{NodeId, RecordKey, RequestId};
use crate::input::Ticket;
use crate::message::{AnswerBody, Message, Nonce, StoreFailure};
use crate::output::Output;
use crate::placement::{first_cells, replica_cells};
use crate::protocol::{CLOCK_TOLERANCE, Context, Signal};
use crate::record::{Holding, Record, Subject};

use audit::Audit;
use index::Index;
use read::Search;
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
    /// The next round of asking the records' other cells.
    Audit,
    /// The next of its questions.
    AuditStep,
    /// The next look for what has expired.
    Expire,
    /// Handing over has had its time.
    HandedOver,
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
#[derive(Clone, Debug)]
enum Reader {
    Request(RequestId),
    Mate(NodeId, Nonce),
    /// Another version under the same number has come.
    Merge(Record, Writer),
    /// Another cell lacks it.
    Push(Cell),
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

/// What is to be done with a record that has come.
enum Judgement {
    /// It is here.
    Have,
    /// It is to be stored, in place of these.
    Take(Vec<RecordKey>),
    /// There is another version under the same number: both are to be read and made one.
    Merge,
    Refuse(StoreFailure),
}

/// What this node keeps, and what it is about to.
#[derive(Debug)]
pub(crate) struct Store {
    replicas: usize,
    index: Index,
    writing: BTreeMap<Ticket, (Record, Writer)>,
    /// Bytes of the records in `writing`.
    writing_bytes: u64,
    /// Writes that wait for an earlier one of the same record.
    lines: BTreeMap<RecordKey, VecDeque<(Record, Writer)>>,
    reading: BTreeMap<Ticket, (RecordKey, Reader)>,
    replications: BTreeMap<Nonce, Replication>,
    searches: BTreeMap<Nonce, Search>,
    recovery: Recovery,
    audit: Audit,
}

/// Reads and writes under way at the same time; beyond it a request is answered as if we had nothing.
const MAX_UNDER_WAY: usize = 1024;
/// So many of them may be of records whose price was not paid in full.
const MAX_SUBSTANDARD: usize = MAX_UNDER_WAY / 8;
/// Time between two looks for what has expired: a day has no more urgent end.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);
/// What has expired is not given any more, and dropped so many days later: a clock that was set wrong for a day loses
/// nothing.
const GRACE: u32 = 2;
/// Records that are dropped at a time, and the wait before the next: the disk has other things to do.
const EXPIRED_AT_ONCE: usize = 1024;
const EXPIRE_MORE: Duration = Duration::from_secs(1);

impl Store {
    pub(crate) fn new(replicas: u8) -> Self {
        Self {
            replicas: replicas.into(),
            index: Index::default(),
            writing: BTreeMap::new(),
            writing_bytes: 0,
            lines: BTreeMap::new(),
            reading: BTreeMap::new(),
            replications: BTreeMap::new(),
            searches: BTreeMap::new(),
            recovery: Recovery::default(),
            audit: Audit::default(),
        }
    }

    /// Takes over what an earlier run left on disk, and begins to look after it.
    pub(crate) fn start<R: Rng>(&mut self, records: Vec<(RecordKey, Holding)>, cx: &mut Context<'_, R>) {
        self.index.set_day(cx.today());
        records.into_iter().for_each(|(key, holding)| self.index.insert(key, holding));
        for key in self.index.beyond(cx.config.quota) {
            self.discard(key, cx);
        }
        self.expire(cx);
        self.plan_comparison(cx);
        self.plan_audit(cx);
    }

    /// How many records are held, and how many bytes they take.
    pub(crate) fn size(&self) -> (usize, u64) {
        (self.index.len(), self.index.bytes())
    }

    /// Whether there is room for one more write. What was not paid for in full is served last.
    fn has_room(&self, record: &Record) -> bool {
        let waiting: usize = self.lines.values().map(VecDeque::len).sum();
        let under_way = self.writing.len() + waiting;
        under_way < if record.pointer().worth().is_standard() { MAX_UNDER_WAY } else { MAX_SUBSTANDARD }
    }

    /// A put has reached our cell.
    pub(crate) fn put<R: Rng>(&mut self, request: RequestId, record: Record, cx: &mut Context<'_, R>) {
        // What comes while the last of a cell hands over would not be handed over.
        if !self.has_room(&record) || self.audit.is_leaving() {
            return cx.signal(Signal::Reply(request, AnswerBody::NotStored(StoreFailure::Busy)));
        }
        // What we refuse ourselves is not worth the others' time.
        if let Judgement::Refuse(failure) = self.judge(&record, true, cx) {
            return cx.signal(Signal::Reply(request, AnswerBody::NotStored(failure)));
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

    /// Writes a record, after those of its earlier versions that are being written.
    fn write<R: Rng>(&mut self, record: Record, writer: Writer, cx: &mut Context<'_, R>) {
        match self.lines.get_mut(&record.key()) {
            Some(line) => line.push_back((record, writer)),
            None => self.write_now(record, writer, cx),
        }
    }

    fn write_now<R: Rng>(&mut self, record: Record, writer: Writer, cx: &mut Context<'_, R>) {
        let fresh = matches!(writer, Writer::Put(_) | Writer::Mate(..));
        match self.judge(&record, fresh, cx) {
            Judgement::Have => self.written(writer, Ok(()), cx),
            Judgement::Refuse(failure) => {
                if matches!(failure, StoreFailure::QuotaFull { .. }) {
                    self.index.decline(record.key());
                }
                self.written(writer, Err(failure), cx);
            }
            Judgement::Take(victims) => {
                victims.iter().for_each(|victim| self.discard(*victim, cx));
                self.begin_write(record, writer, cx);
            }
            Judgement::Merge => {
                self.lines.entry(record.key()).or_default();
                self.read(record.key(), Reader::Merge(record, writer), cx);
            }
        }
    }

    fn begin_write<R: Rng>(&mut self, record: Record, writer: Writer, cx: &mut Context<'_, R>) {
        let ticket = cx.ticket();
        self.lines.entry(record.key()).or_default();
        self.writing_bytes = self.writing_bytes.saturating_add(record.weight());
        self.writing.insert(ticket, (record.clone(), writer));
        cx.out.push(Output::Store { ticket, record });
    }

    fn discard<R: Rng>(&mut self, key: RecordKey, cx: &mut Context<'_, R>) {
        self.index.remove(&key);
        cx.out.push(Output::Discard(key));
    }

    /// What is to be done with a record. A `fresh` one comes from its writer, and may come too early.
    fn judge<R: Rng>(&self, record: &Record, fresh: bool, cx: &Context<'_, R>) -> Judgement {
        let (terms, today) = (record.pointer().terms(), cx.today());
        if terms.expiry() < today {
            return Judgement::Refuse(StoreFailure::Expired);
        }
        let written = record.version().map(|version| version.head.written);
        if today.plus(1) < terms.from || written.is_some_and(|written| written > cx.unix() + CLOCK_TOLERANCE) {
            return Judgement::Refuse(StoreFailure::Future);
        }
        if !self.is_ours(record, cx) {
            return Judgement::Refuse(StoreFailure::NotHere);
        }
        let quota = cx.config.quota.saturating_sub(self.writing_bytes);
        let make_room = || match self.index.make_room(record, quota, |key| self.lines.contains_key(key)) {
            Ok(victims) => Judgement::Take(victims),
            Err(failure) => Judgement::Refuse(failure),
        };
        let Some(held) = self.index.get(&record.key()) else { return make_room() };
        let (ours, theirs) = (held.mark, record.mark());
        if ours == theirs {
            return Judgement::Have;
        }
        if theirs.sequence < ours.sequence {
            return Judgement::Refuse(StoreFailure::Superseded { sequence: ours.sequence });
        }
        if theirs.sequence == ours.sequence {
            // One proof is enough: more of them would be rewrites that the terms do not allow.
            return if fresh && held.twin { Judgement::Refuse(StoreFailure::Equivocation) } else { Judgement::Merge };
        }
        let Subject::Mutable { interval, .. } = terms.subject else { return Judgement::Have };
        let earliest = held.written.saturating_add(interval.into());
        match written.is_some_and(|written| fresh && written < earliest) {
            true => {
                let wait = earliest.saturating_sub(cx.unix()).max(1);
                Judgement::Refuse(StoreFailure::TooEarly { seconds: u32::try_from(wait).unwrap_or(u32::MAX) })
            }
            false => make_room(),
        }
    }

    /// Whether our cell is one of those that keep a record: of its homes, or of as many again, which stand in; or
    /// further along, where so few cells are occupied that it comes to us.
    fn is_ours<R: Rng>(&self, record: &Record, cx: &Context<'_, R>) -> bool {
        let (shape, home, key) = (cx.table.shape(), cx.me.cell(), record.key().routing_key());
        if first_cells(shape, &key, 2 * self.replicas).contains(&home) {
            return true;
        }
        let cells = replica_cells(shape, &key);
        let Some(place) = cells.iter().position(|cell| *cell == home) else { return false };
        cells[..place].iter().filter(|cell| cx.table.is_occupied(**cell, None)).count() < self.replicas
    }

    pub(crate) fn on_stored<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<(), StoreFailure>,
        cx: &mut Context<'_, R>,
    ) {
        let Some((record, writer)) = self.writing.remove(&ticket) else { return };
        self.writing_bytes = self.writing_bytes.saturating_sub(record.weight());
        if outcome.is_ok() {
            self.index.insert(record.key(), Holding::of(&record));
        }
        let twins = record.version().is_some_and(|version| version.twin.is_some());
        let outcome = if outcome.is_ok() && twins { Err(StoreFailure::Equivocation) } else { outcome };
        self.written(writer, outcome, cx);
        self.next_in_line(record.key(), cx);
    }

    fn next_in_line<R: Rng>(&mut self, key: RecordKey, cx: &mut Context<'_, R>) {
        let Some(mut line) = self.lines.remove(&key) else { return };
        while let Some((record, writer)) = line.pop_front() {
            self.write_now(record, writer, cx);
            if let Some(fresh) = self.lines.get_mut(&key) {
                return fresh.append(&mut line);
            }
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
        if cx.table.mates().contains(&from) && self.has_room(&record) {
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
                // Where nothing has failed, the disks are slow.
                0 => AnswerBody::NotStored(replication.failure.unwrap_or(StoreFailure::Busy)),
                nodes => AnswerBody::Stored { nodes },
            };
            cx.signal(Signal::Reply(replication.request, body));
        }
    }

    /// Drops what has expired, and looks again later.
    fn expire<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let today = cx.today();
        self.index.set_day(today);
        let expired = self.index.expired(today, GRACE, EXPIRED_AT_ONCE);
        let again = if expired.len() < EXPIRED_AT_ONCE { EXPIRE_EVERY } else { EXPIRE_MORE };
        for key in expired.into_iter().filter(|key| !self.lines.contains_key(key)).collect::<Vec<_>>() {
            self.discard(key, cx);
        }
        cx.timer(again, Timer::Expire);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Replicate(nonce) => self.answer_put(nonce, cx),
            Timer::Fetch(nonce) => self.end_search(nonce, cx),
            Timer::Recover(nonce) => self.give_up_recovery(nonce, cx),
            Timer::Reconcile => self.on_reconcile(cx),
            Timer::Audit => self.on_audit(cx),
            Timer::AuditStep => self.on_audit_step(cx),
            Timer::Expire => self.expire(cx),
            Timer::HandedOver => self.on_handed_over(cx),
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
