//! Jobs in one total order: the most effort first, or all efforts alike; then the oldest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Job;

/// A queue that serves the first and drops the last of its order.
#[derive(Debug)]
pub(super) struct Ranked {
    heeds_effort: bool,
    jobs: BTreeMap<(Reverse<u32>, u64), Job>,
}

impl Ranked {
    pub(super) fn by_effort() -> Self {
        Self { heeds_effort: true, jobs: BTreeMap::new() }
    }

    pub(super) fn by_age() -> Self {
        Self { heeds_effort: false, jobs: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, job: Job) {
        let effort = if self.heeds_effort { job.effort } else { 0 };
        self.jobs.insert((Reverse(effort), job.number), job);
    }

    pub(super) fn best(&self) -> Option<&Job> {
        self.jobs.first_key_value().map(|(_, job)| job)
    }

    pub(super) fn pop_best(&mut self) -> Option<Job> {
        self.jobs.pop_first().map(|(_, job)| job)
    }

    pub(super) fn pop_worst(&mut self) -> Option<Job> {
        self.jobs.pop_last().map(|(_, job)| job)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }
}
