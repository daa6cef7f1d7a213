//! What is no record is refused, each fault with its own error.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use grid::id::GridId;
use grid::parameters::Parameters;
use grid::record::pointer::StampDigest;
use grid::record::terms::StampMessage;
use grid::record::{
    Body, Chunk, ChunkError, Head, Pointer, PointerError, Record, RecordError, Rules, Stamp, Subject, Terms,
    TermsError, Tree, Verifier, Version,
};
use grid::time::Day;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Stands in for SHA-1 and Ed25519: whoever knows the "public" key can sign, which is all the same to these tests.
struct Books;

impl Verifier for Books {
    fn digest(&self, message: &StampMessage) -> StampDigest {
        Sha256::digest(message)[..20].try_into().unwrap()
    }

    fn is_signed(&self, writer: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        sign(writer, message) == *signature
    }
}

fn sign(writer: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let digest: [u8; 32] = Sha256::new().chain_update(writer).chain_update(message).finalize().into();
    [digest, digest].concat().try_into().unwrap()
}

const DAY: u32 = 2_461_366;
const WRITER: [u8; 32] = [7; 32];
const HOUR: u32 = 3600;

fn rules() -> Rules {
    Rules::of(&Parameters::local())
}

fn terms(subject: Subject, size: u64) -> Terms {
    Terms { subject, size, from: Day::new(DAY), days: 30, half_life: 0, priority: 0, application: Vec::new() }
}

fn mutable(size: u64) -> Terms {
    terms(Subject::Mutable { writer: WRITER, interval: HOUR }, size)
}

fn stamp_of(terms: &Terms, grid: &GridId, nonce: [u8; 8]) -> Stamp {
    let digest = Books.digest(&terms.stamp_message(grid, &nonce));
    let digits = digest.into_iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    Stamp { nonce, bits: u8::try_from(digits.take_while(|&bit| bit == 0).count()).unwrap() }
}

fn stamp(terms: &Terms, grid: &GridId) -> Stamp {
    let price = u8::try_from(rules().prices.bits(terms)).unwrap();
    let mut stamps = (0_u64..).map(|nonce| stamp_of(terms, grid, nonce.to_be_bytes()));
    stamps.find(|stamp| stamp.bits >= price).unwrap()
}

fn pointer(terms: Terms) -> Pointer {
    let stamp = stamp(&terms, rules().grid());
    Pointer::check(terms, stamp, &rules(), &Books).unwrap()
}

fn head(pointer: &Pointer, sequence: u64, written: u64, value: &[u8]) -> Head {
    let hash = *blake3::hash(value).as_bytes();
    let signed = Head::signed_bytes(rules().grid(), &pointer.key(), sequence, written, &hash);
    Head { sequence, written, hash, signature: sign(&WRITER, &signed) }
}

fn version(pointer: &Pointer, sequence: u64, value: &[u8]) -> Version {
    let written = Day::new(DAY).unix_seconds() + sequence * u64::from(HOUR);
    Version { head: head(pointer, sequence, written, value), value: value.into(), twin: None }
}

fn check(pointer: &Pointer, body: Body) -> Result<Record, RecordError> {
    Record::check(pointer.clone(), body, &rules(), &Books)
}

fn check_version(pointer: &Pointer, version: Version) -> Result<Record, RecordError> {
    check(pointer, Body::Version(Box::new(version)))
}

#[test]
fn a_value_is_found_again_by_its_chunks() {
    let value: Vec<u8> = (0..600_000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let tree = Tree::of(&value, Parameters::local().chunk_bytes());
    let pointer = pointer(terms(Subject::Immutable { root: tree.root() }, value.len() as u64));
    let mut keys = Vec::new();
    for (number, bytes) in (0..).zip(value.chunks(262_144)) {
        let chunk = |bytes: &[u8]| Chunk { number, proof: tree.proof(number).into(), value: bytes.into() };
        let record = check(&pointer, Body::Chunk(chunk(bytes))).unwrap();
        assert_eq!(record.key(), pointer.chunk_key(number));
        keys.push(record.key());
        let mut wrong = bytes.to_vec();
        wrong[5] ^= 1;
        assert_eq!(check(&pointer, Body::Chunk(chunk(&wrong))), Err(ChunkError::Hash.into()));
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3, "each chunk lies in cells of its own");
}

#[test]
fn each_fault_of_a_version_has_its_error() {
    let pointer = pointer(mutable(100));
    let good = version(&pointer, 3, b"value");
    assert!(check_version(&pointer, good.clone()).is_ok());

    let large = version(&pointer, 3, &[0; 101]);
    assert_eq!(check_version(&pointer, large), Err(RecordError::TooLarge { limit: 100, found: 101 }));

    let early = Version { head: head(&pointer, 3, good.head.written - 10, b"value"), ..good.clone() };
    let too_often = RecordError::TooOften { sequence: 3, interval: HOUR, early: 10 };
    assert_eq!(check_version(&pointer, early), Err(too_often));

    let other = Version { value: b"other"[..].into(), ..good.clone() };
    assert_eq!(check_version(&pointer, other), Err(RecordError::Hash));

    let mut forged = good.clone();
    forged.head.signature[0] ^= 1;
    assert_eq!(check_version(&pointer, forged), Err(RecordError::Signature));
    let renumbered = Version { head: Head { sequence: 2, ..good.head }, ..good.clone() };
    assert_eq!(check_version(&pointer, renumbered), Err(RecordError::Signature));

    let twin = head(&pointer, 3, good.head.written, b"twin");
    assert!(check_version(&pointer, Version { twin: Some(twin), ..good.clone() }).is_ok());
    for twin in [good.head, head(&pointer, 4, good.head.written, b"twin"), Head { signature: [0; 64], ..twin }] {
        let accused = Version { twin: Some(twin), ..good.clone() };
        assert_eq!(check_version(&pointer, accused), Err(RecordError::Twin));
    }

    let chunk = Chunk { number: 0, proof: [].into(), value: b"value"[..].into() };
    assert_eq!(check(&pointer, Body::Chunk(chunk)), Err(RecordError::Kind { terms_mutable: true }));
}

#[test]
fn a_stamp_is_for_one_set_of_terms_in_one_grid() {
    let costly = Terms { priority: 8, ..mutable(100) };
    let stamp = stamp(&costly, rules().grid());
    let check = |terms: Terms, rules: &Rules| Pointer::check(terms, stamp, rules, &Books);
    assert!(check(costly.clone(), &rules()).is_ok());
    for other in [
        Terms { days: 31, ..costly.clone() },
        Terms { size: 99, ..costly.clone() },
        Terms { application: b"app".to_vec(), ..costly.clone() },
        Terms { subject: Subject::Mutable { writer: [8; 32], interval: HOUR }, ..costly.clone() },
    ] {
        let error = check(other, &rules()).unwrap_err();
        assert!(matches!(error, PointerError::OtherTerms { claimed, .. } if claimed == stamp.bits), "{error}");
    }
    let elsewhere = Parameters { name: "elsewhere".into(), ..Parameters::local() };
    assert!(check(costly, &Rules::of(&elsewhere)).is_err());
}

#[test]
fn terms_that_cannot_be_are_named() {
    let validate = |terms: Terms| terms.validate(&rules().limits).unwrap_err();
    let plain = mutable(100);
    assert_eq!(validate(Terms { days: 0, ..plain.clone() }), TermsError::Days { limit: 365, found: 0 });
    assert_eq!(validate(Terms { days: 366, ..plain.clone() }), TermsError::Days { limit: 365, found: 366 });
    assert_eq!(validate(Terms { priority: 65, ..plain.clone() }), TermsError::Priority(65));
    assert_eq!(validate(mutable(262_145)), TermsError::MutableSize { limit: 262_144, found: 262_145 });
    assert_eq!(validate(Terms { application: vec![0; 33], ..plain.clone() }), TermsError::Application(33));
    let hasty = Subject::Mutable { writer: WRITER, interval: 0 };
    assert_eq!(validate(Terms { subject: hasty, ..plain }), TermsError::Interval);
    let huge = terms(Subject::Immutable { root: [0; 32] }, (1 << 40) + 1);
    assert_eq!(validate(huge), TermsError::Size((1 << 40) + 1));
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let subject = prop_oneof![
        any::<[u8; 32]>().prop_map(|root| Subject::Immutable { root }),
        (any::<[u8; 32]>(), any::<u32>()).prop_map(|(writer, interval)| Subject::Mutable { writer, interval }),
    ];
    let numbers = (any::<u64>(), any::<u32>(), any::<u16>(), any::<u16>(), any::<u8>());
    (subject, numbers, prop::collection::vec(any::<u8>(), 0..33)).prop_map(|(subject, numbers, application)| {
        let (size, from, days, half_life, priority) = numbers;
        Terms { subject, size, from: Day::new(from), days, half_life, priority, application }
    })
}

proptest! {
    #[test]
    fn terms_have_one_encoding(terms in any_terms()) {
        let bytes = terms.to_bytes();
        prop_assert!(bytes.len() <= grid::record::terms::MAX_TERMS);
        prop_assert_eq!(Terms::from_bytes(&bytes), Ok(terms));
        prop_assert!(Terms::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        prop_assert!(Terms::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_terms_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(terms) = Terms::from_bytes(&bytes) {
            prop_assert_eq!(terms.to_bytes(), bytes);
        }
    }

    #[test]
    fn no_terms_make_the_price_panic(terms in any_terms()) {
        prop_assert!(rules().prices.bits(&terms) < 512);
    }
}

/// Nobody knows where a record will live before the work is done: to hit one cell of g^d takes g^d stamps on average.
#[test]
fn aiming_at_a_cell_costs_as_many_stamps_as_there_are_cells() {
    let shape = grid::cell::Shape::new(2, 4).unwrap();
    let plain = terms(Subject::Immutable { root: [3; 32] }, 10);
    let first_cell = |nonce: u64| {
        let stamp = stamp_of(&plain, rules().grid(), nonce.to_be_bytes());
        let key = Pointer::check(plain.clone(), stamp, &rules(), &Books).unwrap().key();
        shape.index(grid::placement::first_cells(shape, &key.routing_key(), 1)[0])
    };
    // Chi-square with 15 degrees of freedom: 37.7 is the 0.1 % point (NIST/SEMATECH handbook, table 1.3.6.7.4).
    let mut counts = [0_u32; 16];
    (0..16_000).for_each(|nonce| counts[usize::try_from(first_cell(nonce)).unwrap()] += 1);
    let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi < 37.7, "chi-square {chi}");
}
