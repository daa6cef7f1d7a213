//! What a neighbour's work is worth: one unit for everything, so that a lookup can be paid back with a tunnel's slots.
//!
//! **The unit is a byte taken in and sent on once.** Of what a node spends, that is what runs out first. A small rented
//! server comes with one to twenty terabytes of traffic a month and one core; a core answers some 165,000 requests a
//! second here (`rook bench dht`'s links), so a month's core is worth 4 * 10^11 requests, and a month's traffic is gone
//! after 10^10 of them. Processor time is therefore left out.
//!
//! **A request is priced by the way that is left**: who takes it over with `k` coordinates still to be corrected does
//! one link's work itself and owes the next hop for `k` more, so it is paid for `k + 1` and keeps one. Everybody on
//! the way earns as much as its neighbour on the way, wherever it sits (Swarm, "The book of Swarm" 2021, prices by
//! proximity for the same reason).

use core::iter::Sum;
use core::ops::Add;

/// Work, in bytes taken in and sent on once. It cannot be negative, and sums stop at the greatest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work(u64);

/// What a request takes on each link beside the values in it: request, acceptance and answer, their frames and the
/// packets of the transport, about 250 bytes.
pub const HOP: Work = Work(256);

/// A byte kept for a day, in bytes moved. The same rented servers come with 25 to 40 gigabytes of disk, so a day of a
/// byte costs as much as moving 1.3 bytes at the dearest traffic and 17 at the cheapest; 4 lies between.
const BYTE_DAY: u64 = 4;

/// The size of a tunnel's cell.
const SLOT: u64 = 1280;

impl Work {
    /// None.
    pub const NONE: Self = Self(0);

    /// So many units.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// The units.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// So many times as much.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    #[expect(clippy::cast_precision_loss, reason = "above 2^53 a unit more or less does not matter")]
    pub(super) const fn amount(self) -> f64 {
        self.0 as f64
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Self>>(works: I) -> Self {
        works.fold(Self::NONE, Add::add)
    }
}

/// Taking a request over with `moves` coordinates still to be corrected, and bringing its answer back. `bytes` are the
/// values in question and answer.
pub const fn request(bytes: u64, moves: u8) -> Work {
    Work(HOP.0.saturating_add(bytes)).times(moves as u64 + 1)
}

/// Keeping so many bytes for so many days.
pub const fn storage(bytes: u64, days: u32) -> Work {
    Work(bytes).times(BYTE_DAY).times(days as u64)
}

/// Cells of a tunnel, passed on, whether there was anything in them or not: else the ledger would tell what a tunnel
/// carries.
pub const fn slots(count: u64) -> Work {
    Work(SLOT).times(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_passes_a_request_on_keeps_one_links_work() {
        for moves in 1..=6 {
            let kept = request(1000, moves).units() - request(1000, moves - 1).units();
            assert_eq!(kept, 1256);
        }
        assert_eq!(request(0, 0), HOP);
    }

    #[test]
    fn prices_stop_at_the_greatest_number() {
        assert_eq!(request(u64::MAX, u8::MAX), Work::new(u64::MAX));
        assert_eq!(storage(u64::MAX, u32::MAX), Work::new(u64::MAX));
        assert_eq!(slots(u64::MAX), Work::new(u64::MAX));
        assert_eq!([Work::new(u64::MAX), HOP].into_iter().sum::<Work>(), Work::new(u64::MAX));
        assert_eq!((storage(10, 30), slots(2)), (Work::new(1200), Work::new(2560)));
    }
}
