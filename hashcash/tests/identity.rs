//! Every way in which an identity can be wrong has its own error.

use hashcash::{Identity, IdentityError, JulianDay, Rules};
use num_bigint::BigUint;
use proptest::prelude::*;

use crate::support::{TODAY, forged, minted, rules};

const BITS: u32 = 512;

fn easy() -> Rules {
    rules(BITS, 8)
}

fn error(identity: Identity) -> IdentityError {
    let error = identity.verify(&easy(), TODAY).unwrap_err();
    assert!(error.to_string().len() > 40, "an error says what to do: {error}");
    error
}

fn two_to(power: u32) -> BigUint {
    BigUint::from(2u8).pow(power)
}

/// The largest prime below 2^512.
fn prime() -> BigUint {
    two_to(512) - 569u32
}

#[test]
fn of_a_wrong_length() {
    let (secret, _) = minted(&easy(), 1);
    let bytes = secret.identity().to_bytes();
    let longer = Identity::from_bytes(&[bytes.as_slice(), &[1]].concat()).unwrap();
    assert_eq!(error(longer), IdentityError::WrongLength { have: 81, need: Some(80) });
    let other_size = minted(&rules(1024, 8), 1).0.identity().clone();
    assert_eq!(error(other_size), IdentityError::WrongLength { have: 144, need: Some(80) });
    assert_eq!(error(Identity::new([1; 16], vec![])), IdentityError::WrongLength { have: 16, need: Some(80) });
    for length in [0, 15, 16, 47, 2000] {
        let have = length;
        assert_eq!(Identity::from_bytes(&vec![1; length]), Err(IdentityError::WrongLength { have, need: None }));
    }
}

#[test]
fn with_a_modulus_that_is_too_small() {
    let mut modulus = two_to(509).to_bytes_be();
    modulus[63] = 1;
    assert_eq!(modulus.len(), 64);
    let identity = Identity::new([1; 16], modulus);
    assert_eq!(error(identity), IdentityError::ModulusTooSmall { have: 510, need: 512 });
}

#[test]
fn with_an_even_modulus() {
    assert_eq!(error(forged(&(prime() - 1u8), &easy(), TODAY)), IdentityError::EvenModulus);
}

#[test]
fn with_an_even_exponent() {
    let (secret, _) = minted(&easy(), 1);
    let mut bytes = secret.identity().to_bytes();
    bytes[15] ^= 1;
    assert_eq!(error(Identity::from_bytes(&bytes).unwrap()), IdentityError::EvenExponent);
}

#[test]
fn with_a_prime_modulus() {
    assert_eq!(error(forged(&prime(), &easy(), TODAY)), IdentityError::PrimeModulus);
}

#[test]
fn with_a_square_modulus() {
    // The largest prime below 2^256, squared.
    let root = two_to(256) - 189u32;
    assert_eq!(error(forged(&(&root * &root), &easy(), TODAY)), IdentityError::SquareModulus);
}

#[test]
fn with_a_small_factor() {
    for factor in [3u32, 5, 65_519, 65_521] {
        // The next multiple above 2^511 * 1.5 with an odd cofactor without smaller factors.
        let start: BigUint = (two_to(511) + two_to(510)) / factor;
        let has_smaller = |n: &BigUint| (3..factor.min(2000)).step_by(2).any(|d| (n % d) == BigUint::ZERO);
        let cofactor = (0u32..).map(|i| &start + i).find(|n| n.bit(0) && !has_smaller(n)).unwrap();
        let found = error(forged(&(cofactor * factor), &easy(), TODAY));
        let IdentityError::SmallFactor { factor: found } = found else { panic!("{found}") };
        assert!(found <= factor && found > factor.min(2000) - 2, "{found} instead of {factor}");
    }
}

#[test]
fn of_the_future() {
    let (_, node) = minted(&easy(), 1);
    let identity = node.identity();
    assert!(identity.clone().verify(&easy(), TODAY.minus_days(1)).is_ok(), "tomorrow is allowed");
    let today = TODAY.minus_days(2);
    let error = identity.clone().verify(&easy(), today).unwrap_err();
    assert_eq!(error, IdentityError::MintedInTheFuture { minted: TODAY, today });
}

#[test]
fn expired() {
    let (_, node) = minted(&easy(), 1);
    let last_day = TODAY.plus_days(365);
    assert!(node.identity().clone().verify(&easy(), last_day).is_ok(), "the last day counts");
    let today = last_day.plus_days(1);
    let error = node.identity().clone().verify(&easy(), today).unwrap_err();
    assert_eq!(error, IdentityError::Expired { minted: TODAY, last_day, today });
    assert!(error.to_string().contains("2027-11-21"), "{error}");
}

#[test]
fn with_too_few_bits() {
    let (_, node) = minted(&easy(), 1);
    let rules = Rules { difficulty: node.bits() + 1, ..easy() };
    let error = node.identity().clone().verify(&rules, TODAY).unwrap_err();
    assert_eq!(error, IdentityError::TooFewBits { have: node.bits(), need: node.bits() + 1 });
}

#[test]
fn under_rules_that_make_no_sense() {
    let (_, node) = minted(&easy(), 1);
    let error = node.identity().clone().verify(&Rules { side: 0, ..easy() }, TODAY).unwrap_err();
    assert!(matches!(error, IdentityError::Rules(_)), "{error}");
}

#[test]
fn two_large_unknown_factors_pass() {
    // 65537 is just above the limit: it passes, as the design says.
    let modulus = two_to(495) + 1u32;
    let modulus = (0u32..)
        .map(|i| (&modulus + 2 * i) * 65_537u32)
        .find(|n| forged(n, &easy(), TODAY).verify(&easy(), TODAY).is_ok());
    assert!(modulus.is_some());
}

#[test]
fn the_place_does_not_change_when_the_grid_grows() {
    let (_, node) = minted(&easy(), 1);
    let finer = node.identity().clone().verify(&Rules { side: 10, ..easy() }, TODAY).unwrap();
    for (coarse, fine) in node.coordinates().into_iter().zip(finer.coordinates()) {
        assert_eq!(fine % 5, coarse);
    }
}

proptest! {
    #[test]
    fn bytes_and_identities_are_one_to_one(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        if let Ok(identity) = Identity::from_bytes(&bytes) {
            prop_assert_eq!(identity.to_bytes(), bytes);
        }
    }

    /// A change anywhere shows: by the zero bits, or by an earlier rule.
    #[test]
    fn tampering_is_noticed(byte in 0usize..80, flip in 1u8..) {
        let rules = rules(BITS, 20);
        let (secret, _) = minted(&rules, 3);
        let mut bytes = secret.identity().to_bytes();
        bytes[byte] ^= flip;
        prop_assert!(Identity::from_bytes(&bytes).unwrap().verify(&rules, TODAY).is_err());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 80), day in any::<u32>()) {
        let rules = Rules { difficulty: 0, ..easy() };
        let _ = Identity::from_bytes(&bytes).unwrap().verify(&rules, JulianDay::new(day));
    }
}
