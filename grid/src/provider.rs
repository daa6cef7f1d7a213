//! Who offers what: short, signed, expiring notes of nodes that others look up by topic.

use alloc::sync::Arc;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::id::{GridId, NodeId, RecordKey, RoutingKey};
use crate::peer::Peer;

/// The longest note, in bytes.
pub const MAX_NOTE: usize = 512;
/// The longest time for which an offer stands, in seconds: who still offers it by then says so again.
pub const MAX_OFFER_SECONDS: u64 = 86_400;
/// For how long an offer is made unless its node says otherwise, in seconds.
pub const OFFER_SECONDS: u64 = MAX_OFFER_SECONDS / 12;
/// Providers in one answer: 2 KiB each at most, so that they fit the smallest messages that a grid may allow.
pub const MAX_ANSWERED: usize = 16;

/// What can be offered: the hash of a name, or a record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic([u8; 32]);

impl Topic {
    /// The topic with that hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The topic of a name: `SHA-256("rook topic v1" ‖ name)`.
    pub fn named(name: &str) -> Self {
        Self(Sha256::new().chain_update(b"rook topic v1").chain_update(name.as_bytes()).finalize().into())
    }

    /// The topic of a record: who has more to say about it, a copy of its dataset for example.
    pub const fn of_record(key: &RecordKey) -> Self {
        Self(*key.as_bytes())
    }

    /// What decides the cells that keep its offers: `SHA-256("rook providers v1" ‖ topic)`.
    pub fn routing_key(&self) -> RoutingKey {
        let digest = Sha256::new().chain_update(b"rook providers v1").chain_update(self.0);
        RoutingKey::from_bytes(digest.finalize().into())
    }
}

/// An offer as anybody may write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What is offered.
    pub topic: Topic,
    /// When it was signed, in seconds of Unix time.
    pub issued: u64,
    /// Until when it stands.
    pub expires: u64,
    /// What the node has to say to it, at most [`MAX_NOTE`] bytes.
    pub note: Arc<[u8]>,
}

impl Offer {
    /// What the node signs with its transport key: `"rook offer v1" ‖ grid id ‖ node ‖ topic ‖ issued 8 ‖ expires 8 ‖
    /// note`, numbers big-endian.
    pub fn signed_bytes(&self, grid: &GridId, node: &NodeId) -> Vec<u8> {
        let mut bytes = Vec::from(*b"rook offer v1");
        bytes.extend(grid.as_bytes());
        bytes.extend(node.as_bytes());
        bytes.extend(self.topic.as_bytes());
        bytes.extend(self.issued.to_be_bytes());
        bytes.extend(self.expires.to_be_bytes());
        bytes.extend(&*self.note);
        bytes
    }
}

/// An offer and the node that has signed it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider(Arc<Signed>);

#[derive(Debug, PartialEq, Eq)]
struct Signed {
    peer: Peer,
    offer: Offer,
    signature: Arc<[u8]>,
}

/// Why an offer is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The node did not sign it.
    #[error("the offer was not signed by its node: somebody has made it up")]
    Signature,
    /// The note is too long.
    #[error("an offer's note has at most {MAX_NOTE} bytes, not {0}")]
    Note(usize),
    /// It stands for too long, or for no time.
    #[error("an offer stands for 1 to {MAX_OFFER_SECONDS} s, not {0}")]
    Time(u64),
}

impl Provider {
    /// Checks an offer of a verified node; `is_signed` says whether a signature over a message is by the node's
    /// transport key. The node's address is no part of an offer.
    ///
    /// # Errors
    /// [`OfferError`] for the first thing that is wrong.
    pub fn check(
        peer: &Peer,
        offer: Offer,
        signature: impl Into<Arc<[u8]>>,
        grid: &GridId,
        is_signed: impl FnOnce(&Peer, &[u8], &[u8]) -> bool,
    ) -> Result<Self, OfferError> {
        if offer.note.len() > MAX_NOTE {
            return Err(OfferError::Note(offer.note.len()));
        }
        let time = offer.expires.saturating_sub(offer.issued);
        if !(1..=MAX_OFFER_SECONDS).contains(&time) {
            return Err(OfferError::Time(time));
        }
        let (peer, signature) = (peer.without_contact(), signature.into());
        match is_signed(&peer, &offer.signed_bytes(grid, &peer.id()), &signature) {
            true => Ok(Self(Arc::new(Signed { peer, offer, signature }))),
            false => Err(OfferError::Signature),
        }
    }

    /// The node.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// What it offers.
    pub fn offer(&self) -> &Offer {
        &self.0.offer
    }

    /// Its signature.
    pub fn signature(&self) -> &Arc<[u8]> {
        &self.0.signature
    }
}
