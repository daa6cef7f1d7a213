//! Requests that are under way through this node, from neighbours or its own.

#![expect(clippy::wildcard_enum_match_arm, reason = "only requests and what comes of them are of interest here")]

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use grid::cell::Cell;
use grid::id::{NodeId, RequestId};
use grid::message::{Message, Request};
use grid::queue::Class;

use crate::clock::unix_micros;
use crate::metrics::{Metrics, Sighting, Step, labels};

/// Requests that are remembered; of older ones it is not told any more what became of them.
const REMEMBERED: usize = 8192;

/// The target of log lines about requests on their way, by which `ROOK_LOG` asks for them.
const LOG: &str = "rook::requests";

/// One line for each step, under the name by which all nodes on the way know the request.
fn log(Sighting { request, kind, from, to, step, .. }: &Sighting) {
    match step {
        Step::Hop { target, hops } => {
            tracing::debug!(target: LOG, request, kind, ?from, ?to, ?target, hops, "a request is sent");
        }
        Step::Back { outcome, answered } => {
            tracing::debug!(target: LOG, request, kind, ?from, ?to, outcome, ?answered, "an answer is brought back");
        }
        Step::Refused { reason } => {
            tracing::debug!(target: LOG, request, kind, ?from, ?to, reason, "a request is refused");
        }
    }
}

/// Whom a request came from, and when.
#[derive(Debug)]
struct Seen {
    kind: &'static str,
    /// Of a neighbour's request.
    from: Option<(NodeId, Class)>,
    since: Instant,
}

/// What is remembered of requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    seen: HashMap<RequestId, Seen>,
    /// In the order in which they came.
    order: VecDeque<RequestId>,
}

impl Requests {
    /// A neighbour asks for something.
    pub(super) fn came(&mut self, metrics: &Metrics, from: NodeId, request: &Request) {
        let (kind, class) = (labels::request(&request.body), request.class());
        let label = [("kind", kind), ("class", labels::class(class))];
        metrics.counts.requests_received.get_or_create(&label).inc();
        self.remember(request.id, Seen { kind, from: Some((from, class)), since: Instant::now() });
    }

    /// The first to ask is the one who is answered: what comes again in a loop is refused.
    fn remember(&mut self, id: RequestId, seen: Seen) {
        if self.seen.contains_key(&id) {
            return;
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(id, seen);
        self.order.push_back(id);
    }

    /// This node says something to a neighbour.
    pub(super) fn said(&mut self, metrics: &Metrics, to: NodeId, message: &Message) {
        let counts = &metrics.counts;
        match message {
            Message::Request(request) => {
                let kind = labels::request(&request.body);
                if self.seen.get(&request.id).is_some_and(|seen| seen.from.is_some()) {
                    counts.requests_passed_on.get_or_create(&[("kind", kind)]).inc();
                } else {
                    self.remember(request.id, Seen { kind, from: None, since: Instant::now() });
                }
            }
            Message::Refused(id, refusal) => {
                let asked = self.asked_by(id, to);
                let class = asked.map_or(Class::Interactive, |(class, _)| class);
                let label = [("class", labels::class(class)), ("reason", labels::refusal(*refusal))];
                counts.requests_refused.get_or_create(&label).inc();
            }
            Message::Answer(answer) => {
                let Some((_, kind)) = self.asked_by(&answer.id, to) else { return };
                let label = [("kind", kind), ("outcome", labels::answer(&answer.body))];
                counts.requests_answered.get_or_create(&label).inc();
                if let Some(seen) = self.seen.remove(&answer.id) {
                    let took = seen.since.elapsed().as_secs_f64();
                    counts.request_time.get_or_create(&[("kind", kind)]).observe(took);
                }
            }
            _ => {}
        }
    }

    /// Class and kind of a request, if it is that node's.
    fn asked_by(&self, id: &RequestId, node: NodeId) -> Option<(Class, &'static str)> {
        let seen = self.seen.get(id)?;
        let (from, class) = seen.from?;
        (from == node).then_some((class, seen.kind))
    }

    /// Tells those who watch, and the log if it is asked for that.
    pub(super) fn sight(&self, metrics: &Metrics, message: &Message, (from, to): (Cell, Cell)) {
        let logs = tracing::enabled!(target: LOG, tracing::Level::DEBUG);
        if metrics.sightings.receiver_count() == 0 && !logs {
            return;
        }
        let cell = |cell: Cell| cell.coordinates().to_vec();
        let kind = |id| self.seen.get(id).map_or("", |seen| seen.kind);
        let (request, kind, step) = match message {
            Message::Request(request) => {
                let step = Step::Hop { target: cell(request.target), hops: request.hops };
                (request.id, labels::request(&request.body), step)
            }
            Message::Answer(answer) => {
                let outcome = labels::answer(&answer.body).to_owned();
                (answer.id, kind(&answer.id), Step::Back { outcome, answered: cell(answer.from) })
            }
            Message::Refused(id, why) => (*id, kind(id), Step::Refused { reason: labels::refusal(*why).to_owned() }),
            _ => return,
        };
        let sighting = Sighting {
            request: request.to_string(),
            at_micros: unix_micros(),
            kind: kind.into(),
            from: cell(from),
            to: cell(to),
            step,
        };
        if logs {
            log(&sighting);
        }
        // The last watcher may have just gone.
        _ = metrics.sightings.send(sighting);
    }
}
