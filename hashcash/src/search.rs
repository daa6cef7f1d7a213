//! The search for a nonce that gives a SHA-1 digest with leading zero bits.
//!
//! A [`Puzzle`] is a message, the place of the nonce in it, and what is wanted. A [`Kernel`] is one way
//! of working through it; all give the same hits, and [`Kernel::best`] is the fastest this processor
//! can run. [`run`] does it on several threads.
//!
//! What all kernels share: the nonces are taken in batches of [`BATCH`], which differ only in low bits
//! of the nonce. The message schedule of SHA-1 is linear over XOR, so `W[t]` is the schedule of the
//! batch (computed once, in plain registers) XOR that of the lane (a table made once for the whole
//! search). The blocks after the nonce are constant: their `W[t] + K[t]` are made once. Of the digest a
//! kernel looks at the first word alone; a candidate is then checked whole with the `sha1` crate.
//!
//! ```
//! use hashcash::search::{Kernel, Puzzle};
//!
//! // A stamp: eight bytes of nonce at the end of a message, 12 zero bits, every nonce (stride 1).
//! let message = b"some terms, then a nonce: ........".to_vec();
//! let nonce = message.len() - 8..message.len();
//! let puzzle = Puzzle::new(message, nonce, 1, 12)?;
//! let mut hits = Vec::new();
//! Kernel::best().search(&puzzle, 0..1024, &mut hits);
//! assert!(hits.iter().all(|hit| hit.bits >= 12));
//! # Ok::<(), hashcash::search::PuzzleError>(())
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod lanes;
mod parallel;
mod portable;
mod puzzle;
mod schedule;
#[cfg(target_arch = "x86_64")]
mod sha_ni;

pub use kernel::{Kernel, UnknownKernel, baseline, kernels};
pub use parallel::{Monitor, Outcome, run};
pub use puzzle::{BATCH, Hit, MAX_STRIDE, Puzzle, PuzzleError};
