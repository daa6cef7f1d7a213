//! Days, counted as Julian Day Numbers: the date of minting stands inside an identity's exponent.
//!
//! A day here is a calendar day in UTC. Its number is the Julian Day Number that begins at noon of
//! that day, the convention of almanacs: 2000-01-01 is 2451545.

use std::fmt;

/// Julian Day Number of 1970-01-01, the day on which Unix time begins.
const UNIX_EPOCH: u32 = 2_440_588;
const SECONDS_PER_DAY: u64 = 86_400;

/// A calendar day in UTC, as its Julian Day Number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JulianDay(u32);

impl JulianDay {
    /// The day with this Julian Day Number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The UTC day in which this moment of Unix time lies. Moments beyond the last day that 32 bits
    /// can count (eleven million years from now) give that last day.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        let days = u32::try_from(seconds / SECONDS_PER_DAY).unwrap_or(u32::MAX);
        Self(UNIX_EPOCH.saturating_add(days))
    }

    /// The moment of Unix time at which the day begins; 0 for days before 1970.
    pub fn unix_seconds(self) -> u64 {
        u64::from(self.0.saturating_sub(UNIX_EPOCH)) * SECONDS_PER_DAY
    }

    /// The Julian Day Number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The day `days` later; stops at the last day that can be counted.
    pub const fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day `days` earlier; stops at day 0 (in the year -4713).
    pub const fn minus_days(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// The date in the Gregorian calendar, `2026-11-21`.
    ///
    /// Formula: E. G. Richards, "Calendars", in *Explanatory Supplement to the Astronomical Almanac*
    /// (3rd edition, 2013), section 15.11.3, algorithm 3.
    pub fn to_iso(self) -> String {
        let day = i64::from(self.0);
        let f = day + 1401 + (4 * day + 274_277) / 146_097 * 3 / 4 - 38;
        let e = 4 * f + 3;
        let g = e % 1461 / 4;
        let h = 5 * g + 2;
        let day_of_month = h % 153 / 5 + 1;
        let month = (h / 153 + 2) % 12 + 1;
        let year = e / 1461 - 4716 + (14 - month) / 12;
        format!("{year:04}-{month:02}-{day_of_month:02}")
    }
}

impl fmt::Display for JulianDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_almanacs_print() {
        for (number, iso) in
            [(2_451_545, "2000-01-01"), (2_440_588, "1970-01-01"), (2_299_161, "1582-10-15"), (2_461_366, "2026-11-21")]
        {
            assert_eq!(JulianDay::new(number).to_iso(), iso);
        }
    }

    #[test]
    fn the_calendar_never_skips_or_repeats_a_day() {
        let lengths = |year: u32| {
            let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut day = JulianDay::new(UNIX_EPOCH);
        for year in 1970..2420 {
            for (month, length) in lengths(year).into_iter().enumerate() {
                for date in 1..=length {
                    assert_eq!(day.to_iso(), format!("{year}-{:02}-{date:02}", month + 1));
                    day = day.plus_days(1);
                }
            }
        }
    }

    #[test]
    fn a_day_begins_at_midnight() {
        for day in [UNIX_EPOCH, 2_451_545, 2_461_000].map(JulianDay::new) {
            assert_eq!(JulianDay::from_unix_seconds(day.unix_seconds()), day);
            assert_eq!(JulianDay::from_unix_seconds(day.unix_seconds() + SECONDS_PER_DAY - 1), day);
        }
    }

    #[test]
    fn unix_seconds_turn_over_at_midnight() {
        assert_eq!(JulianDay::from_unix_seconds(0).number(), UNIX_EPOCH);
        assert_eq!(JulianDay::from_unix_seconds(86_399).number(), UNIX_EPOCH);
        assert_eq!(JulianDay::from_unix_seconds(86_400).number(), UNIX_EPOCH + 1);
        assert_eq!(JulianDay::from_unix_seconds(u64::MAX).number(), u32::MAX);
        assert!(!JulianDay::new(u32::MAX).to_iso().is_empty());
        assert_eq!(JulianDay::new(3).minus_days(7), JulianDay::new(0));
    }
}
