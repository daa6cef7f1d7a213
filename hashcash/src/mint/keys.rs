//! The RSA keys that minting starts from.

use crypto_bigint::{BoxedUint, ConcatenatingMul as _};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieve, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use rand_core::CryptoRng;
use zeroize::Zeroize as _;

use crate::date::JulianDay;
use crate::identity::EXPONENT_BYTES;
use crate::search::MAX_STRIDE;
use crate::secret::{KeyError, SecretIdentity};

/// The primes that the stride may contain; all of them together stay below [`MAX_STRIDE`].
const STRIDE_PRIMES: [u32; 24] =
    [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

/// Moduli `p · q_j` with neighbouring `q_j`.
pub(super) struct Family {
    p: BoxedUint,
    qs: Vec<BoxedUint>,
    stride: u32,
}

impl Family {
    /// So many moduli of exactly `bits` bits, with freshly drawn primes.
    ///
    /// The two top bits of `p` and of the first `q` are set, so that no product is too short.
    pub(super) fn generate(bits: u32, count: usize, rng: &mut impl CryptoRng) -> Self {
        let p = random_prime(bits / 2, rng);
        let qs = loop {
            let qs = neighbours(random_prime(bits / 2, rng), count, bits / 2);
            if qs.len() == count && !qs.contains(&p) {
                break qs;
            }
        };
        let stride = stride(&p, &qs);
        Self { p, qs, stride }
    }

    /// The moduli, big-endian.
    pub(super) fn moduli(&self) -> impl Iterator<Item = Vec<u8>> {
        self.qs.iter().map(|q| self.p.concatenating_mul(q).to_be_bytes_trimmed_vartime().into_vec())
    }

    /// `2 · ∏` of small odd primes that divide one of the `(p-1)(q-1)`, as many as there is room for.
    pub(super) fn stride(&self) -> u32 {
        self.stride
    }

    /// A random exponent of that day, coprime to the stride.
    pub(super) fn first_exponent(&self, today: JulianDay, rng: &mut impl CryptoRng) -> [u8; EXPONENT_BYTES] {
        loop {
            let mut exponent = [0; EXPONENT_BYTES];
            rng.fill_bytes(&mut exponent);
            exponent[..4].copy_from_slice(&today.number().to_be_bytes());
            let number = u128::from_be_bytes(exponent);
            if gcd(number % u128::from(self.stride), u128::from(self.stride)) == 1 {
                return exponent;
            }
        }
    }

    /// The identity with this exponent and the modulus of that number; `None` if it has no inverse.
    pub(super) fn identity(
        &self,
        modulus: usize,
        exponent: [u8; EXPONENT_BYTES],
    ) -> Result<Option<SecretIdentity>, KeyError> {
        SecretIdentity::from_primes(exponent, &self.p, &self.qs[modulus])
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.p.zeroize();
        self.qs.iter_mut().for_each(BoxedUint::zeroize);
    }
}

/// A random prime of exactly `bits` bits, the two top ones set.
fn random_prime(bits: u32, rng: &mut impl CryptoRng) -> BoxedUint {
    #[expect(clippy::expect_used, reason = "fails for sizes below 4 bits; the rules allow none below 128")]
    let factory = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb).expect("a usable size");
    #[expect(clippy::expect_used, reason = "the sieve starts anew at random until a prime is found")]
    let prime = sieve_and_find(rng, factory, |_, candidate| is_prime(Flavor::Any, candidate))
        .expect("the sieve is of a usable size")
        .expect("the sieve never ends");
    prime
}

/// `prime` and the primes that follow it, fewer than `count` only if there are no more of `bits` bits.
fn neighbours(prime: BoxedUint, count: usize, bits: u32) -> Vec<BoxedUint> {
    let mut primes = vec![prime];
    if count > 1
        && let Some(max) = std::num::NonZeroU32::new(bits)
        && let Ok(sieve) = SmallFactorsSieve::new(primes[0].wrapping_add(BoxedUint::one()), max, false)
    {
        let following = sieve.filter(|candidate| is_prime(Flavor::Any, candidate));
        primes.extend(following.take(count - 1));
    }
    primes
}

fn stride(p: &BoxedUint, qs: &[BoxedUint]) -> u32 {
    let divides_totient = |prime: u32| std::iter::once(p).chain(qs).any(|factor| remainder(factor, prime) == 1);
    let primes = STRIDE_PRIMES.into_iter().filter(|prime| divides_totient(*prime));
    primes.fold(2, |stride: u32, prime| match stride.checked_mul(prime) {
        Some(product) if product <= MAX_STRIDE => product,
        _ => stride,
    })
}

/// `number mod divisor`, one byte at a time.
fn remainder(number: &BoxedUint, divisor: u32) -> u32 {
    number.to_be_bytes().iter().fold(0, |rest, byte| (rest << 8 | u32::from(*byte)) % divisor)
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
