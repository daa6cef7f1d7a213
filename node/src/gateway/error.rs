//! Why a dataset, or a part of it, cannot be had.

use grid::id::NodeId;

/// What became of one server that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The server.
    pub node: NodeId,
    /// What went wrong, or what it said where servers disagree.
    pub what: String,
}

/// Why values cannot be delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No server has the version.
    #[error(
        "no server offers this version of {0}: it was replaced, or its servers have left; open the dataset again for the version of today"
    )]
    NoServer(String),
    /// All that have it were asked.
    #[error("none of the {} servers of {name} gave a sound answer: {}", attempts.len(), listed(attempts))]
    AllFailed {
        /// The dataset.
        name: String,
        /// What became of each.
        attempts: Vec<Attempt>,
    },
    /// This node's own files cannot be read, and nobody else has any.
    #[error("this node's own files of {name} cannot be read, and nobody else serves them: {what}")]
    Own {
        /// The dataset.
        name: String,
        /// What is wrong with them.
        what: String,
    },
    /// They say different things, and nothing tells who is right.
    #[error(
        "nothing is delivered, because the servers of {name} disagree and none is credible enough: {}",
        listed(statements)
    )]
    Disagreement {
        /// The dataset.
        name: String,
        /// Who said what.
        statements: Vec<Attempt>,
    },
    /// Too many texts at once.
    #[error("{elements} texts are too many for one answer, {most} are allowed: ask for fewer")]
    TooManyTexts {
        /// Texts that were asked for.
        elements: u64,
        /// Texts that are allowed.
        most: u64,
    },
    /// What a server has proved does not fit the dataset's description: the publisher has signed nonsense.
    #[error("the publisher's signed {0} contradicts itself; tell the publisher")]
    Nonsense(String),
}

pub(super) fn listed(attempts: &[Attempt]) -> String {
    let one = |attempt: &Attempt| format!("{:.8} ({})", attempt.node.to_string(), attempt.what);
    attempts.iter().map(one).collect::<Vec<_>>().join(", ")
}
