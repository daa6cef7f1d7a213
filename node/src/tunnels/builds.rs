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

    /// Whether both are parts of one whole.
    #[cfg(test)]
    pub(super) fn is_part_of_the_same(&self, other: &Self) -> bool {
        self.whole.as_ref().zip(other.whole.as_ref()).is_some_and(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Of those that may be drawn for a purpose the ones for a part of it: each counts for both.
    pub(super) fn part(whole: Arc<Self>, rate: Rate) -> Self {
        Self { whole: Some(whole), ..Self::new(rate) }
    }

    /// Waits until one more may be drawn, which counts as drawn then.
    pub(super) async fn turn(&self) {
        while let Some(wait) = self.take(Instant::now()) {
            sleep(wait).await;
        }
    }

    /// Takes one, of the whole as well, or none and says how long to wait for it. Others may wait for the same one.
    fn take(&self, at: Instant) -> Option<Duration> {
        let now = at.saturating_duration_since(self.begun);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = *bucket;
        if !taken.take(now, self.rate) {
            return Some(bucket.next(self.rate).saturating_sub(now));
        }
        let wait = self.whole.as_ref().and_then(|whole| whole.take(at));
        if wait.is_none() {
            *bucket = taken;
        }
        wait
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
            match builds.take(builds.begun + *ask) {
                None => drawn += 1,
                Some(wait) => *ask += wait,
            }
        }
        assert_eq!(drawn, 12 + 59);
    }

    fn rate(burst: u32) -> Rate {
        Rate { burst, every: Duration::from_secs(10) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_used_up_leaves_the_others_the_rest_of_the_whole() {
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

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_for_the_whole_has_taken_nothing_of_its_part() {
        let whole = Arc::new(Builds::new(rate(1)));
        let part = Builds::part(whole.clone(), rate(3));
        whole.turn().await;
        for _ in 0..5 {
            assert!(tokio::time::timeout(Duration::from_secs(1), part.turn()).await.is_err());
        }
        assert_eq!(*part.bucket.lock().unwrap(), Bucket::default());
        part.turn().await;
    }

    #[tokio::test]
    async fn the_first_turns_come_at_once() {
        let builds = Builds::new(Rate { burst: 2, every: Duration::from_secs(3600) });
        builds.turn().await;
        builds.turn().await;
        assert!(builds.take(Instant::now()).is_some_and(|wait| wait > Duration::from_secs(3000)));
    }
}
