//! The clocks: the calendar's for what expires, a steady one for the state machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grid::time::{Day, Time};

/// Seconds since 1970 by this machine's clock; 0 if it shows an earlier time.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The day that this machine's clock shows, in UTC.
pub(crate) fn today() -> Day {
    Day::of_unix(unix_seconds())
}

/// A clock that never runs backwards, begun with the node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock(Instant);

impl SteadyClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The state machine's time.
    pub(crate) fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// When it will show, or showed, that time; now if that is further away than clocks go.
    pub(crate) fn instant(&self, at: Time) -> Instant {
        self.0.checked_add(Duration::from_micros(at.as_micros())).unwrap_or_else(Instant::now)
    }
}

/// The wall clock, in microseconds of Unix time.
pub(crate) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
