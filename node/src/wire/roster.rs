//! Certified rosters as they travel, and how their signatures are checked.
//!
//! ```text
//! line         axis | first cell: its coordinate on the axis is 0
//! claim        line | epoch | root 32 | count
//! roster       line | number of members | name 32 and place on the line of each
//! signed       card without contact | signature 64
//! certificate  epoch | roster | number of those who have signed | signed of each
//! brief        epoch | roster | number of those who have signed | of each: place of its card in a list, signature 64
//! membership   claim | card without contact | place in the roster | number of hashes | hashes 32
//! equivocation claim | signed | claim | signed
//! ```

use grid::cell::{Cell, Line, Shape};
use grid::certified::{
    Certificate, Claim, Epoch, Equivocation, Hash, MAX_MEMBERS, MAX_PROOF, Membership, Proof, Roster, Signature,
    SignedClaim,
};
use grid::id::{GridId, NodeId};
use grid::peer::Peer;
use serde::{Deserialize, Serialize};

use super::bounded;
use super::card::WireCard;
use super::error::WireError;
use crate::verifier::is_signed_by;

/// The most coordinates that are read; how many a cell has is the grid's affair.
const MAX_COORDINATES: usize = grid::cell::MAX_DIMS as usize;

/// A [`Signature`], halved, since serde knows no longer arrays.
pub(super) type WireSignature = [[u8; 32]; 2];

/// A [`Line`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WireLine {
    axis: u8,
    #[serde(deserialize_with = "bounded::list::<MAX_COORDINATES, _, _>")]
    first: Vec<u16>,
}

/// A [`Claim`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WireClaim {
    line: WireLine,
    epoch: u64,
    root: Hash,
    count: u32,
}

/// A [`Roster`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireRoster {
    line: WireLine,
    #[serde(deserialize_with = "bounded::list::<MAX_MEMBERS, _, _>")]
    members: Vec<([u8; 32], u16)>,
}

/// Who has signed something, and its signature.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireSigned {
    pub(super) card: WireCard,
    signature: WireSignature,
}

/// A [`Certificate`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireCertificate {
    epoch: u64,
    roster: WireRoster,
    #[serde(deserialize_with = "bounded::list::<MAX_MEMBERS, _, _>")]
    signed: Vec<WireSigned>,
}

/// A [`Certificate`] beside a list of cards, those of its signers among them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireBrief {
    epoch: u64,
    roster: WireRoster,
    #[serde(deserialize_with = "bounded::list::<MAX_MEMBERS, _, _>")]
    signed: Vec<(u16, WireSignature)>,
}

/// A [`Membership`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireMembership {
    claim: WireClaim,
    pub(super) card: WireCard,
    index: u32,
    #[serde(deserialize_with = "bounded::list::<MAX_PROOF, _, _>")]
    hashes: Vec<Hash>,
}

/// An [`Equivocation`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireEquivocation {
    pub(super) sides: [(WireClaim, WireSigned); 2],
}

impl WireLine {
    fn check(&self, shape: Shape) -> Result<Line, WireError> {
        let axis = shape.axes().nth(self.axis.into());
        let axis = axis.ok_or(WireError::Axis { axis: self.axis, dims: shape.dims() })?;
        let first = shape.cell(&self.first).map_err(WireError::Cell)?;
        // Each line has one name.
        Some(Line::through(first, axis)).filter(|line| line.first() == first).ok_or(WireError::Line(first))
    }

    /// The cell at a place on the line.
    fn cell(&self, shape: Shape, place: u16) -> Result<Cell, WireError> {
        let mut coordinates = self.first.clone();
        if let Some(coordinate) = coordinates.get_mut(usize::from(self.axis)) {
            *coordinate = place;
        }
        shape.cell(&coordinates).map_err(WireError::Cell)
    }
}

impl WireClaim {
    pub(super) fn check(&self, shape: Shape) -> Result<Claim, WireError> {
        let Self { line, epoch, root, count } = self;
        Ok(Claim { line: line.check(shape)?, epoch: Epoch::new(*epoch), root: *root, count: *count })
    }
}

impl WireRoster {
    pub(super) fn check(&self, shape: Shape) -> Result<Roster, WireError> {
        let line = self.line.check(shape)?;
        let member = |&(name, place): &([u8; 32], u16)| Ok((NodeId::from_bytes(name), self.line.cell(shape, place)?));
        let members = self.members.iter().map(member).collect::<Result<Vec<_>, WireError>>()?;
        Ok(Roster::new(line, members)?)
    }
}

impl WireSigned {
    /// The signed claim, by a node whose card was verified.
    fn check(&self, peer: &Peer, claim: Claim, grid: &GridId) -> Result<SignedClaim, WireError> {
        Ok(SignedClaim::check(peer, claim, signature(self.signature), grid, is_signed_by)?)
    }
}

impl WireCertificate {
    /// The cards of those who have signed, in order.
    pub(crate) fn cards(&self) -> impl Iterator<Item = &WireCard> {
        self.signed.iter().map(|signed| &signed.card)
    }

    /// The certificate; `peers` are those of the cards, in order.
    ///
    /// # Errors
    /// [`WireError`] for the first thing that is wrong.
    pub(crate) fn check(self, shape: Shape, grid: &GridId, peers: &[Peer]) -> Result<Certificate, WireError> {
        let roster = self.roster.check(shape)?;
        let claim = Claim::of(&roster, Epoch::new(self.epoch));
        let signed = self.signed.iter().zip(peers).map(|(signed, peer)| signed.check(peer, claim, grid));
        let signed = signed.collect::<Result<Vec<_>, _>>()?;
        Ok(Certificate::new(claim, roster, signed)?)
    }
}

impl WireBrief {
    /// The same as bytes. `place` says where in the list the card of a signer stands.
    pub(crate) fn new(certificate: &Certificate, mut place: impl FnMut(&Peer) -> u16) -> Self {
        let mut one = |signed: &SignedClaim| (place(signed.peer()), halves(signed.signature()));
        let signed = certificate.signed().iter().map(&mut one).collect();
        Self { epoch: certificate.claim().epoch.number(), roster: certificate.roster().into(), signed }
    }

    /// The certificate. `peer` gives the verified node of the card at a place.
    ///
    /// # Errors
    /// [`WireError`] for the first thing that is wrong, the card of a signer that is not there included.
    pub(crate) fn check<'a>(
        &self,
        shape: Shape,
        grid: &GridId,
        peer: impl Fn(u16) -> Option<&'a Peer>,
    ) -> Result<Certificate, WireError> {
        let roster = self.roster.check(shape)?;
        let claim = Claim::of(&roster, Epoch::new(self.epoch));
        let one = |&(place, its): &(u16, WireSignature)| {
            let peer = peer(place).ok_or(WireError::RefusedCard)?;
            Ok(SignedClaim::check(peer, claim, signature(its), grid, is_signed_by)?)
        };
        let signed = self.signed.iter().map(one).collect::<Result<Vec<_>, WireError>>()?;
        Ok(Certificate::new(claim, roster, signed)?)
    }
}

impl WireMembership {
    pub(super) fn check(self, shape: Shape, peer: &Peer) -> Result<Membership, WireError> {
        let proof = Proof { index: self.index, hashes: self.hashes };
        Ok(Membership::check(self.claim.check(shape)?, peer, proof)?)
    }
}

impl WireEquivocation {
    /// The proof; `peers` are those of the cards, in order.
    pub(super) fn check(&self, shape: Shape, grid: &GridId, peers: &[Peer; 2]) -> Result<Equivocation, WireError> {
        let [(first, by), (second, by_same)] = &self.sides;
        let one = by.check(&peers[0], first.check(shape)?, grid)?;
        let other = by_same.check(&peers[1], second.check(shape)?, grid)?;
        Equivocation::of(&one, &other).ok_or(WireError::Equivocation)
    }
}

/// A signature in one piece.
pub(super) fn signature([first, second]: WireSignature) -> Signature {
    std::array::from_fn(|i| if i < 32 { first[i] } else { second[i - 32] })
}

/// A signature in halves.
pub(super) fn halves(signature: &Signature) -> WireSignature {
    let half = |start: usize| std::array::from_fn(|i| signature[start + i]);
    [half(0), half(32)]
}

impl From<Line> for WireLine {
    fn from(line: Line) -> Self {
        // An axis has a number below `MAX_DIMS`, so it fits.
        let axis = u8::try_from(line.axis().index()).unwrap_or(u8::MAX);
        Self { axis, first: line.first().coordinates().to_vec() }
    }
}

impl From<&Claim> for WireClaim {
    fn from(claim: &Claim) -> Self {
        let Claim { line, epoch, root, count } = *claim;
        Self { line: line.into(), epoch: epoch.number(), root, count }
    }
}

impl From<&Roster> for WireRoster {
    fn from(roster: &Roster) -> Self {
        let place = |cell: Cell| cell.coordinate(roster.axis()).index();
        let members = roster.members().map(|(id, cell)| (*id.as_bytes(), place(cell))).collect();
        Self { line: roster.line().into(), members }
    }
}

impl From<&SignedClaim> for WireSigned {
    fn from(signed: &SignedClaim) -> Self {
        Self { card: signed.peer().card().into(), signature: halves(signed.signature()) }
    }
}

impl From<&Certificate> for WireCertificate {
    fn from(certificate: &Certificate) -> Self {
        let epoch = certificate.claim().epoch.number();
        let signed = certificate.signed().iter().map(Into::into).collect();
        Self { epoch, roster: certificate.roster().into(), signed }
    }
}

impl From<&Membership> for WireMembership {
    fn from(member: &Membership) -> Self {
        let Proof { index, hashes } = member.proof();
        Self { claim: member.claim().into(), card: member.peer().card().into(), index: *index, hashes: hashes.clone() }
    }
}

impl From<&Equivocation> for WireEquivocation {
    fn from(proof: &Equivocation) -> Self {
        let side = |signed: &SignedClaim| (signed.claim().into(), signed.into());
        Self { sides: proof.signed().each_ref().map(side) }
    }
}
