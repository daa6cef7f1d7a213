//! Pointers: terms and the stamp that was paid for them.

use alloc::sync::Arc;

use sha2::{Digest, Sha256};

use crate::id::RecordKey;
use crate::record::price::Worth;
use crate::record::rules::Rules;
use crate::record::terms::{Nonce, StampMessage, Terms, TermsError};
use crate::record::tree::Cut;

/// The proof of work of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// The number that was searched for.
    pub nonce: Nonce,
    /// Leading zero bits of the digest that it gives: so a stamp that is put to other terms is noticed.
    pub bits: u8,
}

/// A SHA-1 digest.
pub type StampDigest = [u8; 20];

/// Who can do what this crate cannot: hash with SHA-1, verify signatures.
pub trait Verifier {
    /// SHA-1 of what is stamped.
    fn digest(&self, message: &StampMessage) -> StampDigest;

    /// Whether an Ed25519 signature over a message is that of a writer's key.
    fn is_signed(&self, writer: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}

/// Terms and a stamp that were checked against each other. What people keep to find a record again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    terms: Terms,
    stamp: Stamp,
    key: RecordKey,
    worth: Worth,
    chunk: u32,
}

/// Why terms and a stamp make no pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The terms cannot be.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The stamp was made for something else.
    #[error("the stamp is not for these terms, or of another grid: it claims {claimed} zero bits and has {found} here")]
    OtherTerms {
        /// Zero bits that it claims.
        claimed: u8,
        /// Zero bits that it has with these terms, in this grid.
        found: u32,
    },
}

impl Pointer {
    /// Checks a stamp against the terms that it came with.
    ///
    /// # Errors
    /// [`PointerError`] if the terms are impossible in this grid, or the stamp is for others.
    pub fn check(terms: Terms, stamp: Stamp, rules: &Rules, verifier: &impl Verifier) -> Result<Self, PointerError> {
        terms.validate(&rules.limits)?;
        let message = terms.stamp_message(rules.grid(), &stamp.nonce);
        let digest = verifier.digest(&message);
        let found = zero_bits(&digest);
        if found != u32::from(stamp.bits) {
            return Err(PointerError::OtherTerms { claimed: stamp.bits, found });
        }
        let hash = Sha256::new().chain_update(b"rook record v1").chain_update(message).chain_update(digest);
        let key = RecordKey::from_bytes(hash.finalize().into());
        let (worth, chunk) = (rules.prices.worth(&terms, found), rules.limits.chunk);
        Ok(Self(Arc::new(Parts { terms, stamp, key, worth, chunk })))
    }

    /// What was asked.
    pub fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// What was paid.
    pub fn stamp(&self) -> Stamp {
        self.0.stamp
    }

    /// What the record, or its first chunk, is found by: `SHA-256("rook record v1" ‖ what was stamped ‖ its SHA-1)`. It
    /// takes the stamp to know it, and so to know where the record will live.
    pub fn key(&self) -> RecordKey {
        self.0.key
    }

    /// What a chunk is found by: the first by the pointer's own key, the others by
    /// `SHA-256("rook chunk v1" ‖ key ‖ number)`, so that they lie in cells of their own.
    pub fn chunk_key(&self, number: u32) -> RecordKey {
        if number == 0 {
            return self.0.key;
        }
        let hash = Sha256::new().chain_update(b"rook chunk v1").chain_update(self.0.key.as_bytes());
        RecordKey::from_bytes(hash.chain_update(number.to_be_bytes()).finalize().into())
    }

    /// How much the record matters to a holder.
    pub fn worth(&self) -> Worth {
        self.0.worth
    }

    /// How its value is cut.
    pub fn cut(&self) -> Cut {
        Cut { size: self.0.terms.size, chunk: self.0.chunk }
    }
}

fn zero_bits(digest: &StampDigest) -> u32 {
    let zeros = digest.iter().take_while(|&&byte| byte == 0).count();
    let rest = digest.get(zeros).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zeros).unwrap_or(u32::MAX) * 8 + rest
}
