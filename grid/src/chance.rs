//! Random choices from the generator that the shell gave us: waits, picks and samples.

use core::time::Duration;

use rand_core::Rng;

/// The wait before the next try: `first` doubled for each failure after the first, at most `most`, then a random half
/// to whole of it ("equal jitter", Brooker, AWS Architecture Blog 2015).
pub(crate) fn backoff<R: Rng>(rng: &mut R, first: Duration, most: Duration, failures: u32) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    jitter(rng, doubled.min(most))
}

/// A random half to whole of a duration.
pub(crate) fn jitter<R: Rng>(rng: &mut R, whole: Duration) -> Duration {
    let half = whole / 2;
    let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(below(rng, micros.saturating_add(1)))
}

/// A random number below `bound`. Zero for a bound of zero.
pub(crate) fn below<R: Rng>(rng: &mut R, bound: u64) -> u64 {
    scale(rng.next_u64(), bound)
}

/// A uniform 64-bit number made one below `bound`, by the high half of a product (Lemire 2019, without the rejection:
/// the bias is below `bound / 2^64`). Zero for a bound of zero.
pub(crate) fn scale(number: u64, bound: u64) -> u64 {
    let product = u128::from(number) * u128::from(bound);
    (product >> 64) as u64
}

/// A random number in `0..1`, with 53 bits.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
pub(crate) fn unit<R: Rng>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A random element; `None` of an empty slice.
pub(crate) fn pick<'a, T, R: Rng>(rng: &mut R, items: &'a [T]) -> Option<&'a T> {
    let index = usize::try_from(below(rng, items.len() as u64)).ok()?;
    items.get(index)
}

/// Puts `count` random elements (or all there are) to the front, in random order (Fisher and Yates, cut short).
pub(crate) fn shuffle_front<T, R: Rng>(rng: &mut R, items: &mut [T], count: usize) {
    for index in 0..count.min(items.len()) {
        let offset = usize::try_from(below(rng, (items.len() - index) as u64)).unwrap_or(0);
        items.swap(index, index + offset);
    }
}

/// Puts all elements in random order.
pub(crate) fn shuffle<T, R: Rng>(rng: &mut R, items: &mut [T]) {
    shuffle_front(rng, items, items.len());
}
