//! Stamps: the work that is paid for one message, a nonce behind it that gives a SHA-1 digest with leading zero bits.
//!
//! What is stamped is 32 bytes, the hash of whatever is paid for, and the nonce: together one block of SHA-1, so an
//! attempt is one compression, and checking a stamp is one as well.

use sha1::{Digest as _, Sha1};

use crate::search::{self, Kernel, Monitor, Outcome, Puzzle, PuzzleError};

/// Bytes of what is paid for.
pub const SUBJECT_BYTES: usize = 32;
/// Bytes of the nonce.
pub const NONCE_BYTES: usize = 8;

/// A nonce that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The nonce.
    pub nonce: [u8; NONCE_BYTES],
    /// The leading zero bits that it gives.
    pub bits: u32,
    /// Attempts that it took.
    pub attempts: u64,
}

/// Why there is no stamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    /// The monitor ended the search.
    #[error("stamping was interrupted after {attempts} attempts")]
    Interrupted {
        /// Attempts made.
        attempts: u64,
    },
    /// All nonces were tried. With 2^64 of them this does not happen before the sun burns out.
    #[error("there is no stamp of so many zero bits")]
    Exhausted,
    /// So many zero bits cannot be searched for.
    #[error(transparent)]
    Puzzle(#[from] PuzzleError),
}

/// What has to be searched: the subject, and behind it nonces from `start` on.
///
/// # Errors
/// If more zero bits are wanted than a digest has.
pub fn puzzle(subject: &[u8; SUBJECT_BYTES], start: u64, bits: u32) -> Result<Puzzle, PuzzleError> {
    let message = [&subject[..], &start.to_be_bytes()].concat();
    Puzzle::new(message, SUBJECT_BYTES..SUBJECT_BYTES + NONCE_BYTES, 1, bits)
}

/// Searches a nonce behind `subject` that gives at least so many zero bits, on `threads` threads (0: one for each
/// processor), from the nonce `start` on, which should be random where two may search for the same.
///
/// # Errors
/// [`StampError`] if the monitor ended it, or nothing can be found.
pub fn mint(
    subject: &[u8; SUBJECT_BYTES],
    start: u64,
    bits: u32,
    threads: usize,
    monitor: &impl Monitor,
) -> Result<Found, StampError> {
    let puzzle = puzzle(subject, start, bits)?;
    let accept = |hit: search::Hit| {
        let nonce = hit.message.get(SUBJECT_BYTES..)?.try_into().ok()?;
        Some((nonce, hit.bits))
    };
    match search::run(&puzzle, Kernel::best(), threads, monitor, accept) {
        Outcome::Found { value: (nonce, bits), attempts } => Ok(Found { nonce, bits, attempts }),
        Outcome::Stopped { attempts } => Err(StampError::Interrupted { attempts }),
        Outcome::Exhausted { .. } => Err(StampError::Exhausted),
    }
}

/// The digest of a subject with its nonce behind it, whose leading zero bits are the work.
pub fn digest(message: &[u8; SUBJECT_BYTES + NONCE_BYTES]) -> [u8; 20] {
    Sha1::digest(message).into()
}
