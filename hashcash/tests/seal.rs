//! Sealed bytes open for their receiver and context, and for nobody else.

use hashcash::seal::{MAX_PAYLOAD, OpenError, SealError, seal};
use hashcash::{SecretIdentity, VerifiedIdentity};
use proptest::prelude::*;

use crate::support::{minted, rng, rules};

fn pair(seed: u8) -> (SecretIdentity, VerifiedIdentity) {
    minted(&rules(512, 4), seed)
}

#[test]
fn another_receiver_or_context_opens_nothing() {
    let (secret, node) = pair(1);
    let sealed = seal(&node, b"context", b"payload", &mut rng(2)).unwrap();
    assert_eq!(secret.open(b"context", &sealed), Ok(b"payload".to_vec()));
    assert_eq!(secret.open(b"other", &sealed), Err(OpenError::NotForUs));
    assert_eq!(pair(2).0.open(b"context", &sealed), Err(OpenError::NotForUs));
}

#[test]
fn lengths_are_bounded() {
    let (secret, node) = pair(1);
    let largest = vec![1; MAX_PAYLOAD];
    let sealed = seal(&node, b"", &largest, &mut rng(3)).unwrap();
    assert_eq!(secret.open(b"", &sealed), Ok(largest));
    let too_long = vec![1; MAX_PAYLOAD + 1];
    assert_eq!(seal(&node, b"", &too_long, &mut rng(3)), Err(SealError::TooLong(MAX_PAYLOAD + 1)));
    for have in [0, 79, 64 + 16 + MAX_PAYLOAD + 1] {
        let error = secret.open(b"", &vec![0; have]).unwrap_err();
        assert_eq!(error, OpenError::WrongLength { have, least: 80, most: 80 + MAX_PAYLOAD });
    }
    assert_eq!(secret.open(b"", &[0xff; 80]), Err(OpenError::NotForUs), "a number above N");
    assert_eq!(secret.open(b"", &[0; 80]), Err(OpenError::NotForUs), "zero");
}

#[test]
fn the_same_payload_is_sealed_differently_each_time() {
    let (_, node) = pair(1);
    let mut rng = rng(4);
    assert_ne!(seal(&node, b"", b"x", &mut rng).unwrap(), seal(&node, b"", b"x", &mut rng).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_sealed_opens_and_what_is_changed_does_not(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        context in prop::collection::vec(any::<u8>(), 0..50),
        (seed, flip) in (0u8..4, 1u8..),
        place in any::<prop::sample::Index>(),
    ) {
        let (secret, node) = pair(seed);
        let mut sealed = seal(&node, &context, &payload, &mut rng(seed)).unwrap();
        prop_assert_eq!(sealed.len(), 64 + payload.len() + 16);
        prop_assert_eq!(secret.open(&context, &sealed), Ok(payload));
        let place = place.index(sealed.len());
        sealed[place] ^= flip;
        prop_assert_eq!(secret.open(&context, &sealed), Err(OpenError::NotForUs));
    }
}
