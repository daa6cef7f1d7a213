//! The order in which a node serves what waits for it, and what it drops when it has no room.
//!
//! Four rules, one after the other:
//!
//! 1. **Class share.** Control goes before interactive work, and that before bulk; but whoever waits keeps a floor
//!    ([`Limits::floors`]) of all the work that is done, so nothing starves.
//! 2. **Fair among lanes.** Within a class the lanes (one for each neighbour, however many it speaks for) take turns by
//!    deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing Using Deficit Round Robin", SIGCOMM 1995),
//!    by work and not by the piece, with a [`Weight`] that whoever takes work out says for each lane. Who did not wait
//!    before goes first, once in a round (RFC 8290, section 4.2), if its weight is full.
//! 3. **Worth.** Within a lane the job with the greatest worth goes first: the effort that its stamp proves.
//! 4. **Age.** Of equals the older.
//!
//! A full queue drops from the lowest class that holds more than its floor of what has run out, entries or bytes; there
//! from the lane that holds the most of that for its weight (McKenney, "Stochastic Fairness Queueing", INFOCOM 1990),
//! there the job of the least worth, of equals the youngest. What came in last may be what is dropped.
//!
//! Time does not enter: whoever owns the queue pushes what arrives and pops what is served next. The state machine
//! does so with requests, a link with what is to be sent, the simulator with both.

mod class;
mod floors;
mod lanes;

use alloc::vec::Vec;

pub use class::Class;
use floors::Floors;
use lanes::{Lanes, Scarce};

/// One piece of work that waits. `L` names lanes, `T` is the work itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<L, T> {
    /// Whose turn it takes.
    pub lane: L,
    /// How urgent it is.
    pub class: Class,
    /// The effort that was spent for it; 0 without a stamp.
    pub worth: u32,
    /// What serving it costs, in any unit; [`Limits::quantum`] is in the same. 0 counts as 1.
    pub work: u32,
    /// Memory that it takes while it waits.
    pub bytes: usize,
    /// The work itself.
    pub item: T,
}

/// How much of a lane's fair share it gets, in 256ths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u16);

impl Weight {
    /// The fair share in full.
    pub const FULL: Self = Self(256);

    /// So many 256ths; at least 1, so that no lane is shut out, and at most the whole.
    pub fn of_256(parts: u16) -> Self {
        Self(parts.clamp(1, Self::FULL.0))
    }

    /// The nearest one to a part of 1; at least a 256th, at most the whole.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of f64 saturates")]
    pub fn of_share(share: f64) -> Self {
        Self::of_256(libm::round(share * f64::from(Self::FULL.0)) as u16)
    }

    /// That share of an amount.
    fn of(self, amount: u64) -> u64 {
        amount.saturating_mul(u64::from(self.0))
    }
}

/// The bounds of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Jobs that may wait, over all lanes and classes.
    pub entries: usize,
    /// Bytes that they may take together. A single job always fits, however large.
    pub bytes: usize,
    /// Work that a lane of full weight may have done in one turn. A larger job is done on credit, so the smallest usual one is
    /// enough: more makes turns coarser, and less gains nothing.
    pub quantum: u32,
    /// The floor of each class in percent of the work done while it waits, and of the room: control, interactive,
    /// bulk. The sum must be at most 100; what is above counts as 100.
    pub floors: [u8; 3],
}

/// A bounded queue of work.
#[derive(Clone, Debug)]
pub struct WorkQueue<L, T> {
    limits: Limits,
    lanes: [Lanes<L, T>; 3],
    floors: Floors,
    /// Counts what came in, for the age.
    arrivals: u64,
}

impl<L: Ord + Copy, T> WorkQueue<L, T> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        let lanes = core::array::from_fn(|_| Lanes::new(limits.quantum));
        Self { limits, lanes, floors: Floors::new(limits.floors), arrivals: 0 }
    }

    /// Takes a job in, and returns those for which there is no room then: others, or this one.
    #[must_use = "whoever sent what is dropped wants to know"]
    pub fn push(&mut self, job: Job<L, T>, weight: impl Fn(L) -> Weight) -> Vec<Job<L, T>> {
        self.arrivals += 1;
        self.lanes[job.class.index()].push(self.arrivals, job);
        let mut dropped = Vec::new();
        while self.is_over_full()
            && let Some(job) = self.drop_one(&weight)
        {
            dropped.push(job);
        }
        dropped
    }

    /// Takes out what is served next.
    pub fn pop(&mut self, weight: impl Fn(L) -> Weight) -> Option<Job<L, T>> {
        let class = self.next_class()?;
        let job = self.lanes[class.index()].pop(weight)?;
        self.floors.served(class, job.work.max(1).into(), Class::ALL.map(|class| self.waiting(class) > 0));
        Some(job)
    }

    /// Drops what waits in a lane, for nobody is there any more who wants it.
    pub fn forget(&mut self, lane: L) {
        self.lanes.iter_mut().for_each(|lanes| lanes.forget(lane));
    }

    /// How many jobs wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(Lanes::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes the jobs take that wait.
    pub fn bytes(&self) -> usize {
        self.lanes.iter().map(Lanes::bytes).sum()
    }

    /// How many jobs of a class wait.
    pub fn waiting(&self, class: Class) -> usize {
        self.lanes[class.index()].len()
    }

    fn is_over_full(&self) -> bool {
        self.len() > self.limits.entries || (self.bytes() > self.limits.bytes && self.len() > 1)
    }

    /// The highest class that waits, unless a lower one is behind its floor by a whole job.
    fn next_class(&self) -> Option<Class> {
        let next = Class::ALL.map(|class| self.lanes[class.index()].least_work().map(u64::from));
        self.floors.due(next).or_else(|| Class::ALL.into_iter().find(|&class| self.waiting(class) > 0))
    }

    fn drop_one(&mut self, weight: &impl Fn(L) -> Weight) -> Option<Job<L, T>> {
        let scarce = if self.len() > self.limits.entries { Scarce::Entries } else { Scarce::Bytes };
        let holds = |class: Class| {
            let lanes = &self.lanes[class.index()];
            match scarce {
                Scarce::Entries => (lanes.len(), self.limits.entries),
                Scarce::Bytes => (lanes.bytes(), self.limits.bytes),
            }
        };
        let over = |class: &Class| {
            let (used, room) = holds(*class);
            used.saturating_mul(100) > room.saturating_mul(self.floors.percent(*class).into())
        };
        let lowest_first = || Class::ALL.into_iter().rev().filter(|&class| self.waiting(class) > 0);
        let class = lowest_first().find(over).or_else(|| lowest_first().next())?;
        self.lanes[class.index()].drop_cheapest(scarce, weight)
    }
}
