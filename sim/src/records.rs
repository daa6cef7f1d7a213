//! Records without work and keys: stamps and signatures that everybody believes, and what they would have cost.

use grid::record::pointer::StampDigest;
use grid::record::terms::StampMessage;
use grid::record::{
    Body, Chunk, Head, Pointer, Record, RecordError, Rules, Stamp, Subject, Terms, Tree, Verifier, Version,
};
use grid::time::Day;
use sha2::{Digest, Sha256};

/// What the wall clock shows when a simulation begins, in seconds of Unix time: the middle of a day.
pub const BEGINNING: u64 = 1_795_262_400;

/// Believes a stamp whose nonce begins with its zero bits, and a signature that is the hash of what it signs.
#[derive(Clone, Copy, Debug)]
pub struct Books;

impl Verifier for Books {
    fn digest(&self, message: &StampMessage) -> StampDigest {
        let hash = Sha256::digest(message);
        let zeros = usize::from(message[32]).min(159);
        std::array::from_fn(|place| {
            let bit = |bit: usize| match (place * 8 + bit).cmp(&zeros) {
                core::cmp::Ordering::Less => 0,
                core::cmp::Ordering::Equal => 0x80 >> bit,
                core::cmp::Ordering::Greater => hash[place] & (0x80 >> bit),
            };
            (0..8).map(bit).fold(0, |byte, bit| byte | bit)
        })
    }

    fn is_signed(&self, writer: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        sign(writer, message) == *signature
    }
}

fn sign(writer: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let digest = Sha256::new().chain_update(writer).chain_update(message).finalize();
    std::array::from_fn(|place| digest[place % 32])
}

/// A pointer to which the price was paid, more or less some bits.
///
/// # Errors
/// [`RecordError`] if the terms cannot be.
pub fn pay(terms: Terms, extra_bits: i32, rules: &Rules) -> Result<Pointer, RecordError> {
    let bits = i64::from(rules.prices.bits(&terms)) + i64::from(extra_bits);
    let bits = u8::try_from(bits.clamp(0, 159)).unwrap_or(159);
    let stamp = Stamp { nonce: [bits, 0, 0, 0, 0, 0, 0, 0], bits };
    Ok(Pointer::check(terms, stamp, rules, &Books)?)
}

/// The terms of a record that is kept for a month.
pub fn terms(subject: Subject, size: u64) -> Terms {
    let from = Day::of_unix(BEGINNING);
    Terms { subject, size, from, days: 30, half_life: 0, priority: 0, application: Vec::new() }
}

/// An immutable value in one record, paid for.
///
/// # Errors
/// [`RecordError`] if it is too large for one.
pub fn immutable(value: &[u8], extra_bits: i32, rules: &Rules) -> Result<Record, RecordError> {
    let tree = Tree::of(value, rules.limits.chunk);
    let terms = terms(Subject::Immutable { root: tree.root() }, value.len() as u64);
    let chunk = Chunk { number: 0, proof: tree.proof(0).into(), value: value.into() };
    Record::check(pay(terms, extra_bits, rules)?, Body::Chunk(chunk), rules, &Books)
}

/// The pointer of a mutable record, paid for.
///
/// # Errors
/// [`RecordError`] if the terms cannot be.
pub fn mutable(writer: [u8; 32], interval: u32, size: u64, rules: &Rules) -> Result<Pointer, RecordError> {
    pay(terms(Subject::Mutable { writer, interval }, size), 0, rules)
}

/// A version of it, signed.
///
/// # Errors
/// [`RecordError`] if the terms do not allow it.
pub fn version(
    pointer: &Pointer,
    sequence: u64,
    written: u64,
    value: &[u8],
    rules: &Rules,
) -> Result<Record, RecordError> {
    let Subject::Mutable { writer, .. } = pointer.terms().subject else {
        return Err(RecordError::Kind { terms_mutable: false });
    };
    let hash = grid::record::value_hash(value);
    let signature = sign(&writer, &Head::signed_bytes(rules.grid(), &pointer.key(), sequence, written, &hash));
    let head = Head { sequence, written, hash, signature };
    let version = Version { head, value: value.into(), twin: None };
    Record::check(pointer.clone(), Body::Version(Box::new(version)), rules, &Books)
}
