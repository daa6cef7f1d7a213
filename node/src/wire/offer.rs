//! Offers as they travel: the card of the node, without its contact, what it offers, and its signature.
//!
//! ```text
//! card | topic 32 | issued | expires | note (length and bytes) | signature (length and bytes)
//! ```

use std::sync::Arc;

use grid::id::GridId;
use grid::peer::Peer;
use grid::provider::{MAX_NOTE, Offer, Provider, Topic};
use serde::{Deserialize, Serialize};

use super::bounded;
use super::card::{MAX_SIGNATURE, WireCard};
use super::error::WireError;
use crate::verifier::is_signed_by;

/// A [`Provider`] of which nothing is checked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireProvider {
    pub(super) card: WireCard,
    topic: [u8; 32],
    issued: u64,
    expires: u64,
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_NOTE, _, _>")]
    note: Arc<[u8]>,
    #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<MAX_SIGNATURE, _, _>")]
    signature: Arc<[u8]>,
}

impl WireProvider {
    /// The provider, whose card was verified.
    pub(super) fn check(self, peer: &Peer, grid: &GridId) -> Result<Provider, WireError> {
        let Self { topic, issued, expires, note, signature, .. } = self;
        let offer = Offer { topic: Topic::from_bytes(topic), issued, expires, note };
        Ok(Provider::check(peer, offer, signature, grid, is_signed_by)?)
    }
}

impl From<&Provider> for WireProvider {
    fn from(provider: &Provider) -> Self {
        let Offer { topic, issued, expires, note } = provider.offer();
        Self {
            card: provider.peer().card().into(),
            topic: *topic.as_bytes(),
            issued: *issued,
            expires: *expires,
            note: note.clone(),
            signature: provider.signature().clone(),
        }
    }
}
