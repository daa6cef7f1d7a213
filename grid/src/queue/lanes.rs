//! Turns among lanes: deficit round robin, as in the paper's figure 2, with the lanes of the idle removed.

use alloc::collections::{BTreeMap, VecDeque};
use core::cmp::Reverse;

use super::{Job, Weight};

/// The lanes of one class in which something waits.
#[derive(Clone, Debug)]
pub(super) struct Lanes<L, T> {
    quantum: u64,
    /// No empty lanes.
    lanes: BTreeMap<L, Lane<L, T>>,
    /// Each lane once, the one whose turn it is in front.
    turns: VecDeque<L>,
    /// Whether the lane in front has had its quantum for this turn.
    is_paid: bool,
    waiting: usize,
    bytes: usize,
}

/// What waits for one neighbour. The key is the order of service: worth, then age.
#[derive(Clone, Debug)]
struct Lane<L, T> {
    jobs: BTreeMap<(Reverse<u32>, u64), Job<L, T>>,
    /// Work that it may still have done, in 256ths.
    deficit: u64,
    bytes: usize,
}

/// What a full queue has run out of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scarce {
    Entries,
    Bytes,
}

/// The cost of a job, in the unit of deficits.
fn cost<L, T>(job: &Job<L, T>) -> u64 {
    Weight::FULL.of(u64::from(job.work.max(1)))
}

impl<L, T> Lane<L, T> {
    fn first_cost(&self) -> Option<u64> {
        self.jobs.first_key_value().map(|(_, job)| cost(job))
    }

    /// How much of what has run out it holds.
    fn holds(&self, scarce: Scarce) -> u64 {
        match scarce {
            Scarce::Entries => self.jobs.len() as u64,
            Scarce::Bytes => self.bytes as u64,
        }
    }
}

impl<L: Ord + Copy, T> Lanes<L, T> {
    pub(super) fn new(quantum: u32) -> Self {
        let quantum = u64::from(quantum.max(1));
        Self { quantum, lanes: BTreeMap::new(), turns: VecDeque::new(), is_paid: false, waiting: 0, bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The work of the job that would be served next were it the turn of its lane, the least over all lanes.
    pub(super) fn least_work(&self) -> Option<u32> {
        self.lanes.values().filter_map(|lane| lane.jobs.first_key_value()).map(|(_, job)| job.work.max(1)).min()
    }

    pub(super) fn push(&mut self, number: u64, job: Job<L, T>) {
        let name = job.lane;
        let lane = self.lanes.entry(name).or_insert_with(|| {
            self.turns.push_back(name);
            Lane { jobs: BTreeMap::new(), deficit: 0, bytes: 0 }
        });
        self.waiting += 1;
        self.bytes += job.bytes;
        lane.bytes += job.bytes;
        lane.jobs.insert((Reverse(job.worth), number), job);
    }

    pub(super) fn pop(&mut self, weight: impl Fn(L) -> Weight) -> Option<Job<L, T>> {
        let mut passed = 0;
        loop {
            let &name = self.turns.front()?;
            let lane = self.lanes.get_mut(&name)?;
            if !self.is_paid {
                lane.deficit = lane.deficit.saturating_add(weight(name).of(self.quantum));
                self.is_paid = true;
            }
            if lane.first_cost().is_some_and(|cost| cost <= lane.deficit) {
                let job = self.take(name, false)?;
                return Some(job);
            }
            self.turns.rotate_left(1);
            self.is_paid = false;
            passed += 1;
            if passed == self.turns.len() {
                self.skip_rounds(&weight);
            }
        }
    }

    /// Nobody's quantum sufficed in a whole round: as many rounds pass at once as the first to be served still needs, but
    /// for one.
    fn skip_rounds(&mut self, weight: impl Fn(L) -> Weight) {
        let quantum = self.quantum;
        let needs = |(&name, lane): (&L, &Lane<L, T>)| {
            let lacking = lane.first_cost().unwrap_or(0).saturating_sub(lane.deficit);
            lacking.div_ceil(weight(name).of(quantum).max(1))
        };
        let rounds = self.lanes.iter().map(needs).min().unwrap_or(0).saturating_sub(1);
        for (&name, lane) in &mut self.lanes {
            lane.deficit = lane.deficit.saturating_add(rounds.saturating_mul(weight(name).of(quantum)));
        }
    }

    /// Drops the last job of the lane that holds the most for its weight; of equals, of the first by name.
    pub(super) fn drop_cheapest(&mut self, scarce: Scarce, weight: impl Fn(L) -> Weight) -> Option<Job<L, T>> {
        let heavier = |a: &(L, u64, Weight), b: &(L, u64, Weight)| {
            // What a holds by its weight against the same of b, without a division.
            (b.2.of(a.1)).cmp(&a.2.of(b.1)).then(b.0.cmp(&a.0))
        };
        let lanes = self.lanes.iter().map(|(&name, lane)| (name, lane.holds(scarce), weight(name)));
        let (name, ..) = lanes.max_by(heavier)?;
        self.take(name, true)
    }

    /// Takes the first or the last job of a lane out.
    fn take(&mut self, name: L, last: bool) -> Option<Job<L, T>> {
        let lane = self.lanes.get_mut(&name)?;
        let (_, job) = if last { lane.jobs.pop_last()? } else { lane.jobs.pop_first()? };
        if !last {
            lane.deficit = lane.deficit.saturating_sub(cost(&job));
        }
        lane.bytes -= job.bytes;
        self.waiting -= 1;
        self.bytes -= job.bytes;
        if lane.jobs.is_empty() {
            self.remove(name);
        }
        Some(job)
    }

    /// A lane that runs empty loses its deficit and its turn: nobody saves up for a burst.
    fn remove(&mut self, name: L) {
        self.lanes.remove(&name);
        if self.turns.front() == Some(&name) {
            self.is_paid = false;
        }
        self.turns.retain(|&other| other != name);
    }

    pub(super) fn forget(&mut self, name: L) {
        if let Some(lane) = self.lanes.get(&name) {
            self.waiting -= lane.jobs.len();
            self.bytes -= lane.bytes;
            self.remove(name);
        }
    }
}
