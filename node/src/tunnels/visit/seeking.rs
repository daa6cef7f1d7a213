//! A service is sought for a while: what is announced of it may be out of date, and it may be on its way to another node.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use super::VisitError;

/// How long a service that was announced is sought anew.
const PERSISTENCE: Duration = Duration::from_secs(8);
/// How long after an attempt that failed the next one begins.
const PAUSE: Duration = Duration::from_millis(500);

/// What the first attempt leads to that succeeds, or fails for good; what the last one failed by if none does. After `hangs` there is
/// one more beside those that have neither failed nor succeeded: what hangs at a node that is gone takes longer to fail than a service takes
/// to be somewhere else.
///
/// # Errors
/// Those of an attempt.
pub(super) async fn seek<A, T>(mut attempt: impl FnMut() -> A, hangs: Duration) -> Result<T, VisitError>
where
    A: Future<Output = Result<T, VisitError>>,
{
    let begun = Instant::now();
    let mut trying = FuturesUnordered::from_iter([attempt()]);
    let mut next = begun + hangs;
    loop {
        let more = next < begun + PERSISTENCE;
        tokio::select! {
            Some(outcome) = trying.next() => match outcome {
                Err(VisitError::Tunnel(error)) if error.may_pass() => {
                    next = next.min(Instant::now() + PAUSE);
                    if trying.is_empty() && next >= begun + PERSISTENCE {
                        return Err(error.into());
                    }
                }
                outcome => return outcome,
            },
            () = sleep_until(next), if more => {
                trying.push(attempt());
                next = Instant::now() + hangs;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use tokio::time::sleep;

    use super::*;
    use crate::tunnels::TunnelError;
    use crate::tunnels::service::ServiceHost;

    const SECOND: Duration = Duration::from_secs(1);
    const HANGS: Duration = Duration::from_secs(2);

    fn unknown() -> VisitError {
        VisitError::Unknown("notes.rook".parse::<ServiceHost>().unwrap())
    }

    /// Seeks by these attempts, each of which takes so many seconds; what came of it, how many were begun, and after how long.
    async fn sought(attempts: Vec<(u32, Result<u8, VisitError>)>) -> (Result<u8, VisitError>, usize, Duration) {
        let (begun, count, mut attempts) = (Instant::now(), Cell::new(0), VecDeque::from(attempts));
        let attempt = || {
            count.set(count.get() + 1);
            let (seconds, outcome) = attempts.pop_front().unwrap_or((0, Err(TunnelError::Broke.into())));
            async move {
                sleep(SECOND * seconds).await;
                outcome
            }
        };
        let outcome = seek(attempt, HANGS).await;
        (outcome, count.get(), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_hangs_is_not_waited_for() {
        let late = || Err(TunnelError::Late(10 * SECOND).into());
        let (outcome, begun, after) = sought(vec![(10, late()), (10, late()), (1, Ok(3))]).await;
        assert_eq!((outcome.ok(), begun, after), (Some(3), 3, 5 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_is_met_all_the_same() {
        let late = || Err(TunnelError::Late(10 * SECOND).into());
        let (outcome, begun, after) = sought(vec![(9, Ok(1)), (10, late()), (10, late()), (10, late())]).await;
        assert_eq!((outcome.ok(), begun, after), (Some(1), 4, 9 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_followed_by_one_more_attempt_a_little_later() {
        let (outcome, begun, after) = sought(vec![(1, Err(TunnelError::Broke.into())), (0, Ok(2))]).await;
        assert_eq!((outcome.ok(), begun, after), (Some(2), 2, SECOND + PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_given_up_in_the_end() {
        let (outcome, begun, after) = sought(Vec::new()).await;
        assert!(matches!(outcome, Err(VisitError::Tunnel(TunnelError::Broke))), "{outcome:?}");
        assert_eq!((begun, after), (16, PERSISTENCE - PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_said_at_once() {
        let (outcome, begun, after) = sought(vec![(10, Ok(1)), (1, Err(unknown()))]).await;
        assert!(matches!(outcome, Err(VisitError::Unknown(_))), "{outcome:?}");
        assert_eq!((begun, after), (2, 3 * SECOND));
    }
}
