//! How many requests nodes take for others: told, so that those that lie best are not loaded many times over.
//!
//! Where every hop goes to whom the answer is expected from first, a few nodes that are near everybody take many times what
//! the others take. So a node says with each answer to a ping how much it has taken of late, and one that has taken more
//! than the median of the chooser's neighbours is expected to be later by
//!
//! ```text
//! surcharge = PRICE * way * (load - median) / max(median, FEW)
//! ```
//!
//! where `way` is what a hop takes the chooser in the mean. That is a proportional controller. `PRICE` was found by trying, with
//! one seed: with a third of it the greatest load was 2.4 times the mean, with this 1.8 (`rook-sim run stretch_2`), and twice
//! as much lengthened the ways and changed little. The median and not the mean, so that a few who exaggerate do not make everybody else look idle; who claims to be idle is treated
//! like all who are not busy.

use core::time::Duration;

use crate::time::Time;

/// Ways that a node is expected to be late by when it has twice the load of the median.
const PRICE: f64 = 2.5;
/// Below so many requests of late, loads differ by chance.
const FEW: f64 = 20.0;
/// More than this above the median is as bad: what is told may be anything.
const MOST: f64 = 100.0;
/// Seconds after which a request has lost 63 % of its weight: several rounds of pings, or nodes would all turn to the
/// same idle one, and then away from it.
const FADE: f64 = 300.0;

/// Requests that a node has taken for others of late: each counts 1 at first and less with time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(u32);

impl Load {
    /// So many requests.
    pub const fn of_requests(requests: u32) -> Self {
        Self(requests)
    }

    /// How many.
    pub const fn requests(self) -> u32 {
        self.0
    }
}

/// A node's own count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    requests: f64,
    at: Time,
}

impl Taken {
    /// One more is taken.
    pub(crate) fn count(&mut self, now: Time) {
        self.requests = self.faded(now) + 1.0;
        self.at = now;
    }

    /// What is told of it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and the cast saturates")]
    pub(crate) fn load(&self, now: Time) -> Load {
        Load(libm::round(self.faded(now)) as u32)
    }

    fn faded(&self, now: Time) -> f64 {
        self.requests * libm::exp(-now.since(self.at).as_secs_f64() / FADE)
    }
}

/// How much later a node of that load is expected to answer than one that has the median of the loads, to a chooser whom a
/// hop takes `way` in the mean.
pub fn surcharge(load: f64, median: f64, way: Duration) -> Duration {
    let excess = ((load - median) / median.max(FEW)).clamp(0.0, MOST);
    way.mul_f64(PRICE * excess)
}

/// The median of some loads (the upper one of an even number); 0 of none.
pub fn median(loads: &mut [Load]) -> f64 {
    let middle = loads.len() / 2;
    if loads.is_empty() { 0.0 } else { f64::from(loads.select_nth_unstable(middle).1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Duration = Duration::from_millis(20);

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn requests_fade() {
        let mut taken = Taken::default();
        assert_eq!(taken.load(at(5)), Load(0));
        (0..100).for_each(|_| taken.count(at(10)));
        assert_eq!(taken.load(at(10)), Load(100));
        assert_eq!(taken.load(at(310)), Load(37));
        // One a second for long: as many as there are seconds in the mean life of one.
        (0..3000).for_each(|second| taken.count(at(310 + second)));
        assert_eq!(taken.load(at(3309)), Load(300));
    }

    #[test]
    fn only_who_has_more_than_the_median_pays_and_only_where_it_is_no_chance() {
        assert_eq!(surcharge(100.0, 100.0, WAY), Duration::ZERO);
        assert_eq!(surcharge(0.0, 100.0, WAY), Duration::ZERO);
        assert_eq!(surcharge(200.0, 100.0, WAY), Duration::from_millis(50));
        assert_eq!(surcharge(4.0, 0.0, WAY), Duration::from_millis(10), "four requests are no load");
        assert_eq!(surcharge(f64::from(u32::MAX), 0.0, WAY), Duration::from_secs(5), "whatever is claimed");
    }

    #[test]
    fn a_minority_that_exaggerates_does_not_move_the_median_far() {
        let mut loads: Vec<Load> = (0..100).map(|number| Load(50 + number)).collect();
        assert_eq!(median(&mut loads), 100.0);
        loads.extend([Load(u32::MAX); 40]);
        assert_eq!(median(&mut loads), 120.0);
        assert_eq!(median(&mut []), 0.0);
    }
}
