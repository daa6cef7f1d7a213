//! The proof that a server has lied, or that its memory or disk has failed: two different answers to one request.

use grid::id::NodeId;
use grid::peer::{Card, Peer};
use serde::{Deserialize, Serialize};

use super::signed::SignedAnswer;
use super::wire::Request;
use crate::verifier::{CardError, Verifier};
use crate::wire::{WireCard, WireError, bounded, codec};

/// The longest request that an answer is signed for.
pub const MAX_SIGNED_REQUEST: usize = 32 << 10;
/// The longest contradiction, in bytes.
pub const MAX_CONTRADICTION: usize = 48 << 10;

/// A root and the signature for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Word {
    root: [u8; 32],
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<64, _, _>")]
    signature: Vec<u8>,
}

/// Two answers of one server to the same request that differ. Requests are deterministic, so one of them is wrong.
///
/// It can be checked for as long as the card in it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    card: WireCard,
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_SIGNED_REQUEST, _, _>")]
    request: Vec<u8>,
    /// In the order of their roots, so that one contradiction has one form.
    words: [Word; 2],
}

/// Why something is no contradiction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContradictionError {
    /// The bytes are none.
    #[error("the proof cannot be read: {0}")]
    Malformed(#[from] WireError),
    /// The server's card is not believed.
    #[error("the proof's card is not believed: {0}")]
    Card(#[from] CardError),
    /// The answers are the same, are not to one request, or are not from one server.
    #[error("the answers do not contradict each other")]
    NoContradiction,
    /// One of the signatures is wrong.
    #[error("the proof is made up: the server has not signed both answers")]
    Signature,
}

impl Contradiction {
    /// The contradiction of two answers of a server.
    ///
    /// # Errors
    /// [`ContradictionError::NoContradiction`] if there is none.
    pub fn of(server: &Peer, one: &SignedAnswer, other: &SignedAnswer) -> Result<Self, ContradictionError> {
        let same = one.request == other.request && [one.server, other.server] == [server.id(); 2];
        if !same || one.root == other.root {
            return Err(ContradictionError::NoContradiction);
        }
        let word = |answer: &SignedAnswer| Word { root: answer.root, signature: answer.signature.clone() };
        let mut words = [word(one), word(other)];
        words.sort_by_key(|word| word.root);
        let card = WireCard::from(server.without_contact().card());
        Ok(Self { card, request: one.request.clone(), words })
    }

    /// Checks everything that can be checked, and says which server it convicts.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub async fn verify(&self, verifier: &Verifier) -> Result<Peer, ContradictionError> {
        let [one, other] = &self.words;
        if one.root >= other.root {
            return Err(ContradictionError::NoContradiction);
        }
        self.request()?;
        let card = Card { contact: None, ..Card::from(self.card.clone()) };
        let server = verifier.verify(card).await?;
        let is_signed = |word: &Word| self.answer(server.id(), word).is_by(&server, &verifier.grid());
        if is_signed(one) && is_signed(other) { Ok(server) } else { Err(ContradictionError::Signature) }
    }

    /// What was asked.
    ///
    /// # Errors
    /// [`ContradictionError::Malformed`] if that is no request.
    pub fn request(&self) -> Result<Request, ContradictionError> {
        Ok(Request::decode(&self.request)?)
    }

    /// The bytes in which it is kept and passed on.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The contradiction of some bytes, not verified yet.
    ///
    /// # Errors
    /// [`ContradictionError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ContradictionError> {
        Ok(codec::decode(bytes)?)
    }

    fn answer(&self, server: NodeId, word: &Word) -> SignedAnswer {
        SignedAnswer { server, request: self.request.clone(), root: word.root, signature: word.signature.clone() }
    }
}
