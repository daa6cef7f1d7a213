//! A search on several threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::search::{Hit, Kernel, Puzzle};

/// Attempts between two looks at the stop flag: some milliseconds of the fastest kernel.
const CHUNK: f64 = 262_144.0;

/// Watches a search, and may end it.
pub trait Monitor: Sync {
    /// Called every few milliseconds, from any of the searching threads, with the attempts that all
    /// threads together have made so far. `Break` ends the search.
    fn attempts(&self, so_far: u64) -> ControlFlow<()>;
}

/// Watches nothing, never stops.
impl Monitor for () {
    fn attempts(&self, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Fn(u64) -> ControlFlow<()> + Sync> Monitor for F {
    fn attempts(&self, so_far: u64) -> ControlFlow<()> {
        self(so_far)
    }
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<T> {
    /// Every nonce of the puzzle was tried, in vain.
    Exhausted {
        /// Attempts made.
        attempts: u64,
    },
    /// A hit was accepted.
    Found {
        /// What the acceptance made of the hit.
        value: T,
        /// Attempts made by all threads.
        attempts: u64,
    },
    /// The monitor said stop.
    Stopped {
        /// Attempts made by all threads.
        attempts: u64,
    },
}

/// What the threads share.
struct Progress<T> {
    next: AtomicU64,
    attempts: AtomicU64,
    stop: AtomicBool,
    found: Mutex<Option<T>>,
}

/// Searches a puzzle on `threads` threads (0: one for each processor) until `accept` makes something of
/// a hit, the monitor stops it, or there are no nonces left.
pub fn run<T: Send>(
    puzzle: &Puzzle,
    kernel: Kernel,
    threads: usize,
    monitor: &impl Monitor,
    accept: impl Fn(Hit) -> Option<T> + Sync,
) -> Outcome<T> {
    let progress = Progress {
        next: AtomicU64::new(0),
        attempts: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        found: Mutex::new(None),
    };
    thread::scope(|scope| {
        for _ in 0..thread_count(threads) {
            scope.spawn(|| work(puzzle, kernel, monitor, &accept, &progress));
        }
    });
    let attempts = progress.attempts.into_inner();
    match progress.found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(value) => Outcome::Found { value, attempts },
        None if progress.stop.into_inner() => Outcome::Stopped { attempts },
        None => Outcome::Exhausted { attempts },
    }
}

/// One thread: takes chunks of batches until somebody has ended the search.
fn work<T: Send>(
    puzzle: &Puzzle,
    kernel: Kernel,
    monitor: &impl Monitor,
    accept: &(impl Fn(Hit) -> Option<T> + Sync),
    progress: &Progress<T>,
) {
    let chunk = batches_per_chunk(puzzle);
    let mut hits = Vec::new();
    while !progress.stop.load(Relaxed) {
        let first = progress.next.fetch_add(chunk, Relaxed);
        let end = first.saturating_add(chunk).min(puzzle.batches());
        if first >= end {
            return;
        }
        kernel.search(puzzle, first..end, &mut hits);
        let tried = (end - first).saturating_mul(puzzle.attempts_per_batch());
        let so_far = progress.attempts.fetch_add(tried, Relaxed).saturating_add(tried);
        if let Some(value) = hits.drain(..).find_map(accept) {
            progress.found.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(value);
            progress.stop.store(true, Relaxed);
        } else if monitor.attempts(so_far).is_break() {
            progress.stop.store(true, Relaxed);
        }
    }
}

/// Easy puzzles are searched in small chunks, so that little is done after the hit.
fn batches_per_chunk(puzzle: &Puzzle) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 2^18")]
    let attempts = crate::difficulty::expected_attempts(puzzle.difficulty()).min(CHUNK) as u64;
    attempts.div_ceil(puzzle.attempts_per_batch())
}

fn thread_count(asked: usize) -> usize {
    if asked > 0 { asked } else { thread::available_parallelism().map_or(1, usize::from) }
}
