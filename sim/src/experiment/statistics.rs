//! What many trials come to: a mean, and how far it may be from the truth.

use core::f64::consts::{FRAC_2_PI, FRAC_PI_2};

use serde::Serialize;

/// One measure over the seeds that have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many trials measured it.
    pub n: usize,
    /// The mean.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval of the mean, `t(n - 1) · s / √n` with Student's t and the
    /// sample's standard deviation `s`; 0 if all trials measured the same, nothing of a single trial.
    pub ci95: Option<f64>,
    /// The least.
    pub min: f64,
    /// Half of them are not above it: the middle one, or the mean of the middle two.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Summary {
    /// The summary of what trials measured, leaving out what is no number; `None` if nothing is left.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        let (mean, ci95) = if min < max { mean_and_interval(&sorted) } else { (min, 0.0) };
        Some(Self { n: sorted.len(), mean, ci95: (sorted.len() > 1).then_some(ci95), min, median, max })
    }

    /// The ends of the confidence interval; the mean twice of a single trial.
    pub fn interval(&self) -> (f64, f64) {
        let half = self.ci95.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }
}

/// Of two values or more.
#[expect(clippy::cast_precision_loss, reason = "nobody tries 2^53 seeds")]
fn mean_and_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    (mean, student_t(values.len() - 1) * error)
}

/// The 97.5 % quantile of Student's t: 95 % of the distribution is nearer to 0 than this.
///
/// Found by bisection in the closed form of the distribution that whole degrees of freedom have.
pub fn student_t(freedom: usize) -> f64 {
    // tan of the angle is t / √freedom.
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if within(middle, freedom) < 0.95 { low = middle } else { high = middle }
    }
    #[expect(clippy::cast_precision_loss, reason = "nobody tries 2^53 seeds")]
    let root = (freedom as f64).sqrt();
    f64::midpoint(low, high).tan() * root
}

/// The chance that `|T| < tan(angle) · √freedom`: M. Abramowitz and I. Stegun, *Handbook of Mathematical Functions*,
/// 26.7.3 (odd) and 26.7.4 (even).
fn within(angle: f64, freedom: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let (mut term, mut sum) = if freedom.is_multiple_of(2) { (1.0, 1.0) } else { (cosine, cosine) };
    // The terms have powers 0, 2, 4 .. (even) or 1, 3, 5 .. (odd) of the cosine, up to freedom - 2.
    let first = if freedom.is_multiple_of(2) { 2 } else { 3 };
    for power in (first..freedom.saturating_sub(1)).step_by(2) {
        #[expect(clippy::cast_precision_loss, reason = "nobody tries 2^53 seeds")]
        let ratio = (power - 1) as f64 / power as f64;
        term *= ratio * cosine * cosine;
        sum += term;
    }
    match freedom {
        1 => FRAC_2_PI * angle,
        odd if odd % 2 == 1 => FRAC_2_PI * (angle + sine * sum),
        _ => sine * sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed tables, e.g. NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (6, 2.447),
            (9, 2.262),
            (10, 2.228),
            (19, 2.093),
            (20, 2.086),
            (29, 2.045),
            (30, 2.042),
            (60, 2.000),
            (99, 1.984),
            (1000, 1.962),
        ];
        for (freedom, expected) in table {
            let found = student_t(freedom);
            assert!((found - expected).abs() < 0.0006, "{freedom}: {found}, the table has {expected}");
        }
    }

    #[test]
    fn a_sample_that_can_be_done_by_hand() {
        // Mean 5, squares of the deviations 9+1+1+1+0+0+4+16 = 32, s = √(32/7), t(7) = 2.3646.
        let summary = Summary::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((summary.n, summary.mean, summary.min, summary.median, summary.max), (8, 5.0, 2.0, 4.5, 9.0));
        let expected = 2.364_624 * (32.0_f64 / 7.0 / 8.0).sqrt();
        assert!((summary.ci95.unwrap() - expected).abs() < 1e-5, "{summary:?}");
    }

    #[test]
    fn what_is_always_the_same_is_certain_and_what_was_tried_once_is_not() {
        let same = Summary::of([0.1; 20]).unwrap();
        assert_eq!((same.mean, same.ci95, same.median), (0.1, Some(0.0), 0.1));
        assert_eq!(Summary::of([3.0]).unwrap().ci95, None);
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([f64::NAN, 1.0, f64::INFINITY, 3.0]).unwrap().n, 2);
    }

    #[test]
    fn the_order_of_trials_does_not_matter() {
        let values = [0.1, 0.7, 0.2, 0.3, 0.9, 1e-9];
        let mut backwards = values;
        backwards.reverse();
        assert_eq!(Summary::of(values), Summary::of(backwards));
    }
}
