//! Looking for neighbours that nobody on our lines knows of.
//!
//! Comparing rosters along a line cannot join two halves of it that have never met, as they grow while a grid is
//! still sparse, or remain after a partition. So every now and then a node sends a join request for itself to a
//! random cell of one of its lines *by way of another line*: whoever answers there, sealed, and is not known yet,
//! ties the halves together; the comparison of rosters does the rest.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::{Axis, Cell};
use crate::chance::{backoff, pick};
use crate::id::NodeId;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, RequestBody};
use crate::neighbours::Member;
use crate::output::{Output, RequestFailure};
use crate::peer::Peer;
use crate::protocol::{Ask, Asker, Context, Signal};
use crate::queue::Class;

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next look.
    Look,
}

/// How often this node has looked, and the answers that are being opened.
#[derive(Debug, Default)]
pub(crate) struct Scout {
    looks: u32,
    opening: BTreeSet<Ticket>,
}

impl Scout {
    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.looks = self.looks.saturating_add(1);
        let wait = backoff(cx.rng, cx.config.scout_first, cx.config.scout_every, self.looks);
        cx.timer(wait, Timer::Look);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Look => {
                self.look(cx);
                self.start(cx);
            }
        }
    }

    fn look<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let home = cx.me.cell();
        let axes: Vec<Axis> = cx.table.shape().axes().collect();
        let Some(&axis) = pick(cx.rng, &axes) else { return };
        let line: Vec<Cell> = cx.table.shape().line(home, axis).collect();
        let Some(&target) = pick(cx.rng, &line) else { return };
        let off_the_line = |member: &&Member| member.axis().is_some_and(|its| its != axis);
        let neighbours = cx.table.linked_neighbours().filter(off_the_line).map(Member::id);
        let ways: Vec<NodeId> = neighbours.chain(cx.table.bridges().map(|(id, _)| id)).collect();
        if let Some(&via) = pick(cx.rng, &ways) {
            let body = RequestBody::Join(cx.me.without_contact());
            cx.signal(Signal::Ask(Ask { asker: Asker::Scout, via: Some(via), class: Class::Control, target, body }));
        }
    }

    pub(crate) fn on_asked<R: Rng>(&mut self, outcome: Result<Answer, RequestFailure>, cx: &mut Context<'_, R>) {
        // Nobody there, or no way: nothing is found, and nothing is lost.
        if let Ok(Answer { body: AnswerBody::Welcome(sealed), .. }) = outcome {
            let ticket = cx.ticket();
            self.opening.insert(ticket);
            cx.out.push(Output::Open { ticket, sealed });
        }
    }

    pub(crate) fn on_opened<R: Rng>(
        &mut self,
        ticket: Ticket,
        welcome: &Result<Peer, String>,
        cx: &mut Context<'_, R>,
    ) {
        if self.opening.remove(&ticket)
            && let Ok(peer) = welcome
        {
            cx.signal(Signal::Heard(peer.clone()));
        }
    }
}
