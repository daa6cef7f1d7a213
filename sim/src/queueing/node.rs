//! The work queue of a node itself, [`grid::queue`], with the lanes in which postage is heeded: a neighbour's requests that
//! paid what was asked, and its others.

use grid::queue::{Class, Limits, Weight, WorkQueue};

use super::Job;

/// A neighbour, and whether what waits in the lane has paid.
type LaneName = (u32, bool);

/// The queue that ships.
#[derive(Debug)]
pub(super) struct Node {
    queue: WorkQueue<LaneName, Job>,
    /// Work of the queue's, for a second.
    units: f64,
}

/// Units of work in a quantum: fine enough that the work of the smallest jobs is told apart.
const QUANTUM: u32 = 1000;

/// Who did not pay has a 256th of the turn of who did; where nobody did, all turns are alike.
fn weight((_, has_paid): LaneName) -> Weight {
    if has_paid { Weight::FULL } else { Weight::of_256(1) }
}

impl Node {
    /// For so many jobs, with so many seconds of work in a turn.
    pub(super) fn new(entries: usize, quantum: f64) -> Self {
        let limits = Limits { entries, bytes: usize::MAX, quantum: QUANTUM, floors: [30, 50, 10] };
        Self { queue: WorkQueue::new(limits), units: f64::from(QUANTUM) / quantum }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes a job in; returns the one for which there is no room.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within a u32")]
    pub(super) fn push(&mut self, job: Job) -> Option<Job> {
        let work = (job.work * self.units).clamp(1.0, f64::from(u32::MAX)) as u32;
        let lane = (job.neighbour, job.has_paid);
        // Among those who paid what was asked the oldest is first: to pay more buys nothing.
        let worth = if job.has_paid { 0 } else { job.effort };
        let job = grid::queue::Job { lane, class: Class::Interactive, worth, work, bytes: 0, item: job };
        self.queue.push(job, weight).pop().map(|dropped| dropped.item)
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        self.queue.pop(weight).map(|job| job.item)
    }
}
