//! What a check wants done, and how it ends.

use alloc::vec::Vec;

use crate::id::{AnswerDigest, NodeId};
use crate::trust::Server;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Fetch the answer from this server; then `answered`, `disproved` or `timed_out`.
    Ask {
        /// Who.
        server: Server,
    },
    /// Ask this server for its digest of the answer, under the check's nonce; then `challenged` or `timed_out`.
    Challenge {
        /// In another cell than everybody else who has said something in this check; or one whose answer others contradict,
        /// and who is asked to check it itself.
        server: Server,
    },
    /// Ask this server for the digest of an answer that is known already, as if it were any other challenge; then
    /// `known_answer` or `timed_out`. It holds nothing up, and may be left out while nothing is known.
    KnownAnswer {
        /// Who.
        server: Server,
    },
    /// Fetch the source data with proofs against the signed tree hashes, from anybody, and compute the answer; then
    /// `recomputed`, or `not_recomputed` if nobody has them.
    Recompute,
    /// The answer with this digest may be given to the client.
    Deliver {
        /// Which.
        answer: AnswerDigest,
        /// What it rests on.
        validation: Validation,
    },
    /// Nothing may be given to the client.
    Refuse(Refusal),
}

/// What a delivered answer rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// The publisher's signature: it was proven, or recomputed from data that were.
    Signed,
    /// Servers in so many cells said the same.
    CrossChecked {
        /// The cells, that of the server that was asked included.
        cells: u16,
        /// How likely it is right, see [`crate::trust::credibility`].
        credibility: f64,
    },
    /// One server's word.
    Unchecked {
        /// How likely it is right.
        credibility: f64,
    },
}

/// Why nothing is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who said what. They differ, or there is nothing.
    pub said: Vec<(Server, AnswerDigest)>,
    /// Who did not answer.
    pub silent: Vec<NodeId>,
    /// Whose answer did not fit the signed tree hashes.
    pub disproved: Vec<NodeId>,
}

/// What came of a [`Step::KnownAnswer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// What was known.
    Right,
    /// Something else, signed, while what is known is proven against the publisher's signature.
    WrongAndProven,
    /// Something else, while what is known is only what others said.
    Wrong,
}
