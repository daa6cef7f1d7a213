//! Minting, and what the minted identity can do.

use std::ops::ControlFlow;

use hashcash::mint::{MintError, MintOptions, mint, sample_puzzle};
use hashcash::{Rules, RulesError};

use crate::support::{TODAY, rng, rules};

#[test]
fn minted_identities_verify_at_every_size() {
    let mut rng = rng(1);
    for bits in [256, 384, 512, 1024, 1536, 2048, 2560, 3072] {
        let rules = rules(bits, 12);
        let secret = mint(&rules, TODAY, &MintOptions::default(), &mut rng, &()).unwrap();
        let node = secret.identity().clone().verify(&rules, TODAY).unwrap();
        assert!(node.bits() >= 12);
        assert_eq!(node.minted(), TODAY);
        assert_eq!(node.coordinates().len(), 3);
        assert!(node.coordinates().iter().all(|c| *c < 5));
    }
}

#[test]
fn a_long_search_tries_many_moduli_at_once() {
    let mut rng = rng(2);
    let puzzle = sample_puzzle(&rules(2048, 34), TODAY, &mut rng).unwrap();
    assert_eq!(puzzle.variants(), 64);
    assert!(puzzle.compressions_per_attempt() < 3.05, "{}", puzzle.compressions_per_attempt());
}

#[test]
fn minting_stops_when_told() {
    let mut rng = rng(3);
    let stop = |_: u64| ControlFlow::Break(());
    let error = mint(&rules(512, 100), TODAY, &MintOptions::default(), &mut rng, &stop).unwrap_err();
    assert!(matches!(error, MintError::Stopped { attempts } if attempts > 0), "{error}");
}

#[test]
fn senseless_rules_are_refused() {
    let mut rng = rng(4);
    let mut refused = |rules| mint(&rules, TODAY, &MintOptions::default(), &mut rng, &()).unwrap_err();
    assert_eq!(refused(rules(1000, 1)), MintError::Rules(RulesError::ModulusBits(1000)));
    assert_eq!(refused(rules(1024, 161)), MintError::Rules(RulesError::Difficulty(161)));
    assert_eq!(refused(Rules { dims: 0, ..rules(1024, 1) }), MintError::Rules(RulesError::Dims));
    assert_eq!(refused(Rules { side: 0, ..rules(1024, 1) }), MintError::Rules(RulesError::Side));
}

#[test]
fn each_of_many_moduli_makes_a_good_identity() {
    // 30 bits: two moduli would be made for minting; here the search is stopped by an easier target.
    let family = sample_puzzle(&rules(1024, 34), TODAY, &mut rng(5)).unwrap();
    let messages: Vec<Vec<u8>> = (0..family.variants()).map(|variant| family.message(0, 0, variant)).collect();
    for (i, message) in messages.iter().enumerate() {
        let identity = hashcash::Identity::from_bytes(message).unwrap();
        assert!(identity.verify(&rules(1024, 0), TODAY).is_ok());
        assert!(!messages[..i].contains(message));
        assert_eq!(message[..64], messages[0][..64], "the first block is shared");
    }
}

#[test]
fn nearly_every_hit_is_usable() {
    // Two hits in a hundred may share a prime above those in the stride; of plain odd exponents, forty do.
    let mut rng = rng(6);
    let mut attempts = 0.0;
    for _ in 0..40 {
        let seen = std::sync::atomic::AtomicU64::new(0);
        let watch = |so_far| {
            seen.store(so_far, std::sync::atomic::Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        mint(&rules(512, 12), TODAY, &MintOptions { threads: 1, ..Default::default() }, &mut rng, &watch).unwrap();
        attempts += seen.into_inner() as f64;
    }
    // Geometric with mean 2^12, 40 times: standard deviation 2^12 * sqrt(40); three of them are allowed.
    let (mean, deviation) = (40.0 * 4096.0, 4096.0 * 40f64.sqrt());
    assert!(attempts < mean + 3.0 * deviation, "{attempts}");
}
