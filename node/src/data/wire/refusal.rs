//! Why a server gives no answer, in words that travel.

use dataset::manifest::VersionRoot;
use serde::{Deserialize, Serialize};

use super::{read_text, write_text};
use crate::wire::bounded;

/// The most versions that a refusal names.
pub const MAX_VERSIONS: usize = 64;
/// The longest explanation.
const MAX_TEXT: usize = 400;

/// Why a server gives no answer, or not the rest of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// The reader has not shown its card on this connection yet, or it has expired meanwhile.
    #[error("the server wants to see this node's credential first")]
    NoCard,
    /// The reader's card is not believed.
    #[error("the server does not believe this node's credential: {0}")]
    BadCard(#[serde(serialize_with = "write_text", deserialize_with = "read_text::<MAX_TEXT, _>")] String),
    /// The server does not have the version. It is not lying if it has another one.
    #[error(
        "the server does not serve this version of the dataset; {}. Read the dataset's record again",
        served_text(served)
    )]
    UnknownVersion {
        /// The versions of the dataset of that name that it has, at most [`MAX_VERSIONS`].
        #[serde(deserialize_with = "bounded::list::<MAX_VERSIONS, _, _>")]
        served: Vec<VersionRoot>,
    },
    /// What is asked for is not in the version, or the request contradicts itself.
    #[error("the request does not fit the dataset: {0}")]
    OutOfRange(#[serde(serialize_with = "write_text", deserialize_with = "read_text::<MAX_TEXT, _>")] String),
    /// The publisher has signed no roots of the values, so that there is nothing to prove them by.
    #[error("the publisher of this dataset signed only its description, so no piece of it can be proved by itself")]
    NoRoots,
    /// The answer would be too large.
    #[error("the answer would have {length} bytes, and the server gives {limit} at most: ask for less at a time")]
    TooLarge {
        /// Its bytes.
        length: u64,
        /// The most.
        limit: u64,
    },
    /// Too many answers are under way.
    #[error("the server is busy, come again in {retry_ms} ms")]
    Busy {
        /// When there may be room, in milliseconds.
        retry_ms: u32,
    },
    /// The server cannot read its own data.
    #[error("the server cannot read the data: {0}")]
    SourceFailed(#[serde(serialize_with = "write_text", deserialize_with = "read_text::<MAX_TEXT, _>")] String),
    /// The request is none.
    #[error("the server does not understand the request: {0}")]
    Malformed(#[serde(serialize_with = "write_text", deserialize_with = "read_text::<MAX_TEXT, _>")] String),
}

fn served_text(served: &[VersionRoot]) -> String {
    match served {
        [] => "it has none of it".to_owned(),
        _ => format!("it has {}", served.iter().map(VersionRoot::to_string).collect::<Vec<_>>().join(", ")),
    }
}

impl Refusal {
    /// [`Refusal::BadCard`] with an explanation, cut to what may travel.
    pub(crate) fn bad_card(why: &str) -> Self {
        Self::BadCard(cut(why))
    }

    /// [`Refusal::OutOfRange`] with an explanation, cut to what may travel.
    pub(crate) fn out_of_range(why: &str) -> Self {
        Self::OutOfRange(cut(why))
    }

    /// [`Refusal::SourceFailed`] with an explanation, cut to what may travel.
    pub(crate) fn source_failed(why: &str) -> Self {
        Self::SourceFailed(cut(why))
    }

    /// [`Refusal::Malformed`] with an explanation, cut to what may travel.
    pub(crate) fn malformed(why: &str) -> Self {
        Self::Malformed(cut(why))
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
