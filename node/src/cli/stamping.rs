//! Paying for a record, with a bar when it takes long.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ::grid::record::{Pointer, Rules, Terms};
use hashcash::search::Monitor;

use super::Failure;
use super::mint::progress::{Progress, sentence};
use super::signals::Signals;
use crate::stamps::{self, MakeError};

/// A bar appears when it takes longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the search and the bar share.
#[derive(Debug, Default)]
struct Watch {
    attempts: AtomicU64,
    stop: AtomicBool,
}

impl Monitor for Watch {
    fn attempts(&self, so_far: u64) -> ControlFlow<()> {
        self.attempts.fetch_max(so_far, Relaxed);
        if self.stop.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Searches a stamp of so many zero bits on all processors. Ctrl-C ends it.
pub(super) async fn pay(terms: Terms, bits: u32, rules: Rules) -> Result<Pointer, Failure> {
    let watch = Arc::new(Watch::default());
    let begun = Instant::now();
    let mut paying = tokio::task::spawn_blocking({
        let watch = Arc::clone(&watch);
        move || stamps::pay(terms, bits, &rules, 0, &*watch)
    });
    let mut signals = Signals::new()?;
    let mut progress = None;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            paid = &mut paying => {
                progress.iter().for_each(Progress::finish);
                let paid: Result<Pointer, MakeError> = paid?;
                return Ok(paid?);
            }
            _ = ticks.tick() => if begun.elapsed() >= PATIENCE {
                let progress = progress.get_or_insert_with(|| Progress::new(bits));
                progress.show(watch.attempts.load(Relaxed), begun.elapsed());
            },
            () = signals.wait() => {
                watch.stop.store(true, Relaxed);
                progress.iter().for_each(Progress::finish);
                let far = sentence(bits, watch.attempts.load(Relaxed), begun.elapsed());
                return Err(Failure::interrupted(format!("nothing was stored; {far}")));
            }
        }
    }
}
