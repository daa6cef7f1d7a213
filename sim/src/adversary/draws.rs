//! The laws that chance follows here, drawn exactly.
//!
//! Nothing is approximated by a normal law: tails are what these experiments are about.

use crate::chance::Chance;

/// Trials until the first success, that one counted: geometric, by inversion, `ceil(ln(1-u) / ln(1-p))`.
///
/// `p` must be above 0; from 1 on the answer is 1.
pub fn geometric(chance: &mut Chance, p: f64) -> f64 {
    if p >= 1.0 {
        return 1.0;
    }
    ((-chance.unit()).ln_1p() / (-p).ln_1p()).ceil().max(1.0)
}

/// A waiting time of the given mean, exponentially distributed.
pub fn exponential(chance: &mut Chance, mean: f64) -> f64 {
    -mean * (-chance.unit()).ln_1p()
}

/// A Poisson number: how many exponential waits of mean 1 fit into `mean`. Costs `mean` draws.
pub fn poisson(chance: &mut Chance, mean: f64) -> u32 {
    let (mut passed, mut count) = (exponential(chance, 1.0), 0);
    while passed <= mean {
        count += 1;
        passed += exponential(chance, 1.0);
    }
    count
}

/// Successes among `trials` of chance `p`, by jumping from one to the next: costs as many draws as there are successes.
#[expect(clippy::cast_precision_loss, reason = "trials are far below 2^53")]
pub fn binomial(chance: &mut Chance, trials: u64, p: f64) -> u32 {
    if p <= 0.0 {
        return 0;
    }
    let (mut at, mut count) = (geometric(chance, p), 0);
    while at <= trials as f64 {
        count += 1;
        at += geometric(chance, p);
    }
    count
}

/// How many of `drawn` members, taken from `members` without putting back, are among the `marked` ones.
pub fn hypergeometric(chance: &mut Chance, members: u32, marked: u32, drawn: u32) -> u32 {
    let (mut rest, mut left, mut found) = (members, marked, 0);
    for _ in 0..drawn.min(members) {
        if chance.unit() * f64::from(rest) < f64::from(left) {
            left -= 1;
            found += 1;
        }
        rest -= 1;
    }
    found
}

/// The point that a standard normal variable exceeds with chance `alpha`: bisection of the complementary error
/// function, to 1e-9.
pub fn normal_excess(alpha: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        let above = 0.5 * libm::erfc(middle / core::f64::consts::SQRT_2);
        if above > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::mean;

    /// Mean and variance of draws, against those of the law, within five standard errors of the mean.
    fn check(name: &str, mut draw: impl FnMut(&mut Chance) -> f64, expected: f64, variance: f64) {
        let mut chance = Chance::new(7);
        let sample: Vec<f64> = (0..40_000).map(|_| draw(&mut chance)).collect();
        let spread: Vec<f64> = sample.iter().map(|value| (value - expected).powi(2)).collect();
        assert!((mean(&sample) - expected).abs() < 5.0 * (variance / 4e4).sqrt(), "{name}: mean {}", mean(&sample));
        assert!((mean(&spread) / variance - 1.0).abs() < 0.1, "{name}: variance {}", mean(&spread));
    }

    #[test]
    fn draws_follow_their_laws() {
        check("geometric", |c| geometric(c, 0.02), 50.0, 0.98 / 0.0004);
        check("exponential", |c| exponential(c, 3.0), 3.0, 9.0);
        check("poisson", |c| poisson(c, 6.5).into(), 6.5, 6.5);
        check("binomial", |c| binomial(c, 500, 0.01).into(), 5.0, 4.95);
        // n K (N-K) (N-n) / (N^2 (N-1)) of the mean n K / N.
        check("hypergeometric", |c| hypergeometric(c, 50, 20, 10).into(), 4.0, 10.0 * 0.4 * 0.6 * 40.0 / 49.0);
    }

    #[test]
    fn ends_of_the_laws() {
        let mut chance = Chance::new(1);
        assert_eq!(geometric(&mut chance, 1.0), 1.0);
        assert_eq!(poisson(&mut chance, 0.0), 0);
        assert_eq!(binomial(&mut chance, 10, 0.0), 0);
        assert_eq!(binomial(&mut chance, 10, 1.0), 10);
        assert_eq!(hypergeometric(&mut chance, 5, 5, 9), 5);
    }

    #[test]
    fn normal_points_of_the_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.1.
        for (alpha, point) in [(0.5, 0.0), (0.025, 1.959_964), (1e-3, 3.090_232), (1e-6, 4.753_424)] {
            assert!((normal_excess(alpha) - point).abs() < 1e-5, "{alpha}: {}", normal_excess(alpha));
        }
    }
}
