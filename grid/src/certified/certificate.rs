//! A roster that enough of its own members have signed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::claim::{Claim, Signature, SignedClaim};
use super::equivocation::Equivocation;
use super::roster::Roster;
use crate::id::NodeId;

/// How many of a roster's members must sign it: more than half. See [`crate::certified`] for the reason.
pub const fn threshold(count: u32) -> u32 {
    count / 2 + 1
}

/// A roster, and the signatures of more than half of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    claim: Claim,
    roster: Roster,
    signed: Vec<SignedClaim>,
}

/// Why signatures do not certify a roster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A signature for another roster, line or epoch.
    #[error("node {0} has signed something else")]
    Other(NodeId),
    /// A signature of somebody who is not in the roster, or not there.
    #[error("node {0} has signed the roster and is not in it")]
    Foreign(NodeId),
    /// Two signatures of one node.
    #[error("node {0} has signed twice, which counts once")]
    Twice(NodeId),
    /// Too few signatures.
    #[error("{found} members have signed the roster, {needed} are needed")]
    TooFew {
        /// How many have.
        found: usize,
        /// How many must.
        needed: u32,
    },
}

impl Certificate {
    /// Checks that enough members of a roster have signed `claim`, which must be about it.
    ///
    /// # Errors
    /// [`CertificateError`] for the first thing that is wrong: a signature that does not count spoils the others, since
    /// nobody honest sends one.
    pub fn new(claim: Claim, roster: Roster, signed: Vec<SignedClaim>) -> Result<Self, CertificateError> {
        let mut signers = BTreeSet::new();
        for one in &signed {
            let signer = one.signer();
            if *one.claim() != claim || !claim.names(&roster) {
                return Err(CertificateError::Other(signer));
            }
            if roster.cell_of(signer) != Some(one.peer().cell()) {
                return Err(CertificateError::Foreign(signer));
            }
            if !signers.insert(signer) {
                return Err(CertificateError::Twice(signer));
            }
        }
        let needed = threshold(roster.count());
        if u32::try_from(signed.len()).is_ok_and(|found| found < needed) {
            return Err(CertificateError::TooFew { found: signed.len(), needed });
        }
        Ok(Self(Arc::new(Inner { claim, roster, signed })))
    }

    /// Whether this counts, and not another one of the same line and epoch: it says something else, and more members have
    /// signed it. Where fewer than half of a line collude, no list of theirs has as many signatures as that of the others.
    pub fn outweighs(&self, other: &Self) -> bool {
        let (mine, its) = (self.claim(), other.claim());
        mine.line == its.line
            && mine.epoch == its.epoch
            && mine.root != its.root
            && self.signed().len() > other.signed().len()
    }

    /// Whom another certificate shows to have signed two rosters of one line and epoch.
    pub fn liars(&self, other: &Self) -> Vec<Equivocation> {
        let signed: BTreeMap<NodeId, &SignedClaim> = self.signed().iter().map(|one| (one.signer(), one)).collect();
        let both = other.signed().iter().filter_map(|one| Some((*signed.get(&one.signer())?, one)));
        both.filter_map(|(one, other)| Equivocation::of(one, other)).collect()
    }

    /// What was signed.
    pub fn claim(&self) -> &Claim {
        &self.0.claim
    }

    /// Who is on the line.
    pub fn roster(&self) -> &Roster {
        &self.0.roster
    }

    /// Bytes that it takes, about: the members, and of those who have signed the cards and signatures.
    pub(crate) fn bytes(&self) -> usize {
        let signer = |signed: &SignedClaim| {
            let card = signed.peer().card();
            card.identity.len() + card.credential.len() + size_of::<Signature>()
        };
        self.0.roster.members().len() * size_of::<NodeId>() + self.0.signed.iter().map(signer).sum::<usize>()
    }

    /// Who has signed it.
    pub fn signed(&self) -> &[SignedClaim] {
        &self.0.signed
    }
}
