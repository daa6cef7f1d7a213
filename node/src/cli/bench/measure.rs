//! Measures ways of searching against each other: a little of each in turn, again and again, and then the median, so
//! that a change in the machine's clock or load meets all of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hashcash::Rules;
use hashcash::mint::{MintError, sample_puzzle};
use hashcash::search::{Kernel, Puzzle, baseline, kernels};

use crate::minting;

/// Attempts between two looks at the clock.
const CHUNK: u64 = 1 << 14;
/// SHA-1 compressions of 272 bytes with their padding, each of which a plain loop makes.
const PLAIN_COMPRESSIONS: f64 = 5.0;

/// One way of searching what minting searches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Contender {
    /// A plain loop over the `sha1` crate.
    Sha1Crate,
    /// One of our kernels.
    Kernel(Kernel),
}

/// All ways that this processor can go.
pub(super) fn contenders() -> Vec<Contender> {
    let own = kernels().into_iter().map(Contender::Kernel);
    own.chain([Contender::Sha1Crate]).collect()
}

/// The way that minting goes.
pub(super) fn fastest() -> Contender {
    Contender::Kernel(Kernel::best())
}

/// What minting by these rules searches.
pub(super) fn puzzle(rules: &Rules) -> Result<Puzzle, MintError> {
    sample_puzzle(rules, minting::today(), &mut rand::rng())
}

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha1Crate => "sha1 crate",
            Self::Kernel(kernel) => kernel.name(),
        }
    }

    pub(super) fn is_sha1_crate(self) -> bool {
        matches!(self, Self::Sha1Crate)
    }

    pub(super) fn compressions_per_attempt(self, puzzle: &Puzzle) -> f64 {
        match self {
            Self::Sha1Crate => PLAIN_COMPRESSIONS,
            Self::Kernel(_) => puzzle.compressions_per_attempt(),
        }
    }

    /// Searches from a batch on for some time; attempts a second.
    fn rate(self, puzzle: &Puzzle, first: u64, time: Duration) -> f64 {
        let chunk = CHUNK.div_ceil(puzzle.attempts_per_batch());
        let begun = Instant::now();
        let mut batches = 0;
        let mut hits = Vec::new();
        while begun.elapsed() < time {
            let range = first + batches..first + batches + chunk;
            match self {
                Self::Sha1Crate => baseline(puzzle, range, &mut hits),
                Self::Kernel(kernel) => kernel.search(puzzle, range, &mut hits),
            }
            batches += chunk;
        }
        black_box(hits);
        (batches * puzzle.attempts_per_batch()) as f64 / begun.elapsed().as_secs_f64()
    }
}

/// The median rate of each contender.
pub(super) fn rates(contenders: &[Contender], puzzle: &Puzzle, slice: Duration, rounds: usize) -> Vec<f64> {
    let mut measured = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, rates) in contenders.iter().zip(&mut measured) {
            rates.push(contender.rate(puzzle, 0, slice));
        }
    }
    measured.into_iter().map(median).collect()
}

/// One core against all, in turns; the medians.
pub(super) fn one_against_all(contender: Contender, puzzle: &Puzzle, cores: usize, slice: Duration) -> (f64, f64) {
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        one.push(rate_on_cores(contender, puzzle, 1, slice));
        all.push(rate_on_cores(contender, puzzle, cores, slice));
    }
    (median(one), median(all))
}

/// Attempts a second of several threads together.
pub(super) fn rate_on_cores(contender: Contender, puzzle: &Puzzle, cores: usize, time: Duration) -> f64 {
    std::thread::scope(|scope| {
        let start = |core: usize| scope.spawn(move || contender.rate(puzzle, (core as u64) << 32, time));
        let threads: Vec<_> = (0..cores).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
