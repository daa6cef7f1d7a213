//! How often something may happen: a bucket that fills with time.

use std::time::Duration;

/// So many at once, and one more after each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many may happen at once after a long rest.
    pub burst: u32,
    /// After how long there may be one more.
    pub every: Duration,
}

/// How far a [`Rate`] is used up: the moment by which it will be whole again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    whole: Duration,
}

impl Bucket {
    /// Takes one, if there is one.
    pub fn take(&mut self, now: Duration, rate: Rate) -> bool {
        let whole = self.whole.max(now) + rate.every;
        let fits = whole - now <= rate.every * rate.burst;
        if fits {
            self.whole = whole;
        }
        fits
    }

    /// When there will be one.
    pub fn next(&self, rate: Rate) -> Duration {
        (self.whole + rate.every).saturating_sub(rate.every * rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_after_each_interval() {
        let rate = Rate { burst: 3, every: Duration::from_secs(2) };
        let mut bucket = Bucket::default();
        let mut taken = |millis| bucket.take(Duration::from_millis(millis), rate);
        let of_hour: Vec<u64> = (0..20_000).step_by(100).filter(|&at| taken(at)).collect();
        assert_eq!(of_hour, [0, 100, 200, 2000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 18_000]);
        assert_eq!(bucket.next(rate), Duration::from_secs(20));
    }
}
