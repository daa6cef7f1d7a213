//! The density test: node counts are Poisson distributed, so a list that is much too short or too long gives a liar
//! away (Castro et al., "Secure routing for structured peer-to-peer overlay networks", OSDI 2002, section 4).

use crate::odds::binomial_at_least;

/// The chance on each side with which the roster of somebody else's line may be turned down for its length though it is
/// honest: one in a million on both, for [`fits`].
pub const STRANGERS_ALPHA: f64 = 5e-7;

/// Whether two counts may be of one density, of which nothing else is known: `|a - b| <= z sqrt(a + b)`, since the variance
/// of a difference of Poisson counts is their sum. `z` standard deviations: 4.75 for one in a million on each side.
pub fn alike(a: u32, b: u32, z: f64) -> bool {
    let (a, b) = (f64::from(a), f64::from(b));
    (a - b).abs() <= z * libm::sqrt(a + b)
}

/// Whether a count is believed of somebody else's line, where only one's own lines are known: each is Poisson of one unknown
/// mean, so given the sum of all, `count` is binomial with chance `1 / (lines + 1)` whatever the mean is (Przyborowski and
/// Wilenski, Biometrika 1940). Exact tails; honest counts are turned down with a chance of at most `alpha` on each side.
/// Without a line of one's own everything is believed.
pub fn fits(count: u32, own: &[u32], alpha: f64) -> bool {
    let Ok(lines) = u32::try_from(own.len()) else { return true };
    let sum = own.iter().fold(count, |sum, &one| sum.saturating_add(one));
    if lines == 0 {
        return true;
    }
    let share = 1.0 / (f64::from(lines) + 1.0);
    let at_least = binomial_at_least(sum, share, count);
    // The other tail by the law of what is not on the line, so that nothing is lost to rounding.
    let at_most = binomial_at_least(sum, 1.0 - share, sum - count);
    at_least > alpha && at_most > alpha
}

/// The counts that are believed for an expected count, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// The least count that is believed.
    pub least: u32,
    /// The greatest count that is believed.
    pub greatest: u32,
}

impl Band {
    /// The band outside which a Poisson variable with expectation `mean` falls with a chance of at most `alpha` on
    /// each side: exact tails, summed term by term, `P(k) = e^-m m^k / k!`.
    ///
    /// A `mean` that is not positive gives `0..=0`.
    pub fn poisson(mean: f64, alpha: f64) -> Self {
        if mean.is_nan() || mean <= 0.0 {
            return Self { least: 0, greatest: 0 };
        }
        let (mut below, mut least, mut count) = (0.0, None, 0_u32);
        loop {
            below += chance(mean, count);
            if least.is_none() && below > alpha {
                least = Some(count);
            }
            // The second condition ends the sum where rounding keeps it from reaching 1 - alpha.
            let beyond = f64::from(count) > mean && chance(mean, count) < alpha * 1e-6;
            if 1.0 - below <= alpha || beyond {
                return Self { least: least.unwrap_or(count), greatest: count };
            }
            count += 1;
        }
    }

    /// Whether a count is believed.
    pub fn contains(&self, count: u32) -> bool {
        (self.least..=self.greatest).contains(&count)
    }
}

/// `e^-m m^k / k!`, by logarithms so that no step overflows.
fn chance(mean: f64, count: u32) -> f64 {
    let k = f64::from(count);
    libm::exp(k * libm::log(mean) - mean - libm::lgamma(k + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_known_from_the_literature() {
        // The tails at 10^-3 and 10^-6 of m = 64, 128 and 256, computed independently with exact fractions.
        for (mean, alpha, least, greatest) in [
            (64.0, 1e-3, 41, 90),
            (64.0, 1e-6, 30, 105),
            (128.0, 1e-3, 95, 164),
            (128.0, 1e-6, 78, 185),
            (256.0, 1e-3, 208, 307),
            (256.0, 1e-6, 184, 336),
        ] {
            assert_eq!(Band::poisson(mean, alpha), Band { least, greatest }, "m = {mean}, alpha = {alpha}");
        }
    }

    #[test]
    fn two_lists_may_differ_by_some_standard_deviations() {
        assert!(alike(128, 128, 4.75) && alike(0, 0, 4.75));
        // sqrt(160) = 12.6, so that a quarter of 128 is 7.6 of them away.
        assert!(!alike(32, 128, 4.75) && !alike(128, 32, 4.75));
        assert!(alike(32, 128, 7.6));
    }

    #[test]
    fn a_line_is_compared_with_ones_own() {
        let own = [128, 120, 133, 131];
        assert!(fits(128, &own, 1e-6) && fits(90, &own, 1e-6));
        assert!(!fits(32, &own, 1e-6) && !fits(63, &own, 1e-6) && !fits(256, &own, 1e-6));
        assert!(fits(3, &[4, 6], 1e-6) && fits(0, &[5], 1e-6) && fits(7, &[], 1e-6));
        // P(X <= 0) is (4/5)^n for n others on four lines: above and below one in a million.
        assert!(fits(0, &[15, 15, 15, 16], 1e-6) && !fits(0, &[16, 16, 15, 15], 1e-6));
    }

    #[test]
    fn small_means_believe_emptiness() {
        assert_eq!(Band::poisson(2.0, 1e-6).least, 0);
        assert_eq!(Band::poisson(0.0, 1e-6), Band { least: 0, greatest: 0 });
        assert_eq!(Band::poisson(f64::NAN, 1e-6), Band { least: 0, greatest: 0 });
    }
}
