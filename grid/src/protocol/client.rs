//! The owner's operations: a put goes to the record's cells and succeeds at a quorum; a get asks the nearest of them
//! and hedges to the others.

mod get;
mod newest;
mod offers;
mod put;
mod roster;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::cell::{Axis, Cell, Line};
use crate::certified::Epoch;
use crate::id::NodeId;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, RequestBody};
use crate::output::{EchoReport, Event, RequestFailure};
use crate::protocol::{Ask, Asker, Context, Signal};
use crate::provider::{Provider, Topic};
use crate::queue::Class;
use crate::record::{Pointer, Record};

use get::Get;
use newest::Newest;
use offers::{Announcement, Inquiry};
use put::Put;

/// When an operation should do something without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Ask another cell as well.
    Hedge(Ticket),
    /// The operation has had its time.
    Over(Ticket),
}

#[derive(Debug)]
enum Operation {
    Put(Put),
    Get(Get),
    Newest(Newest),
    Provide(Announcement),
    Providers(Inquiry),
    Roster(roster::Question),
    Echo(Cell),
    Ask(Cell),
}

/// The operations under way.
#[derive(Debug)]
pub(crate) struct Client {
    replicas: u8,
    operations: BTreeMap<Ticket, Operation>,
}

impl Client {
    pub(crate) fn new(replicas: u8) -> Self {
        Self { replicas, operations: BTreeMap::new() }
    }

    pub(crate) fn put<R: Rng>(&mut self, ticket: Ticket, record: Record, cx: &mut Context<'_, R>) {
        let put = Put::begin(ticket, record, self.replicas, cx);
        self.begin(ticket, Operation::Put(put), cx);
    }

    pub(crate) fn get<R: Rng>(&mut self, ticket: Ticket, pointer: &Pointer, chunk: u32, cx: &mut Context<'_, R>) {
        if pointer.terms().is_mutable() {
            let newest = Newest::begin(ticket, pointer.key(), self.replicas, cx);
            return self.begin(ticket, Operation::Newest(newest), cx);
        }
        let get = Get::begin(ticket, pointer.chunk_key(chunk), Class::of_chunk(chunk), self.replicas, cx);
        cx.timer(cx.config.hedge_after, Timer::Hedge(ticket));
        self.begin(ticket, Operation::Get(get), cx);
    }

    pub(crate) fn provide<R: Rng>(&mut self, ticket: Ticket, provider: Provider, cx: &mut Context<'_, R>) {
        let announcement = Announcement::begin(ticket, provider, self.replicas, cx);
        self.begin(ticket, Operation::Provide(announcement), cx);
    }

    pub(crate) fn providers<R: Rng>(&mut self, ticket: Ticket, topic: Topic, cx: &mut Context<'_, R>) {
        let inquiry = Inquiry::begin(ticket, topic, self.replicas, cx);
        self.begin(ticket, Operation::Providers(inquiry), cx);
    }

    /// `own` are the members of our own lines, as they are certified.
    pub(crate) fn roster<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        axis: Axis,
        own: Vec<u32>,
        cx: &mut Context<'_, R>,
    ) {
        ask(ticket, cell, Class::Interactive, RequestBody::Roster { axis, member: None }, cx);
        let epoch = Epoch::of_unix(cx.unix(), cx.config.roster_epoch);
        let question = roster::Question { line: Line::through(cell, axis), cell, epoch, own };
        self.begin(ticket, Operation::Roster(question), cx);
    }

    pub(crate) fn echo<R: Rng>(&mut self, ticket: Ticket, target: Cell, cx: &mut Context<'_, R>) {
        ask(ticket, target, Class::Interactive, RequestBody::Echo(Vec::new().into()), cx);
        self.begin(ticket, Operation::Echo(target), cx);
    }

    pub(crate) fn ask<R: Rng>(
        &mut self,
        ticket: Ticket,
        node: NodeId,
        cell: Cell,
        question: Arc<[u8]>,
        cx: &mut Context<'_, R>,
    ) {
        ask(ticket, cell, Class::Interactive, RequestBody::Ask { node, question }, cx);
        self.begin(ticket, Operation::Ask(cell), cx);
    }

    fn begin<R: Rng>(&mut self, ticket: Ticket, operation: Operation, cx: &mut Context<'_, R>) {
        self.operations.insert(ticket, operation);
        cx.timer(cx.config.operation_timeout, Timer::Over(ticket));
    }

    pub(crate) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        cell: Cell,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) {
        let done = match self.operations.get_mut(&ticket) {
            Some(Operation::Put(put)) => put.on_asked(ticket, outcome, cx),
            Some(Operation::Get(get)) => get.on_asked(ticket, cell, outcome, cx),
            Some(Operation::Newest(newest)) => newest.on_asked(ticket, cell, outcome, cx),
            Some(Operation::Provide(announcement)) => announcement.on_asked(ticket, outcome, cx),
            Some(Operation::Providers(inquiry)) => inquiry.on_asked(ticket, outcome, cx),
            Some(Operation::Roster(question)) => {
                let outcome = outcome.and_then(|answer| question.judge(answer.body));
                Some(Event::RosterDone { ticket, outcome })
            }
            Some(Operation::Echo(_)) => Some(echo_done(ticket, cell, outcome)),
            Some(Operation::Ask(_)) => Some(ask_done(ticket, cell, outcome)),
            None => None,
        };
        if let Some(event) = done {
            self.operations.remove(&ticket);
            cx.emit(event);
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Hedge(ticket) => {
                if let Some(Operation::Get(get)) = self.operations.get_mut(&ticket)
                    && get.ask_next(ticket, cx)
                {
                    cx.timer(cx.config.hedge_after, Timer::Hedge(ticket));
                }
            }
            Timer::Over(ticket) => {
                if let Some(operation) = self.operations.remove(&ticket) {
                    cx.emit(operation.over(ticket));
                }
            }
        }
    }
}

impl Operation {
    /// The outcome when the time is up.
    fn over(self, ticket: Ticket) -> Event {
        match self {
            Self::Put(put) => Event::PutDone { ticket, outcome: put.outcome() },
            Self::Get(get) => Event::GetDone { ticket, outcome: Err(get.late()) },
            Self::Newest(newest) => Event::GetDone { ticket, outcome: Err(newest.late()) },
            Self::Provide(mut announcement) => announcement.outcome(ticket),
            Self::Providers(mut inquiry) => inquiry.outcome(ticket),
            Self::Roster(question) => {
                Event::RosterDone { ticket, outcome: Err(RequestFailure::TimedOut(question.cell)) }
            }
            Self::Echo(target) => Event::EchoDone { ticket, outcome: Err(RequestFailure::TimedOut(target)) },
            Self::Ask(cell) => Event::AskDone { ticket, outcome: Err(RequestFailure::TimedOut(cell)) },
        }
    }
}

/// Asks a cell for an operation.
fn ask<R: Rng>(ticket: Ticket, target: Cell, class: Class, body: RequestBody, cx: &mut Context<'_, R>) {
    cx.signal(Signal::Ask(Ask { asker: Asker::Client(ticket, target), via: None, class, target, body }));
}

fn echo_done(ticket: Ticket, target: Cell, outcome: Result<Answer, RequestFailure>) -> Event {
    let outcome = outcome.and_then(|answer| {
        if answer.body == AnswerBody::Vacant {
            return Err(RequestFailure::Vacant(target));
        }
        let is_echo = matches!(answer.body, AnswerBody::Echo(_));
        is_echo.then_some(EchoReport { hops: answer.hops, from: answer.from }).ok_or(RequestFailure::NoWay(target))
    });
    Event::EchoDone { ticket, outcome }
}

fn ask_done(ticket: Ticket, cell: Cell, outcome: Result<Answer, RequestFailure>) -> Event {
    let outcome = outcome.map(|answer| answer.body).and_then(|body| match body {
        AnswerBody::Reply(reply) => Ok(reply),
        AnswerBody::Busy => Err(RequestFailure::Busy(cell)),
        AnswerBody::Vacant => Err(RequestFailure::Vacant(cell)),
        AnswerBody::Absent => Err(RequestFailure::Absent(cell)),
        AnswerBody::Welcome(_)
        | AnswerBody::Stored { .. }
        | AnswerBody::NotStored(_)
        | AnswerBody::Found(_)
        | AnswerBody::NotFound
        | AnswerBody::Echo(_)
        | AnswerBody::Audited { .. }
        | AnswerBody::Provided
        | AnswerBody::Roster(_)
        | AnswerBody::Member(_)
        | AnswerBody::Providers(_) => Err(RequestFailure::NoWay(cell)),
    });
    Event::AskDone { ticket, outcome }
}
