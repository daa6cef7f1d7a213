//! Random numbers that are derived from what they are for, so that nothing of them has to be kept.
//!
//! The generator is SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014): a counter and a mixing function, which takes a nanosecond where [`crate::chance::Chance`] takes
//! tens to be seeded.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A number that two others determine.
pub const fn mix(seed: u64, value: u64) -> u64 {
    finish(seed ^ finish(value.wrapping_mul(STEP).wrapping_add(STEP)))
}

const fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A sequence of random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        finish(self.0)
    }

    /// A number below `bound`, which is 0 only if `bound` is. The bias is `bound / 2^64`.
    #[expect(clippy::cast_possible_truncation, reason = "the product's upper half is below the bound")]
    pub const fn below(&mut self, bound: u32) -> u32 {
        ((self.number() as u128 * bound as u128) >> 64) as u32
    }

    /// A number in `0..1`, with 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub const fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `count` different numbers below `bound`, each set as likely as any other (R. Floyd, in J. Bentley, "More
    /// Programming Pearls", 1988); all of them if there are no more.
    pub fn subset(&mut self, count: usize, bound: u32, out: &mut Vec<u32>) {
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(bound);
        let first = out.len();
        for last in bound - count..bound {
            let drawn = self.below(last + 1);
            let taken = out[first..].contains(&drawn);
            out.push(if taken { last } else { drawn });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subset_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..60_000_u64 {
            let mut set = Vec::new();
            Draws::new(mix(7, seed)).subset(3, 6, &mut set);
            set.sort_unstable();
            assert!(set.windows(2).all(|pair| pair[0] < pair[1]) && set.iter().all(|&number| number < 6));
            *counts.entry(set).or_insert(0_i64) += 1;
        }
        // 20 subsets of 3,000 each; the standard deviation is 53, and five of it are allowed.
        assert_eq!(counts.len(), 20);
        assert!(counts.values().all(|count| (count - 3000).abs() < 270), "{counts:?}");
    }

    #[test]
    fn a_subset_of_few_is_all() {
        let mut set = Vec::new();
        Draws::new(1).subset(20, 3, &mut set);
        set.sort_unstable();
        assert_eq!(set, [0, 1, 2]);
    }
}
