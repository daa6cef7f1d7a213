//! One node: its queue, its ledger, and what it does with what it is asked.

use core::time::Duration;

use grid::id::NodeId;
use grid::ledger::Ledger;
use grid::ledger::policy::Policy;
use grid::queue::{Class, Job, Limits, Weight, WorkQueue};
use grid::time::Time;

use super::{Barter, Conduct, Order};
use crate::chance::Chance;

/// What a node does with a request that it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Serves,
    Refuses,
    /// Takes it over, and nothing comes of it.
    Ignores,
}

/// A try of a request, by its number; the second tells a later try of the same request apart.
pub(super) type Try = (usize, u32);

#[derive(Debug)]
pub(super) struct Node {
    /// `None` of an honest one.
    pub(super) conduct: Option<Conduct>,
    pub(super) ledger: Ledger,
    queue: WorkQueue<u32, Try>,
    /// Whether it serves something just now.
    pub(super) busy: bool,
}

/// One unit of the queue's work is one request: what the node itself does is the same for each.
const WORK: u32 = 1;

impl Node {
    pub(super) fn new(model: &Barter) -> Self {
        let policy = Policy { half_life: Duration::from_secs_f64(model.half_life_s), ..Policy::default() };
        let limits = Limits { entries: model.queue as usize, bytes: usize::MAX, quantum: WORK, floors: [0; 3] };
        Self { conduct: None, ledger: Ledger::new(policy), queue: WorkQueue::new(limits), busy: false }
    }

    pub(super) fn responds(&self, model: &Barter, now: Time, is_partner: bool, chance: &mut Chance) -> Response {
        let serves = match self.conduct {
            None => return Response::Serves,
            Some(Conduct::Refuses) => chance.happens(model.serves),
            Some(Conduct::Silent) if !chance.happens(model.serves) => return Response::Ignores,
            Some(Conduct::Silent) => true,
            Some(Conduct::Oscillates) => is_good_phase(model, now),
            Some(Conduct::Whitewashes | Conduct::Mills) => false,
            Some(Conduct::Colludes) => is_partner,
        };
        if serves { Response::Serves } else { Response::Refuses }
    }

    /// Takes a request in, and returns what there is no room for. Lanes are neighbours, by their numbers.
    pub(super) fn push(&mut self, order: Order, names: &[NodeId], from: u32, one: Try) -> Vec<Try> {
        let lane = if order == Order::Fifo { 0 } else { from };
        let job = Job { lane, class: Class::Interactive, worth: 0, work: WORK, bytes: 0, item: one };
        let weight = |lane: u32| weight_of(&self.ledger, order, &names[lane as usize]);
        self.queue.push(job, weight).into_iter().map(|job| job.item).collect()
    }

    /// Takes out what is served next.
    pub(super) fn pop(&mut self, order: Order, names: &[NodeId]) -> Option<Try> {
        let weight = |lane: u32| weight_of(&self.ledger, order, &names[lane as usize]);
        self.queue.pop(weight).map(|job| job.item)
    }
}

/// A neighbour's weight in the queue.
fn weight_of(ledger: &Ledger, order: Order, id: &NodeId) -> Weight {
    match order {
        Order::Fifo | Order::Turns => Weight::FULL,
        Order::Ledger => ledger.share(id),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number of a phase")]
fn is_good_phase(model: &Barter, now: Time) -> bool {
    let seconds = now.since(Time::ZERO).as_secs_f64();
    ((seconds / model.period_s) as u64).is_multiple_of(2)
}
