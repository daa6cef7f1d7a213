//! The density test: node counts are Poisson distributed, so a list that is much too short or too long gives a liar
//! away (Castro et al., "Secure routing for structured peer-to-peer overlay networks", OSDI 2002, section 4).

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
    fn small_means_believe_emptiness() {
        assert_eq!(Band::poisson(2.0, 1e-6).least, 0);
        assert_eq!(Band::poisson(0.0, 1e-6), Band { least: 0, greatest: 0 });
        assert_eq!(Band::poisson(f64::NAN, 1e-6), Band { least: 0, greatest: 0 });
    }
}
