//! The parts of the protocol. Each has its own state, timers and rules, and handles what concerns it; what one part
//! wants of another travels as a [`Signal`] through the overlay, so that none holds a reference to another.

pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod join;
pub(crate) mod links;
pub(crate) mod liveness;
pub(crate) mod providers;
pub(crate) mod request;
pub(crate) mod roster;
pub(crate) mod scout;
pub(crate) mod services;
pub(crate) mod store;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cell::Cell;
use crate::config::Config;
use crate::id::{NodeId, RequestId};
use crate::input::Ticket;
use crate::ledger::Ledger;
use crate::level::Level;
use crate::message::{Answer, AnswerBody, Message, Nonce, Refusal, RequestBody};
use crate::neighbours::Table;
use crate::output::{Event, Output, RequestFailure};
use crate::overlay::Timer;
use crate::peer::{DialFailure, Peer};
use crate::queue::Class;
use crate::time::{Calendar, Day, Time};

use rand_core::Rng;

/// Others' clocks may be so much ahead of ours, in seconds.
pub(crate) const CLOCK_TOLERANCE: u64 = 120;

/// Everything that a part may use while it handles one input.
pub(crate) struct Context<'a, R> {
    pub(crate) now: Time,
    pub(crate) calendar: Calendar,
    pub(crate) me: &'a Peer,
    pub(crate) config: &'a Config,
    pub(crate) level: &'a mut Level,
    pub(crate) table: &'a mut Table,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) rng: &'a mut R,
    pub(crate) tickets: &'a mut u64,
    pub(crate) out: &'a mut Vec<Output>,
    pub(crate) signals: &'a mut VecDeque<Signal>,
}

impl<R> Context<'_, R> {
    /// Whether this node does nothing for others.
    pub(crate) fn is_leaf(&self) -> bool {
        *self.level == Level::Leaf
    }
}

impl<R: Rng> Context<'_, R> {
    pub(crate) fn send(&mut self, to: NodeId, message: Message) {
        self.out.push(Output::Send { to, message });
    }

    /// Does not do what a neighbour asks for.
    pub(crate) fn refuse(&mut self, to: NodeId, id: RequestId, refusal: Refusal) {
        self.ledger.denied(self.now, to);
        self.send(to, Message::Refused(id, refusal));
    }

    pub(crate) fn timer(&mut self, after: Duration, timer: impl Into<Timer>) {
        self.out.push(Output::SetTimer { after, timer: timer.into() });
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.out.push(Output::Emit(event));
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.signals.push_back(signal);
    }

    /// A ticket that no other request to the shell bears.
    pub(crate) fn ticket(&mut self) -> Ticket {
        *self.tickets += 1;
        Ticket(*self.tickets)
    }

    /// What the wall clock shows, in seconds of Unix time.
    pub(crate) fn unix(&self) -> u64 {
        self.calendar.unix(self.now)
    }

    pub(crate) fn today(&self) -> Day {
        self.calendar.today(self.now)
    }

    pub(crate) fn nonce(&mut self) -> Nonce {
        Nonce(self.rng.next_u64())
    }

    pub(crate) fn request_id(&mut self) -> RequestId {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        RequestId::from_bytes(bytes)
    }
}

/// What one part of the protocol tells another.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A link is open (to `join`, `exchange`, `roster`).
    LinkUp(NodeId),
    /// A link is gone (to `request`, `liveness`, `join`, `roster`).
    LinkDown(NodeId),
    /// A dial of a known node failed (to `join`).
    DialFailed(NodeId, DialFailure),
    /// A neighbour gives reason to doubt that it lives (to `liveness`).
    Doubt(NodeId),
    /// A node has been found dead (to `links`).
    Dead(NodeId),
    /// Somebody told us of a node (to `links`).
    Heard(Peer),
    /// Ask a cell (to `request`).
    Ask(Ask),
    /// What came of it (to whoever asked).
    Asked(Asker, Result<Answer, RequestFailure>),
    /// Serve a request that has reached its cell (to `store`, `join` or another that knows the answer).
    Serve(RequestId, RequestBody),
    /// The answer to a request that was served (to `request`).
    Reply(RequestId, AnswerBody),
    /// This node is no leaf any more (to `join`, `exchange`, `scout`).
    Grown,
    /// Nothing keeps us any more (to the overlay).
    HandedOver,
}

/// A request of this node itself.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) asker: Asker,
    /// The first hop, where only one is possible: the introducer.
    pub(crate) via: Option<NodeId>,
    pub(crate) class: Class,
    pub(crate) target: Cell,
    pub(crate) body: RequestBody,
}

/// Who in this node asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// An inquiry of the join, by its number.
    Join(u32),
    /// The look for unknown neighbours.
    Scout,
    /// An operation of the owner's, by its ticket, and which of its cells.
    Client(Ticket, Cell),
    /// A question to another cell of our records, by its number.
    Audit(u32),
    /// A record sent to another of its cells.
    Push,
}
