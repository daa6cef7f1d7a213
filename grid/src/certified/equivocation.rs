//! Proof that a node has lied: two different rosters of one line and epoch, both signed by it.

use alloc::sync::Arc;

use super::claim::SignedClaim;
use crate::id::NodeId;
use crate::peer::Peer;

/// Two signed claims that no honest node signs both. Since each is checked, nobody else can have made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation(Arc<[SignedClaim; 2]>);

impl Equivocation {
    /// The proof that two signed claims are, in whichever order; `None` if they are by two nodes, about two lines or
    /// epochs, or say the same.
    pub fn of(one: &SignedClaim, other: &SignedClaim) -> Option<Self> {
        let (a, b) = (one.claim(), other.claim());
        let comparable = one.signer() == other.signer() && a.line == b.line && a.epoch == b.epoch;
        if !comparable || a == b {
            return None;
        }
        let (first, second) = if a < b { (one, other) } else { (other, one) };
        Some(Self(Arc::new([first.clone(), second.clone()])))
    }

    /// Who has lied.
    pub fn liar(&self) -> NodeId {
        self.0[0].signer()
    }

    /// The same with its card, as it was when it signed.
    pub fn peer(&self) -> &Peer {
        self.0[0].peer()
    }

    /// What it has signed, in the order of the claims.
    pub fn signed(&self) -> &[SignedClaim; 2] {
        &self.0
    }
}
