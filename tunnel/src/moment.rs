//! The time, as the shell tells it: a steady clock for lives and patience, and the minute that set-ups are dated with.

use std::time::Duration;

/// One moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since the shell started, by a clock that never runs backwards.
    pub steady: Duration,
    /// The minute of Unix time.
    pub minute: u32,
}

impl Moment {
    /// The moment at which the steady clock and the wall clock, in seconds of Unix time, show this.
    pub fn new(steady: Duration, unix_seconds: u64) -> Self {
        Self { steady, minute: u32::try_from(unix_seconds / 60).unwrap_or(u32::MAX) }
    }

    /// How long ago an earlier moment of the steady clock was; nothing if it lies in the future.
    pub fn since(self, earlier: Duration) -> Duration {
        self.steady.saturating_sub(earlier)
    }
}
