//! One question of a join: routed to a cell, answered with a sealed card, dialled, asked for our neighbours.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use rand_core::Rng;

use crate::cell::{Axis, Cell};
use crate::id::NodeId;
use crate::input::Ticket;
use crate::message::{Message, RequestBody};
use crate::output::{JoinStep, Output, RequestFailure};
use crate::peer::Peer;
use crate::protocol::join::Timer;
use crate::protocol::{Ask, Asker, Context, Signal};
use crate::queue::Class;

/// How far it has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Asking,
    Opening(Ticket),
    Dialing(NodeId),
    Querying(NodeId),
    /// The roster is here; how many nodes of the line it names, if the one who answered lies on the line.
    Answered(Option<u32>),
    /// Nobody is in the cell.
    Vacant,
    Failed(JoinStep, String),
}

#[derive(Debug)]
pub(super) struct Inquiry {
    /// The line it is about; `None` for the one to our home cell.
    pub(super) axis: Option<Axis>,
    /// Inquiries about the same line before this one.
    pub(super) tries: u32,
    pub(super) progress: Progress,
    step: u32,
}

impl Inquiry {
    pub(super) fn begin<R: Rng>(
        number: u32,
        axis: Option<Axis>,
        tries: u32,
        target: Cell,
        introducer: NodeId,
        cx: &mut Context<'_, R>,
    ) -> Self {
        let body = RequestBody::Join(cx.me.without_contact());
        cx.signal(Signal::Ask(Ask {
            asker: Asker::Join(number),
            via: Some(introducer),
            class: Class::Control,
            target,
            body,
        }));
        Self { axis, tries, progress: Progress::Asking, step: 0 }
    }

    fn go<R: Rng>(&mut self, number: u32, progress: Progress, cx: &mut Context<'_, R>) {
        self.progress = progress;
        self.step += 1;
        cx.timer(cx.config.join_timeout, Timer::Inquiry(number, self.step));
    }

    pub(super) fn open<R: Rng>(&mut self, number: u32, sealed: Arc<[u8]>, cx: &mut Context<'_, R>) {
        if self.progress == Progress::Asking {
            let ticket = cx.ticket();
            cx.out.push(Output::Open { ticket, sealed });
            self.go(number, Progress::Opening(ticket), cx);
        }
    }

    pub(super) fn is_opening(&self, ticket: Ticket) -> bool {
        self.progress == Progress::Opening(ticket)
    }

    pub(super) fn dial_back<R: Rng>(&mut self, number: u32, peer: Peer, cx: &mut Context<'_, R>) {
        let id = peer.id();
        if id == cx.me.id() {
            return self.fail(JoinStep::HomeCell, "our own card came back".into());
        }
        if cx.table.is_linked(id) {
            return self.query(number, id, cx);
        }
        if !peer.cell().is_neighbour(&cx.me.cell()) {
            return self.fail(JoinStep::HomeCell, "a stranger answered that is no neighbour of ours".into());
        }
        if cx.is_leaf()
            && let Some(axis) = self.axis
        {
            // A leaf wants one link along each axis, and dials nobody else.
            if cx.table.has_link_along(axis) {
                self.progress = Progress::Answered(None);
                return;
            }
            // Who stands in for a vacant cell may be in another line of ours, or in our cell.
            if cx.me.cell().shared_line(&peer.cell()) != Some(axis) {
                return self.vacant();
            }
        }
        self.go(number, Progress::Dialing(id), cx);
        cx.signal(Signal::Heard(peer));
    }

    fn query<R: Rng>(&mut self, number: u32, id: NodeId, cx: &mut Context<'_, R>) {
        // A leaf has what it wants: a link.
        if cx.is_leaf() {
            self.progress = Progress::Answered(None);
            return;
        }
        cx.send(id, Message::RosterQuery);
        self.go(number, Progress::Querying(id), cx);
    }

    pub(super) fn on_link_up<R: Rng>(&mut self, number: u32, node: NodeId, cx: &mut Context<'_, R>) {
        if self.progress == Progress::Dialing(node) {
            self.query(number, node, cx);
        }
    }

    pub(super) fn on_gone(&mut self, node: NodeId, why: &str) {
        if self.progress == Progress::Dialing(node) || self.progress == Progress::Querying(node) {
            self.fail(JoinStep::DialBack, why.into());
        }
    }

    /// The introducer closes the link of a newcomer for whom it has no place, or has died: what went by way of it does not come
    /// back.
    pub(super) fn on_introducer_gone(&mut self) {
        if self.progress == Progress::Asking {
            self.fail(
                JoinStep::Route,
                "the introducer has closed the link: it is gone, or has no place just now".into(),
            );
        }
    }

    /// Whether the roster was asked for.
    pub(super) fn on_roster(&mut self, from: &Peer, roster: &[Peer], home: Cell) -> bool {
        if self.progress != Progress::Querying(from.id()) {
            return false;
        }
        let on_line = |peer: &Peer| self.axis.is_some() && home.shared_line(&peer.cell()) == self.axis;
        // The one who answers does not name itself.
        let named = roster.iter().filter(|peer| on_line(peer)).count().saturating_add(1);
        self.progress = Progress::Answered(u32::try_from(named).ok().filter(|_| on_line(from)));
        true
    }

    pub(super) fn on_timeout(&mut self, step: u32) {
        if step != self.step {
            return;
        }
        match self.progress {
            Progress::Opening(_) => self.fail(JoinStep::HomeCell, "the answer could not be opened in time".into()),
            Progress::Dialing(_) => self.fail(JoinStep::DialBack, "the node that answered cannot be reached".into()),
            Progress::Querying(_) => self.fail(JoinStep::Rosters, "no roster came in time".into()),
            Progress::Asking | Progress::Answered(_) | Progress::Vacant | Progress::Failed(..) => {}
        }
    }

    pub(super) fn vacant(&mut self) {
        self.progress = Progress::Vacant;
    }

    pub(super) fn fail(&mut self, step: JoinStep, why: String) {
        self.progress = Progress::Failed(step, why);
    }

    pub(super) fn fail_asking(&mut self, failure: &RequestFailure) {
        let step = match failure {
            RequestFailure::NoWay(_) => JoinStep::Route,
            RequestFailure::Vacant(_)
            | RequestFailure::TimedOut(_)
            | RequestFailure::Absent(_)
            | RequestFailure::Busy(_)
            | RequestFailure::NotFound { .. }
            | RequestFailure::NoKeeper
            | RequestFailure::Refused(_)
            | RequestFailure::Uncertified(_)
            | RequestFailure::Doubtful { .. }
            | RequestFailure::TooFewCells { .. } => JoinStep::HomeCell,
        };
        self.fail(step, failure.to_string());
    }

    pub(super) fn is_over(&self) -> bool {
        match self.progress {
            Progress::Answered(_) | Progress::Vacant | Progress::Failed(..) => true,
            Progress::Asking | Progress::Opening(_) | Progress::Dialing(_) | Progress::Querying(_) => false,
        }
    }

    pub(super) fn succeeded(&self) -> bool {
        matches!(self.progress, Progress::Answered(_))
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.progress == Progress::Vacant
    }

    /// How many nodes it says are on its line in cells other than ours.
    pub(super) fn line_count(&self) -> Option<(Axis, u32)> {
        match (self.axis, &self.progress) {
            (Some(axis), Progress::Answered(count)) => count.map(|count| (axis, count)),
            (Some(_) | None, _) => None,
        }
    }

    pub(super) fn failure(&self) -> Option<(JoinStep, String)> {
        match &self.progress {
            Progress::Failed(step, why) => Some((*step, why.clone())),
            Progress::Vacant => Some((JoinStep::HomeCell, "nobody is there who may answer".into())),
            Progress::Asking
            | Progress::Opening(_)
            | Progress::Dialing(_)
            | Progress::Querying(_)
            | Progress::Answered(_) => None,
        }
    }
}
