//! How often tunnels of one purpose are laid: whoever breaks them again and again, to be on one of the next ways, does not hurry
//! that. For tunnels that stand ready, [`tunnel::spares`] says the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tunnel::bucket::{Bucket, Rate};

/// The ways that may be drawn for one purpose.
#[derive(Debug)]
pub(super) struct Builds {
    rate: Rate,
    begun: Instant,
    bucket: Mutex<Bucket>,
    /// Those of which these are a part.
    whole: Option<Arc<Self>>,
}

impl Builds {
    /// None was drawn so far.
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, begun: Instant::now(), bucket: Mutex::default(), whole: None }
    }

    /// Of those that may be drawn for a purpose the ones for a part of it: each counts for both.
    pub(super) fn part(whole: Arc<Self>, rate: Rate) -> Self {
        Self { whole: Some(whole), ..Self::new(rate) }
    }

    /// Waits until one more may be drawn, which counts as drawn then.
    pub(super) async fn turn(&self) {
        for builds in std::iter::once(self).chain(self.whole.as_deref()) {
            while let Some(wait) = builds.take(builds.begun.elapsed()) {
                sleep(wait).await;
            }
        }
    }

    /// Takes one, or says how long to wait for it. Others may wait for the same one.
    fn take(&self, now: Duration) -> Option<Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        (!bucket.take(now, self.rate)).then(|| bucket.next(self.rate).saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_that_never_succeed_draw_a_burst_and_then_one_in_each_interval() {
        let builds = Builds::new(Rate { burst: 12, every: Duration::from_secs(10) });
        // When each of them asks again.
        let (mut asks, mut drawn) = ([Duration::ZERO; 3], 0);
        while let Some(ask) = asks.iter_mut().filter(|ask| **ask < Duration::from_secs(600)).min() {
            match builds.take(*ask) {
                None => drawn += 1,
                Some(wait) => *ask += wait,
            }
        }
        assert_eq!(drawn, 12 + 59);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_used_up_takes_nothing_from_the_others() {
        let rate = |burst| Rate { burst, every: Duration::from_secs(10) };
        let whole = Arc::new(Builds::new(rate(5)));
        let [one, other] = [(), ()].map(|()| Builds::part(whole.clone(), rate(3)));
        let begun = Instant::now();
        for _ in 0..3 {
            one.turn().await;
        }
        other.turn().await;
        other.turn().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        // What is left of its own part is not left of the whole.
        other.turn().await;
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test]
    async fn the_first_turns_come_at_once() {
        let builds = Builds::new(Rate { burst: 2, every: Duration::from_secs(3600) });
        builds.turn().await;
        builds.turn().await;
        assert!(builds.take(builds.begun.elapsed()).is_some_and(|wait| wait > Duration::from_secs(3000)));
    }
}
