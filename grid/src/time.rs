//! Time as a number that somebody outside tells us: the state machine has no clock.

use core::ops::{Add, Sub};
use core::time::Duration;

/// Microseconds since a moment that the shell chose, the start of the process for example. It never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment the count starts.
    pub const ZERO: Self = Self(0);

    /// The moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// A calendar day in UTC, as its Julian Day Number: 2026-11-21 is 2461366.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

/// Seconds of a day.
const DAY: u64 = 86_400;
/// The Julian Day Number of 1970-01-01, the day on which Unix time begins.
const UNIX_EPOCH: u32 = 2_440_588;

impl Day {
    /// The day with this Julian Day Number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The Julian Day Number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The day in which a moment of Unix time lies, in seconds.
    pub fn of_unix(seconds: u64) -> Self {
        Self(UNIX_EPOCH.saturating_add(u32::try_from(seconds / DAY).unwrap_or(u32::MAX)))
    }

    /// The moment of Unix time at which it begins, in seconds; 0 for days before 1970.
    pub fn unix_seconds(self) -> u64 {
        u64::from(self.0.saturating_sub(UNIX_EPOCH)) * DAY
    }

    /// The day so many days later.
    pub const fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days it lies after another; 0 if it does not.
    pub const fn days_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The wall clock, as the shell last told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    at: Time,
    unix: u64,
}

impl Calendar {
    /// At that moment the wall clock shows so many seconds of Unix time.
    pub const fn new(at: Time, unix: u64) -> Self {
        Self { at, unix }
    }

    /// What the wall clock shows now, in seconds of Unix time.
    pub const fn unix(&self, now: Time) -> u64 {
        self.unix.saturating_add(now.since(self.at).as_secs())
    }

    /// The day now.
    pub fn today(&self, now: Time) -> Day {
        Day::of_unix(self.unix(now))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}
