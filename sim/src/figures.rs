//! What many figures come to: shares, means, quantiles; and how two samples are told apart.

/// A part of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The mean; 0 of an empty sample.
#[expect(clippy::cast_precision_loss, reason = "samples are far smaller than 2^53")]
pub fn mean(sample: &[f64]) -> f64 {
    if sample.is_empty() { 0.0 } else { sample.iter().sum::<f64>() / sample.len() as f64 }
}

/// The value below which the share `q` of the sample lies (nearest rank); sorts it. 0 of an empty sample.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
pub fn quantile(sample: &mut [f64], q: f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let rank = (q * sample.len() as f64).ceil() as usize;
    sample.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// How far the distributions of two samples are apart at most, from 0 to 1: the statistic of Kolmogorov and Smirnov; sorts them.
#[expect(clippy::cast_precision_loss, reason = "samples are far smaller than 2^53")]
pub fn distance(a: &mut [f64], b: &mut [f64]) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut k, mut most) = (0, 0, 0.0_f64);
    while i < a.len() && k < b.len() {
        let at = a[i].min(b[k]);
        i += a[i..].iter().take_while(|&&x| x <= at).count();
        k += b[k..].iter().take_while(|&&x| x <= at).count();
        most = most.max((i as f64 / a.len() as f64 - k as f64 / b.len() as f64).abs());
    }
    most
}

/// The [`distance`] that two samples of these sizes from one distribution exceed with that chance (the asymptotic formula of
/// Smirnov 1948, for samples of some hundreds and more).
#[expect(clippy::cast_precision_loss, reason = "samples are far smaller than 2^53")]
pub fn distance_by_chance(a: usize, b: usize, chance: f64) -> f64 {
    let scale = (1.0 / a.max(1) as f64 + 1.0 / b.max(1) as f64).sqrt();
    (-(chance / 2.0).ln() / 2.0).sqrt() * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_one_distribution_are_as_far_apart_as_chance_has_them() {
        assert_eq!(distance(&mut [1.0, 2.0, 3.0, 4.0], &mut [3.0, 4.0, 5.0, 6.0]), 0.5);
        assert_eq!(distance(&mut [2.0, 1.0], &mut [1.0, 2.0]), 0.0);
        let mut chance = crate::chance::Chance::new(5);
        let mut sample = || (0..500).map(|_| chance.unit()).collect::<Vec<f64>>();
        let beyond = (0..1000).filter(|_| distance(&mut sample(), &mut sample()) > distance_by_chance(500, 500, 0.05));
        // 50 are expected, fewer than that as the formula is on the safe side; the standard deviation is 7.
        assert!((15..85).contains(&beyond.count()));
    }

    #[test]
    fn nothing_comes_to_nothing() {
        assert_eq!((ratio(0, 0), mean(&[]), quantile(&mut [], 0.5)), (0.0, 0.0, 0.0));
        assert_eq!((ratio(1, 4), mean(&[1.0, 2.0])), (0.25, 1.5));
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
    }
}
