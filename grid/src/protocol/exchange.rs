//! Rosters are kept equal by comparing them: every now and then a node sends the summary of one of its lines to a
//! random node on it; where the summaries differ the other names its members, and the cards of the unknown ones are
//! asked for and dialled. Nobody enters a roster by hearsay: only a link of our own makes a member.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::Axis;
use crate::chance::{backoff, pick, shuffle_front};
use crate::id::NodeId;
use crate::message::{LineSummary, Message};
use crate::neighbours::{Member, Role};
use crate::output::Output;
use crate::parameters::Parameters;
use crate::peer::Peer;
use crate::protocol::links::Links;
use crate::protocol::{Context, Signal};

/// When to compare again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next comparison. The number tells which plan: the newest counts.
    Compare(u32),
}

/// Names in one message at most; a line has `x·g` nodes, 40 in the design's largest example.
const MAX_NAMES: usize = 4096;

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct Exchange {
    turn: usize,
    max_cards: usize,
    /// Comparisons since the last new neighbour: the waits between them double.
    quiet: u32,
    plans: u32,
}

/// Bytes of a card beside the modulus and the signature, which are as long: a contact of a few addresses, its
/// signature, the exponent, keys and lengths. A bound for the sender; the receiver checks the real length.
const CARD_REST: usize = 1024;

impl Exchange {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        let card = 2 * usize::from(parameters.modulus_bits) / 8 + CARD_REST;
        let room = usize::try_from(parameters.max_message_bytes).unwrap_or(usize::MAX);
        Self { turn: 0, max_cards: (room / card).clamp(1, 1024), quiet: 0, plans: 0 }
    }

    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.quiet = self.quiet.saturating_add(1);
        self.plans = self.plans.wrapping_add(1);
        let wait = backoff(cx.rng, cx.config.exchange_first, cx.config.exchange_every, self.quiet);
        cx.timer(wait, Timer::Compare(self.plans));
    }

    /// A new neighbour seldom comes alone: another may have joined at the same time, and neither been told of the
    /// other. So the comparisons begin anew with short waits.
    pub(crate) fn on_link_up<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        // While the first short wait lasts, one more newcomer does not prolong it.
        if self.quiet > 1 && cx.table.role(node) == Some(Role::Neighbour) {
            self.quiet = 0;
            self.start(cx);
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Compare(plan) if plan == self.plans => {
                self.compare(cx);
                self.tend_bridges(cx);
                self.start(cx);
            }
            Timer::Compare(_) => {}
        }
    }

    fn compare<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let axes: Vec<Axis> = cx.table.shape().axes().collect();
        self.turn = (self.turn + 1) % axes.len();
        let axis = axes[self.turn];
        let others: Vec<NodeId> = cx.table.line(axis).filter(|member| member.is_linked()).map(Member::id).collect();
        if let Some(&other) = pick(cx.rng, &others) {
            let summary = cx.table.summary(axis, cx.me.id());
            cx.send(other, Message::LineSummary(summary));
        }
    }

    /// In a sparse grid, ask the bridges for neighbours; once it is dense, let them go.
    fn tend_bridges<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let bridges: Vec<NodeId> = cx.table.bridges().map(|(id, _)| id).collect();
        let sparse = cx.table.is_sparse();
        for bridge in bridges {
            if sparse {
                cx.send(bridge, Message::RosterQuery);
            } else {
                cx.out.push(Output::Disconnect(bridge));
            }
        }
    }

    pub(crate) fn on_summary<R: Rng>(&mut self, from: NodeId, theirs: LineSummary, cx: &mut Context<'_, R>) {
        let axis = theirs.axis;
        if shares_line(from, axis, cx) && theirs != cx.table.summary(axis, cx.me.id()) {
            let members = cx.table.line(axis).map(Member::id).take(MAX_NAMES).collect();
            cx.send(from, Message::LineMembers { axis, members });
        }
    }

    pub(crate) fn on_members<R: Rng>(
        &mut self,
        from: NodeId,
        axis: Axis,
        members: Vec<NodeId>,
        links: &Links,
        cx: &mut Context<'_, R>,
    ) {
        if !shares_line(from, axis, cx) {
            return;
        }
        let unknown = |id: &NodeId| *id != cx.me.id() && cx.table.peer(*id).is_none() && !links.knows(*id);
        let mut unknown: Vec<_> = members.into_iter().take(MAX_NAMES).filter(unknown).collect();
        shuffle_front(cx.rng, &mut unknown, self.max_cards);
        unknown.truncate(self.max_cards);
        if !unknown.is_empty() {
            cx.send(from, Message::CardQuery(unknown));
        }
    }

    /// Cards go only to a neighbour, and only those of its own neighbours.
    pub(crate) fn on_card_query<R: Rng>(&mut self, from: NodeId, wanted: &[NodeId], cx: &mut Context<'_, R>) {
        if cx.table.role(from) != Some(Role::Neighbour) {
            return;
        }
        let wanted: BTreeSet<NodeId> = wanted.iter().copied().take(self.max_cards).collect();
        let cards: Vec<Peer> = neighbours_of(from, cx).into_iter().filter(|peer| wanted.contains(&peer.id())).collect();
        if !cards.is_empty() {
            cx.send(from, Message::Cards(cards));
        }
    }

    pub(crate) fn on_cards<R: Rng>(&mut self, from: NodeId, cards: Vec<Peer>, cx: &mut Context<'_, R>) {
        if cx.table.role(from) == Some(Role::Neighbour) {
            cards.into_iter().take(self.max_cards).for_each(|peer| cx.signal(Signal::Heard(peer)));
        }
    }

    /// Whoever asks is told of its own neighbours, and of no others.
    pub(crate) fn on_roster_query<R: Rng>(&mut self, from: NodeId, cx: &mut Context<'_, R>) {
        let mut roster = neighbours_of(from, cx);
        shuffle_front(cx.rng, &mut roster, self.max_cards);
        roster.truncate(self.max_cards);
        cx.send(from, Message::Roster(roster));
    }
}

/// Whether a neighbour lies on our line along an axis.
fn shares_line<R>(from: NodeId, axis: Axis, cx: &Context<'_, R>) -> bool {
    cx.table.role(from) == Some(Role::Neighbour)
        && cx.table.peer(from).is_some_and(|peer| cx.table.is_on_line(axis, peer.cell()))
}

/// The linked nodes with a contact that are neighbours of another node.
fn neighbours_of<R>(other: NodeId, cx: &Context<'_, R>) -> Vec<Peer> {
    let Some(cell) = cx.table.peer(other).map(Peer::cell) else { return Vec::new() };
    let told = cx.table.iter().filter(|member| {
        let confirmed = member.is_linked() && member.role().passes_on() && !member.is_suspected();
        confirmed && member.id() != other && member.cell().is_neighbour(&cell) && member.peer().has_contact()
    });
    told.map(|member| member.peer().clone()).collect()
}
