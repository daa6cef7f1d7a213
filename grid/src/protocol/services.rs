//! Questions to what runs beside the overlay on this node, a dataset server for example: they come along the grid, so that
//! who asks needs no address and learns none.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use rand_core::Rng;

use crate::id::RequestId;
use crate::input::Ticket;
use crate::message::{AnswerBody, MAX_REPLY};
use crate::output::Event;
use crate::protocol::{Context, Signal};

/// Questions that may wait for a reply: a guess at what a node answers within the time of a request.
const MAX_OPEN: usize = 256;

/// The questions that wait for a reply, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Services {
    open: VecDeque<(Ticket, RequestId)>,
}

impl Services {
    /// A question has reached us.
    pub(crate) fn asked<R: Rng>(&mut self, request: RequestId, question: Arc<[u8]>, cx: &mut Context<'_, R>) {
        if self.open.len() >= MAX_OPEN
            && let Some((_, oldest)) = self.open.pop_front()
        {
            cx.signal(Signal::Reply(oldest, AnswerBody::Busy));
        }
        let ticket = cx.ticket();
        self.open.push_back((ticket, request));
        cx.emit(Event::Asked { ticket, question });
    }

    /// What the services say.
    pub(crate) fn reply<R: Rng>(&mut self, ticket: Ticket, reply: Option<Arc<[u8]>>, cx: &mut Context<'_, R>) {
        let Some(place) = self.open.iter().position(|(other, _)| *other == ticket) else { return };
        let reply = reply.filter(|reply| reply.len() <= MAX_REPLY);
        if let Some((_, request)) = self.open.remove(place) {
            cx.signal(Signal::Reply(request, reply.map_or(AnswerBody::Busy, AnswerBody::Reply)));
        }
    }
}
