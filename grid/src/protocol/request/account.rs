//! What requests and answers add to the neighbours' accounts, see [`crate::ledger`].
//!
//! Both sides of a link come to the same price: both know the cell of who serves and the target, and both have seen the
//! request and the answer. What the nodes of a cell do for each other to keep records alive is not charged: it is every
//! member's duty, and the room that a record takes has been paid for by its stamp.

use crate::cell::Cell;
use crate::id::NodeId;
use crate::ledger::tariff::{self, Work};
use crate::message::{Answer, AnswerBody, Refusal, Request};
use crate::protocol::Context;

/// We answer a neighbour.
pub(super) fn answer<R>(to: NodeId, request: &Request, answer: &Answer, cx: &mut Context<'_, R>) {
    match is_service(&answer.body) {
        true => cx.ledger.gave(cx.now, to, price(cx.me.cell(), request, answer)),
        false => cx.ledger.denied(cx.now, to),
    }
}

/// A neighbour answers us.
pub(super) fn answered<R>(from: NodeId, request: &Request, answer: &Answer, cx: &mut Context<'_, R>) {
    let cell = cx.table.peer(from).map(|peer| peer.cell());
    match cell.filter(|_| is_service(&answer.body)) {
        Some(cell) => cx.ledger.received(cx.now, from, price(cell, request, answer)),
        None => cx.ledger.refused(cx.now, from),
    }
}

/// A neighbour refuses what we asked for.
pub(super) fn refused<R>(from: NodeId, refusal: Refusal, cx: &mut Context<'_, R>) {
    match refusal {
        Refusal::NoWay | Refusal::Busy { .. } | Refusal::Slow => cx.ledger.refused(cx.now, from),
        // Our own search has come there before, or we are no neighbours yet.
        Refusal::Loop | Refusal::NotAllowed => {}
    }
}

/// By the way that is left from where it is served.
fn price(cell: Cell, request: &Request, answer: &Answer) -> Work {
    let bytes = request.body.payload().saturating_add(answer.body.payload());
    tariff::request(u64::try_from(bytes).unwrap_or(u64::MAX), cell.distance(&request.target))
}

/// Whether anything was done for whoever asked. "It is not here" is: somebody looked.
fn is_service(body: &AnswerBody) -> bool {
    match body {
        AnswerBody::Busy => false,
        // A fault of the record's is found by work, too.
        AnswerBody::NotStored(why) => why.is_final(),
        AnswerBody::Welcome(_)
        | AnswerBody::Stored { .. }
        | AnswerBody::Found(_)
        | AnswerBody::NotFound
        | AnswerBody::Vacant
        | AnswerBody::Echo(_)
        | AnswerBody::Audited { .. }
        | AnswerBody::Provided
        | AnswerBody::Providers(_)
        | AnswerBody::Reply(_)
        | AnswerBody::Roster(_)
        | AnswerBody::Member(_)
        | AnswerBody::Absent => true,
    }
}
