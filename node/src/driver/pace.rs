//! How fast others' requests are served, where the owner has set a limit: a bucket of turns that fills at that rate.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Turns that may be saved up: what a tenth of a second brings, so that a machine that is busy with something else for that
/// long loses nothing; but one at least.
const SAVED: Duration = Duration::from_millis(100);

/// Says when there is a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Time between two turns; `None` if they are not limited.
    every: Option<Duration>,
    /// The moment up to which turns have been taken. It may lie in the past, by what may be saved up and the next turn.
    taken: Instant,
}

impl Pace {
    /// So many turns a second, from `now` on.
    pub(crate) fn new(per_s: Option<NonZeroU32>, now: Instant) -> Self {
        Self { every: per_s.map(|rate| Duration::from_secs(1) / rate.get()), taken: now }
    }

    /// When the next turn is, where it is not at once.
    pub(super) fn next(&self) -> Option<Instant> {
        self.every.map(|every| self.taken + every)
    }

    /// Takes a turn, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let Some(every) = self.every else { return true };
        let earliest = now.checked_sub(SAVED.max(every)).unwrap_or(self.taken);
        self.taken = self.taken.max(earliest);
        let is_due = self.taken + every <= now;
        if is_due {
            self.taken += every;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pace: &mut Pace, now: Instant) -> usize {
        (0..1000).take_while(|_| pace.take(now)).count()
    }

    #[test]
    fn turns_come_at_the_rate_and_few_are_saved_up() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pace = Pace::new(NonZeroU32::new(100), start);
        assert_eq!(pace.next(), Some(at(10)));
        assert_eq!([0, 9, 10, 10, 35, 40].map(|millis| taken(&mut pace, at(millis))), [0, 0, 1, 0, 2, 1]);
        // Whoever comes after a minute finds a tenth of a second's.
        assert_eq!([60_000, 60_009, 60_010].map(|millis| taken(&mut pace, at(millis))), [10, 0, 1]);
        assert_eq!(pace.next(), Some(at(60_020)));
    }

    #[test]
    fn slow_rates_have_a_turn_and_no_rate_has_any_number() {
        let start = Instant::now();
        let mut slow = Pace::new(NonZeroU32::new(1), start);
        assert_eq!(
            [999, 1000, 1500, 9000, 9999, 10_000].map(|ms| taken(&mut slow, start + Duration::from_millis(ms))),
            [0, 1, 0, 1, 0, 1]
        );
        let mut free = Pace::new(None, start);
        assert_eq!((free.next(), taken(&mut free, start)), (None, 1000));
        // More than nanoseconds can tell apart.
        let mut fastest = Pace::new(NonZeroU32::new(u32::MAX), start);
        assert_eq!(taken(&mut fastest, start + Duration::from_secs(1)), 1000);
    }
}
