//! Why each identity has salts of its own: full-width salts alone do not stop a cheat who makes its
//! modulus of many primes.
//!
//! `L = 2^5 · 3^3 · 5^2 · 7 · 11 · 13 · 17 = 367,567,200` has so many divisors that 130 primes above
//! 2^16 have the form `divisor + 1`. A product `N` of some of them with exactly 2048 bits passes every
//! check that can be made of a modulus whose factors are unknown: it is odd, has no small factor, is no
//! square and no prime. But every number has modulo `N` an order that divides `L`, so `S^e mod N`
//! depends on `e mod L` alone. If the salts are known beforehand, the cheat looks for a residue that
//! gives the cell it wants, and searches for the hashcash among the exponents with that residue.

use hashcash::{Identity, Rules};
use num_bigint::BigUint;
use sha2::{Digest as _, Sha256};

use crate::support::{TODAY, rejects_uniformity, rules, sixteen_bytes};

const L: u32 = 367_567_200;
const DIMS: u32 = 2;
const SIDE: u32 = 8;
const WANTED: [u32; 2] = [6, 1];

fn grid() -> Rules {
    Rules { dims: 2, side: SIDE, ..rules(2048, 10) }
}

/// Primes above 2^16 that are one more than a divisor of `L`, by trial division.
fn primes() -> Vec<u32> {
    let divisors = (1..).take_while(|d| d * d <= L).filter(|d| L.is_multiple_of(*d)).flat_map(|d| [d, L / d]);
    let is_prime = |n: u32| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    let mut primes: Vec<u32> = divisors.map(|d| d + 1).filter(|n| *n > 1 << 16 && is_prime(*n)).collect();
    primes.sort_unstable();
    primes.dedup();
    primes
}

/// A product of such primes with exactly 2048 bits: some that follow each other, and one before them that
/// makes up the rest.
fn modulus() -> BigUint {
    let primes = primes();
    assert_eq!(primes.len(), 130);
    let product = |run: &[u32]| run.iter().map(|prime| BigUint::from(*prime)).product::<BigUint>();
    let runs = (0..130).flat_map(|start| (start..=130).map(move |end| start..end));
    let with_one_more = |run: std::ops::Range<usize>| {
        let product = product(&primes[run.clone()]);
        primes[..run.start].iter().map(|prime| &product * *prime).find(|product| product.bits() == 2048)
    };
    runs.filter(|run| run.len() > 70).find_map(with_one_more).unwrap()
}

/// The salts as they would be if they did not depend on the identity.
fn common_salts(modulus: &BigUint) -> Vec<BigUint> {
    let block = |axis: u32, counter: u32| {
        let hash = Sha256::new().chain_update(b"rook salt v1").chain_update([7; 32]);
        hash.chain_update(axis.to_be_bytes()).chain_update(counter.to_be_bytes()).finalize().to_vec()
    };
    let salt = |axis| (0..9).flat_map(|counter| block(axis, counter)).take(272).collect::<Vec<u8>>();
    (0..DIMS).map(|axis| BigUint::from_bytes_be(&salt(axis)) % modulus).collect()
}

fn cell(salts: &[BigUint], exponent: &BigUint, modulus: &BigUint) -> Vec<u32> {
    salts.iter().map(|salt| u32::try_from(salt.modpow(exponent, modulus) % SIDE).unwrap()).collect()
}

/// The first exponent of today with the least odd residue modulo `L`, free of common factors with it,
/// that the salts send to the wanted cell.
fn wanted_class(salts: &[BigUint], modulus: &BigUint) -> BigUint {
    let useful = |class: &u32| [2, 3, 5, 7, 11, 13, 17].iter().all(|prime| !class.is_multiple_of(*prime));
    let class = (1..L).filter(useful).find(|class| cell(salts, &BigUint::from(*class), modulus) == WANTED).unwrap();
    (BigUint::from(TODAY.number()) << 96u32) / L * L + L + class
}

#[test]
fn common_salts_let_the_cheat_choose_and_our_salts_do_not() {
    let (modulus, rules) = (modulus(), grid());
    let salts = common_salts(&modulus);
    let first = wanted_class(&salts, &modulus);
    let (mut attempts, mut found) = (0u32, 0u32);
    let mut counts = vec![0; (SIDE * SIDE) as usize];
    for step in 0u32.. {
        let exponent = &first + BigUint::from(step) * L;
        let identity = Identity::new(sixteen_bytes(&exponent), modulus.to_bytes_be());
        attempts += 1;
        let Ok(node) = identity.verify(&rules, TODAY) else { continue };
        found += 1;
        assert_eq!(cell(&salts, &exponent, &modulus), WANTED, "with common salts, always the chosen cell");
        let ours = node.coordinates();
        counts[(ours[0] * SIDE + ours[1]) as usize] += 1;
        if found == 640 {
            break;
        }
    }
    // Geometric with mean 2^10, 640 times: the mean of them has a standard deviation of a 25th. A place in
    // one cell of 64 that nobody chose would need 64 times as many.
    let ratio = f64::from(attempts) / 640.0 / 1024.0;
    println!("{ratio:.2} times the price of a place nobody chose");
    assert!((0.85..1.15).contains(&ratio), "{ratio}");
    assert!(!rejects_uniformity(&counts), "our salts spread the same identities over all cells");
}
