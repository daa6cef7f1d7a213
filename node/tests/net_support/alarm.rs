//! Waking at a time, to a tenth of a millisecond on a machine that is not busy. The runtime's own timers are up to a millisecond late, and a tunnel's eight crossings
//! of links would add that up to more than what is to be measured.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// One thread for all that wait.
static ALARMS: LazyLock<Sender<(Instant, oneshot::Sender<()>)>> = LazyLock::new(|| {
    let (alarms, set) = mpsc::channel();
    thread::spawn(move || {
        let mut waiting = BTreeMap::<(Instant, u64), oneshot::Sender<()>>::new();
        for number in 0.. {
            let next = waiting.first_key_value().map(|((when, _), _)| when.saturating_duration_since(Instant::now()));
            match set.recv_timeout(next.unwrap_or(Duration::from_secs(1))) {
                Ok((when, bell)) => _ = waiting.insert((when, number), bell),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= Instant::now()) {
                // Who waited may have given up.
                _ = first.remove().send(());
            }
        }
    });
    alarms
});

/// Returns at that time.
pub async fn at(when: Instant) {
    if when > Instant::now() {
        let (bell, rings) = oneshot::channel();
        ALARMS.send((when, bell)).unwrap();
        rings.await.unwrap();
    }
}
