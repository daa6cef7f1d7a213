//! What a writer asks of the network for a record.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::id::GridId;
use crate::record::tree::TreeHash;
use crate::time::Day;

/// The longest application key, in bytes: a hash of anything longer fits.
pub const MAX_APPLICATION: usize = 32;
/// Bytes of the canonical encoding before the application key.
const FIXED: usize = 55;
/// The longest canonical encoding, in bytes.
pub const MAX_TERMS: usize = FIXED + MAX_APPLICATION;
/// The largest value, in bytes: a tebibyte.
pub const MAX_SIZE: u64 = 1 << 40;
/// The greatest priority: 2^64 times the work of a plain record is more than anybody has.
pub const MAX_PRIORITY: u8 = 64;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One value for ever.
    Immutable {
        /// The root of the value's tree: its BLAKE3 hash.
        root: TreeHash,
    },
    /// Values that follow each other, all by one writer.
    Mutable {
        /// The writer's Ed25519 public key.
        writer: [u8; 32],
        /// Least seconds between two of them, at least 1.
        interval: u32,
    },
}

/// What a writer asks of the network for a record, and pays for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terms {
    /// One value, or values that follow each other.
    pub subject: Subject,
    /// Of an immutable record, the bytes of its value; of a mutable one, the most that a value may have.
    pub size: u64,
    /// The day on which it was stamped.
    pub from: Day,
    /// Days for which it is to be kept after that one, at least 1.
    pub days: u16,
    /// Days after which it matters half as much: a holder that runs out of space drops what matters least. 0: it
    /// matters the same until it expires.
    pub half_life: u16,
    /// Zero bits of work beyond the price: a holder that runs out of space drops records of lower priority first.
    pub priority: u8,
    /// An application's own name for it, at most [`MAX_APPLICATION`] bytes; the network makes nothing of it.
    pub application: Vec<u8>,
}

/// Terms that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// The encoding is too short, too long, or has a field that cannot be.
    #[error("these are no terms of a record: {0}")]
    Malformed(&'static str),
    /// A kind of record that is not known.
    #[error("a record of kind {0} is not known to this program: a newer one may know it")]
    Kind(u8),
    /// The value is larger than any can be.
    #[error("a value has at most {MAX_SIZE} bytes, not {0}")]
    Size(u64),
    /// A mutable value has to fit into one message.
    #[error(
        "a mutable record's values have at most {limit} bytes, not {found}: put the value and let the record hold its pointer"
    )]
    MutableSize {
        /// The most it may have.
        limit: u64,
        /// What was asked.
        found: u64,
    },
    /// Nothing is kept for so long.
    #[error("a record of this grid is kept for 1 to {limit} days, not {found}")]
    Days {
        /// The grid's limit.
        limit: u16,
        /// What was asked.
        found: u16,
    },
    /// Too much priority.
    #[error("the greatest priority is {MAX_PRIORITY}, not {0}")]
    Priority(u8),
    /// A mutable record without an interval.
    #[error("a mutable record can be rewritten every second at most, not every 0 seconds")]
    Interval,
    /// The application key is too long.
    #[error("an application key has at most {MAX_APPLICATION} bytes, not {0}: hash it")]
    Application(usize),
}

impl Terms {
    /// The last day on which the record is kept.
    pub fn expiry(&self) -> Day {
        self.from.plus(self.days.into())
    }

    /// Whether values may follow each other.
    pub fn is_mutable(&self) -> bool {
        matches!(self.subject, Subject::Mutable { .. })
    }

    /// Checks what does not depend on the day: numbers within what a grid allows.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn validate(&self, limits: &TermsLimits) -> Result<(), TermsError> {
        if self.application.len() > MAX_APPLICATION {
            return Err(TermsError::Application(self.application.len()));
        }
        if self.size > MAX_SIZE {
            return Err(TermsError::Size(self.size));
        }
        if !(1..=limits.days).contains(&self.days) {
            return Err(TermsError::Days { limit: limits.days, found: self.days });
        }
        if self.priority > MAX_PRIORITY {
            return Err(TermsError::Priority(self.priority));
        }
        match self.subject {
            Subject::Mutable { interval: 0, .. } => Err(TermsError::Interval),
            Subject::Mutable { .. } if self.size > limits.chunk.into() => {
                Err(TermsError::MutableSize { limit: limits.chunk.into(), found: self.size })
            }
            Subject::Mutable { .. } | Subject::Immutable { .. } => Ok(()),
        }
    }

    /// The canonical encoding, in which terms are stamped, stored and sent:
    ///
    /// ```text
    /// kind 1 | root or writer 32 | interval 4 | size 8 | from 4 | days 2 | half-life 2 | priority 1 | length 1 | application
    /// ```
    ///
    /// Numbers are big-endian; `from` is a Julian Day Number; an immutable record's interval is 0.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED + self.application.len());
        let (kind, hash, interval) = match &self.subject {
            Subject::Immutable { root } => (0, root, 0),
            Subject::Mutable { writer, interval } => (1, writer, *interval),
        };
        bytes.push(kind);
        bytes.extend(hash);
        bytes.extend(interval.to_be_bytes());
        bytes.extend(self.size.to_be_bytes());
        bytes.extend(self.from.number().to_be_bytes());
        bytes.extend(self.days.to_be_bytes());
        bytes.extend(self.half_life.to_be_bytes());
        bytes.push(self.priority);
        // Longer ones are refused by `validate`, and would not read back.
        bytes.push(u8::try_from(self.application.len()).unwrap_or(u8::MAX));
        bytes.extend(&self.application);
        bytes
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`TermsError`] if the bytes are not the encoding of any terms.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TermsError> {
        let mut fields = Fields(bytes);
        let [kind] = fields.take()?;
        let hash = fields.take::<32>()?;
        let interval = u32::from_be_bytes(fields.take()?);
        let subject = match kind {
            0 if interval == 0 => Subject::Immutable { root: hash },
            0 => return Err(TermsError::Malformed("an immutable record has no interval")),
            1 => Subject::Mutable { writer: hash, interval },
            other => return Err(TermsError::Kind(other)),
        };
        let terms = Self {
            subject,
            size: u64::from_be_bytes(fields.take()?),
            from: Day::new(u32::from_be_bytes(fields.take()?)),
            days: u16::from_be_bytes(fields.take()?),
            half_life: u16::from_be_bytes(fields.take()?),
            priority: fields.take::<1>()?[0],
            application: fields.rest()?,
        };
        Ok(terms)
    }

    /// What is stamped: `SHA-256("rook stamp v1" ‖ grid id ‖ encoding)` and behind it the nonce. Hashed first, so that
    /// an attempt at a stamp is one compression of SHA-1 however long the terms are; with the grid's name, so that a
    /// stamp is worth nothing in another grid.
    pub fn stamp_message(&self, grid: &GridId, nonce: &Nonce) -> StampMessage {
        let hash = Sha256::new().chain_update(b"rook stamp v1").chain_update(grid.as_bytes());
        let digest = hash.chain_update(self.to_bytes()).finalize();
        let mut message = [0; STAMP_MESSAGE];
        message[..32].copy_from_slice(&digest);
        message[32..].copy_from_slice(nonce);
        message
    }
}

/// What a grid allows in terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsLimits {
    /// The most days that a record is kept.
    pub days: u16,
    /// Bytes of a chunk, and the most of a mutable value.
    pub chunk: u32,
}

/// The number that a stamp is searched for.
pub type Nonce = [u8; 8];

/// Bytes of what is stamped.
pub const STAMP_MESSAGE: usize = 40;

/// What is stamped, see [`Terms::stamp_message`].
pub type StampMessage = [u8; STAMP_MESSAGE];

/// Bytes that are read from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TermsError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(TermsError::Malformed("they end too early"))?;
        self.0 = rest;
        Ok(*field)
    }

    /// All the rest, behind its length.
    fn rest(mut self) -> Result<Vec<u8>, TermsError> {
        let [length] = self.take()?;
        match self.0.len() == usize::from(length) && self.0.len() <= MAX_APPLICATION {
            true => Ok(self.0.to_vec()),
            false => Err(TermsError::Malformed("the application key has another length than they say")),
        }
    }
}
