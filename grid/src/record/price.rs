//! What a record costs, in work, and what it is worth to a holder that runs out of space.

use crate::record::terms::{Subject, Terms};
use crate::time::Day;

/// How the work of a stamp grows with what the writer asks. Part of a grid's parameters.
///
/// The price is `bits = base + ceil(log2(size × lifetime × rewrites))` leading zero bits, that is 2^bits attempts on
/// average, each factor in the table's units and at least 1: double the size, the lifetime or the rate of rewriting, and
/// it takes twice the work. Priority is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceTable {
    /// Zero bits for one unit of everything.
    pub base_bits: u8,
    /// Bytes in a unit of size.
    pub size_unit: u32,
    /// Days in a unit of lifetime.
    pub day_unit: u16,
}

/// A record that can be rewritten costs as much as so many that cannot: its holders check signatures and write again.
const MUTABLE_FACTOR: u128 = 2;
/// Seconds of a day: a rate of one rewrite a day costs no more than the possibility.
const DAY: u32 = 86_400;
/// The worth of a record is counted in so many parts of a bit.
const PARTS: i32 = 64;

impl PriceTable {
    /// The work that the terms cost, in leading zero bits, priority included.
    pub fn bits(&self, terms: &Terms) -> u32 {
        self.plain_bits(terms) + u32::from(terms.priority)
    }

    /// The price without priority.
    fn plain_bits(&self, terms: &Terms) -> u32 {
        let size = u128::from(terms.size.max(self.size_unit.into()));
        let days = u128::from(effective_days(terms.days, terms.half_life).max(self.day_unit));
        let (rewrites, per) = match terms.subject {
            Subject::Immutable { .. } => (1, 1),
            Subject::Mutable { interval, .. } => (MUTABLE_FACTOR * u128::from(interval.max(DAY)), interval.into()),
        };
        // At most 2^40 × 2^16 × 2^33: far from the end of the type.
        let (asked, unit) = (size * days * rewrites, u128::from(self.size_unit) * u128::from(self.day_unit) * per);
        u32::from(self.base_bits) + ceil_log2(asked, unit.max(1))
    }

    /// What a record is worth that has a stamp of so many zero bits: its priority if the price is paid in full, else
    /// less than nothing, by as many bits as are lacking. Since the price goes by size and time, this is the work paid
    /// for a byte and a day, as a logarithm.
    pub fn worth(&self, terms: &Terms, paid_bits: u32) -> Worth {
        let price = i32::try_from(self.bits(terms)).unwrap_or(i32::MAX);
        let paid = i32::try_from(paid_bits).unwrap_or(i32::MAX);
        Worth(if paid >= price { i32::from(terms.priority) } else { paid - price })
    }
}

/// How much a record matters, as the logarithm to base 2 of the work paid for a byte and a day beyond the price; below
/// 0 if the price was not paid in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worth(i32);

impl Worth {
    /// So many bits.
    pub const fn from_bits(bits: i32) -> Self {
        Self(bits)
    }

    /// In bits.
    pub const fn bits(self) -> i32 {
        self.0
    }

    /// Whether the price was paid in full. If not, the record is kept last, served last and dropped first.
    pub const fn is_standard(self) -> bool {
        self.0 >= 0
    }

    /// The worth on a day, of a record that matters half as much after every half-life, in parts of a bit (64 each).
    pub fn on(self, today: Day, from: Day, half_life: u16) -> DecayedWorth {
        let age = i64::from(today.days_since(from));
        let lost = if half_life == 0 { 0 } else { age * i64::from(PARTS) / i64::from(half_life) };
        DecayedWorth(self.0.saturating_mul(PARTS).saturating_sub(i32::try_from(lost).unwrap_or(i32::MAX)))
    }
}

/// What a record is worth on some day; only for comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecayedWorth(i32);

/// Days that count, of a record that matters half as much after every half-life: the sum of 2^(-t/h) over its time,
/// `h / ln 2 × (1 - 2^(-days/h))`, rounded up.
fn effective_days(days: u16, half_life: u16) -> u16 {
    if half_life == 0 {
        return days;
    }
    let (all, half) = (f64::from(days), f64::from(half_life));
    let sum = half / core::f64::consts::LN_2 * (1.0 - libm::exp2(-all / half));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the days")]
    let rounded = libm::ceil(sum) as u16;
    rounded.clamp(1, days.max(1))
}

/// The least `bits` with `2^bits × unit >= asked`.
fn ceil_log2(asked: u128, unit: u128) -> u32 {
    let units = asked.div_ceil(unit).max(1);
    units.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const TABLE: PriceTable = PriceTable { base_bits: 4, size_unit: 1024, day_unit: 1 };

    fn terms(size: u64, days: u16, interval: Option<u32>) -> Terms {
        let subject = match interval {
            None => Subject::Immutable { root: [0; 32] },
            Some(interval) => Subject::Mutable { writer: [0; 32], interval },
        };
        Terms { subject, size, from: Day::new(2_461_366), days, half_life: 0, priority: 0, application: Vec::new() }
    }

    #[test]
    fn the_table_by_hand() {
        assert_eq!(TABLE.bits(&terms(0, 1, None)), 4);
        assert_eq!(TABLE.bits(&terms(1024, 1, None)), 4);
        assert_eq!(TABLE.bits(&terms(1025, 1, None)), 5);
        assert_eq!(TABLE.bits(&terms(1 << 20, 30, None)), 4 + 15);
        assert_eq!(TABLE.bits(&terms(1024, 1, Some(DAY))), 5);
        assert_eq!(TABLE.bits(&terms(1024, 1, Some(2 * DAY))), 5);
        assert_eq!(TABLE.bits(&terms(1024, 1, Some(DAY / 24))), 4 + 6);
        assert_eq!(TABLE.bits(&Terms { priority: 3, ..terms(1024, 1, None) }), 7);
        assert_eq!(TABLE.bits(&Terms { half_life: 1, ..terms(1024, 64, None) }), 5);
    }

    proptest! {
        #[test]
        fn doubling_doubles(size in 1024..1_u64 << 38, days in 1..180_u16, interval in 1..DAY / 2) {
            let price = |size, days, interval| TABLE.bits(&terms(size, days, Some(interval)));
            let one = price(size, days, interval);
            prop_assert_eq!(price(size * 2, days, interval), one + 1);
            prop_assert_eq!(price(size, days * 2, interval), one + 1);
            prop_assert_eq!(price(size, days, interval * 2) + 1, one);
        }

        #[test]
        fn a_shorter_half_life_never_costs_more(days in 1..3650_u16, half_life in 1..3650_u16) {
            let price = |half_life| TABLE.bits(&Terms { half_life, ..terms(1 << 20, days, None) });
            prop_assert!(price(half_life) <= price(half_life + 1));
            prop_assert!(price(half_life) <= price(0));
        }
    }

    #[test]
    fn worth_is_priority_or_what_is_lacking() {
        let plain = terms(1 << 20, 30, None);
        let price = TABLE.bits(&plain);
        assert_eq!(TABLE.worth(&plain, price).bits(), 0);
        assert_eq!(TABLE.worth(&plain, price + 9).bits(), 0, "luck is worth nothing");
        assert_eq!(TABLE.worth(&plain, price - 2).bits(), -2);
        assert!(!TABLE.worth(&plain, price - 1).is_standard());
        let urgent = Terms { priority: 5, ..plain };
        assert_eq!(TABLE.worth(&urgent, price + 5).bits(), 5);
        assert_eq!(TABLE.worth(&urgent, price + 4).bits(), -1);
    }

    #[test]
    fn worth_decays_by_a_bit_in_a_half_life() {
        let (worth, from) = (Worth::from_bits(3), Day::new(100));
        let on = |day, half_life| worth.on(Day::new(day), from, half_life);
        assert_eq!(on(100, 10), on(110, 0));
        assert_eq!(on(110, 10), Worth::from_bits(2).on(from, from, 10));
        assert!(on(101, 10) < on(100, 10));
        assert_eq!(on(90, 10), on(100, 10), "a day before it began is no gain");
    }
}
