//! Getting what the cell has and we lack: after joining it, after having been away, after a replica that failed.
//!
//! A node compares its keys with a random other node of its cell, at once when the link to it comes up and every now and
//! then. What it lacks it fetches, a few at a time; then it compares again, until nothing is lacking.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use rand_core::Rng;

use crate::chance::{jitter, pick};
use crate::id::{NodeId, RecordKey};
use crate::message::{Message, Nonce};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::store::{Store, Timer, Writer};
use crate::ranges::{self, Item, RangeReport, is_news};
use crate::record::Record;
use crate::time::Time;

/// Fetches under way at the same time: with 256 KiB a record, 2 MiB.
const MAX_FETCHING: usize = 8;
/// Keys that may wait to be fetched; the next comparison finds the others again.
const MAX_QUEUED: usize = 16_384;

/// What is being fetched, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    queue: VecDeque<(NodeId, Item)>,
    /// All that wait, are being fetched or being written.
    queued: BTreeSet<RecordKey>,
    fetching: BTreeMap<Nonce, (NodeId, RecordKey)>,
    /// Fetched records that are being written.
    writing: usize,
    /// Records that we have stood in for, and when their homes had them again: the others of the cell, which have not
    /// found that out yet, may still name them.
    retired: BTreeMap<RecordKey, Time>,
}

/// How long others of the cell may take to find out that they need not stand in any more.
const RETIREMENT: Duration = Duration::from_secs(600);
/// Retired records that are remembered.
const MAX_RETIRED: usize = 16_384;

impl Recovery {
    /// Not to be fetched again for a while.
    pub(super) fn retire(&mut self, key: RecordKey, now: Time) {
        if self.retired.len() >= MAX_RETIRED {
            self.retired.retain(|_, since| now.since(*since) < RETIREMENT);
        }
        if self.retired.len() < MAX_RETIRED {
            self.retired.insert(key, now);
        }
    }

    fn is_retired(&self, key: &RecordKey, now: Time) -> bool {
        self.retired.get(key).is_some_and(|&since| now.since(since) < RETIREMENT)
    }
}

impl Store {
    pub(super) fn plan_comparison<R: Rng>(&self, cx: &mut Context<'_, R>) {
        let wait = jitter(cx.rng, cx.config.reconcile_every);
        cx.timer(wait, Timer::Reconcile);
    }

    pub(super) fn on_reconcile<R: Rng>(&self, cx: &mut Context<'_, R>) {
        let mates = cx.table.mates_alive();
        if let Some(&mate) = pick(cx.rng, &mates) {
            self.open_comparison(mate, cx);
        }
        self.plan_comparison(cx);
    }

    fn open_comparison<R: Rng>(&self, mate: NodeId, cx: &mut Context<'_, R>) {
        cx.send(mate, Message::Ranges([ranges::open(self.index.items())].into()));
    }

    /// Of two nodes of one cell that have found each other, one begins: a comparison serves both.
    pub(crate) fn on_link_up<R: Rng>(&self, node: NodeId, cx: &mut Context<'_, R>) {
        if cx.table.mates().contains(&node) && cx.me.id() < node {
            self.open_comparison(node, cx);
        }
    }

    pub(crate) fn on_ranges<R: Rng>(&mut self, from: NodeId, reports: &[RangeReport], cx: &mut Context<'_, R>) {
        if !cx.table.mates().contains(&from) {
            return;
        }
        let findings = ranges::compare(self.index.items(), reports);
        if !findings.reply.is_empty() {
            cx.send(from, Message::Ranges(findings.reply));
        }
        for item in findings.lacking {
            let key = item.key;
            let ours = || replica_cells(cx.table.shape(), &key.routing_key()).contains(&cx.me.cell());
            let unwanted = self.index.has_declined(&key) || self.recovery.is_retired(&key, cx.now);
            let known = self.recovery.queued.contains(&key) || unwanted;
            if self.recovery.queued.len() < MAX_QUEUED && !known && ours() {
                self.recovery.queued.insert(key);
                self.recovery.queue.push_back((from, item));
            }
        }
        self.fetch_more(cx);
    }

    fn fetch_more<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        // The disk sets the pace.
        while self.recovery.fetching.len() + self.recovery.writing < MAX_FETCHING {
            let Some((mate, Item { key, mark })) = self.recovery.queue.pop_front() else { return };
            // It may have come another way, or the mate be gone: the next comparison finds out who else has it.
            let than = self.index.get(&key).map(|holding| holding.mark);
            if !is_news(mark, than.as_ref()) || !cx.table.mates().contains(&mate) {
                self.recovery.queued.remove(&key);
                continue;
            }
            let nonce = cx.nonce();
            self.recovery.fetching.insert(nonce, (mate, key));
            cx.send(mate, Message::Fetch { nonce, key, than });
            cx.timer(cx.config.recover_timeout, Timer::Recover(nonce));
        }
    }

    /// Whether an answer belongs to a recovery.
    pub(super) fn on_recovered<R: Rng>(
        &mut self,
        from: NodeId,
        nonce: Nonce,
        record: Option<&Record>,
        cx: &mut Context<'_, R>,
    ) -> bool {
        let Some(&(_, key)) = self.recovery.fetching.get(&nonce).filter(|(mate, _)| *mate == from) else {
            return false;
        };
        match record.filter(|record| record.key() == key) {
            Some(record) => {
                self.recovery.fetching.remove(&nonce);
                self.recovery.writing += 1;
                self.write(record.clone(), Writer::Recovery { mate: from, key }, cx);
            }
            None => self.give_up_recovery(nonce, cx),
        }
        true
    }

    pub(super) fn give_up_recovery<R: Rng>(&mut self, nonce: Nonce, cx: &mut Context<'_, R>) {
        if let Some((_, key)) = self.recovery.fetching.remove(&nonce) {
            self.recovery.queued.remove(&key);
            self.fetch_more(cx);
        }
    }

    pub(super) fn on_recovery_written<R: Rng>(
        &mut self,
        mate: NodeId,
        key: RecordKey,
        stored: bool,
        cx: &mut Context<'_, R>,
    ) {
        self.recovery.queued.remove(&key);
        self.recovery.writing = self.recovery.writing.saturating_sub(1);
        self.fetch_more(cx);
        // One comparison names a bounded number of keys: there may be more. If the disk is full there is no hurry.
        if stored && self.recovery.queued.is_empty() {
            self.open_comparison(mate, cx);
        }
    }
}
