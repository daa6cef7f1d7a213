//! Postage: the work that is paid for one request, so that a node under load serves it before those that paid less.
//!
//! What is hashed is everything that the payment is for, and a nonce:
//!
//! ```text
//! SHA-1("rook postage v1" | grid id | axes | coordinates | request id | window | effort | nonce)
//!        15                 32        1      2 each        16           4        4        8      bytes
//! ```
//!
//! All numbers are big-endian; the cell is its number of axes and then its coordinates, so no two cells of any grids have
//! the same encoding. The first eight bytes of the digest, as a big-endian number, must not be above
//! `floor((2^64 - 1) / effort)`. So effort is *linear*: the mean number of attempts is the effort itself, as in Tor's
//! hidden-service proof of work (proposal 327, now
//! <https://spec.torproject.org/hspow-spec/v1-equix.html>, which asks `R * E <= 2^32 - 1`), where zero bits would only
//! know doublings. As there, the effort stands in the message: whoever searched for little cannot claim the luck that he
//! had, and the work behind a claim is what it says.
//!
//! The message has two blocks in every grid and the nonce lies in the second, so an attempt is one compression and a
//! check is two.
//!
//! ```
//! use std::num::NonZeroU32;
//! use hashcash::postage::{Subject, search};
//!
//! let effort = NonZeroU32::new(1000).unwrap();
//! let subject = Subject::new(&[1; 32], &[3, 0, 7], &[2; 16], 29_920_320, effort)?;
//! let found = search(&subject, 0, u64::MAX, &())?;
//! assert!(subject.is_paid_by(found.nonce));
//! # Ok::<(), hashcash::postage::PostageError>(())
//! ```

use std::num::NonZeroU32;
use std::ops::ControlFlow;

use sha1::{Digest as _, Sha1};

use crate::search::{self, Hit, Kernel, Monitor, Outcome, Puzzle, PuzzleError};

/// The most axes of a cell for which postage can be paid: with more of them the message would take a third block.
pub const MAX_DIMS: usize = 16;

const DOMAIN: &[u8] = b"rook postage v1";
const NONCE_BYTES: usize = 8;

/// What is paid for: one request, to one cell of one grid, in one window of time, with so much effort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The message but for its nonce.
    prefix: Vec<u8>,
    effort: NonZeroU32,
}

/// A nonce that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The nonce.
    pub nonce: u64,
    /// Attempts that it took.
    pub attempts: u64,
}

/// Why there is no postage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostageError {
    /// The cell has no axes, or too many.
    #[error("postage is paid to cells of 1 to {MAX_DIMS} axes, not of {0}")]
    Dims(usize),
    /// The monitor ended the search.
    #[error("the search for postage was interrupted after {attempts} attempts")]
    Interrupted {
        /// Attempts made.
        attempts: u64,
    },
    /// Nothing was found within the attempts that were allowed.
    #[error("no postage was found in {attempts} attempts: bad luck, or too much effort was asked for so few")]
    NotFound {
        /// Attempts made.
        attempts: u64,
    },
    /// The search could not be set up.
    #[error(transparent)]
    Puzzle(#[from] PuzzleError),
}

impl Subject {
    /// What has to be paid for. `cell` are the target's coordinates, one an axis; `window` the number of the window of
    /// time in which it is good.
    ///
    /// # Errors
    /// [`PostageError::Dims`] if the cell has no axes or more than [`MAX_DIMS`].
    pub fn new(
        grid_id: &[u8; 32],
        cell: &[u16],
        request: &[u8; 16],
        window: u32,
        effort: NonZeroU32,
    ) -> Result<Self, PostageError> {
        let axes = u8::try_from(cell.len()).ok().filter(|axes| (1..=MAX_DIMS).contains(&usize::from(*axes)));
        let axes = axes.ok_or(PostageError::Dims(cell.len()))?;
        let mut prefix = Vec::with_capacity(2 * 64);
        prefix.extend_from_slice(DOMAIN);
        prefix.extend_from_slice(grid_id);
        prefix.push(axes);
        prefix.extend(cell.iter().flat_map(|coordinate| coordinate.to_be_bytes()));
        prefix.extend_from_slice(request);
        prefix.extend_from_slice(&window.to_be_bytes());
        prefix.extend_from_slice(&effort.get().to_be_bytes());
        Ok(Self { prefix, effort })
    }

    /// The effort that is to be paid: the mean number of attempts.
    pub fn effort(&self) -> NonZeroU32 {
        self.effort
    }

    /// The message with a nonce, as it is hashed.
    pub fn message(&self, nonce: u64) -> Vec<u8> {
        [&self.prefix[..], &nonce.to_be_bytes()].concat()
    }

    /// Whether a nonce proves the effort. Two compressions.
    pub fn is_paid_by(&self, nonce: u64) -> bool {
        leading_number(&Sha1::digest(self.message(nonce))) <= threshold(self.effort)
    }
}

/// Searches a nonce, on one thread besides the caller's, which waits: from the nonce `start` on, which should be random
/// where two may search for the same, until it is found, `most` attempts were made (the kernels count in chunks of up to
/// 2^18, so it may be as many more), or the monitor stops it.
///
/// A search is memoryless: it needs more than `k` times its effort with chance `e^-k`, so a bound of 20 times the effort
/// fails once in 500 million.
///
/// # Errors
/// [`PostageError::NotFound`] at the bound, [`PostageError::Interrupted`] by the monitor.
pub fn search(subject: &Subject, start: u64, most: u64, monitor: &impl Monitor) -> Result<Found, PostageError> {
    let nonce = subject.prefix.len()..subject.prefix.len() + NONCE_BYTES;
    // A number that is at most (2^64 - 1) / effort has at least these zero bits in front, and at worst every second
    // number with them is small enough.
    let puzzle = Puzzle::new(subject.message(start), nonce.clone(), 1, subject.effort.ilog2())?;
    let accept = |hit: Hit| {
        let nonce = u64::from_be_bytes(hit.message.get(nonce.clone())?.try_into().ok()?);
        subject.is_paid_by(nonce).then_some(nonce)
    };
    let bounded = |so_far: u64| match monitor.attempts(so_far) {
        ControlFlow::Continue(()) if so_far < most => ControlFlow::Continue(()),
        ControlFlow::Continue(()) | ControlFlow::Break(()) => ControlFlow::Break(()),
    };
    match search::run(&puzzle, Kernel::best(), 1, &bounded, accept) {
        Outcome::Found { value: nonce, attempts } => Ok(Found { nonce, attempts }),
        Outcome::Stopped { attempts } if attempts < most => Err(PostageError::Interrupted { attempts }),
        Outcome::Stopped { attempts } | Outcome::Exhausted { attempts } => Err(PostageError::NotFound { attempts }),
    }
}

/// The greatest number that proves the effort.
fn threshold(effort: NonZeroU32) -> u64 {
    u64::MAX / u64::from(effort.get())
}

/// The first eight bytes of a digest, big-endian.
fn leading_number(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
