//! How much work a number of zero bits stands for.
//!
//! Each attempt succeeds with chance `p = 2^-h`, independently of all others, so the number of
//! attempts until the first success is geometric: mean `2^h`, and after `n` failures nothing has been
//! saved up. The chance of having succeeded within `n` attempts is `1 - (1 - p)^n`.

/// Number of leading zero bits of a digest.
///
/// ```
/// assert_eq!(hashcash::difficulty::leading_zero_bits(&[0x00, 0x10, 0xff]), 11);
/// ```
pub fn leading_zero_bits(digest: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in digest {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// Mean number of attempts until a digest has `difficulty` leading zero bits.
pub fn expected_attempts(difficulty: u32) -> f64 {
    f64::from(difficulty).exp2()
}

/// Chance (0 to 1) that a search has ended by now, `attempts` after its start.
pub fn chance_by_now(difficulty: u32, attempts: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a chance shown to a person; 53 bits are plenty")]
    let attempts = attempts as f64;
    // 1 - (1-p)^n as -expm1(n * ln1p(-p)): exact also where p is far below the spacing of doubles at 1.
    -(attempts * (-(-f64::from(difficulty)).exp2()).ln_1p()).exp_m1()
}

/// How many zero bits a search at `attempts_per_second` can afford in `seconds` on average: the
/// greatest `h` with `2^h <= attempts_per_second * seconds`.
pub fn affordable_bits(attempts_per_second: f64, seconds: f64) -> u32 {
    let attempts = (attempts_per_second * seconds).max(1.0);
    (0..160).rev().find(|bits| expected_attempts(*bits) <= attempts).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bits_are_counted_across_bytes() {
        assert_eq!(leading_zero_bits(&[0x80, 0]), 0);
        assert_eq!(leading_zero_bits(&[0, 0, 1]), 23);
        assert_eq!(leading_zero_bits(&[0; 20]), 160);
    }

    #[test]
    fn the_mean_has_been_reached_with_chance_one_minus_one_over_e() {
        assert!((chance_by_now(40, 1 << 40) - (1.0 - (-1.0f64).exp())).abs() < 1e-9);
        assert_eq!(chance_by_now(40, 0), 0.0);
        assert_eq!(chance_by_now(0, 1), 1.0);
        assert!(chance_by_now(60, 1) > 0.0);
    }

    #[test]
    fn one_day_at_the_designs_rate_is_42_bits() {
        assert_eq!(affordable_bits(68e6, 86_400.0), 42);
        assert_eq!(affordable_bits(0.0, 1.0), 0);
    }
}
