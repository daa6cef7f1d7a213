//! Minting, and what the minted identity can do.

use std::ops::ControlFlow;

use hashcash::mint::{MintError, MintOptions, mint};
use hashcash::{JulianDay, Rules, RulesError};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

fn rules(modulus_bits: u32, difficulty: u32) -> Rules {
    Rules { grid_id: [7; 32], modulus_bits, difficulty, lifetime_days: 365, dims: 3, side: 5 }
}

const TODAY: JulianDay = JulianDay::new(2_461_366);

#[test]
fn minted_identities_verify_at_every_size() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
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
fn many_moduli_at_once_also_give_good_identities() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    // 30 bits: several moduli are used, and the search takes about a minute of one core in the worst case.
    let puzzle = hashcash::mint::sample_puzzle(&rules(2048, 34), TODAY, &mut rng).unwrap();
    assert_eq!(puzzle.variants(), 64);
    assert!(puzzle.compressions_per_attempt() < 3.05, "{}", puzzle.compressions_per_attempt());
}

#[test]
fn minting_stops_when_told() {
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let stop = |_: u64| ControlFlow::Break(());
    let error = mint(&rules(512, 100), TODAY, &MintOptions::default(), &mut rng, &stop).unwrap_err();
    assert!(matches!(error, MintError::Stopped { attempts } if attempts > 0), "{error}");
}

#[test]
fn senseless_rules_are_refused() {
    let mut rng = ChaCha20Rng::from_seed([4; 32]);
    let mut refused = |rules| mint(&rules, TODAY, &MintOptions::default(), &mut rng, &()).unwrap_err();
    assert_eq!(refused(rules(1000, 1)), MintError::Rules(RulesError::ModulusBits(1000)));
    assert_eq!(refused(rules(1024, 161)), MintError::Rules(RulesError::Difficulty(161)));
    assert_eq!(refused(Rules { dims: 0, ..rules(1024, 1) }), MintError::Rules(RulesError::Dims));
    assert_eq!(refused(Rules { side: 0, ..rules(1024, 1) }), MintError::Rules(RulesError::Side));
}
