//! What the protocol's core cannot do for records: hash with SHA-1, make and check signatures, search stamps.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use grid::record::pointer::StampDigest;
use grid::record::terms::StampMessage;
use grid::record::{
    Body, Chunk, Cut, Head, Pointer, PointerError, Record, RecordError, Rules, Stamp, Subject, Terms, TermsError, Tree,
    Verifier, Version,
};
use hashcash::difficulty::{affordable_bits, expected_attempts};
use hashcash::search::Monitor;
use hashcash::stamp::{self, StampError};

use crate::clock;

/// Checks stamps and signatures with the real algorithms.
#[derive(Clone, Copy, Debug)]
pub struct Proofs;

impl Verifier for Proofs {
    fn digest(&self, message: &StampMessage) -> StampDigest {
        stamp::digest(message)
    }

    fn is_signed(&self, writer: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(writer);
        key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

/// The key with which a mutable record is written.
#[derive(Clone)]
pub struct WriterKey(SigningKey);

impl WriterKey {
    /// A new key.
    pub fn random() -> Self {
        Self(SigningKey::from_bytes(&rand::random()))
    }

    /// The key of these secret bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The secret bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key, which stands in the terms.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, pointer: &Pointer, rules: &Rules, sequence: u64, written: u64, hash: [u8; 32]) -> Head {
        let signed = Head::signed_bytes(rules.grid(), &pointer.key(), sequence, written, &hash);
        Head { sequence, written, hash, signature: self.0.sign(&signed).to_bytes() }
    }
}

impl std::fmt::Debug for WriterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriterKey(..)")
    }
}

/// Why a record could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The terms cannot be.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// No stamp.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// Terms and stamp do not go together.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// The value does not fit the terms.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What a writer chooses about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Days for which it is to be kept.
    pub days: u16,
    /// Days after which it matters half as much; 0: never.
    pub half_life: u16,
    /// Bits of work beyond the price.
    pub priority: u8,
    /// The application's own name for it.
    pub application: Vec<u8>,
    /// Bits of work that are saved: the record is then served last and dropped first.
    pub underpay: u8,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { days: 30, half_life: 0, priority: 0, application: Vec::new(), underpay: 0 }
    }
}

impl Wanted {
    /// The terms of a record from today on.
    pub fn terms(&self, subject: Subject, size: u64) -> Terms {
        Terms {
            subject,
            size,
            from: clock::today(),
            days: self.days,
            half_life: self.half_life,
            priority: self.priority,
            application: self.application.clone(),
        }
    }

    /// The zero bits to search for.
    pub fn bits(&self, terms: &Terms, rules: &Rules) -> u32 {
        rules.prices.bits(terms).saturating_sub(self.underpay.into())
    }
}

/// Pays for terms: searches a stamp of so many zero bits.
///
/// # Errors
/// [`MakeError`] if the terms cannot be, or the monitor ended the search.
pub fn pay(
    terms: Terms,
    bits: u32,
    rules: &Rules,
    threads: usize,
    monitor: &impl Monitor,
) -> Result<Pointer, MakeError> {
    terms.validate(&rules.limits)?;
    let message = terms.stamp_message(rules.grid(), &[0; 8]);
    let subject = std::array::from_fn(|i| message[i]);
    let found = stamp::mint(&subject, rand::random(), bits, threads, monitor)?;
    let stamp = Stamp { nonce: found.nonce, bits: u8::try_from(found.bits).unwrap_or(u8::MAX) };
    Ok(Pointer::check(terms, stamp, rules, &Proofs)?)
}

/// Attempts a second that stamping makes on all processors, from a search of that length.
pub fn measure_rate(time: Duration) -> f64 {
    let begun = Instant::now();
    let made = std::sync::atomic::AtomicU64::new(0);
    let watch = |so_far: u64| {
        made.store(so_far, std::sync::atomic::Ordering::Relaxed);
        if begun.elapsed() >= time { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // 160 zero bits are not found: the search goes on until its time is over.
    _ = stamp::mint(&[0; stamp::SUBJECT_BYTES], rand::random(), 160, 0, &watch);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let made = made.into_inner() as f64;
    made / begun.elapsed().as_secs_f64()
}

/// How long so many zero bits take on average at that many attempts a second, in seconds.
pub fn expected_seconds(bits: u32, attempts_per_s: f64) -> f64 {
    expected_attempts(bits) / attempts_per_s.max(1.0)
}

/// Whether a search is over before people wonder what it does: within a second, at a modest rate.
pub fn is_quick(bits: u32) -> bool {
    const MODEST: f64 = 10e6;
    bits <= affordable_bits(MODEST, 1.0)
}

/// The terms of a value in memory, and its tree.
pub fn immutable(value: &[u8], wanted: &Wanted, rules: &Rules) -> (Terms, Tree) {
    let tree = Tree::of(value, rules.limits.chunk);
    (wanted.terms(Subject::Immutable { root: tree.root() }, value.len() as u64), tree)
}

/// One chunk of an immutable value.
///
/// # Errors
/// [`RecordError`] if the bytes are not those that were paid for.
pub fn chunk(pointer: &Pointer, tree: &Tree, number: u32, bytes: &[u8], rules: &Rules) -> Result<Record, RecordError> {
    let chunk = Chunk { number, proof: tree.proof(number).into(), value: bytes.into() };
    Record::check(pointer.clone(), Body::Chunk(chunk), rules, &Proofs)
}

/// A small immutable value, paid for: one record.
///
/// # Errors
/// [`MakeError`] if it is too large for one, or cannot be paid for.
pub fn small(value: &[u8], wanted: &Wanted, rules: &Rules) -> Result<Record, MakeError> {
    let (terms, tree) = immutable(value, wanted, rules);
    terms.validate(&rules.limits)?;
    let bits = wanted.bits(&terms, rules);
    let pointer = pay(terms, bits, rules, 1, &())?;
    Ok(chunk(&pointer, &tree, 0, value, rules)?)
}

/// A version of a mutable record, signed.
///
/// # Errors
/// [`RecordError`] if the terms do not allow it.
pub fn version(
    pointer: &Pointer,
    key: &WriterKey,
    sequence: u64,
    written: u64,
    value: &[u8],
    rules: &Rules,
) -> Result<Record, RecordError> {
    let head = key.sign(pointer, rules, sequence, written, *blake3::hash(value).as_bytes());
    let version = Version { head, value: value.into(), twin: None };
    Record::check(pointer.clone(), Body::Version(Box::new(version)), rules, &Proofs)
}

/// How a file of that size is cut in a grid.
pub fn cut(size: u64, rules: &Rules) -> Cut {
    Cut { size, chunk: rules.limits.chunk }
}
