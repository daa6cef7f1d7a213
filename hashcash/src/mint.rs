//! Minting: an RSA key whose own bytes are the proof of work.
//!
//! A modulus is made first; then exponents are tried until `SHA-1(e ‖ N)` has the wanted zero bits.
//!
//! **No hit wasted.** An exponent needs an inverse modulo `(p-1)(q-1)`, and four random odd numbers in
//! ten have none. So the search walks with a stride `M = 2 · ∏ (small odd primes that divide (p-1)(q-1))`
//! from a start coprime to `M`: no exponent on its way shares one of those primes. What shares a larger
//! one, a few in a hundred, is found out at the hit, and the search goes on.
//!
//! **Several moduli at once.** Where the search is long, it is worth having many moduli `N_j = p · q_j`
//! with neighbouring `q_j`: their upper half is the same, so are the first two blocks of the message,
//! and trying one exponent with all of them takes three compressions each instead of five. One modulus
//! is used in the end, the other `q_j` are forgotten.

mod keys;

use rand_core::CryptoRng;

use crate::date::JulianDay;
use crate::difficulty;
use crate::identity::{EXPONENT_BYTES, Identity};
use crate::mint::keys::Family;
use crate::rules::{Rules, RulesError};
use crate::search::{self, Hit, Kernel, Outcome, Puzzle, PuzzleError};
use crate::secret::{KeyError, SecretIdentity};

pub use crate::search::Monitor;

/// Where the nonce stands in `e ‖ N`: after the four bytes of the date.
const NONCE: std::ops::Range<usize> = 4..EXPONENT_BYTES;
/// Most moduli that are tried together: with 64, three compressions and a 32nd remain of five.
const MAX_MODULI: u32 = 64;
/// A further modulus takes about 20 ms to make; it is made when the search is expected to take this
/// many attempts (some seconds) for each.
const ATTEMPTS_PER_MODULUS_LOG2: u32 = 28;

/// Of smaller moduli the upper half does not fill the first block, so that nothing can be shared.
const LEAST_SHARING_BITS: u32 = 1024;

/// How to search.
#[derive(Clone, Debug, Default)]
pub struct MintOptions {
    /// Number of threads; 0 for one on each processor.
    pub threads: usize,
    /// The kernel; the fastest one by default.
    pub kernel: Option<Kernel>,
}

/// Why nothing was minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// Every nonce was tried in vain, which takes longer than the universe is old unless the difficulty is absurd.
    #[error("none of {attempts} nonces has {difficulty} zero bits: ask for fewer, or mint again with another key")]
    Exhausted {
        /// Attempts made.
        attempts: u64,
        /// Zero bits asked for.
        difficulty: u32,
    },
    /// No RSA key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The rules leave no room for a search.
    #[error(transparent)]
    Puzzle(#[from] PuzzleError),
    /// The rules cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The monitor ended the search.
    #[error(
        "stopped after {attempts} attempts; they are not lost luck: a search has no memory, the next one is as likely to end soon"
    )]
    Stopped {
        /// Attempts made.
        attempts: u64,
    },
}

/// Mints an identity for a grid, dated `today`.
///
/// The search is watched by `monitor`, which may stop it at any time (pass `&()` for none).
///
/// # Errors
/// If the rules make no sense, or the monitor has stopped the search.
pub fn mint(
    rules: &Rules,
    today: JulianDay,
    options: &MintOptions,
    rng: &mut impl CryptoRng,
    monitor: &impl Monitor,
) -> Result<SecretIdentity, MintError> {
    rules.check()?;
    let family = Family::generate(rules.modulus_bits, moduli(rules), rng);
    let puzzle = puzzle(&family, today, rules.difficulty, rng)?;
    let kernel = options.kernel.unwrap_or_else(Kernel::best);
    match search::run(&puzzle, kernel, options.threads, monitor, |hit| accept(&family, &hit)) {
        Outcome::Found { value, .. } => Ok(value?),
        Outcome::Stopped { attempts } => Err(MintError::Stopped { attempts }),
        Outcome::Exhausted { attempts } => Err(MintError::Exhausted { attempts, difficulty: rules.difficulty }),
    }
}

/// Mean number of attempts that minting takes under these rules.
pub fn expected_attempts(rules: &Rules) -> f64 {
    difficulty::expected_attempts(rules.difficulty)
}

/// Chance (0 to 1) that minting under these rules is over after so many attempts.
pub fn chance_by_now(rules: &Rules, attempts: u64) -> f64 {
    difficulty::chance_by_now(rules.difficulty, attempts)
}

/// The puzzle that [`mint`] searches under these rules, with fresh keys: for measuring how fast it is.
///
/// # Errors
/// If the rules make no sense.
pub fn sample_puzzle(rules: &Rules, today: JulianDay, rng: &mut impl CryptoRng) -> Result<Puzzle, MintError> {
    rules.check()?;
    let family = Family::generate(rules.modulus_bits, moduli(rules), rng);
    Ok(puzzle(&family, today, rules.difficulty, rng)?)
}

/// With how many moduli at once a search under these rules is quickest.
fn moduli(rules: &Rules) -> usize {
    if rules.modulus_bits < LEAST_SHARING_BITS {
        return 1;
    }
    let worth = 1u32.checked_shl(rules.difficulty.saturating_sub(ATTEMPTS_PER_MODULUS_LOG2)).unwrap_or(MAX_MODULI);
    worth.min(MAX_MODULI) as usize
}

fn puzzle(family: &Family, today: JulianDay, difficulty: u32, rng: &mut impl CryptoRng) -> Result<Puzzle, PuzzleError> {
    let exponent = family.first_exponent(today, rng);
    let messages = family.moduli().map(|modulus| [exponent.as_slice(), &modulus].concat()).collect();
    Puzzle::with_variants(messages, NONCE, family.stride(), difficulty)
}

/// The identity that a hit stands for; `None` if its exponent has no inverse.
fn accept(family: &Family, hit: &Hit) -> Option<Result<SecretIdentity, KeyError>> {
    let exponent = *Identity::from_bytes(&hit.message).ok()?.exponent();
    family.identity(hit.variant, exponent).transpose()
}
