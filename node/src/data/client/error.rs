//! What can go wrong with a server of datasets.

use std::time::Duration;

use dataset::proof::ProofError;

use crate::data::swarm::OpenError;
use crate::data::wire::Refusal;

/// Why an answer, or the rest of one, cannot be had from a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// It cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Open(#[source] OpenError),
    /// It gives no answer, and says why.
    #[error("{0}")]
    Refused(#[source] Refusal),
    /// It began, and then said why it cannot go on.
    #[error("the server gave up after {received} bytes of {length}: {refusal}")]
    Failed {
        /// Bytes that came.
        received: u64,
        /// Bytes that were to come.
        length: u64,
        /// Why, in the server's words.
        refusal: Refusal,
    },
    /// It dropped the request without a word.
    #[error("the server dropped the request: {0}")]
    Dropped(String),
    /// It says nothing.
    #[error("the server has not answered within {0:?}")]
    Silent(Duration),
    /// The answer ended early.
    #[error("the answer ended after {received} bytes of {length}: {why}")]
    Ended {
        /// Bytes that came.
        received: u64,
        /// Bytes that were to come.
        length: u64,
        /// What the stream says.
        why: String,
    },
    /// The answer stands still.
    #[error("nothing more has come for {after:?} after {received} bytes of {length}")]
    Stalled {
        /// Bytes that came.
        received: u64,
        /// Bytes that were to come.
        length: u64,
        /// How long was waited.
        after: Duration,
    },
    /// The answer comes too slowly to be worth waiting for.
    #[error("the server sends only {0} bytes a second")]
    Slow(u64),
    /// What it says cannot be understood.
    #[error("the server's answer makes no sense: {0}")]
    Malformed(String),
    /// A group is not what the publisher has signed. What was given out before it is right.
    #[error("the server's data is wrong: {0}")]
    Wrong(#[from] ProofError),
    /// The manifest is not the one that was asked for.
    #[error("the server sent another manifest than the one that was asked for")]
    WrongManifest,
    /// The answer is not what the server has signed for it.
    #[error("the server has not signed the answer that it gave")]
    Signature,
}
