//! Measures ways of searching against each other: a little of each in turn, again and again, and then the median, so
//! that a change in the machine's clock or load meets all of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hashcash::identity::EXPONENT_BYTES;
use hashcash::search::{BATCH, Kernel, Puzzle, PuzzleError, kernels};
use sha1::{Digest, Sha1};

/// Bytes of `e ‖ N` for a modulus of 2048 bits.
const MESSAGE_BYTES: usize = EXPONENT_BYTES + 256;
/// Bytes of the nonce in `e`; the four before it are the date.
const NONCE: std::ops::Range<usize> = 4..EXPONENT_BYTES;
/// No digest is that good, so the search never ends.
const NEVER: u32 = 160;
/// Batches between two looks at the clock.
const CHUNK: u64 = 64;
/// SHA-1 compressions of 272 bytes with their padding.
const COMPRESSIONS: f64 = 5.0;

/// One way of searching.
#[derive(Clone, Debug)]
pub(super) enum Contender {
    /// A plain loop over the `sha1` crate.
    Sha1Crate(Vec<u8>),
    /// One of our kernels.
    Kernel(Kernel, Box<Puzzle>),
}

/// All ways that this processor can go.
pub(super) fn contenders() -> Result<Vec<Contender>, PuzzleError> {
    let puzzle = puzzle()?;
    let own = kernels().into_iter().map(|kernel| Contender::Kernel(kernel, Box::new(puzzle.clone())));
    Ok(std::iter::once(Contender::Sha1Crate(message())).chain(own).collect())
}

/// The way that minting goes.
pub(super) fn fastest() -> Result<Contender, PuzzleError> {
    Ok(Contender::Kernel(Kernel::best(), Box::new(puzzle()?)))
}

/// What minting searches: an odd exponent before a modulus.
fn message() -> Vec<u8> {
    let mut message: Vec<u8> = (0..=u8::MAX).cycle().take(MESSAGE_BYTES).collect();
    message[EXPONENT_BYTES - 1] |= 1;
    message
}

fn puzzle() -> Result<Puzzle, PuzzleError> {
    Puzzle::new(message(), NONCE, 2, NEVER)
}

impl Contender {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Sha1Crate(_) => "sha1 crate".to_owned(),
            Self::Kernel(kernel, _) => kernel.name().to_owned(),
        }
    }

    pub(super) fn is_sha1_crate(&self) -> bool {
        matches!(self, Self::Sha1Crate(_))
    }

    pub(super) fn compressions_per_attempt(&self) -> f64 {
        match self {
            Self::Sha1Crate(_) => COMPRESSIONS,
            Self::Kernel(_, puzzle) => puzzle.compressions_per_attempt(),
        }
    }

    /// Searches from a batch on for some time; attempts a second.
    fn rate(&self, first: u64, time: Duration) -> f64 {
        let begun = Instant::now();
        let mut attempts = 0;
        let mut batch = first;
        while begun.elapsed() < time {
            attempts += self.chunk(batch);
            batch += CHUNK;
        }
        attempts as f64 / begun.elapsed().as_secs_f64()
    }

    /// Searches some batches; how many attempts that was.
    fn chunk(&self, batch: u64) -> u64 {
        match self {
            Self::Sha1Crate(message) => {
                let mut message = message.clone();
                let attempts = CHUNK * BATCH as u64;
                for number in 0..attempts {
                    let nonce = (batch * BATCH as u64 + number) << 1 | 1;
                    message[EXPONENT_BYTES - 8..EXPONENT_BYTES].copy_from_slice(&nonce.to_be_bytes());
                    black_box(Sha1::digest(&message));
                }
                attempts
            }
            Self::Kernel(kernel, puzzle) => {
                let mut hits = Vec::new();
                kernel.search(puzzle, batch..batch + CHUNK, &mut hits);
                black_box(hits);
                CHUNK * puzzle.attempts_per_batch()
            }
        }
    }
}

/// The median rate of each contender.
pub(super) fn rates(contenders: &[Contender], slice: Duration, rounds: usize) -> Vec<f64> {
    let mut measured = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, rates) in contenders.iter().zip(&mut measured) {
            rates.push(contender.rate(0, slice));
        }
    }
    measured.into_iter().map(median).collect()
}

/// One core against all, in turns; the medians.
pub(super) fn one_against_all(contender: &Contender, cores: usize, slice: Duration) -> (f64, f64) {
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        one.push(rate_on_cores(contender, 1, slice));
        all.push(rate_on_cores(contender, cores, slice));
    }
    (median(one), median(all))
}

/// Attempts a second of several threads together.
pub(super) fn rate_on_cores(contender: &Contender, cores: usize, time: Duration) -> f64 {
    std::thread::scope(|scope| {
        let start = |core: usize| scope.spawn(move || contender.rate((core as u64) << 32, time));
        let threads: Vec<_> = (0..cores).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
