//! A high quantile of what came lately, in a fixed space: a histogram whose bars grow by a factor and whose counts fade.
//!
//! The bars are an octave's quarters, so an answer is at most 19 % too high (the DDSketch of Masson, Rim and Lee, VLDB
//! 2019, with a relative error of 9 %, reports the middle of a bar; here it is the upper end, for who waits that long has
//! waited long enough). When the counts reach `MEMORY` all are halved, so that the last few hundred samples decide.

use core::time::Duration;

/// The upper end of the first bar.
const FIRST: f64 = 0.001;
/// Bars an octave.
const FINENESS: f64 = 4.0;
/// Bars in all: up to 65 s, which is longer than anybody waits.
const BARS: usize = 65;
/// Samples after which all counts are halved.
const MEMORY: u32 = 512;

/// A fading histogram of durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantile {
    bars: [u16; BARS],
    total: u32,
}

impl Default for Quantile {
    fn default() -> Self {
        Self { bars: [0; BARS], total: 0 }
    }
}

impl Quantile {
    /// Takes a sample.
    pub fn observe(&mut self, sample: Duration) {
        self.bars[bar(sample)] += 1;
        self.total += 1;
        if self.total >= MEMORY {
            self.bars.iter_mut().for_each(|count| *count /= 2);
            self.total = self.bars.iter().map(|&count| u32::from(count)).sum();
        }
    }

    /// How many samples it is made of.
    pub const fn samples(&self) -> u32 {
        self.total
    }

    /// The duration that `percent` of the samples do not exceed, rounded up to the end of a bar; `None` of no samples.
    pub fn at(&self, percent: u32) -> Option<Duration> {
        let wanted = (self.total * percent.min(100)).div_ceil(100).max(1);
        let mut sum = 0;
        let found = self.bars.iter().position(|&count| {
            sum += u32::from(count);
            sum >= wanted
        });
        found.map(|bar| Duration::from_secs_f64(end(bar)))
    }
}

/// The bar that a sample belongs to: the first whose end it does not exceed, or the last.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of bars")]
fn bar(sample: Duration) -> usize {
    let octaves = libm::log2(sample.as_secs_f64().max(FIRST) / FIRST);
    (libm::ceil(octaves * FINENESS) as usize).min(BARS - 1)
}

#[expect(clippy::cast_precision_loss, reason = "below the number of bars")]
fn end(bar: usize) -> f64 {
    FIRST * libm::exp2(bar as f64 / FINENESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_quantile_and_the_old_is_forgotten() {
        let mut quantile = Quantile::default();
        assert_eq!(quantile.at(95), None);
        (0..MEMORY).for_each(|_| quantile.observe(Duration::from_millis(10)));
        (0..4 * MEMORY).for_each(|_| quantile.observe(Duration::from_secs(1)));
        assert!(quantile.at(10).unwrap() >= Duration::from_secs(1), "{quantile:?}");
        quantile.observe(Duration::from_secs(1000));
        assert!(quantile.at(100).unwrap() > Duration::from_secs(60));
    }

    proptest! {
        /// It is never below the exact quantile, and above it by less than a bar.
        #[test]
        fn quantiles_are_those_of_the_samples(
            micros in prop::collection::vec(1_000..60_000_000_u64, 1..500), percent in 1..=100_u32,
        ) {
            let mut quantile = Quantile::default();
            micros.iter().for_each(|&sample| quantile.observe(Duration::from_micros(sample)));
            let mut sorted = micros.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() * percent as usize).div_ceil(100).max(1);
            let exact = Duration::from_micros(sorted[rank - 1]).as_secs_f64();
            let found = quantile.at(percent).unwrap().as_secs_f64();
            prop_assert!(found >= exact * 0.999_999 && found <= exact * 1.19, "{found} {exact}");
        }
    }
}
