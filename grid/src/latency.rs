//! How fast a neighbour has answered of late.

use core::time::Duration;

use crate::time::Time;

/// Time after which an old sample has lost 63 % of its weight. Finagle, where the measure comes from, uses 10 s.
const DECAY: Duration = Duration::from_secs(10);

/// Peak-sensitive exponentially weighted moving average: a slow answer counts at once and in full, quick ones after it
/// wear it off with time (Twitter Finagle, `PeakEwma`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeakEwma {
    state: Option<(f64, Time)>,
}

impl PeakEwma {
    /// Takes the time that one answer needed.
    pub fn observe(&mut self, now: Time, sample: Duration) {
        let sample = sample.as_secs_f64();
        let value = match self.state {
            Some((value, last)) if sample < value => {
                let weight = libm::exp(-(now.since(last).as_secs_f64() / DECAY.as_secs_f64()));
                value * weight + sample * (1.0 - weight)
            }
            Some(_) | None => sample,
        };
        self.state = Some((value, now));
    }

    /// The average; `None` before the first sample.
    pub fn value(&self) -> Option<Duration> {
        self.state.map(|(value, _)| Duration::from_secs_f64(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_counts_at_once_and_wears_off() {
        let mut ewma = PeakEwma::default();
        let at = |seconds: u64| Time::from_micros(seconds * 1_000_000);
        ewma.observe(at(0), Duration::from_millis(10));
        ewma.observe(at(1), Duration::from_secs(2));
        assert_eq!(ewma.value(), Some(Duration::from_secs(2)));
        ewma.observe(at(11), Duration::from_millis(10));
        // 2 s weigh e^-1 after one decay time: 0.736 s + 0.006 s.
        let value = ewma.value().unwrap().as_secs_f64();
        assert!((value - 0.7421).abs() < 1e-3, "{value}");
    }
}
