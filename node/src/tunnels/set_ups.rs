//! Neighbours' set-ups wait for their turn in a work queue like that of requests ([`grid::queue`]).
//!
//! A set-up costs as much as a hundred cells (decision 019), and whoever has paid for an identity may send as many as its
//! link carries. So all of them together get a quarter of a core, however fast that is ([`Budget`]), neighbours take turns, with
//! the weight that the ledger gives to each, and what finds no room or has waited for too long is refused. As long as there is
//! time for all nothing waits, and weights mean nothing.
//!
//! How many circuits a neighbour has is bounded besides, and how many set-ups it has opened in each second, since these are
//! remembered for minutes so that none is taken twice ([`tunnel::table::Config`]).

use std::collections::BTreeMap;
use std::time::Duration;

use grid::id::NodeId;
use grid::queue::{Class, Job, Limits, Weight, WorkQueue};
use grid::time::Time;
use tunnel::cell::{CELL, Cell, CircuitId};

/// Set-ups that may wait: half a second of a quarter of a core, and what others waited for would come too late.
const WAITING: usize = 1024;
/// After how long a set-up is not worth serving any more: its initiator has given it up.
const PATIENCE: Duration = Duration::from_secs(4);
/// One part in so many of a core is for set-ups.
const PART: u32 = 4;
/// Work that may be done at once after a rest, in time of a core.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How much of a core set-ups have used.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    /// When it will be whole again, since the clock's beginning.
    whole: Duration,
}

impl Budget {
    /// So much time of a core was used. What took longer than all that may be done at once was not work: a virtual machine that is stopped
    /// meanwhile counts that for time of its core.
    fn spend(&mut self, now: Duration, took: Duration) {
        self.whole = self.whole.max(now) + took.min(AT_ONCE) * PART;
    }

    /// From when on there is some.
    fn due(self) -> Duration {
        self.whole.saturating_sub(AT_ONCE * PART)
    }
}

#[derive(Debug)]
struct Waiting {
    cell: Cell,
    id: CircuitId,
    number: u64,
    since: Time,
}

/// A set-up whose turn it is, or that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetUp {
    pub(super) from: NodeId,
    pub(super) id: CircuitId,
    pub(super) cell: Cell,
    /// Whether it is to be looked at; else refused.
    pub(super) is_served: bool,
}

/// What a neighbour's share of the work is, where it is not full.
pub(super) type Shares = BTreeMap<NodeId, Weight>;

/// The set-ups that wait.
#[derive(Debug)]
pub(super) struct SetUps {
    queue: WorkQueue<NodeId, Waiting>,
    /// The number of what waits for each circuit; of what was withdrawn none.
    numbers: BTreeMap<(NodeId, CircuitId), u64>,
    shares: Shares,
    budget: Budget,
    next: u64,
}

impl SetUps {
    pub(super) fn new() -> Self {
        let limits = Limits { entries: WAITING, bytes: WAITING * CELL, quantum: 1, floors: [0; 3] };
        Self {
            queue: WorkQueue::new(limits),
            numbers: BTreeMap::new(),
            shares: Shares::new(),
            budget: Budget::default(),
            next: 0,
        }
    }

    /// Takes in what a neighbour sent, and gives what is refused for it.
    pub(super) fn push(&mut self, now: Time, from: NodeId, id: CircuitId, cell: Cell) -> Vec<SetUp> {
        self.next += 1;
        self.numbers.insert((from, id), self.next);
        let item = Waiting { cell, id, number: self.next, since: now };
        let job = Job { lane: from, class: Class::Interactive, worth: 0, work: 1, bytes: CELL, item };
        let dropped = self.queue.push(job, share(&self.shares));
        dropped.into_iter().filter_map(|job| self.take(job, false)).collect()
    }

    /// A neighbour ends a circuit. Whether that was one that waited to begin.
    pub(super) fn withdraw(&mut self, from: NodeId, id: CircuitId) -> bool {
        self.numbers.remove(&(from, id)).is_some()
    }

    /// A neighbour's link is gone.
    pub(super) fn forget(&mut self, from: NodeId) {
        self.queue.forget(from);
        self.numbers.retain(|(node, _), _| *node != from);
    }

    /// What the ledger says of neighbours.
    pub(super) fn weigh(&mut self, shares: Shares) {
        self.shares = shares;
    }

    /// The set-up whose turn it is, if there is time for one.
    pub(super) fn next(&mut self, now: Time) -> Option<SetUp> {
        while self.due()? <= now {
            let job = self.queue.pop(share(&self.shares))?;
            let is_served = now.since(job.item.since) <= PATIENCE;
            if let Some(next) = self.take(job, is_served) {
                return Some(next);
            }
        }
        None
    }

    /// One was looked at, which took so much time of a core.
    pub(super) fn spent(&mut self, now: Time, took: Duration) {
        self.budget.spend(Duration::from_micros(now.as_micros()), took);
    }

    /// When there is time for the next one; none if none waits.
    pub(super) fn due(&self) -> Option<Time> {
        let micros = u64::try_from(self.budget.due().as_micros()).unwrap_or(u64::MAX);
        (!self.queue.is_empty()).then(|| Time::from_micros(micros))
    }

    /// What was taken out of the queue, unless it was withdrawn.
    fn take(&mut self, job: Job<NodeId, Waiting>, is_served: bool) -> Option<SetUp> {
        let (from, Waiting { cell, id, number, .. }) = (job.lane, job.item);
        if self.numbers.get(&(from, id)) != Some(&number) {
            return None;
        }
        self.numbers.remove(&(from, id));
        Some(SetUp { from, id, cell, is_served })
    }
}

fn share(shares: &Shares) -> impl Fn(NodeId) -> Weight {
    |node| shares.get(&node).copied().unwrap_or(Weight::FULL)
}

#[cfg(test)]
mod tests;
