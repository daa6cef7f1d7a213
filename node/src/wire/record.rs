//! Records as they travel and as they lie on disk.
//!
//! ```text
//! terms (length and bytes) | nonce 8 | zero bits 1 | 0 | chunk number | number of hashes, hashes | value
//! terms (length and bytes) | nonce 8 | zero bits 1 | 1 | head | 0, or 1 and another head | value
//! head: sequence | written | hash 32 | signature 64
//! ```
//!
//! The terms are in their [canonical encoding](grid::record::Terms::to_bytes), which is what was stamped.

use std::sync::Arc;

use grid::record::terms::MAX_TERMS;
use grid::record::tree::MAX_PROOF;
use grid::record::{Body, Chunk, Head, Pointer, Record, RecordError, Rules, Stamp, Terms, TreeHash, Version};
use serde::{Deserialize, Serialize};

use super::bounded;
use super::codec::MAX_MESSAGE;
use super::error::WireError;
use crate::stamps::Proofs;

/// A [`Record`] of which nothing is checked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireRecord {
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_TERMS, _, _>")]
    terms: Vec<u8>,
    nonce: [u8; 8],
    bits: u8,
    body: WireBody,
}

/// A [`Body`].
#[derive(Debug, Serialize, Deserialize)]
enum WireBody {
    /// 0
    Chunk {
        number: u32,
        #[serde(deserialize_with = "bounded::list::<MAX_PROOF, _, _>")]
        proof: Vec<TreeHash>,
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_MESSAGE, _, _>")]
        value: Arc<[u8]>,
    },
    /// 1
    Version {
        head: Box<WireHead>,
        twin: Option<Box<WireHead>>,
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_MESSAGE, _, _>")]
        value: Arc<[u8]>,
    },
}

/// A [`Head`]; the signature is halved, since serde knows no longer arrays.
#[derive(Debug, Serialize, Deserialize)]
struct WireHead {
    sequence: u64,
    written: u64,
    hash: TreeHash,
    signature: [[u8; 32]; 2],
}

impl WireRecord {
    /// The record, checked.
    ///
    /// # Errors
    /// [`WireError::Record`] with the first thing that is wrong.
    pub(crate) fn check(self, rules: &Rules) -> Result<Record, WireError> {
        let refuse = |error: RecordError| WireError::Record(Box::new(error));
        let terms = Terms::from_bytes(&self.terms).map_err(|error| refuse(RecordError::Pointer(error.into())))?;
        let stamp = Stamp { nonce: self.nonce, bits: self.bits };
        let pointer = Pointer::check(terms, stamp, rules, &Proofs).map_err(|error| refuse(error.into()))?;
        Record::check(pointer, self.body.into(), rules, &Proofs).map_err(refuse)
    }
}

impl From<&Record> for WireRecord {
    fn from(record: &Record) -> Self {
        let (pointer, Stamp { nonce, bits }) = (record.pointer(), record.pointer().stamp());
        let body = match record.body() {
            Body::Chunk(Chunk { number, proof, value }) => {
                WireBody::Chunk { number: *number, proof: proof.to_vec(), value: value.clone() }
            }
            Body::Version(version) => WireBody::Version {
                head: Box::new((&version.head).into()),
                twin: version.twin.as_ref().map(|twin| Box::new(twin.into())),
                value: version.value.clone(),
            },
        };
        Self { terms: pointer.terms().to_bytes(), nonce, bits, body }
    }
}

impl From<WireBody> for Body {
    fn from(body: WireBody) -> Self {
        match body {
            WireBody::Chunk { number, proof, value } => Self::Chunk(Chunk { number, proof: proof.into(), value }),
            WireBody::Version { head, twin, value } => {
                Self::Version(Box::new(Version { head: (*head).into(), value, twin: twin.map(|twin| (*twin).into()) }))
            }
        }
    }
}

impl From<&Head> for WireHead {
    fn from(head: &Head) -> Self {
        let Head { sequence, written, hash, signature } = *head;
        let (first, second) = signature.split_at(32);
        let half = |bytes: &[u8]| std::array::from_fn(|i| bytes[i]);
        Self { sequence, written, hash, signature: [half(first), half(second)] }
    }
}

impl From<WireHead> for Head {
    fn from(head: WireHead) -> Self {
        let WireHead { sequence, written, hash, signature: [first, second] } = head;
        let signature = std::array::from_fn(|i| if i < 32 { first[i] } else { second[i - 32] });
        Self { sequence, written, hash, signature }
    }
}
