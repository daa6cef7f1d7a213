//! The credential: an identity's word for the node that speaks in its name.
//!
//! It binds the identity to a libp2p transport key and an X25519 onion key for some time, so minting
//! can be done offline and the transport key can be replaced. Signed with RSASSA-PSS (SHA-256):
//!
//! ```text
//! signed    "rook credential v1" | grid id 32 | body
//! body      peer id length 1 | peer id 1..=64 | onion key 32 | issued 8 | expires 8
//! bytes     body | signature length 2 | signature 32..=1024
//! ```
//!
//! Integers are big-endian, times are Unix seconds.

use rand_core::CryptoRng;

use crate::secret::{KeyError, SecretIdentity};
use crate::verify::VerifiedIdentity;

const DOMAIN: &[u8] = b"rook credential v1";
/// Longest transport key name, in bytes; an Ed25519 `PeerId` has 38.
pub const MAX_PEER_ID: usize = 64;
/// Longest signature, in bytes: that of the largest modulus any grid may use.
pub const MAX_SIGNATURE: usize = 1024;
const MIN_SIGNATURE: usize = 32;
/// Most bytes that a credential can have.
pub const MAX_CREDENTIAL: usize = 1 + MAX_PEER_ID + 32 + 8 + 8 + 2 + MAX_SIGNATURE;
/// How far ahead of ours the issuer's clock may be, in seconds.
pub const CLOCK_TOLERANCE: u64 = 600;

/// An identity's signature over the keys of the node that acts for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The transport key's name (libp2p `PeerId` bytes), 1 to 64 bytes.
    pub peer_id: Vec<u8>,
    /// The X25519 key for tunnels.
    pub onion_key: [u8; 32],
    /// When it was signed, in Unix seconds. Of two, the newer counts.
    pub issued: u64,
    /// From when on it is void, in Unix seconds.
    pub expires: u64,
    /// RSASSA-PSS signature, as long as the modulus.
    pub signature: Vec<u8>,
}

/// Why a credential was not made, read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// It is void by now.
    #[error(
        "the credential expired at Unix time {expires}, it is {now}: its node must issue a new one (restarting it does)"
    )]
    Expired {
        /// End of its validity.
        expires: u64,
        /// Time of this check.
        now: u64,
    },
    /// The signature is not that identity's over these keys in this grid.
    #[error("the credential's signature is wrong: it is of another identity or grid, or was tampered with")]
    Forged,
    /// The private key cannot sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was issued in the future.
    #[error("the credential was issued at Unix time {issued}, but it is {now}: set the clocks of both computers right")]
    NotYetValid {
        /// Time of issue.
        issued: u64,
        /// Time of this check.
        now: u64,
    },
    /// The name of the transport key is too short or too long.
    #[error("a peer id has 1 to {MAX_PEER_ID} bytes, this one has {0}")]
    PeerIdLength(usize),
    /// The bytes are not those of a credential.
    #[error("{0} bytes are no credential: cut short, too long, or damaged")]
    Malformed(usize),
    /// It would end before it begins.
    #[error("the credential would expire at {expires}, not after its issue at {issued}: give it a validity")]
    NeverValid {
        /// Time of issue.
        issued: u64,
        /// End of its validity.
        expires: u64,
    },
}

impl SecretIdentity {
    /// Signs a credential for a node's keys, valid in one grid.
    ///
    /// # Errors
    /// If the peer id is too short or long, the validity is empty, or the key is faulty.
    pub fn sign_credential(
        &self,
        grid_id: &[u8; 32],
        peer_id: &[u8],
        onion_key: [u8; 32],
        issued: u64,
        expires: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Credential, CredentialError> {
        let mut credential =
            Credential { peer_id: peer_id.to_vec(), onion_key, issued, expires, signature: Vec::new() };
        credential.check_fields()?;
        credential.signature = self.sign(DOMAIN, &credential.signed_part(grid_id), rng)?;
        Ok(credential)
    }
}

impl Credential {
    /// Whether `identity` vouches for these keys in this grid at the time `now` (Unix seconds).
    ///
    /// # Errors
    /// Says what is wrong: the time, the fields, or the signature.
    pub fn verify(&self, identity: &VerifiedIdentity, grid_id: &[u8; 32], now: u64) -> Result<(), CredentialError> {
        self.check_fields()?;
        if self.issued > now.saturating_add(CLOCK_TOLERANCE) {
            return Err(CredentialError::NotYetValid { issued: self.issued, now });
        }
        if self.expires <= now {
            return Err(CredentialError::Expired { expires: self.expires, now });
        }
        if !identity.has_signed(DOMAIN, &self.signed_part(grid_id), &self.signature) {
            return Err(CredentialError::Forged);
        }
        Ok(())
    }

    /// The very bytes that are signed, for checking with other tools.
    pub fn signed_bytes(&self, grid_id: &[u8; 32]) -> Vec<u8> {
        [DOMAIN, &self.signed_part(grid_id)].concat()
    }

    /// Writes the credential as it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.body();
        bytes.extend_from_slice(&saturated_u16(self.signature.len()).to_be_bytes());
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads a credential; the bytes may come from anyone. It is not verified yet.
    ///
    /// # Errors
    /// [`CredentialError::Malformed`] unless they are exactly one credential.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CredentialError> {
        Self::parse(bytes).ok_or(CredentialError::Malformed(bytes.len()))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[length], rest) = bytes.split_first_chunk()?;
        let (peer_id, rest) = rest.split_at_checked(length.into())?;
        let (onion_key, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (length, signature) = rest.split_first_chunk()?;
        let in_bounds = (1..=MAX_PEER_ID).contains(&peer_id.len())
            && (MIN_SIGNATURE..=MAX_SIGNATURE).contains(&signature.len())
            && signature.len() == usize::from(u16::from_be_bytes(*length));
        in_bounds.then(|| Self {
            peer_id: peer_id.to_vec(),
            onion_key: *onion_key,
            issued: u64::from_be_bytes(*issued),
            expires: u64::from_be_bytes(*expires),
            signature: signature.to_vec(),
        })
    }

    fn check_fields(&self) -> Result<(), CredentialError> {
        if !(1..=MAX_PEER_ID).contains(&self.peer_id.len()) {
            return Err(CredentialError::PeerIdLength(self.peer_id.len()));
        }
        if self.expires <= self.issued {
            return Err(CredentialError::NeverValid { issued: self.issued, expires: self.expires });
        }
        Ok(())
    }

    fn signed_part(&self, grid_id: &[u8; 32]) -> Vec<u8> {
        [grid_id, self.body().as_slice()].concat()
    }

    fn body(&self) -> Vec<u8> {
        let mut body = vec![u8::try_from(self.peer_id.len()).unwrap_or(u8::MAX)];
        body.extend_from_slice(&self.peer_id);
        body.extend_from_slice(&self.onion_key);
        body.extend_from_slice(&self.issued.to_be_bytes());
        body.extend_from_slice(&self.expires.to_be_bytes());
        body
    }
}

fn saturated_u16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
