//! What several tests need.

use std::path::Path;
use std::process::{Command, Output};

use hashcash::mint::{MintOptions, mint};
use hashcash::search::{Kernel, Puzzle};
use hashcash::{Identity, JulianDay, Rules, SecretIdentity, VerifiedIdentity};
use num_bigint::BigUint;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// 2026-11-21.
pub(crate) const TODAY: JulianDay = JulianDay::new(2_461_366);

pub(crate) fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

pub(crate) fn rules(modulus_bits: u32, difficulty: u32) -> Rules {
    Rules { grid_id: [7; 32], modulus_bits, difficulty, lifetime_days: 365, dims: 3, side: 5 }
}

pub(crate) fn minted(rules: &Rules, seed: u8) -> (SecretIdentity, VerifiedIdentity) {
    let secret = mint(rules, TODAY, &MintOptions { threads: 1, ..Default::default() }, &mut rng(seed), &()).unwrap();
    let verified = secret.identity().clone().verify(rules, TODAY).unwrap();
    (secret, verified)
}

/// An identity with this modulus, whatever it is, that has the bits and was minted on that day.
pub(crate) fn forged(modulus: &BigUint, rules: &Rules, minted: JulianDay) -> Identity {
    let modulus = modulus.to_bytes_be();
    let mut exponent = [0; 16];
    exponent[..4].copy_from_slice(&minted.number().to_be_bytes());
    exponent[15] = 1;
    let puzzle = Puzzle::new([exponent.as_slice(), &modulus].concat(), 4..16, 2, rules.difficulty).unwrap();
    let mut hits = Vec::new();
    for batch in 0.. {
        Kernel::best().search(&puzzle, batch..batch + 1, &mut hits);
        if let Some(hit) = hits.first() {
            return Identity::new(hit.message[..16].try_into().unwrap(), modulus);
        }
    }
    unreachable!("some nonce has the bits")
}

/// Whether counts over equally likely cells reject uniformity at the level 0.001: Pearson's statistic
/// against the 0.999 quantile of chi-square with `k = cells - 1` degrees of freedom,
/// `k (1 - 2/(9k) + z sqrt(2/(9k)))^3` with `z = 3.0902`, the 0.999 quantile of the normal distribution
/// (E. B. Wilson and M. M. Hilferty, "The distribution of chi-square", PNAS 17 (1931) 684-688; for the
/// k used here it is right to a few parts in a thousand).
pub(crate) fn rejects_uniformity(counts: &[u32]) -> bool {
    let total: u32 = counts.iter().sum();
    let expected = f64::from(total) / counts.len() as f64;
    let statistic: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    let k = (counts.len() - 1) as f64;
    let spread = 2.0 / (9.0 * k);
    let critical = k * (1.0 - spread + 3.0902 * spread.sqrt()).powi(3);
    println!("chi-square {statistic:.1}, rejected above {critical:.1} ({k} degrees of freedom)");
    statistic > critical
}

/// Runs a tool that the tests need; a missing one fails the test and says what to install.
pub(crate) fn tool(program: &str, arguments: &[&str], folder: &Path) -> Output {
    match Command::new(program).args(arguments).current_dir(folder).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run `{program}` ({error}): this test needs it; install the package `{program}`"),
    }
}

pub(crate) fn succeeds(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = tool(program, arguments, folder);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

/// An exponent as it stands in an identity.
pub(crate) fn sixteen_bytes(exponent: &BigUint) -> [u8; 16] {
    u128::try_from(exponent).unwrap().to_be_bytes()
}
