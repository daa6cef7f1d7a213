//! Announcing an offer to the cells of its topic, and asking them who offers something.

use alloc::collections::{BTreeMap, VecDeque};

use rand_core::Rng;

use crate::cell::Cell;
use crate::id::NodeId;
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, RequestBody};
use crate::output::{Event, RequestFailure};
use crate::placement::replica_cells;
use crate::protocol::Context;
use crate::protocol::client::ask;
use crate::provider::{Provider, Topic};
use crate::queue::Class;

/// The cells of a topic, asked one question.
#[derive(Debug)]
struct Cells {
    body: RequestBody,
    rest: VecDeque<Cell>,
    waiting: u32,
    answered: u32,
    last_failure: Option<RequestFailure>,
}

impl Cells {
    fn ask<R: Rng>(ticket: Ticket, topic: &Topic, body: RequestBody, replicas: u8, cx: &mut Context<'_, R>) -> Self {
        let rest = replica_cells(cx.table.shape(), &topic.routing_key()).into();
        let mut cells = Self { body, rest, waiting: 0, answered: 0, last_failure: None };
        for _ in 0..replicas {
            cells.ask_next(ticket, cx);
        }
        cells
    }

    fn ask_next<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        if let Some(target) = self.rest.pop_front() {
            self.waiting += 1;
            ask(ticket, target, Class::Interactive, self.body.clone(), cx);
        }
    }

    /// Notes an answer; gives it on if it is one.
    fn hear<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<AnswerBody> {
        self.waiting -= 1;
        match outcome.map(|answer| answer.body) {
            Ok(AnswerBody::Vacant) | Err(RequestFailure::NoWay(_)) => self.ask_next(ticket, cx),
            Ok(body) => {
                self.answered += 1;
                return Some(body);
            }
            Err(failure) => self.last_failure = Some(failure),
        }
        None
    }

    fn failure(&mut self) -> RequestFailure {
        self.last_failure.take().unwrap_or(RequestFailure::NoKeeper)
    }
}

/// An offer on its way to its cells.
#[derive(Debug)]
pub(super) struct Announcement(Cells);

impl Announcement {
    pub(super) fn begin<R: Rng>(ticket: Ticket, provider: Provider, replicas: u8, cx: &mut Context<'_, R>) -> Self {
        let topic = provider.offer().topic;
        Self(Cells::ask(ticket, &topic, RequestBody::Provide(provider), replicas, cx))
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        if self.0.hear(ticket, outcome, cx).is_some_and(|body| body != AnswerBody::Provided) {
            // It was heard, and there was no room for it.
            self.0.answered -= 1;
        }
        (self.0.waiting == 0).then(|| self.outcome(ticket))
    }

    pub(super) fn outcome(&mut self, ticket: Ticket) -> Event {
        let outcome = match self.0.answered {
            0 => Err(self.0.failure()),
            cells => Ok(cells),
        };
        Event::ProvideDone { ticket, outcome }
    }
}

/// A question for providers.
#[derive(Debug)]
pub(super) struct Inquiry {
    cells: Cells,
    topic: Topic,
    found: BTreeMap<NodeId, Provider>,
}

impl Inquiry {
    pub(super) fn begin<R: Rng>(ticket: Ticket, topic: Topic, replicas: u8, cx: &mut Context<'_, R>) -> Self {
        let cells = Cells::ask(ticket, &topic, RequestBody::Providers(topic), replicas, cx);
        Self { cells, topic, found: BTreeMap::new() }
    }

    pub(super) fn on_asked<R: Rng>(
        &mut self,
        ticket: Ticket,
        outcome: Result<Answer, RequestFailure>,
        cx: &mut Context<'_, R>,
    ) -> Option<Event> {
        if let Some(AnswerBody::Providers(providers)) = self.cells.hear(ticket, outcome, cx) {
            let now = cx.unix();
            let fits = |provider: &Provider| provider.offer().topic == self.topic && provider.offer().expires > now;
            for provider in providers.into_iter().filter(fits) {
                let known = self.found.get(&provider.peer().id()).map_or(0, |known| known.offer().issued);
                if known < provider.offer().issued {
                    self.found.insert(provider.peer().id(), provider);
                }
            }
        }
        (self.cells.waiting == 0).then(|| self.outcome(ticket))
    }

    pub(super) fn outcome(&mut self, ticket: Ticket) -> Event {
        let outcome = match self.cells.answered {
            0 => Err(self.cells.failure()),
            _ => Ok(core::mem::take(&mut self.found).into_values().collect()),
        };
        Event::ProvidersDone { ticket, outcome }
    }
}
