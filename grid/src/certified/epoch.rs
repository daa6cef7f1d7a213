//! Epochs: the stretches of time for each of which a line has one roster.

use core::time::Duration;

/// The number of an epoch: Unix time divided by an epoch's length, so that all nodes count alike without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch with that number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The epoch in which a moment of Unix time lies, in seconds. An epoch lasts a second at least.
    pub fn of_unix(seconds: u64, length: Duration) -> Self {
        Self(seconds / whole_seconds(length))
    }

    /// The moment of Unix time at which it begins, in seconds.
    pub fn starts(self, length: Duration) -> u64 {
        self.0.saturating_mul(whole_seconds(length))
    }

    /// The one after it.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

fn whole_seconds(length: Duration) -> u64 {
    length.as_secs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let length = Duration::from_secs(600);
        let epoch = Epoch::of_unix(1_799_999, length);
        assert_eq!(epoch, Epoch::new(2999));
        assert_eq!(epoch.next().starts(length), 1_800_000);
        assert_eq!(Epoch::of_unix(1_800_000, length), epoch.next());
        assert_eq!(Epoch::of_unix(7, Duration::ZERO), Epoch::new(7));
    }
}
