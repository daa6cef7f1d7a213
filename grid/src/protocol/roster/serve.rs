//! What a node tells of its lines: to whoever asks, and to its owner.

use alloc::vec::Vec;

use rand_core::Rng;

use super::Rosters;
use crate::cell::{Axis, Line};
use crate::certified::{Certificate, LineStanding, MAX_MEMBERS, Membership};
use crate::id::{NodeId, RequestId};
use crate::message::AnswerBody;
use crate::parameters::Parameters;
use crate::protocol::{Context, Signal};

/// Bytes of a card without contact beside the modulus and the signature, which are as long: exponent, keys, times, lengths;
/// and of the signature on the claim. A bound for the sender; the receiver checks the real length.
const SIGNER_REST: usize = 256;
/// Bytes of a member in a roster.
const MEMBER: usize = 40;

/// The most members of a certificate that fits a message.
pub(super) fn most_members(parameters: &Parameters) -> usize {
    let signer = 2 * usize::from(parameters.modulus_bits) / 8 + SIGNER_REST;
    let room = usize::try_from(parameters.max_message_bytes).unwrap_or(usize::MAX);
    // Half of them sign.
    (room / (MEMBER + signer / 2)).min(MAX_MEMBERS)
}

impl Rosters {
    /// The newest certificate of one of our lines: of this epoch, or else of the one before.
    fn newest(&self, axis: Axis) -> Option<&Certificate> {
        let of_line = self.rounds.iter().rev().filter(|((_, its), _)| *its == axis);
        of_line.filter_map(|(_, round)| round.certificate()).next()
    }

    /// Somebody, a stranger perhaps, asks who is on one of our lines, or for the proof that a certain node is.
    pub(crate) fn serve<R: Rng>(
        &mut self,
        request: RequestId,
        axis: Axis,
        member: Option<NodeId>,
        cx: &mut Context<'_, R>,
    ) {
        let fits = |certificate: &&Certificate| certificate.roster().members().len() <= self.most_members;
        let certificate = self.newest(axis);
        let answer = match member {
            None => certificate.filter(fits).cloned().map(AnswerBody::Roster),
            Some(id) => certificate.and_then(|certificate| membership(certificate, id, cx)).map(AnswerBody::Member),
        };
        cx.signal(Signal::Reply(request, answer.unwrap_or(AnswerBody::NotFound)));
    }

    /// How many members the certified rosters of our lines have: what others' are compared with.
    pub(crate) fn certified_counts(&self, axes: impl Iterator<Item = Axis>) -> Vec<u32> {
        axes.filter_map(|axis| Some(self.newest(axis)?.roster().count())).collect()
    }

    /// One of our lines, for display.
    pub(crate) fn standing(&self, line: Line) -> LineStanding {
        let round = self.epoch.and_then(|epoch| self.rounds.get(&(epoch, line.axis())));
        let certificate = round.and_then(|round| round.certificate());
        LineStanding {
            line,
            members: certificate.map(|certificate| certificate.roster().count()),
            signatures: round.map_or(0, |round| round.signers()),
        }
    }

    /// All certificates of our lines that still count: of this epoch and of the one before.
    pub(crate) fn recent(&self) -> Vec<Certificate> {
        self.rounds.values().filter_map(|round| round.certificate().cloned()).collect()
    }

    /// The certificates of our lines, the newest of each.
    pub(crate) fn certificates(&self, axes: impl Iterator<Item = Axis>) -> Vec<Certificate> {
        axes.filter_map(|axis| self.newest(axis).cloned()).collect()
    }
}

fn membership<R>(certificate: &Certificate, id: NodeId, cx: &Context<'_, R>) -> Option<Membership> {
    let peer = if id == cx.me.id() { cx.me } else { cx.table.peer(id)? };
    Membership::check(*certificate.claim(), peer, certificate.roster().proof(id)?).ok()
}
