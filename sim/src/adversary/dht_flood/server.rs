//! The node under flood: a single server, event by event.

use std::time::Duration;

use grid::effort::{Config, Control};
use grid::time::Time;

use super::{Demand, DhtFlood};
use crate::adversary::draws;
use crate::chance::Chance;
use crate::queueing::{Job, WorkQueue};

/// What came of a trial. Times in seconds; counts of honest requests, the warm-up left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) asked: f64,
    pub(super) in_time: f64,
    pub(super) late: f64,
    /// Waits of the honest requests that were served.
    pub(super) waits: Vec<f64>,
    /// Work done for anybody, and for the hostile.
    pub(super) work: f64,
    pub(super) hostile_work: f64,
    pub(super) honest_effort_s: f64,
    pub(super) attacker_effort_s: f64,
    /// Time that was measured.
    pub(super) seconds: f64,
}

/// A server, its queue, and who asks.
#[derive(Debug)]
pub(super) struct Server<'a> {
    flood: &'a DhtFlood,
    chance: Chance,
    queue: WorkQueue,
    control: Control,
    /// Honest demand up to and including each honest neighbour; the last is 1.
    demand: Vec<f64>,
    /// When the server is free.
    free_at: f64,
    /// What arrives in this time is counted.
    counted_from: f64,
    counted_to: f64,
    /// Jobs so far. A hostile job's number is odd, so that it needs no mark that a queue could see.
    number: u64,
    outcome: Outcome,
}

impl<'a> Server<'a> {
    pub(super) fn new(flood: &'a DhtFlood, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        // Two of the simplest jobs, as in nodes (`grid::config`).
        let quantum = 2.0 / flood.capacity_per_s;
        Self {
            queue: WorkQueue::new(flood.discipline, flood.queue as usize, quantum),
            demand: demand(flood, &mut chance),
            chance,
            control: Control::new(config(flood), Time::ZERO),
            free_at: 0.0,
            counted_from: f64::INFINITY,
            counted_to: f64::INFINITY,
            number: 0,
            outcome: Outcome::default(),
            flood,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        let honest_rate = self.flood.load * self.flood.capacity_per_s;
        let gap = 1.0 / (honest_rate * (1.0 + self.flood.flood));
        let honest_share = 1.0 / (1.0 + self.flood.flood);
        let (mut now, mut sent) = (0.0, 0);
        // The flood goes on until the last of those counted has been served in time or not at all.
        while now <= self.counted_to + self.flood.patience_s {
            now += draws::exponential(&mut self.chance, gap);
            self.serve_until(now);
            if self.chance.happens(honest_share) {
                if sent == self.flood.requests / 4 {
                    self.counted_from = now;
                } else if sent == self.flood.requests {
                    self.counted_to = now;
                }
                sent += 1;
                self.honest_request(now);
            } else {
                self.hostile_request(now);
            }
        }
        self.outcome.seconds = self.counted_to - self.counted_from;
        self.outcome
    }

    fn is_counted(&self, time: f64) -> bool {
        (self.counted_from..self.counted_to).contains(&time)
    }

    /// What the honest pay: the suggestion, which is never above what they can bear; nothing where it buys nothing.
    fn honest_effort(&self) -> u32 {
        if self.flood.discipline.heeds_effort() { self.control.suggested() } else { 0 }
    }

    fn honest_request(&mut self, now: f64) {
        let effort = self.honest_effort();
        let place = self.chance.unit();
        let neighbour = self.demand.partition_point(|&upto| upto <= place).min(self.demand.len() - 1);
        if self.is_counted(now) {
            self.outcome.asked += 1.0;
            self.outcome.honest_effort_s += self.seconds_of(effort);
        }
        self.arrive(now, neighbour, effort, 0);
    }

    fn hostile_request(&mut self, now: f64) {
        let honest = self.demand.len();
        let neighbour = if self.chance.happens(self.flood.through) {
            self.chance.index(honest)
        } else {
            honest + self.chance.index(self.flood.hostile.max(1) as usize)
        };
        let bid = self.honest_effort() + 1;
        let rate = self.flood.load * self.flood.capacity_per_s * self.flood.flood;
        let paid = self.flood.attacker_cores / self.seconds_of(bid) / rate;
        let effort = if self.chance.happens(paid) { bid } else { 0 };
        if self.is_counted(now) {
            self.outcome.attacker_effort_s += self.seconds_of(effort);
        }
        self.arrive(now, neighbour, effort, 1);
    }

    #[expect(clippy::cast_possible_truncation, reason = "neighbours are counted by a u32")]
    fn arrive(&mut self, now: f64, neighbour: usize, effort: u32, hostile: u64) {
        let work = draws::exponential(&mut self.chance, 1.0 / self.flood.capacity_per_s);
        let number = 2 * self.number + hostile;
        self.number += 1;
        let has_paid = self.control.suffices(effort);
        let job = Job { neighbour: neighbour as u32, effort, has_paid, work, arrived: now, number };
        if let Some(dropped) = self.queue.push(job) {
            self.control.dropped(dropped.effort);
        }
    }

    /// Begins every service that can begin before `now`.
    fn serve_until(&mut self, now: f64) {
        while self.free_at <= now
            && let Some(job) = self.queue.pop()
        {
            let start = self.free_at.max(job.arrived);
            if self.flood.sheds_stale && start - job.arrived > self.flood.patience_s {
                self.control.dropped(job.effort);
                continue;
            }
            self.free_at = start + job.work;
            self.control.served(job.effort, seconds(start - job.arrived));
            self.count(&job, start);
        }
        if self.free_at <= now {
            self.control.ran_empty();
        }
        self.control.tick(Time::ZERO + seconds(now));
    }

    /// Work counts when it is done, requests when they came.
    fn count(&mut self, job: &Job, start: f64) {
        let is_hostile = job.number % 2 == 1;
        if self.is_counted(start) {
            self.outcome.work += job.work;
            self.outcome.hostile_work += if is_hostile { job.work } else { 0.0 };
        }
        if is_hostile || !self.is_counted(job.arrived) {
            return;
        }
        let wait = start - job.arrived;
        self.outcome.waits.push(wait);
        if wait <= self.flood.patience_s {
            self.outcome.in_time += 1.0;
        } else {
            self.outcome.late += 1.0;
        }
    }

    fn seconds_of(&self, effort: u32) -> f64 {
        f64::from(effort) * self.flood.effort_step_s / f64::from(STEP)
    }
}

/// Units of effort in a step, the least that is asked for.
const STEP: u32 = 1000;

/// The control of a node that bears waits of half the patience, as nodes do.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 1e3 to 1e9")]
fn config(flood: &DhtFlood) -> Config {
    let most = (f64::from(STEP) * flood.most_effort_s / flood.effort_step_s).round() as u32;
    Config { period: seconds(flood.control_s), least: STEP, most, patience: seconds(flood.patience_s / 2.0) }
}

/// A time of the simulation, which is neither negative nor beyond a few years.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
}

fn demand(flood: &DhtFlood, chance: &mut Chance) -> Vec<f64> {
    let honest = flood.neighbours - flood.hostile;
    let shares = (0..honest).map(|_| match flood.demand {
        Demand::Equal => 1.0,
        Demand::Uneven => draws::exponential(chance, 1.0),
    });
    let mut sum = 0.0;
    let mut upto: Vec<f64> = shares
        .map(|share| {
            sum += share;
            sum
        })
        .collect();
    upto.iter_mut().for_each(|value| *value /= sum);
    upto
}
