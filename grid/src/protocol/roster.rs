//! Certified rosters: once in each epoch the members of a line agree on who is on it, and sign that.
//!
//! How a common root comes about. Everybody waits for a moment after the epoch has begun, so that deaths are found out, and
//! then goes by its own opinion of who was there for the whole epoch before ([`judge`]). The members take turns, in the
//! order of a hash over epoch, line and name: the first sends its claim, signed, to all others of the line. Who is of the same
//! opinion signs at once; who is not asks for the names, and signs if the difference is one that is let pass. A signature
//! goes to everybody, so there is no collector who could keep it back. Whoever's turn comes without having signed anything
//! sends its own opinion; so a first who is silent, or leaves somebody out, costs a turn.
//!
//! Nobody signs twice for a line and epoch. Who has is convicted by both signatures: whoever signs sends along what the one
//! whom it follows has signed; what somebody has signed that we have not is told on to the whole line; and those who have
//! signed different things send each other all the signatures that they have.

mod convicts;
mod judge;
mod presence;
mod round;
mod serve;
mod timer;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::{Axis, Line};
use crate::certified::{Certificate, Claim, Epoch, Equivocation, MAX_MEMBERS, Roster, Signature, SignedClaim};
use crate::id::NodeId;
use crate::message::Message;
use crate::neighbours::{Member, Role};
use crate::output::Output;
use crate::parameters::Parameters;
use crate::peer::Peer;
use crate::protocol::{Context, Signal};
use crate::time::Time;

use convicts::Convicts;
use judge::{Judge, Verdict};
use presence::Presence;
use round::{Mine, Pending, Round};

/// When to act without being told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// An epoch begins, or is about to.
    Epoch,
    /// Deaths around the beginning of an epoch have been found out: opinions are formed.
    Settled(Epoch),
    /// It is our turn to say who is on a line.
    Turn(Epoch, Axis),
    /// Whoever an opinion leaves out has had its time to answer.
    Probed(Epoch, Axis),
}

/// Signatures for an epoch that has not begun here that are kept of one sender for each line: its own, and whom it follows.
const EARLY: usize = 2;

/// A claim, and signatures of it that are not checked.
type Told = (Claim, Vec<(NodeId, Signature)>);

/// The rosters of our lines.
#[derive(Debug)]
pub(crate) struct Rosters {
    /// Since when we have been part of the grid; `None` for a leaf.
    since: Option<Time>,
    epoch: Option<Epoch>,
    /// When the epoch began, by our clock.
    began: Time,
    presence: Presence,
    /// Of this epoch and the one before.
    rounds: BTreeMap<(Epoch, Axis), Round>,
    /// What came too early for our clock.
    early: BTreeMap<(NodeId, Axis), Told>,
    convicts: Convicts,
    /// The longest certificate that fits a message, in members.
    most_members: usize,
}

impl Rosters {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        Self {
            since: None,
            epoch: None,
            began: Time::ZERO,
            presence: Presence::default(),
            rounds: BTreeMap::new(),
            early: BTreeMap::new(),
            convicts: Convicts::default(),
            most_members: serve::most_members(parameters),
        }
    }

    pub(crate) fn on_link_up<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        if self.since.is_none() || cx.table.role(node) != Some(Role::Neighbour) {
            return;
        }
        let Some(cell) = cx.table.peer(node).map(Peer::cell) else { return };
        if self.presence.is_empty() && self.rounds.is_empty() {
            // Nobody has seen us before.
            self.since = Some(cx.now);
        }
        self.presence.came(cx.now, node, cell, Judge::edge(cx.config.roster_epoch));
        self.convicts.tell(node, cx);
    }

    pub(crate) fn on_link_down<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        self.presence.left(cx.now, node);
    }

    /// What we go by on one of our lines.
    fn judge<R>(&self, line: Line, cx: &Context<'_, R>) -> Option<Judge<'_>> {
        Some(Judge {
            line,
            me: cx.me.id(),
            home: cx.me.cell(),
            since: self.since?,
            presence: &self.presence,
            convicted: self.convicts.since(),
            began: self.began,
            length: cx.config.roster_epoch,
        })
    }

    /// Somebody tells what it, and perhaps others, have signed.
    pub(crate) fn on_claims<R: Rng>(
        &mut self,
        from: NodeId,
        claim: Claim,
        mut signatures: Vec<(NodeId, Signature)>,
        cx: &mut Context<'_, R>,
    ) {
        let axis = claim.line.axis();
        if !shares_line(from, claim.line, cx) {
            return;
        }
        if self.epoch.is_some_and(|now| now.next() == claim.epoch) {
            signatures.truncate(EARLY);
            self.early.insert((from, axis), (claim, signatures));
            return;
        }
        let Some(round) = self.rounds.get_mut(&(claim.epoch, axis)) else { return };
        let trusted = !round.is_distrusted(from);
        let fresh = |&(signer, _): &(NodeId, Signature)| {
            signer != cx.me.id() && (trusted || signer == from) && !round.knows(signer, &claim)
        };
        let with_peer = |(signer, signature)| Some((cx.table.peer(signer)?.clone(), signature));
        let to_check: Vec<(Peer, Signature)> =
            signatures.into_iter().take(MAX_MEMBERS).filter(fresh).filter_map(with_peer).collect();
        if !to_check.is_empty() {
            cx.out.push(Output::CheckClaims { from, claim, signatures: to_check });
        }
    }

    /// Signatures have been checked.
    pub(crate) fn on_checked<R: Rng>(
        &mut self,
        from: NodeId,
        claim: Claim,
        signed: Vec<SignedClaim>,
        refused: u32,
        cx: &mut Context<'_, R>,
    ) {
        let key = (claim.epoch, claim.line.axis());
        let Some(round) = self.rounds.get_mut(&key) else { return };
        if refused > 0 {
            round.distrust(from);
        }
        let (mut proofs, mut strays) = (Vec::new(), Vec::new());
        for signed in signed {
            let is_news = !round.knows(signed.signer(), &claim);
            match round.note(signed.clone()) {
                Some(proof) => proofs.push(proof),
                None if is_news && round.differs(&claim).is_some() => strays.push(signed),
                None => {}
            }
        }
        tell_strays(&strays, cx);
        proofs.into_iter().for_each(|proof| self.convicts.take(proof, cx));
        self.consider(from, claim, cx);
    }

    /// Makes of a claim what can be made of it by now.
    fn consider<R: Rng>(&mut self, from: NodeId, claim: Claim, cx: &mut Context<'_, R>) {
        let key = (claim.epoch, claim.line.axis());
        let Some(judge) = self.judge(claim.line, cx) else { return };
        let (opinion, expected) = (judge.opinion(), judge.expected());
        let Some(round) = self.rounds.get_mut(&key) else { return };
        if let Some(opinion) = opinion.filter(|opinion| claim.names(opinion)) {
            round.learn(opinion);
        }
        if round.roster(&claim).is_none() {
            if round.want(from, claim) {
                cx.send(from, Message::RosterWanted(claim));
            }
            return;
        }
        round.certify(&claim, expected);
        if let Some(mine) = round.differs(&claim)
            && round.compare_with(from)
        {
            let signatures = round.signatures(&mine);
            cx.send(from, Message::RosterClaims { claim: mine, signatures });
        }
        self.weigh(from, claim, cx);
    }

    /// Signs a claim whose roster is known, or finds out whether it may be signed, if nothing else was signed.
    fn weigh<R: Rng>(&mut self, from: NodeId, claim: Claim, cx: &mut Context<'_, R>) {
        let axis = claim.line.axis();
        let Some(round) = self.rounds.get(&(claim.epoch, axis)) else { return };
        let is_due = self.epoch == Some(claim.epoch) && round.is_open() && round.pending.is_none();
        if !is_due || round.is_refused(&claim) {
            return;
        }
        let (Some(judge), Some(roster)) = (self.judge(claim.line, cx), round.roster(&claim)) else { return };
        if !judge.is_witness() {
            return;
        }
        let verdict = judge.judge(roster);
        let Some(round) = self.rounds.get_mut(&(claim.epoch, axis)) else { return };
        match verdict {
            Verdict::Sound => {
                round.followed = Some(from);
                self.order(claim, cx);
            }
            Verdict::Unless(missing) => {
                missing.iter().for_each(|&node| cx.signal(Signal::Doubt(node)));
                round.pending = Some(Pending { claim, missing, from });
                // The answer may come in the last moment.
                cx.timer(cx.config.probe_timeout.saturating_mul(2), Timer::Probed(claim.epoch, axis));
            }
            Verdict::Wrong => round.refuse(&claim),
        }
    }

    /// Has the shell sign a claim. From now on nothing else is signed for the line and epoch.
    fn order<R: Rng>(&mut self, claim: Claim, cx: &mut Context<'_, R>) {
        if let Some(round) = self.rounds.get_mut(&(claim.epoch, claim.line.axis())) {
            round.mine = Mine::Ordered(claim);
            cx.out.push(Output::SignClaim(claim));
        }
    }

    /// The shell has signed: everybody on the line is told.
    pub(crate) fn on_signed<R: Rng>(&mut self, signed: SignedClaim, cx: &mut Context<'_, R>) {
        let claim = *signed.claim();
        let expected = self.judge(claim.line, cx).map_or(u32::MAX, |judge| judge.expected());
        let Some(round) = self.rounds.get_mut(&(claim.epoch, claim.line.axis())) else { return };
        if !matches!(round.mine, Mine::Ordered(ordered) if ordered == claim) || signed.signer() != cx.me.id() {
            return;
        }
        let mut signatures = Vec::from([(signed.signer(), *signed.signature())]);
        signatures.extend(round.followed.and_then(|other| round.signature_of(other, &claim)));
        round.mine = Mine::Signed(signed.clone());
        round.note(signed);
        round.certify(&claim, expected);
        let strays = round.strays();
        tell_line(claim, &signatures, None, cx);
        tell_strays(&strays, cx);
    }

    /// Somebody on a line asks whom a claim is about.
    pub(crate) fn on_wanted<R: Rng>(&mut self, from: NodeId, claim: Claim, cx: &mut Context<'_, R>) {
        let round = self.rounds.get(&(claim.epoch, claim.line.axis()));
        if shares_line(from, claim.line, cx)
            && let Some(roster) = round.and_then(|round| round.roster(&claim))
        {
            cx.send(from, Message::RosterNamed(roster.clone()));
        }
    }

    /// Somebody tells the names that we have asked it for.
    pub(crate) fn on_named<R: Rng>(&mut self, from: NodeId, roster: Roster, cx: &mut Context<'_, R>) {
        let wanted = self.rounds.values_mut().find_map(|round| {
            let claim = round.wanted(from, &roster)?;
            round.learn(roster.clone());
            Some(claim)
        });
        if let Some(claim) = wanted {
            self.consider(from, claim, cx);
        }
    }

    /// Somebody tells of a liar.
    pub(crate) fn on_equivocation<R: Rng>(&mut self, proof: Equivocation, cx: &mut Context<'_, R>) {
        if self.since.is_some() {
            self.convicts.take(proof, cx);
        }
    }

    /// A certificate from elsewhere: if it is about one of our lines, those who have signed something else here are caught.
    pub(crate) fn compare<R: Rng>(&mut self, certificate: &Certificate, cx: &mut Context<'_, R>) {
        let claim = certificate.claim();
        if !claim.line.contains(&cx.me.cell()) {
            return;
        }
        let Some(round) = self.rounds.get_mut(&(claim.epoch, claim.line.axis())) else { return };
        let proofs: Vec<_> = certificate.signed().iter().filter_map(|signed| round.note(signed.clone())).collect();
        proofs.into_iter().for_each(|proof| self.convicts.take(proof, cx));
    }

    /// The proofs against liars on our lines.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Equivocation> {
        self.convicts.proofs()
    }
}

/// Tells all others of a line who has signed something, but for one.
fn tell_line<R: Rng>(
    claim: Claim,
    signatures: &[(NodeId, Signature)],
    except: Option<NodeId>,
    cx: &mut Context<'_, R>,
) {
    let on_line = cx.table.line(claim.line.axis()).filter(|member| member.is_linked() && Some(member.id()) != except);
    for node in on_line.map(Member::id).collect::<Vec<_>>() {
        cx.send(node, Message::RosterClaims { claim, signatures: signatures.to_vec() });
    }
}

/// Tells all others of a line who has signed something that we have not: should it have told somebody else another thing,
/// that comes out. Once for each signer, since its second signature convicts it.
fn tell_strays<R: Rng>(strays: &[SignedClaim], cx: &mut Context<'_, R>) {
    for stray in strays {
        let signature = (stray.signer(), *stray.signature());
        tell_line(*stray.claim(), &[signature], Some(stray.signer()), cx);
    }
}

/// Whether a neighbour and we are both on a line.
fn shares_line<R>(from: NodeId, line: Line, cx: &Context<'_, R>) -> bool {
    cx.table.role(from) == Some(Role::Neighbour)
        && line.contains(&cx.me.cell())
        && cx.table.peer(from).is_some_and(|peer| line.contains(&peer.cell()))
}
