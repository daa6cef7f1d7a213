//! The private half of an identity.

use std::fmt;

use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Resize as _};
use rand_core::CryptoRng;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{Pss, RsaPrivateKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::identity::{EXPONENT_BYTES, Identity};
use crate::verify::VerifiedIdentity;

/// An identity together with its RSA private key: what its owner keeps, in the identity file.
///
/// The key is wiped from memory when this is dropped, and `Debug` shows only the public part.
#[derive(Clone)]
pub struct SecretIdentity {
    identity: Identity,
    key: RsaPrivateKey,
}

/// The key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The parts of the key contradict each other.
    #[error(
        "the numbers in the key contradict each other ({0}): the key is damaged, use a copy of it or mint a new one"
    )]
    Inconsistent(rsa::Error),
    /// The exponent is too long for an identity's.
    #[error(
        "the key's public exponent has {0} bits, an identity's has at most 128: this key is no identity; use the one that `rook mint` wrote"
    )]
    ExponentTooLong(u32),
    /// Signing or opening failed: the arithmetic went wrong.
    #[error(
        "the private key gave a wrong result ({0}): this computer's memory or processor is faulty, or the key is damaged"
    )]
    Faulty(rsa::Error),
}

impl SecretIdentity {
    /// The public part.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Signs `SHA-256(domain ‖ message)` with RSASSA-PSS (SHA-256, salt of 32 bytes). The domain keeps
    /// a signature made for one purpose from being shown for another: give each purpose its own, none
    /// the beginning of another.
    ///
    /// # Errors
    /// [`KeyError::Faulty`] if the signature does not check, which only broken hardware brings about.
    pub fn sign(&self, domain: &[u8], message: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, KeyError> {
        let digest = Sha256::new().chain_update(domain).chain_update(message).finalize();
        self.key.sign_with_rng(rng, Pss::<Sha256>::new(), &digest).map_err(KeyError::Faulty)
    }

    /// The identity with this exponent whose modulus has these prime factors. `None` if the exponent
    /// has a factor in common with `(p-1)(q-1)`, so that there is no private exponent.
    pub(crate) fn from_primes(
        exponent: [u8; EXPONENT_BYTES],
        p: &BoxedUint,
        q: &BoxedUint,
    ) -> Result<Option<Self>, KeyError> {
        let e = BoxedUint::from_be_slice_vartime(&exponent);
        let modulus = p.concatenating_mul(q);
        let Some(mut totient) = totient(p, q) else { return Ok(None) };
        let inverse =
            Option::<BoxedUint>::from(e.clone().resize_unchecked(totient.bits_precision()).invert_mod(&totient));
        totient.zeroize();
        let Some(d) = inverse else { return Ok(None) };
        Self::from_parts(modulus, e, d, vec![p.clone(), q.clone()]).map(Some)
    }

    /// The identity with these RSA numbers, after checking that they fit together.
    pub(crate) fn from_parts(
        n: BoxedUint,
        e: BoxedUint,
        d: BoxedUint,
        primes: Vec<BoxedUint>,
    ) -> Result<Self, KeyError> {
        let trimmed = e.to_be_bytes_trimmed_vartime();
        let mut exponent = [0; EXPONENT_BYTES];
        let start = EXPONENT_BYTES.checked_sub(trimmed.len()).ok_or(KeyError::ExponentTooLong(e.bits_vartime()))?;
        exponent[start..].copy_from_slice(&trimmed);
        let key =
            RsaPrivateKey::from_components_with_large_exponent(n, e, d, primes).map_err(KeyError::Inconsistent)?;
        let identity = Identity::new(exponent, key.n().to_be_bytes_trimmed_vartime().into_vec());
        Ok(Self { identity, key })
    }

    pub(crate) fn key(&self) -> &RsaPrivateKey {
        &self.key
    }
}

impl VerifiedIdentity {
    /// Whether this identity's owner has signed this, see [`SecretIdentity::sign`].
    pub fn has_signed(&self, domain: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let digest = Sha256::new().chain_update(domain).chain_update(message).finalize();
        self.public_key().verify(Pss::<Sha256>::new(), &digest, signature).is_ok()
    }
}

/// `(p-1)(q-1)`, or `None` if that is zero.
fn totient(p: &BoxedUint, q: &BoxedUint) -> Option<NonZero<BoxedUint>> {
    let one = BoxedUint::one();
    Option::from(NonZero::new(p.wrapping_sub(&one).concatenating_mul(&q.wrapping_sub(&one))))
}

impl PartialEq for SecretIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.key.d() == other.key.d()
    }
}

impl Eq for SecretIdentity {}

impl fmt::Debug for SecretIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretIdentity").field("identity", &self.identity).finish_non_exhaustive()
    }
}
