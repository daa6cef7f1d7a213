//! Sealing: bytes that only the owner of an identity can read.
//!
//! RSA-KEM in the shape of RFC 9690: a random `z < N` is encrypted as `z^e mod N`, a key is derived
//! from `z`, and the payload is encrypted under that key. There is no padding to attack, and any
//! exponent will do.
//!
//! ```text
//! sealed    z^e mod N, as long as the modulus | ChaCha20-Poly1305(payload), 16 bytes longer than it
//! key       HKDF-SHA256(salt = z^e mod N, secret = z, info = "rook seal v1" ‖ id of the receiver)
//! nonce     12 zero bytes: every key is used once
//! data      the context, authenticated but not sent: both sides know what this is about
//! ```

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use crypto_bigint::BoxedUint;
use hkdf::Hkdf;
use rand_core::CryptoRng;
use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use rsa::traits::PublicKeyParts as _;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::secret::SecretIdentity;
use crate::verify::VerifiedIdentity;

const DOMAIN: &[u8] = b"rook seal v1";
/// Longest payload that can be sealed, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 16;
const TAG_BYTES: usize = 16;

/// Why something could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The payload is too long.
    #[error("{0} bytes are too many to seal: send at most {MAX_PAYLOAD} at a time")]
    TooLong(usize),
    /// The arithmetic failed.
    #[error("sealing to this identity failed ({0}): its key cannot be used")]
    Key(rsa::Error),
}

/// Why something sealed could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is not for us, of another context, or was changed on its way. Which of these is not told
    /// apart, so that an attacker learns nothing.
    #[error("the sealed bytes do not open: they are for another identity or purpose, or were changed on their way")]
    NotForUs,
    /// Its length cannot be right.
    #[error("{have} sealed bytes: with this identity they would be between {least} and {most}")]
    WrongLength {
        /// Length received.
        have: usize,
        /// Shortest possible length.
        least: usize,
        /// Longest possible length.
        most: usize,
    },
}

/// Seals `plaintext` so that only the owner of `to` can read it, and only for the same `context`.
///
/// # Errors
/// [`SealError::TooLong`] above [`MAX_PAYLOAD`] bytes.
pub fn seal(
    to: &VerifiedIdentity,
    context: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    if plaintext.len() > MAX_PAYLOAD {
        return Err(SealError::TooLong(plaintext.len()));
    }
    let key = to.public_key();
    let mut secret = random_below(key.n().as_ref(), rng);
    let encapsulated = rsa_encrypt(&key, &secret).map_err(SealError::Key)?;
    let mut sealed = fixed_width(&encapsulated, key.size());
    let cipher = cipher(&secret, &sealed, &to.id());
    secret.zeroize();
    let payload = Payload { msg: plaintext, aad: context };
    let text = cipher.encrypt(&Nonce::default(), payload).map_err(|_| SealError::TooLong(plaintext.len()))?;
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

impl SecretIdentity {
    /// Opens what was sealed to this identity for this `context`.
    ///
    /// # Errors
    /// If the bytes are not for this identity and context, or are damaged.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let width = self.key().size();
        let (least, most) = (width + TAG_BYTES, width + TAG_BYTES + MAX_PAYLOAD);
        let wrong_length = OpenError::WrongLength { have: sealed.len(), least, most };
        if !(least..=most).contains(&sealed.len()) {
            return Err(wrong_length);
        }
        let (encapsulated, text) = sealed.split_at_checked(width).ok_or(wrong_length)?;
        let precision = self.key().n_bits_precision();
        let number = BoxedUint::from_be_slice(encapsulated, precision).map_err(|_| OpenError::NotForUs)?;
        // The generator only blinds the exponentiation against timing; the result does not depend on it.
        let mut secret = rsa_decrypt_and_check(self.key(), Some(&mut getrandom::SysRng), &number)
            .map_err(|_| OpenError::NotForUs)?;
        let cipher = cipher(&secret, encapsulated, &self.identity().id());
        secret.zeroize();
        cipher.decrypt(&Nonce::default(), Payload { msg: text, aad: context }).map_err(|_| OpenError::NotForUs)
    }
}

/// A uniformly random number below `bound`, by drawing until one fits.
fn random_below(bound: &BoxedUint, rng: &mut impl CryptoRng) -> BoxedUint {
    let precision = bound.bits_precision();
    let mut bytes = Zeroizing::new(vec![0; (bound.bits_vartime() as usize).div_ceil(8)]);
    loop {
        rng.fill_bytes(&mut bytes);
        let mut number = BoxedUint::from_be_slice_truncated(&bytes, precision);
        if number < *bound {
            return number;
        }
        number.zeroize();
    }
}

/// The number in exactly `width` bytes, big-endian.
fn fixed_width(number: &BoxedUint, width: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let mut fixed = vec![0; width];
    let common = width.min(bytes.len());
    fixed[width - common..].copy_from_slice(&bytes[bytes.len() - common..]);
    fixed
}

fn cipher(secret: &BoxedUint, encapsulated: &[u8], receiver: &[u8; 32]) -> ChaCha20Poly1305 {
    let secret = Zeroizing::new(fixed_width(secret, encapsulated.len()));
    let mut key = Zeroizing::new([0; 32]);
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8,160 bytes; 32 are asked for")]
    Hkdf::<Sha256>::new(Some(encapsulated), &secret)
        .expand_multi_info(&[DOMAIN, receiver], key.as_mut_slice())
        .expect("32 bytes are within the limit");
    ChaCha20Poly1305::new(&Key::from(*key))
}
