//! Turns among lanes: deficit round robin (Shreedhar and Varghese, SIGCOMM 1995), with two changes.
//!
//! *Who comes seldom goes first.* A lane of full weight that did not wait before is served before those that do, up to its
//! quantum, and is one of those from then on (`FQ-CoDel`, RFC 8290, section 4.2). It stays one, though empty, until its turn
//! has come round once more, so that nobody comes first twice in a round. A neighbour that floods never waits for the first
//! time; one that asks for less than its share nearly always does, and does not wait for the turns of all who flood.
//!
//! *Debts instead of savings.* A lane of full weight whose deficit is above nothing has its next job done, however large, and
//! then owes what that was too much; in the paper it saves up until it can pay. So the large job of one that comes seldom
//! waits for no rounds either. Over any time two lanes that wait differ by as much in both: one job and one quantum. A lane
//! of less weight saves up, and only while it waits, so that who is to be served last is.

use alloc::collections::{BTreeMap, VecDeque};
use core::cmp::Reverse;

use super::{Job, Weight};

/// The lanes of one class.
#[derive(Clone, Debug)]
pub(super) struct Lanes<L, T> {
    quantum: u64,
    /// Those in which something waits, and those whose turn has to come round once more. None when nothing waits.
    lanes: BTreeMap<L, Lane<L, T>>,
    /// Those that did not wait before, the first to have come in front.
    fresh: VecDeque<L>,
    /// All others, the one whose turn it is in front.
    turns: VecDeque<L>,
    waiting: usize,
    bytes: usize,
}

/// What waits for one neighbour. The key is the order of service: worth, then age.
#[derive(Clone, Debug)]
struct Lane<L, T> {
    jobs: BTreeMap<(Reverse<u32>, u64), Job<L, T>>,
    /// Work that it may still have done, in 256ths; what it owes if below 0.
    deficit: i64,
    /// Whether it has had its quantum for this turn.
    is_paid: bool,
    bytes: usize,
}

/// What a full queue has run out of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scarce {
    Entries,
    Bytes,
}

/// An amount of work for a weight, in the unit of deficits.
fn deficit(weight: Weight, work: u64) -> i64 {
    i64::try_from(weight.of(work)).unwrap_or(i64::MAX)
}

/// The cost of a job, in the unit of deficits.
fn cost<L, T>(job: &Job<L, T>) -> i64 {
    deficit(Weight::FULL, job.work.max(1).into())
}

impl<L, T> Lane<L, T> {
    /// Its turn begins, if it has not begun.
    fn pay(&mut self, quantum: i64) {
        if !self.is_paid {
            self.deficit = self.deficit.saturating_add(quantum);
            self.is_paid = true;
        }
    }

    /// What its deficit has to be for its next job; nothing if none waits.
    fn wants(&self, weight: Weight) -> Option<i64> {
        let (_, job) = self.jobs.first_key_value()?;
        Some(if weight < Weight::FULL { cost(job) } else { 1 })
    }

    /// With nothing to do it saves nothing up for a burst.
    fn forfeit(&mut self) {
        if self.jobs.is_empty() {
            self.deficit = self.deficit.min(0);
        }
    }

    /// Whether its turn has come round, with nothing to do and nothing owed.
    fn is_over(&self) -> bool {
        self.jobs.is_empty() && !self.is_paid && self.deficit >= 0
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
        let (fresh, turns) = (VecDeque::new(), VecDeque::new());
        Self { quantum, lanes: BTreeMap::new(), fresh, turns, waiting: 0, bytes: 0 }
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
            self.fresh.push_back(name);
            Lane { jobs: BTreeMap::new(), deficit: 0, is_paid: false, bytes: 0 }
        });
        self.waiting += 1;
        self.bytes += job.bytes;
        lane.bytes += job.bytes;
        lane.jobs.insert((Reverse(job.worth), number), job);
    }

    pub(super) fn pop(&mut self, weight: impl Fn(L) -> Weight) -> Option<Job<L, T>> {
        while let Some(&name) = self.fresh.front() {
            if weight(name) >= Weight::FULL && self.may_have_more(name, &weight) {
                return self.take(name, false);
            }
            self.fresh.pop_front();
            self.end_turn(name);
        }
        let mut passed = 0;
        loop {
            let &name = self.turns.front()?;
            if self.lanes.get(&name).is_some_and(Lane::is_over) {
                self.turns.pop_front();
                self.lanes.remove(&name);
                continue;
            }
            if self.may_have_more(name, &weight) {
                return self.take(name, false);
            }
            self.turns.pop_front();
            self.end_turn(name);
            passed += 1;
            if passed >= self.turns.len() {
                self.skip_rounds(&weight);
                passed = 0;
            }
        }
    }

    /// Whether the lane whose turn it is has a job that is done in this turn.
    fn may_have_more(&mut self, name: L, weight: impl Fn(L) -> Weight) -> bool {
        let quantum = deficit(weight(name), self.quantum);
        self.lanes.get_mut(&name).is_some_and(|lane| {
            lane.pay(quantum);
            lane.wants(weight(name)).is_some_and(|wanted| lane.deficit >= wanted)
        })
    }

    /// The lane waits for its next turn.
    fn end_turn(&mut self, name: L) {
        if let Some(lane) = self.lanes.get_mut(&name) {
            lane.forfeit();
            lane.is_paid = false;
            self.turns.push_back(name);
        }
    }

    /// Nobody's deficit sufficed in a whole round: as many rounds pass at once as the first to be served still needs, but for
    /// one.
    fn skip_rounds(&mut self, weight: impl Fn(L) -> Weight) {
        let quantum = |name: L| deficit(weight(name), self.quantum).max(1);
        let needs = |(&name, lane): (&L, &Lane<L, T>)| {
            let lacking = lane.wants(weight(name))?.saturating_sub(lane.deficit).max(1);
            Some((lacking - 1) / quantum(name))
        };
        let rounds = self.lanes.iter().filter_map(needs).min().unwrap_or(0);
        for (&name, lane) in &mut self.lanes {
            lane.deficit = lane.deficit.saturating_add(rounds.saturating_mul(quantum(name)));
            lane.forfeit();
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
        self.rest();
        Some(job)
    }

    pub(super) fn forget(&mut self, name: L) {
        if let Some(lane) = self.lanes.remove(&name) {
            self.waiting -= lane.jobs.len();
            self.bytes -= lane.bytes;
            self.fresh.retain(|&other| other != name);
            self.turns.retain(|&other| other != name);
            self.rest();
        }
    }

    /// Who has nothing to do owes nobody a turn.
    fn rest(&mut self) {
        if self.waiting == 0 {
            self.lanes.clear();
            self.fresh.clear();
            self.turns.clear();
        }
    }
}
