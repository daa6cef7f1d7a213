//! That one node is in a roster of which only the root is known.

use super::claim::Claim;
use super::merkle;
use super::roster::{Proof, leaf};
use crate::peer::Peer;

/// A verified node, and the proof that a claim's roster has it. Whether the claim is certified is another question: compare
/// it with that of a [`Certificate`](super::Certificate).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    claim: Claim,
    peer: Peer,
    proof: Proof,
}

/// Why a proof is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// The node is not on the line.
    #[error("the node is not on the roster's line")]
    Elsewhere,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the roster's root: the node is not in it")]
    Proof,
}

impl Membership {
    /// Checks the proof that a verified node is in a claim's roster. The node's address is no part of it.
    ///
    /// # Errors
    /// [`MembershipError`] for the first thing that is wrong.
    pub fn check(claim: Claim, peer: &Peer, proof: Proof) -> Result<Self, MembershipError> {
        if !claim.line.contains(&peer.cell()) {
            return Err(MembershipError::Elsewhere);
        }
        let leaf = leaf(peer.id(), peer.cell().coordinate(claim.line.axis()));
        match merkle::root_from(leaf, proof.index, claim.count, &proof.hashes) == Some(claim.root) {
            true => Ok(Self { claim, peer: peer.without_contact(), proof }),
            false => Err(MembershipError::Proof),
        }
    }

    /// The roster's root, line and epoch.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The node, with its card, without its contact.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The proof.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}
