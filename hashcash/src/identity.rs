//! The public part of an identity: an RSA key `<e, N>` that is its own proof of work.
//!
//! ```text
//! e   16 bytes, big-endian:  4 bytes Julian Day Number of minting | 12 bytes nonce; odd
//! N   modulus_bits / 8 bytes, big-endian
//! ```
//!
//! The proof is that `SHA-1(e ‖ N)` begins with zero bits. Nothing is stored beside the key.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::date::JulianDay;
use crate::rules::MODULUS_BITS;
use crate::verify::IdentityError;

/// Length of the exponent in bytes.
pub const EXPONENT_BYTES: usize = 16;

/// The public part of an identity, **not yet verified**: whoever sent it may have made it up.
/// [`Identity::verify`](crate::Identity::verify) turns it into a [`VerifiedIdentity`](crate::VerifiedIdentity).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    exponent: [u8; EXPONENT_BYTES],
    modulus: Vec<u8>,
}

impl Identity {
    /// An identity from its two parts, not yet verified.
    pub fn new(exponent: [u8; EXPONENT_BYTES], modulus: Vec<u8>) -> Self {
        Self { exponent, modulus }
    }

    /// Reads `e ‖ N`.
    ///
    /// # Errors
    /// [`IdentityError::WrongLength`] if no grid could have an identity of that length. Whether it is
    /// the length that a given grid demands is only known to [`Identity::verify`](crate::Identity::verify).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let shortest = EXPONENT_BYTES + *MODULUS_BITS.start() as usize / 8;
        let longest = EXPONENT_BYTES + *MODULUS_BITS.end() as usize / 8;
        match bytes.split_first_chunk() {
            Some((exponent, modulus)) if (shortest..=longest).contains(&bytes.len()) => {
                Ok(Self::new(*exponent, modulus.to_vec()))
            }
            _ => Err(IdentityError::WrongLength { have: bytes.len(), need: None }),
        }
    }

    /// Writes `e ‖ N`, the bytes whose SHA-1 is the proof of work.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.exponent, self.modulus.as_slice()].concat()
    }

    /// The public exponent, 16 bytes big-endian.
    pub fn exponent(&self) -> &[u8; EXPONENT_BYTES] {
        &self.exponent
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The day of minting that the exponent states.
    pub fn minted(&self) -> JulianDay {
        let [a, b, c, d, ..] = self.exponent;
        JulianDay::new(u32::from_be_bytes([a, b, c, d]))
    }

    /// `SHA-1(e ‖ N)`, whose leading zero bits are the proof of work.
    pub fn digest(&self) -> [u8; 20] {
        Sha1::new().chain_update(self.exponent).chain_update(&self.modulus).finalize().into()
    }

    /// The name of this identity: `SHA-256("rook node v1" ‖ e ‖ N)`.
    pub fn id(&self) -> [u8; 32] {
        let hash = Sha256::new().chain_update(b"rook node v1");
        hash.chain_update(self.exponent).chain_update(&self.modulus).finalize().into()
    }
}
