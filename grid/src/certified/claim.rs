//! What members sign: that a line's roster of an epoch has a certain root.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::epoch::Epoch;
use super::merkle::Hash;
use super::roster::Roster;
use crate::cell::Line;
use crate::id::{GridId, NodeId};
use crate::peer::Peer;

/// A signature, Ed25519 in the daemon; opaque to the core.
pub type Signature = [u8; 64];

/// "In this epoch the roster of this line is that one." Anybody may say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Of which line.
    pub line: Line,
    /// Of which epoch.
    pub epoch: Epoch,
    /// The roster's root.
    pub root: Hash,
    /// How many members it has.
    pub count: u32,
}

impl Claim {
    /// The claim that a roster is that of an epoch.
    pub fn of(roster: &Roster, epoch: Epoch) -> Self {
        Self { line: roster.line(), epoch, root: roster.root(), count: roster.count() }
    }

    /// Whether this is what the roster is named by.
    pub fn names(&self, roster: &Roster) -> bool {
        *self == Self::of(roster, self.epoch)
    }

    /// What a member signs with its transport key: `"rook roster v1" | grid id 32 | node 32 | axis 1 | number of axes 1 |
    /// coordinates of the line's first cell, 2 each | epoch 8 | root 32 | count 4`, numbers big-endian.
    pub fn signed_bytes(&self, grid: &GridId, node: &NodeId) -> Vec<u8> {
        let mut bytes = Vec::from(*b"rook roster v1");
        bytes.extend(grid.as_bytes());
        bytes.extend(node.as_bytes());
        self.line.append_to(&mut bytes);
        bytes.extend(self.epoch.number().to_be_bytes());
        bytes.extend(self.root);
        bytes.extend(self.count.to_be_bytes());
        bytes
    }
}

/// A claim and the member that has signed it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedClaim(Arc<Signed>);

#[derive(Debug, PartialEq, Eq)]
struct Signed {
    peer: Peer,
    claim: Claim,
    signature: Signature,
}

/// Why a signed claim is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The node is not on the line.
    #[error("the node that signed it is not on line {0}, so it has no say there")]
    Stranger(Line),
    /// The node did not sign it.
    #[error("the roster's root was not signed by that node: somebody has made it up")]
    Signature,
}

impl SignedClaim {
    /// Checks the signature of a verified node; `is_signed` says whether one over a message is by the node's transport
    /// key. The node's address is no part of it.
    ///
    /// # Errors
    /// [`ClaimError`] for the first thing that is wrong.
    pub fn check(
        peer: &Peer,
        claim: Claim,
        signature: Signature,
        grid: &GridId,
        is_signed: impl FnOnce(&Peer, &[u8], &[u8]) -> bool,
    ) -> Result<Self, ClaimError> {
        if !claim.line.contains(&peer.cell()) {
            return Err(ClaimError::Stranger(claim.line));
        }
        let peer = peer.without_contact();
        match is_signed(&peer, &claim.signed_bytes(grid, &peer.id()), &signature) {
            true => Ok(Self(Arc::new(Signed { peer, claim, signature }))),
            false => Err(ClaimError::Signature),
        }
    }

    /// Who signed it, without the contact.
    pub fn peer(&self) -> &Peer {
        &self.0.peer
    }

    /// The name of who signed it.
    pub fn signer(&self) -> NodeId {
        self.0.peer.id()
    }

    /// What was signed.
    pub fn claim(&self) -> &Claim {
        &self.0.claim
    }

    /// The signature.
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }
}
