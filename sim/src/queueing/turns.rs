//! Orders of service that take turns or heed worth, all by the queue that nodes have, [`grid::queue`]: they differ in what
//! they take for a class, a lane and a worth.

use grid::queue::{Class, Limits, Weight, WorkQueue};

use super::Job;

/// A neighbour, and whether its lane has its whole share.
type Lane = (u32, bool);

/// Where a job waits: its class, its lane and its worth there.
type Place = fn(&Job) -> (Class, Lane, u32);

/// A queue under one of these orders.
#[derive(Debug)]
pub(super) struct Turns {
    queue: WorkQueue<Lane, Job>,
    /// Work of the queue's, for a second.
    units: f64,
    place: Place,
}

/// Units of work in a quantum: fine enough that the work of the smallest jobs is told apart.
const QUANTUM: u32 = 1000;

/// One lane for each neighbour, in which the oldest is first.
pub(super) fn fair(job: &Job) -> (Class, Lane, u32) {
    (Class::Interactive, (job.neighbour, true), 0)
}

/// One lane for each neighbour, in which the most effort is first.
pub(super) fn fair_then_effort(job: &Job) -> (Class, Lane, u32) {
    (Class::Interactive, (job.neighbour, true), job.effort)
}

/// One lane for all, in which the most effort is first.
pub(super) fn effort(job: &Job) -> (Class, Lane, u32) {
    (Class::Interactive, (0, true), job.effort)
}

/// Turns among neighbours, but who did not pay waits for all who did.
pub(super) fn paid_then_fair(job: &Job) -> (Class, Lane, u32) {
    (if job.has_paid { Class::Interactive } else { Class::Bulk }, (job.neighbour, true), 0)
}

/// Two lanes for each neighbour, one of a 256th of the share for what did not pay. Among those who paid what was asked the
/// oldest is first: to pay more buys nothing.
pub(super) fn node(job: &Job) -> (Class, Lane, u32) {
    (Class::Interactive, (job.neighbour, job.has_paid), if job.has_paid { 0 } else { job.effort })
}

/// Where nobody paid, all turns are alike.
fn weight((_, whole): Lane) -> Weight {
    if whole { Weight::FULL } else { Weight::of_256(1) }
}

impl Turns {
    /// For so many jobs, with so many seconds of work in a turn.
    pub(super) fn new(place: Place, entries: usize, quantum: f64) -> Self {
        // A lower class has no floor: it gets what is left.
        let limits = Limits { entries, bytes: usize::MAX, quantum: QUANTUM, floors: [0; 3] };
        Self { queue: WorkQueue::new(limits), units: f64::from(QUANTUM) / quantum, place }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes a job in; returns the one for which there is no room.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within a u32")]
    pub(super) fn push(&mut self, job: Job) -> Option<Job> {
        let work = (job.work * self.units).clamp(1.0, f64::from(u32::MAX)) as u32;
        let (class, lane, worth) = (self.place)(&job);
        let job = grid::queue::Job { lane, class, worth, work, bytes: 0, item: job };
        self.queue.push(job, weight).pop().map(|dropped| dropped.item)
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        self.queue.pop(weight).map(|job| job.item)
    }
}
