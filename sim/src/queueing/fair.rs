//! Turns among neighbours: deficit round robin, as in the paper's figure 2, with the queues of idle neighbours removed.

use std::collections::{BTreeMap, VecDeque};

use super::{Job, ranked::Ranked};

/// One queue for each neighbour that has work waiting.
#[derive(Debug)]
pub(super) struct Fair {
    quantum: f64,
    lane: fn() -> Ranked,
    /// No empty lanes.
    lanes: BTreeMap<u32, Lane>,
    /// Each lane once, the one whose turn it is in front.
    turns: VecDeque<u32>,
    /// Whether the lane in front has had its quantum for this turn.
    is_paid: bool,
    waiting: usize,
}

#[derive(Debug)]
struct Lane {
    jobs: Ranked,
    deficit: f64,
}

impl Fair {
    pub(super) fn new(quantum: f64, lane: fn() -> Ranked) -> Self {
        let (lanes, turns) = (BTreeMap::new(), VecDeque::new());
        Self { quantum, lane, lanes, turns, is_paid: false, waiting: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    pub(super) fn push(&mut self, job: Job) {
        let lane = self.lanes.entry(job.neighbour).or_insert_with(|| {
            self.turns.push_back(job.neighbour);
            Lane { jobs: (self.lane)(), deficit: 0.0 }
        });
        lane.jobs.push(job);
        self.waiting += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        loop {
            let &neighbour = self.turns.front()?;
            let lane = self.lanes.get_mut(&neighbour)?;
            if !self.is_paid {
                lane.deficit += self.quantum;
                self.is_paid = true;
            }
            if lane.jobs.best().is_some_and(|job| job.work <= lane.deficit) {
                let job = lane.jobs.pop_best()?;
                lane.deficit -= job.work;
                self.waiting -= 1;
                self.remove_if_empty(neighbour);
                return Some(job);
            }
            self.turns.rotate_left(1);
            self.is_paid = false;
        }
    }

    /// Drops the last job of the lane with the most of them; of equals, the one with the smallest number.
    pub(super) fn drop_longest(&mut self) -> Option<Job> {
        let longest =
            self.lanes.iter().max_by_key(|(neighbour, lane)| (lane.jobs.len(), std::cmp::Reverse(**neighbour)));
        let (&neighbour, _) = longest?;
        let job = self.lanes.get_mut(&neighbour)?.jobs.pop_worst()?;
        self.waiting -= 1;
        self.remove_if_empty(neighbour);
        Some(job)
    }

    /// A lane that runs empty loses its deficit and its turn: nobody saves up for a burst.
    fn remove_if_empty(&mut self, neighbour: u32) {
        if self.lanes.get(&neighbour).is_some_and(|lane| lane.jobs.len() == 0) {
            self.lanes.remove(&neighbour);
            if self.turns.front() == Some(&neighbour) {
                self.is_paid = false;
            }
            self.turns.retain(|&other| other != neighbour);
        }
    }
}
