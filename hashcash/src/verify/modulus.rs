//! The tests of the modulus that cost more than a hash: small factors, squares, primes.

use std::sync::OnceLock;

use num_bigint::BigUint;
use rsa::BoxedUint;

use crate::verify::IdentityError;

/// Prime factors below this are looked for.
const FACTOR_LIMIT: u32 = 1 << 16;

/// Rejects a modulus with a prime factor below 2^16, and squares and primes. It is odd and not zero.
pub(super) fn check(modulus: &[u8]) -> Result<(), IdentityError> {
    if let Some(factor) = small_factor(modulus) {
        return Err(IdentityError::SmallFactor { factor });
    }
    let number = BigUint::from_bytes_be(modulus);
    let root = number.sqrt();
    if &root * &root == number {
        return Err(IdentityError::SquareModulus);
    }
    // Baillie-PSW, which begins with a Miller-Rabin round to base 2: a composite is out after that one
    // exponentiation, and no prime is ever taken for composite.
    if crypto_primes::is_prime(crypto_primes::Flavor::Any, &BoxedUint::from_be_slice_vartime(modulus)) {
        return Err(IdentityError::PrimeModulus);
    }
    Ok(())
}

/// The smallest odd prime below 2^16 that divides the number, given big-endian.
fn small_factor(number: &[u8]) -> Option<u32> {
    let words: Vec<u32> =
        number.rchunks(4).rev().map(|chunk| chunk.iter().fold(0, |w, b| w << 8 | u32::from(*b))).collect();
    batches().iter().find_map(|batch| {
        let remainder = words.iter().fold(0, |r: u64, word| (r << 32 | u64::from(*word)) % u64::from(batch.product));
        batch.primes.iter().copied().find(|prime| remainder.is_multiple_of(u64::from(*prime)))
    })
}

/// Primes whose product fits 32 bits: one long division tests them all.
struct Batch {
    product: u32,
    primes: Vec<u32>,
}

fn batches() -> &'static [Batch] {
    static BATCHES: OnceLock<Vec<Batch>> = OnceLock::new();
    BATCHES.get_or_init(|| {
        let mut batches: Vec<Batch> = Vec::new();
        for prime in odd_primes() {
            match batches.last_mut() {
                Some(batch) if batch.product.checked_mul(prime).is_some() => {
                    batch.product *= prime;
                    batch.primes.push(prime);
                }
                _ => batches.push(Batch { product: prime, primes: vec![prime] }),
            }
        }
        batches
    })
}

/// The odd primes below [`FACTOR_LIMIT`], ascending: the sieve of Eratosthenes.
fn odd_primes() -> Vec<u32> {
    let mut composite = vec![false; FACTOR_LIMIT as usize];
    let mut primes = Vec::new();
    for n in (3..FACTOR_LIMIT).step_by(2) {
        if !composite[n as usize] {
            primes.push(n);
            (u64::from(n) * u64::from(n)..u64::from(FACTOR_LIMIT))
                .step_by(n as usize)
                .filter_map(|multiple| usize::try_from(multiple).ok())
                .for_each(|multiple| composite[multiple] = true);
        }
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_6541_odd_primes_below_65536() {
        // pi(2^16) = 6542 (OEIS A007053), less the even one.
        let primes = odd_primes();
        assert_eq!(primes.len(), 6541);
        assert_eq!(primes.last(), Some(&65_521));
    }

    #[test]
    fn the_smallest_factor_is_named() {
        let large = BigUint::from(2u8).pow(521) - 1u8;
        for factor in [3u32, 11, 251, 257, 64_879, 65_521] {
            let number = &large * factor * 65_521u32;
            assert_eq!(small_factor(&number.to_bytes_be()), Some(factor));
        }
        assert_eq!(small_factor(&(&large * 65_537u32).to_bytes_be()), None);
    }
}
