//! Onion keys, and the keys that come from them.
//!
//! ```text
//! set-up    HKDF-SHA-256(salt "rook tunnel set-up 1",  secret X·b,        info name | B | X)
//!           -> set-up key 16, vector 12 | answer key 16, vector 12
//! session   HKDF-SHA-256(salt "rook tunnel session 1", secret X·y | X·b,  info name | B | X | Y)
//!           -> confirmation 16 | outward key 16, vector 12 | homeward key 16, vector 12
//! ```
//!
//! where `b, B` are a relay's onion key, `x, X` the initiator's fresh key for that relay, `y, Y` the relay's fresh one:
//! the shape of ntor (Goldberg, Stebila and Ustaoglu, "Anonymity and one-way authentication in key exchange
//! protocols", Designs, Codes and Cryptography 67, 2013). Only who has `b` can confirm, and whoever gets `b` later learns
//! from a recorded set-up whom it led to next, but no session key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::gcm::Secret;
use crate::name::Name;

const SET_UP: &[u8] = b"rook tunnel set-up 1";
const SESSION: &[u8] = b"rook tunnel session 1";

/// The public half of a node's onion key, an X25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OnionPublic([u8; 32]);

impl OnionPublic {
    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order in which they travel.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The secret half of an onion key, and the public one, which takes a multiplication to compute.
#[derive(Clone)]
pub struct OnionSecret {
    secret: Arc<PrivateKey>,
    public: OnionPublic,
}

impl OnionSecret {
    /// Takes the bytes as they are.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let whole = || {
            let secret = PrivateKey::from_private_key(&X25519, &bytes).ok()?;
            let public = secret.compute_public_key().ok()?.as_ref().try_into().ok()?;
            Some(Self { secret: secret.into(), public: OnionPublic(public) })
        };
        whole().unwrap_or_else(|| unreachable!("any 32 bytes are a secret of X25519 (RFC 7748, section 5)"))
    }

    /// Draws one.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self::from_bytes(*bytes)
    }

    /// The public half.
    pub const fn public(&self) -> OnionPublic {
        self.public
    }

    /// What it has in common with another key; none if that is one of the few that have nothing in common with any.
    fn agree(&self, other: OnionPublic) -> Option<SharedSecret> {
        let read = |shared: &[u8]| Ok(SharedSecret(Zeroizing::new(shared.try_into().map_err(|_| ())?)));
        agree(&self.secret, UnparsedPublicKey::new(&X25519, other.0), (), read).ok()
    }
}

impl fmt::Debug for OnionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnionSecret(..)")
    }
}

/// What two keys have in common.
pub(crate) struct SharedSecret(Zeroizing<[u8; 32]>);

impl SharedSecret {
    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One node of a path, as the initiator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its name.
    pub name: Name,
    /// Its onion key, for which its credential vouches.
    pub onion: OnionPublic,
}

/// What both sides of a set-up know of it: who is asked, and by which fresh key.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) hop: Hop,
    /// The initiator's fresh key for this hop.
    pub(crate) fresh: OnionPublic,
}

/// The keys of a set-up's layer, and the secret that they are from, which goes into the session's as well.
pub(crate) struct SetUpKeys {
    pub(crate) shared: SharedSecret,
    pub(crate) outward: Secret,
    pub(crate) answer: Secret,
}

/// The keys of a tunnel's hop, and what proves that the hop has them.
#[derive(ZeroizeOnDrop)]
pub(crate) struct SessionKeys {
    pub(crate) confirmation: [u8; CONFIRMATION],
    pub(crate) outward: Secret,
    pub(crate) homeward: Secret,
}

/// Bytes by which a hop confirms the keys.
pub(crate) const CONFIRMATION: usize = 16;

impl Asked {
    /// The keys of the layer, from either side's secret and the other's public key. None if that public key is one of
    /// those that have nothing in common with any.
    pub(crate) fn set_up(&self, mine: &OnionSecret, other: OnionPublic) -> Option<SetUpKeys> {
        let shared = mine.agree(other)?;
        let info = [self.hop.name.as_bytes().as_slice(), &self.hop.onion.0, &self.fresh.0];
        let mut keys = Zeroizing::new([0; 2 * Secret::SIZE]);
        expand(SET_UP, shared.as_bytes(), &info, keys.as_mut());
        let (outward, answer) = halves(&keys);
        Some(SetUpKeys { shared, outward, answer })
    }

    /// The initiator's keys of the session, from its fresh secret, the relay's fresh key, and the secret of the set-up.
    pub(crate) fn session(
        &self,
        mine: &OnionSecret,
        theirs: OnionPublic,
        set_up: &SharedSecret,
    ) -> Option<SessionKeys> {
        self.derive(&mine.agree(theirs)?, set_up, theirs)
    }

    /// The relay's keys of the session, from its fresh secret and the secret of the set-up.
    pub(crate) fn accept(&self, fresh: &OnionSecret, set_up: &SharedSecret) -> Option<SessionKeys> {
        self.derive(&fresh.agree(self.fresh)?, set_up, fresh.public())
    }

    fn derive(&self, fresh: &SharedSecret, onion: &SharedSecret, theirs: OnionPublic) -> Option<SessionKeys> {
        let mut secret = Zeroizing::new([0; 64]);
        secret[..32].copy_from_slice(fresh.as_bytes());
        secret[32..].copy_from_slice(onion.as_bytes());
        let info = [self.hop.name.as_bytes().as_slice(), &self.hop.onion.0, &self.fresh.0, &theirs.0];
        let mut keys = Zeroizing::new([0; CONFIRMATION + 2 * Secret::SIZE]);
        expand(SESSION, secret.as_ref(), &info, keys.as_mut());
        let (confirmation, keys) = keys.split_first_chunk()?;
        let (outward, homeward) = halves(keys.first_chunk()?);
        Some(SessionKeys { confirmation: *confirmation, outward, homeward })
    }
}

fn expand(salt: &[u8], secret: &[u8], info: &[&[u8]], keys: &mut [u8]) {
    let expanded = Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, keys);
    debug_assert!(expanded.is_ok(), "HKDF-SHA-256 gives up to 8,160 bytes");
}

fn halves(keys: &[u8; 2 * Secret::SIZE]) -> (Secret, Secret) {
    let mut halves = [[0; Secret::SIZE]; 2];
    halves[0].copy_from_slice(&keys[..Secret::SIZE]);
    halves[1].copy_from_slice(&keys[Secret::SIZE..]);
    (Secret::new(&halves[0]), Secret::new(&halves[1]))
}
