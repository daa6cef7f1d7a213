//! One line in one epoch: who has signed what, and what has come of it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::certified::{Certificate, Claim, Equivocation, Hash, Roster, Signature, SignedClaim, threshold};
use crate::id::NodeId;

/// Our own signature. There is one at most, whatever happens.
#[derive(Clone, Debug, Default)]
pub(super) enum Mine {
    #[default]
    None,
    /// The shell was asked to sign it.
    Ordered(Claim),
    Signed(SignedClaim),
}

/// An opinion that we may sign if nobody answers whom it leaves out.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) claim: Claim,
    pub(super) missing: Vec<NodeId>,
    pub(super) from: NodeId,
}

/// What is known of one line and epoch.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What each member has signed first. A second, different one convicts it.
    signed: BTreeMap<NodeId, SignedClaim>,
    rosters: BTreeMap<Hash, Roster>,
    /// The opinion whose members each node was asked for: one of each, so that nobody fills our memory or keeps us busy.
    wanted: BTreeMap<NodeId, Claim>,
    refused: BTreeSet<Hash>,
    pub(super) pending: Option<Pending>,
    /// Whether our turn has passed.
    pub(super) had_turn: bool,
    pub(super) mine: Mine,
    /// Whose opinion we have signed, if not our own alone.
    pub(super) followed: Option<NodeId>,
    certificate: Option<Certificate>,
    /// Who was sent all the signatures that we have, since it has signed something else.
    compared: BTreeSet<NodeId>,
    /// Who has sent signatures that are none: only its own is looked at from then on.
    distrusted: BTreeSet<NodeId>,
}

impl Round {
    /// Notes what a node has signed; the proof against it, if it is the second thing.
    pub(super) fn note(&mut self, signed: SignedClaim) -> Option<Equivocation> {
        match self.signed.get(&signed.signer()) {
            Some(known) => Equivocation::of(known, &signed),
            None => {
                self.signed.insert(signed.signer(), signed);
                None
            }
        }
    }

    /// Whether this very signature of a node is known.
    pub(super) fn knows(&self, signer: NodeId, claim: &Claim) -> bool {
        self.signed.get(&signer).is_some_and(|known| known.claim() == claim)
    }

    /// All signatures on a claim.
    pub(super) fn signatures(&self, claim: &Claim) -> Vec<(NodeId, Signature)> {
        let on_it = self.signed.values().filter(|signed| signed.claim() == claim);
        on_it.map(|signed| (signed.signer(), *signed.signature())).collect()
    }

    /// The signature of a node on a claim.
    pub(super) fn signature_of(&self, signer: NodeId, claim: &Claim) -> Option<(NodeId, Signature)> {
        let signed = self.signed.get(&signer).filter(|signed| signed.claim() == claim)?;
        Some((signer, *signed.signature()))
    }

    /// The opinion that a claim is about, if its members are known.
    pub(super) fn roster(&self, claim: &Claim) -> Option<&Roster> {
        self.rosters.get(&claim.root).filter(|roster| claim.names(roster))
    }

    pub(super) fn learn(&mut self, roster: Roster) {
        self.rosters.insert(roster.root(), roster);
    }

    /// Whether to ask a node for the members of a claim's roster.
    pub(super) fn want(&mut self, from: NodeId, claim: Claim) -> bool {
        let is_first = !self.wanted.contains_key(&from);
        self.wanted.entry(from).or_insert(claim);
        is_first
    }

    /// What a node was asked for, if it is this.
    pub(super) fn wanted(&self, from: NodeId, roster: &Roster) -> Option<Claim> {
        self.wanted.get(&from).filter(|claim| claim.names(roster)).copied()
    }

    pub(super) fn refuse(&mut self, claim: &Claim) {
        self.refused.insert(claim.root);
    }

    pub(super) fn is_refused(&self, claim: &Claim) -> bool {
        self.refused.contains(&claim.root)
    }

    /// What was signed by others and not refused, and who has signed it first by name.
    pub(super) fn options(&self) -> BTreeMap<Claim, NodeId> {
        let mut options = BTreeMap::new();
        for signed in self.signed.values().filter(|signed| !self.is_refused(signed.claim())) {
            options.entry(*signed.claim()).or_insert(signed.signer());
        }
        options
    }

    /// Whether nothing was signed yet, or is about to be.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.mine, Mine::None)
    }

    /// Signatures on anything else than what we have signed, if we have.
    pub(super) fn strays(&self) -> Vec<SignedClaim> {
        let Mine::Signed(mine) = &self.mine else { return Vec::new() };
        self.signed.values().filter(|signed| signed.claim() != mine.claim()).cloned().collect()
    }

    /// What we have signed, if it is something else.
    pub(super) fn differs(&self, claim: &Claim) -> Option<Claim> {
        match &self.mine {
            Mine::Signed(mine) if mine.claim() != claim => Some(*mine.claim()),
            Mine::Signed(_) | Mine::Ordered(_) | Mine::None => None,
        }
    }

    /// Whether a node that has signed something else is to be sent what we have: once.
    pub(super) fn compare_with(&mut self, node: NodeId) -> bool {
        self.compared.insert(node)
    }

    pub(super) fn distrust(&mut self, node: NodeId) {
        self.distrusted.insert(node);
    }

    pub(super) fn is_distrusted(&self, node: NodeId) -> bool {
        self.distrusted.contains(&node)
    }

    /// Makes the certificate, if there are enough signatures for a claim by now: of more than half of its members, and of
    /// more than half of the `seen` whom we see on the line. A list of colluders has the first, and not the second.
    pub(super) fn certify(&mut self, claim: &Claim, seen: u32) {
        let Some(roster) = self.roster(claim).cloned().filter(|_| self.certificate.is_none()) else { return };
        let members = self
            .signed
            .values()
            .filter(|signed| signed.claim() == claim && roster.cell_of(signed.signer()) == Some(signed.peer().cell()));
        // No more than it takes: it has to travel.
        let needed = usize::try_from(threshold(roster.count().max(seen))).unwrap_or(usize::MAX);
        let signed: Vec<SignedClaim> = members.take(needed).cloned().collect();
        if signed.len() < needed {
            return;
        }
        self.certificate = Certificate::new(*claim, roster, signed).ok();
    }

    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// How many members have signed what is certified.
    pub(super) fn signers(&self) -> usize {
        let Some(certificate) = &self.certificate else { return 0 };
        let counts = |signed: &&SignedClaim| {
            signed.claim() == certificate.claim() && certificate.roster().cell_of(signed.signer()).is_some()
        };
        self.signed.values().filter(counts).count()
    }
}
