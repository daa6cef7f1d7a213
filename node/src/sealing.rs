//! Welcomes: a node's own card, contact included, sealed to a newcomer's identity.

use grid::id::{GridId, NodeId};
use grid::peer::{Card, Peer};
use hashcash::SecretIdentity;

use crate::verifier::{CardError, Verifier};
use crate::wire::{WireCard, WireError, codec};

/// Why a welcome cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WelcomeError {
    #[error("the newcomer's card does not hold any more: {0}")]
    Newcomer(#[source] CardError),
    #[error(transparent)]
    Seal(#[from] hashcash::seal::SealError),
    #[error("the welcome does not open: {0}")]
    Open(#[from] hashcash::seal::OpenError),
    #[error("the welcome holds no card: {0}")]
    Malformed(#[from] WireError),
    #[error("the card in the welcome is void: {0}")]
    Card(#[from] CardError),
}

/// What a welcome is bound to: nothing sealed for another purpose, grid or node opens as one.
fn context(grid: GridId, newcomer: NodeId) -> Vec<u8> {
    [b"rook welcome v1".as_slice(), grid.as_bytes(), newcomer.as_bytes()].concat()
}

/// Seals our card to a newcomer.
pub(crate) fn seal(verifier: &Verifier, me: &Peer, newcomer: &Peer) -> Result<Vec<u8>, WelcomeError> {
    let identity = verifier.identity_of(newcomer).map_err(WelcomeError::Newcomer)?;
    let card = codec::encode(&WireCard::from(me.card()));
    Ok(hashcash::seal::seal(&identity, &context(verifier.grid(), newcomer.id()), &card, &mut rand::rng())?)
}

/// Opens a welcome and verifies the card in it.
pub(crate) fn open(verifier: &Verifier, identity: &SecretIdentity, sealed: &[u8]) -> Result<Peer, WelcomeError> {
    let me = NodeId::from_bytes(identity.identity().id());
    let card = identity.open(&context(verifier.grid(), me), sealed)?;
    let card: WireCard = codec::decode(&card)?;
    Ok(verifier.verify_now(Card::from(card))?)
}
