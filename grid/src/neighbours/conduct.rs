//! How a neighbour has behaved: how fast it answers, what it still has of ours, and how much of it came home.
//!
//! What a request is expected to take by way of a neighbour is
//!
//! ```text
//! latency (outstanding + 1) + way + lateness + (1/s - 1) T
//! ```
//!
//! with `latency` the peak-EWMA of its signs of life, or the time for which the oldest request has been without one, if
//! that is longer; `way` what is left after the hop ([`crate::ways`]); `lateness` how much later than that its answers
//! have come; and `s` the share of what it took that was answered. A request that is lost is tried again after `T`, and
//! with independent chances that happens `1/s - 1` times.

use alloc::vec::Vec;
use core::time::Duration;

use crate::latency::PeakEwma;
use crate::load::Load;
use crate::time::Time;
use crate::ways::Ways;

/// A latency that no answer has proved yet: assumed small, so that new neighbours are tried.
pub(super) const UNKNOWN_LATENCY: Duration = Duration::from_millis(20);
/// What a lost request costs: the time that an origin waits for an answer by default.
const LOST: f64 = 5.0;
/// Answered requests that everybody is given before the first: one loss in the beginning is no verdict.
const GRACE: f64 = 4.0;
/// Seconds after which what was counted has lost 63 % of its weight: a neighbour is tried again some minutes after it has
/// lost something, and one that loses a percent is still known for it.
const MEMORY: f64 = 300.0;
/// The weight of one more answer in the mean lateness, as TCP takes its samples of the round trip (RFC 6298).
const GAIN: f64 = 0.125;

/// One neighbour's conduct.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conduct {
    latency: PeakEwma,
    /// Requests that it has.
    outstanding: u32,
    /// When those of them were sent of which it has said nothing yet, oldest first.
    unheard: Vec<Time>,
    harvest: Harvest,
    /// How much later than expected its answers come, in seconds.
    lateness: f64,
    /// What it has said of its ways, and of its load.
    ways: Option<Ways>,
    load: Option<Load>,
}

/// Requests that were taken and how many of them were answered; both fade.
#[derive(Clone, Copy, Debug, Default)]
struct Harvest {
    taken: f64,
    answered: f64,
    at: Time,
}

impl Harvest {
    fn count(&mut self, now: Time, answered: bool) {
        let kept = libm::exp(-now.since(self.at).as_secs_f64() / MEMORY);
        self.taken = self.taken * kept + 1.0;
        self.answered = self.answered * kept + f64::from(u8::from(answered));
        self.at = now;
    }

    /// The share that was answered, in `0..=1`; nearer to 1 the less is known.
    fn share(&self, now: Time) -> f64 {
        let kept = libm::exp(-now.since(self.at).as_secs_f64() / MEMORY);
        (self.answered * kept + GRACE) / (self.taken * kept + GRACE)
    }
}

impl Conduct {
    /// Its link is new: what was sent over an earlier one is gone.
    pub(super) fn begin(&mut self) {
        self.outstanding = 0;
        self.unheard.clear();
    }

    pub(super) fn latency(&self) -> Option<Duration> {
        self.latency.value()
    }

    pub(super) fn ways(&self) -> Option<&Ways> {
        self.ways.as_ref()
    }

    pub(super) fn load(&self) -> Option<Load> {
        self.load
    }

    pub(super) fn tell(&mut self, ways: Ways, load: Load) {
        (self.ways, self.load) = (Some(ways), Some(load));
    }

    /// It has given a sign of life so long after it was asked for one.
    pub(super) fn observe(&mut self, now: Time, sample: Duration) {
        self.latency.observe(now, sample);
    }

    /// It is given a request.
    pub(super) fn hand_over(&mut self, now: Time) {
        self.outstanding += 1;
        self.unheard.push(now);
    }

    /// The first that it says of a request that it was given at `since`.
    pub(super) fn heard(&mut self, now: Time, since: Time) {
        if let Some(place) = self.unheard.iter().position(|&sent| sent == since) {
            self.unheard.remove(place);
            self.observe(now, now.since(since));
        }
    }

    /// It has a request no more that it was given at `since`, for a reason that says nothing of it.
    pub(super) fn give_back(&mut self, since: Time) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.unheard.retain(|&sent| sent != since);
    }

    /// It has a request no more that it was given at `since`, for another has brought the answer. If it has had more than
    /// its usual time, this is as good as an answer, or a sign of life, that took so long; if not, it says nothing.
    pub(super) fn overtaken(&mut self, now: Time, since: Time, expected: Duration) {
        let elapsed = now.since(since);
        if elapsed > self.latency.value().unwrap_or(UNKNOWN_LATENCY) {
            self.heard(now, since);
        }
        self.give_back(since);
        if elapsed > expected {
            self.note_lateness(elapsed, expected);
        }
    }

    /// It has brought the answer.
    pub(super) fn brought(&mut self, now: Time) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.harvest.count(now, true);
    }

    /// Nothing came of a request that it was given at `since`.
    pub(super) fn lost(&mut self, now: Time, since: Time) {
        self.give_back(since);
        self.harvest.count(now, false);
    }

    /// Its answer came so long after the request was handed over, and was expected after `expected`.
    pub(super) fn note_lateness(&mut self, elapsed: Duration, expected: Duration) {
        let late = elapsed.saturating_sub(expected).as_secs_f64();
        self.lateness += GAIN * (late - self.lateness);
    }

    /// What a sign of life takes now, as far as there is evidence.
    pub(super) fn present_latency(&self, now: Time) -> Duration {
        let waited = self.unheard.first().map_or(Duration::ZERO, |&since| now.since(since));
        self.latency.value().unwrap_or(UNKNOWN_LATENCY).max(waited)
    }

    /// What one more request is expected to take, if the way after this hop takes `way`.
    pub(super) fn expected(&self, now: Time, way: Duration) -> Duration {
        let hop = self.present_latency(now).saturating_mul(self.outstanding.saturating_add(1));
        let losses = (1.0 / self.harvest.share(now) - 1.0) * LOST;
        hop.saturating_add(way).saturating_add(Duration::from_secs_f64(self.lateness + losses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    /// One that was asked, and answered at once, so and so often.
    fn practised(answered: u32) -> Conduct {
        let mut conduct = Conduct::default();
        for _ in 0..answered {
            conduct.hand_over(at(0));
            conduct.heard(at(10), at(0));
            conduct.brought(at(10));
        }
        conduct
    }

    #[test]
    fn silence_is_evidence_before_any_answer_or_timeout() {
        let mut conduct = practised(10);
        assert_eq!(conduct.expected(at(100), 5 * MS), 15 * MS);
        conduct.hand_over(at(100));
        assert_eq!(conduct.expected(at(105), 5 * MS), 25 * MS, "twice its usual 10 ms");
        assert_eq!(conduct.expected(at(400), 5 * MS), 605 * MS, "twice the 300 ms that it has been silent");
        conduct.heard(at(400), at(100));
        assert_eq!(conduct.expected(at(400), Duration::ZERO), 600 * MS, "a peak counts in full");
    }

    #[test]
    fn a_loss_costs_what_it_takes_to_try_again() {
        let mut conduct = practised(96);
        conduct.hand_over(at(20));
        conduct.heard(at(30), at(20));
        conduct.lost(at(30), at(20));
        // 100 of 101 with the grace of four: one in a hundred is lost, and costs 5 s.
        let loss = conduct.expected(at(30), Duration::ZERO) - 10 * MS;
        assert!((loss.as_secs_f64() - 0.05).abs() < 1e-3, "{loss:?}");
        let later = conduct.expected(at(3_600_000), Duration::ZERO) - 10 * MS;
        assert!(later < MS, "forgotten after an hour: {later:?}");
    }

    #[test]
    fn who_promises_what_it_does_not_keep_is_believed_less_with_every_answer() {
        let mut conduct = practised(1);
        for _ in 0..20 {
            conduct.note_lateness(110 * MS, 10 * MS);
        }
        let late = conduct.expected(at(10), Duration::ZERO).saturating_sub(10 * MS);
        assert!(late > 90 * MS && late <= 100 * MS, "{late:?}");
    }

    #[test]
    fn who_is_overtaken_in_silence_is_as_slow_as_it_was_silent() {
        let mut conduct = practised(10);
        conduct.hand_over(at(100));
        conduct.overtaken(at(170), at(100), 30 * MS);
        // 70 ms, and an eighth of the 40 ms that it was late.
        assert_eq!(conduct.expected(at(170), Duration::ZERO), 75 * MS);
        conduct.hand_over(at(180));
        conduct.overtaken(at(182), at(180), 30 * MS);
        assert_eq!(conduct.expected(at(182), Duration::ZERO), 75 * MS, "two milliseconds say nothing");
    }

    proptest! {
        /// Whatever happens, in whatever order, a neighbour owes nothing that it was not given, and no cost is absurd.
        #[test]
        fn books_balance(events in prop::collection::vec((0..5_u8, 0..100_u64), 0..100)) {
            let (mut conduct, mut given, mut now) = (Conduct::default(), Vec::new(), 0);
            for (what, later) in events {
                now += later;
                match (what, given.first().copied()) {
                    (0, _) => { conduct.hand_over(at(now)); given.push(at(now)); }
                    (1, Some(since)) => conduct.heard(at(now), since),
                    (2, Some(since)) => { conduct.heard(at(now), since); conduct.brought(at(now)); given.remove(0); }
                    (3, Some(since)) => { conduct.lost(at(now), since); given.remove(0); }
                    (4, Some(since)) => { conduct.give_back(since); given.remove(0); }
                    _ => {}
                }
                prop_assert_eq!(conduct.outstanding as usize, given.len());
                prop_assert!(conduct.unheard.len() <= given.len());
                prop_assert!(conduct.harvest.share(at(now)) > 0.0 && conduct.harvest.share(at(now)) <= 1.0);
                prop_assert!(conduct.expected(at(now), MS) >= MS);
            }
        }
    }
}
