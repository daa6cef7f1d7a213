//! Records: what writers ask for and pay, and the values that belong to it. A [`Record`] can only be made by checking.

mod holding;
pub mod pointer;
pub mod price;
mod rules;
pub mod terms;
pub mod tree;
pub mod version;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use crate::id::{RecordKey, RoutingKey};
use crate::queue::Class;

pub use holding::Holding;
pub use pointer::{Pointer, PointerError, Stamp, Verifier};
pub use price::{PriceTable, Worth};
pub use rules::Rules;
pub use terms::{Subject, Terms, TermsError};
pub use tree::{ChunkError, Cut, Tree, TreeHash};
pub use version::{Head, Mark, Version};

use sha2::{Digest, Sha256};

/// What is stored under one key: a chunk of an immutable value, or the newest version of a mutable one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A part of an immutable value; the only one, if it is small.
    Chunk(Chunk),
    /// A version of a mutable value.
    Version(Box<Version>),
}

/// A part of an immutable value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which part, counted from 0.
    pub number: u32,
    /// The hashes beside its way to the root, see [`tree`].
    pub proof: Arc<[TreeHash]>,
    /// The bytes.
    pub value: Arc<[u8]>,
}

/// A record, or a chunk of one, that was checked against its terms and stamp. Clones share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Arc<Contents>);

#[derive(PartialEq, Eq)]
struct Contents {
    pointer: Pointer,
    key: RecordKey,
    body: Body,
}

/// Why something is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Terms and stamp do not go together.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// A version for an immutable record, or a chunk for a mutable one.
    #[error("the terms are those of {} record, what came is {} one", kind(*terms_mutable), kind(!*terms_mutable))]
    Kind {
        /// Whether the terms are those of a mutable record.
        terms_mutable: bool,
    },
    /// The chunk does not belong to the value.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The value is larger than what was paid for.
    #[error("the value has {found} bytes, its terms allow {limit}: stamp it for its size")]
    TooLarge {
        /// What the terms say.
        limit: u64,
        /// What it has.
        found: u64,
    },
    /// The value is not the one that was signed.
    #[error("the value does not hash to what the writer signed")]
    Hash,
    /// The writer did not sign it.
    #[error("the signature is not the writer's: only who has the writer's key can rewrite the record")]
    Signature,
    /// More versions than the terms allow by then.
    #[error("version {sequence} was written {early} s before the terms allow so many: one every {interval} s")]
    TooOften {
        /// Its number.
        sequence: u64,
        /// The least interval.
        interval: u32,
        /// By how much.
        early: u64,
    },
    /// What is told as the writer's other value is none.
    #[error("what is told as another value under the same number is none, so the writer stands falsely accused")]
    Twin,
}

const fn kind(mutable: bool) -> &'static str {
    if mutable { "a mutable" } else { "an immutable" }
}

impl Record {
    /// Checks everything about a record that does not depend on the day.
    ///
    /// # Errors
    /// [`RecordError`] for the first thing that is wrong. Whoever sends such a record has not checked it itself.
    pub fn check(pointer: Pointer, body: Body, rules: &Rules, verifier: &impl Verifier) -> Result<Self, RecordError> {
        let key = match (&body, pointer.terms().subject) {
            (Body::Chunk(chunk), Subject::Immutable { root }) => {
                pointer.cut().verify(&root, chunk.number, &chunk.value, &chunk.proof)?;
                pointer.chunk_key(chunk.number)
            }
            (Body::Version(version), Subject::Mutable { writer, interval }) => {
                check_version(&pointer, version, writer, interval, rules, verifier)?;
                pointer.key()
            }
            (Body::Chunk(_), Subject::Mutable { .. }) => return Err(RecordError::Kind { terms_mutable: true }),
            (Body::Version(_), Subject::Immutable { .. }) => return Err(RecordError::Kind { terms_mutable: false }),
        };
        Ok(Self(Arc::new(Contents { pointer, key, body })))
    }

    /// Terms and stamp.
    pub fn pointer(&self) -> &Pointer {
        &self.0.pointer
    }

    /// What it is found by.
    pub fn key(&self) -> RecordKey {
        self.0.key
    }

    /// What is stored.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// The bytes of the chunk or version.
    pub fn value(&self) -> &Arc<[u8]> {
        match &self.0.body {
            Body::Chunk(chunk) => &chunk.value,
            Body::Version(version) => &version.value,
        }
    }

    /// The version, of a mutable record.
    pub fn version(&self) -> Option<&Version> {
        match &self.0.body {
            Body::Version(version) => Some(version),
            Body::Chunk(_) => None,
        }
    }

    /// Which state of the record this is.
    pub fn mark(&self) -> Mark {
        self.version().map(Version::mark).unwrap_or_default()
    }

    /// Two states of one record made one, see [`Version::merge`]; of other records, this one.
    pub fn merge(&self, other: &Self) -> Self {
        let Contents { pointer, key, body } = &*self.0;
        match (body, &other.0.body) {
            (Body::Version(ours), Body::Version(theirs)) if *key == other.0.key => {
                let body = Body::Version(Box::new(ours.merge(theirs)));
                Self(Arc::new(Contents { pointer: pointer.clone(), key: *key, body }))
            }
            (Body::Version(_) | Body::Chunk(_), _) => self.clone(),
        }
    }

    /// How urgently it travels: who reads a file wants to see its beginning soon, and the rest may ooze.
    pub fn class(&self) -> Class {
        match &self.0.body {
            Body::Chunk(chunk) => Class::of_chunk(chunk.number),
            Body::Version(_) => Class::Interactive,
        }
    }

    /// Bytes that it takes on disk and on the wire, about.
    pub fn weight(&self) -> u64 {
        let beside = match &self.0.body {
            Body::Chunk(chunk) => 32 * chunk.proof.len(),
            Body::Version(version) => 112 * (1 + usize::from(version.twin.is_some())),
        };
        (self.value().len() + beside + OVERHEAD) as u64
    }
}

/// BLAKE3 of a value, as a writer signs it.
pub fn value_hash(value: &[u8]) -> TreeHash {
    *blake3::hash(value).as_bytes()
}

/// Bytes of a record beside its value and proof: terms, stamp, lengths, an entry of an index.
const OVERHEAD: usize = 200;

fn check_version(
    pointer: &Pointer,
    version: &Version,
    writer: [u8; 32],
    interval: u32,
    rules: &Rules,
    verifier: &impl Verifier,
) -> Result<(), RecordError> {
    let (limit, found) = (pointer.terms().size, version.value.len() as u64);
    if found > limit {
        return Err(RecordError::TooLarge { limit, found });
    }
    let signed = |head: &Head| {
        let bytes = Head::signed_bytes(rules.grid(), &pointer.key(), head.sequence, head.written, &head.hash);
        verifier.is_signed(&writer, &bytes, &head.signature)
    };
    let head = &version.head;
    let earliest = pointer.terms().from.unix_seconds().saturating_add(head.sequence.saturating_mul(interval.into()));
    if head.written < earliest {
        let early = earliest - head.written;
        return Err(RecordError::TooOften { sequence: head.sequence, interval, early });
    }
    if value_hash(&version.value) != head.hash {
        return Err(RecordError::Hash);
    }
    if !signed(head) {
        return Err(RecordError::Signature);
    }
    match &version.twin {
        Some(twin) if twin.sequence != head.sequence || twin.hash == head.hash || !signed(twin) => {
            Err(RecordError::Twin)
        }
        Some(_) | None => Ok(()),
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.body {
            Body::Chunk(chunk) => {
                write!(f, "Record({:?}, chunk {}, {} bytes)", self.0.key, chunk.number, chunk.value.len())
            }
            Body::Version(version) => {
                let (sequence, length) = (version.head.sequence, version.value.len());
                write!(f, "Record({:?}, version {sequence}, {length} bytes)", self.0.key)
            }
        }
    }
}

impl RecordKey {
    /// What decides the record's cells: `SHA-256("rook routing key v1" ‖ key)`.
    pub fn routing_key(&self) -> RoutingKey {
        let digest = Sha256::new().chain_update(b"rook routing key v1").chain_update(self.as_bytes());
        RoutingKey::from_bytes(digest.finalize().into())
    }
}
