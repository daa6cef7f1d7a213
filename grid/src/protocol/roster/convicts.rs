//! Who has lied about a line, and the proofs of it.

use alloc::collections::BTreeMap;

use rand_core::Rng;

use crate::certified::Equivocation;
use crate::id::NodeId;
use crate::message::Message;
use crate::neighbours::Member;
use crate::output::Event;
use crate::peer::Peer;
use crate::protocol::Context;
use crate::time::Time;

/// Proofs that are kept. Each has cost somebody an identity.
const MAX_PROOFS: usize = 1024;
/// Proofs that a node is told when it links: one that was away has missed a few at most.
const MAX_TOLD: usize = 16;

/// The proofs against nodes of our lines, one of each.
#[derive(Debug, Default)]
pub(super) struct Convicts {
    proofs: BTreeMap<NodeId, Equivocation>,
    since: BTreeMap<NodeId, Time>,
}

impl Convicts {
    /// Takes a proof; if it is news about one of our neighbours it is kept, and told to all who know the liar.
    pub(super) fn take<R: Rng>(&mut self, proof: Equivocation, cx: &mut Context<'_, R>) {
        let (liar, cell) = (proof.liar(), proof.peer().cell());
        let is_ours = liar != cx.me.id() && cx.me.cell().is_neighbour(&cell);
        if !is_ours || self.proofs.contains_key(&liar) || self.proofs.len() >= MAX_PROOFS {
            return;
        }
        self.since.insert(liar, cx.now);
        cx.emit(Event::Equivocated(liar));
        let concerned = |member: &&Member| member.id() != liar && member.cell().is_neighbour(&cell);
        let told: alloc::vec::Vec<NodeId> = cx.table.linked_neighbours().filter(concerned).map(Member::id).collect();
        for node in told {
            cx.send(node, Message::Equivocation(proof.clone()));
        }
        self.proofs.insert(liar, proof);
    }

    /// A link to a node is open: it is told what it may have missed.
    pub(super) fn tell<R: Rng>(&self, node: NodeId, cx: &mut Context<'_, R>) {
        let Some(cell) = cx.table.peer(node).map(Peer::cell) else { return };
        let concern = |proof: &&Equivocation| proof.liar() != node && proof.peer().cell().is_neighbour(&cell);
        for proof in self.proofs.values().filter(concern).take(MAX_TOLD) {
            cx.send(node, Message::Equivocation(proof.clone()));
        }
    }

    /// Who they are, and since when that is known.
    pub(super) fn since(&self) -> &BTreeMap<NodeId, Time> {
        &self.since
    }

    /// The proofs.
    pub(super) fn proofs(&self) -> impl Iterator<Item = &Equivocation> {
        self.proofs.values()
    }
}
