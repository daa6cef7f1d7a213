//! The orders in which a node can serve what waits for it, and what each does with work that it has no room for.
//!
//! Seven disciplines over one bounded queue, one of them the node's own. Time does not enter: whoever owns the queue
//! pushes what has arrived and pops what is served next, so a simulated server and a real one can drive it alike.

mod turns;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use turns::Turns;

/// One piece of work that waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// From which neighbour it came.
    pub neighbour: u32,
    /// The work that its stamp proves, in any unit.
    pub effort: u32,
    /// Whether that is what was asked when it came.
    pub has_paid: bool,
    /// What serving it takes, in seconds of the server.
    pub work: f64,
    /// When it came, in seconds.
    pub arrived: f64,
    /// Its number, in the order of arrival; no two are equal.
    pub number: u64,
}

/// In which order work is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// First come, first served; a full queue turns the newcomer away.
    Fifo,
    /// Last come, first served; a full queue forgets the oldest.
    Lifo,
    /// Turns among neighbours by deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit
    /// Round Robin", SIGCOMM 1995); a full queue drops the last job of the neighbour with the most of them (McKenney,
    /// "Stochastic Fairness Queueing", INFOCOM 1990).
    Fair,
    /// The most effort first, then the oldest (Tor proposal 327); a full queue drops the least.
    Effort,
    /// Turns among neighbours, and for each neighbour the most effort first.
    FairThenEffort,
    /// Those who paid what was asked before those who did not; turns among neighbours in both, and for each neighbour the
    /// oldest first, so that to pay more than is asked buys nothing. A full queue drops the last job of the neighbour with
    /// the most, of those who did not pay as long as there are any.
    PaidThenFair,
    /// The queue that nodes have, [`grid::queue`]: turns among neighbours, in which who did not pay what was asked has a
    /// 256th of the share of who did.
    Node,
}

impl Discipline {
    /// Whether more effort is served earlier.
    pub fn heeds_effort(self) -> bool {
        matches!(self, Self::Effort | Self::FairThenEffort | Self::PaidThenFair | Self::Node)
    }
}

/// A bounded queue under one discipline.
#[derive(Debug)]
pub struct WorkQueue {
    capacity: usize,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Fifo(VecDeque<Job>),
    Lifo(VecDeque<Job>),
    Turns(Box<Turns>),
}

impl WorkQueue {
    /// An empty queue for `capacity` jobs. `quantum` is the work, in seconds, that a neighbour may have served in one
    /// turn; the largest work of a job makes turns cheap, less makes them finer.
    pub fn new(discipline: Discipline, capacity: usize, quantum: f64) -> Self {
        let turns = |place| Inner::Turns(Box::new(Turns::new(place, capacity, quantum)));
        let inner = match discipline {
            Discipline::Fifo => Inner::Fifo(VecDeque::new()),
            Discipline::Lifo => Inner::Lifo(VecDeque::new()),
            Discipline::Fair => turns(turns::fair),
            Discipline::Effort => turns(turns::effort),
            Discipline::FairThenEffort => turns(turns::fair_then_effort),
            Discipline::PaidThenFair => turns(turns::paid_then_fair),
            Discipline::Node => turns(turns::node),
        };
        Self { capacity, inner }
    }

    /// Takes a job in, and returns the one for which there is no room: this one or another.
    pub fn push(&mut self, job: Job) -> Option<Job> {
        let is_full = self.len() >= self.capacity;
        match &mut self.inner {
            Inner::Fifo(_) if is_full => Some(job),
            Inner::Fifo(jobs) => {
                jobs.push_back(job);
                None
            }
            Inner::Lifo(jobs) => {
                jobs.push_back(job);
                if is_full { jobs.pop_front() } else { None }
            }
            Inner::Turns(jobs) => jobs.push(job),
        }
    }

    /// What is served next.
    pub fn pop(&mut self) -> Option<Job> {
        match &mut self.inner {
            Inner::Fifo(jobs) => jobs.pop_front(),
            Inner::Lifo(jobs) => jobs.pop_back(),
            Inner::Turns(jobs) => jobs.pop(),
        }
    }

    /// How many jobs wait.
    pub fn len(&self) -> usize {
        match &self.inner {
            Inner::Fifo(jobs) | Inner::Lifo(jobs) => jobs.len(),
            Inner::Turns(jobs) => jobs.len(),
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is asked is an effort of 2.
    fn job(number: u64, neighbour: u32, effort: u32) -> Job {
        Job { neighbour, effort, has_paid: effort >= 2, work: 1.0, arrived: 0.0, number }
    }

    fn order(discipline: Discipline, capacity: usize, jobs: &[(u32, u32)]) -> (Vec<u64>, Vec<u64>) {
        let mut queue = WorkQueue::new(discipline, capacity, 1.0);
        let numbered = jobs.iter().zip(0..).map(|(&(neighbour, effort), number)| job(number, neighbour, effort));
        let dropped = numbered.filter_map(|job| queue.push(job)).map(|job| job.number).collect();
        let served = std::iter::from_fn(|| queue.pop()).map(|job| job.number).collect();
        assert!(queue.is_empty());
        (served, dropped)
    }

    #[test]
    fn each_discipline_serves_and_drops_in_its_order() {
        // Neighbour 1 sends four jobs, neighbour 2 the last one; the efforts are 0 3 1 3 2.
        let jobs = [(1, 0), (1, 3), (1, 1), (1, 3), (2, 2)];
        assert_eq!(order(Discipline::Fifo, 4, &jobs), (vec![0, 1, 2, 3], vec![4]));
        assert_eq!(order(Discipline::Lifo, 4, &jobs), (vec![4, 3, 2, 1], vec![0]));
        assert_eq!(order(Discipline::Fair, 4, &jobs), (vec![0, 4, 1, 2], vec![3]));
        assert_eq!(order(Discipline::Effort, 4, &jobs), (vec![1, 3, 4, 2], vec![0]));
        assert_eq!(order(Discipline::FairThenEffort, 4, &jobs), (vec![1, 4, 3, 2], vec![0]));
        assert_eq!(order(Discipline::PaidThenFair, 4, &jobs), (vec![1, 4, 3, 0], vec![2]));
        assert_eq!(order(Discipline::PaidThenFair, 2, &jobs), (vec![1, 4], vec![2, 0, 3]));
        assert_eq!(order(Discipline::Node, 4, &jobs), (vec![1, 4, 3, 2], vec![0]));
        assert_eq!(order(Discipline::Node, 2, &jobs), (vec![1, 4], vec![0, 2, 3]));
    }

    #[test]
    fn large_jobs_wait_for_their_turn_by_the_second_not_by_the_piece() {
        let mut queue = WorkQueue::new(Discipline::Fair, 1000, 1.0);
        for number in 0..100 {
            let (neighbour, work) = if number % 2 == 0 { (1, 4.0) } else { (2, 1.0) };
            queue.push(Job { work, ..job(number, neighbour, 0) });
        }
        let mut served = [0.0; 3];
        for _ in 0..50 {
            let job = queue.pop().unwrap();
            served[job.neighbour as usize] += job.work;
        }
        assert!((served[1] - served[2]).abs() <= 8.0, "{served:?}");
    }

    proptest! {
        /// Whatever comes in goes out once, served or dropped, and the queue never holds more than it may.
        #[test]
        fn no_job_is_lost_or_doubled(
            which in 0..7_usize,
            capacity in 1..20_usize,
            steps in prop::collection::vec((0..6_u32, 0..4_u32, 0.1..5.0_f64, any::<bool>()), 1..200),
        ) {
            let all = [
                Discipline::Fifo, Discipline::Lifo, Discipline::Fair, Discipline::Effort, Discipline::FairThenEffort,
                Discipline::PaidThenFair, Discipline::Node,
            ];
            let mut queue = WorkQueue::new(all[which], capacity, 1.0);
            let mut out = Vec::new();
            for (number, &(neighbour, effort, work, serves)) in (0..).zip(&steps) {
                out.extend(queue.push(Job { work, ..job(number, neighbour, effort) }));
                prop_assert!(queue.len() <= capacity);
                if serves {
                    let waiting = queue.len();
                    out.extend(queue.pop());
                    prop_assert_eq!(queue.len(), waiting - 1);
                }
            }
            out.extend(std::iter::from_fn(|| queue.pop()));
            let mut numbers: Vec<_> = out.iter().map(|job| job.number).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..steps.len() as u64).collect::<Vec<_>>());
        }
    }
}
