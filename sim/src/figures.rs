//! What many figures come to: shares, means, quantiles.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_to_nothing() {
        assert_eq!((ratio(0, 0), mean(&[]), quantile(&mut [], 0.5)), (0.0, 0.0, 0.0));
        assert_eq!((ratio(1, 4), mean(&[1.0, 2.0])), (0.25, 1.5));
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
    }
}
