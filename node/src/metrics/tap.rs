//! Sees all that goes into the state machine and all that comes out of it.

mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use grid::cell::Cell;
use grid::id::NodeId;
use grid::input::{Command, Input, Ticket};
use grid::level::Level;
use grid::message::{Message, StoreFailure};
use grid::output::{Event, JoinStep, Output, RequestFailure};

use self::requests::Requests;
use super::{Metrics, advice_on_join, labels};

/// One node's tap; the driver holds it.
#[derive(Debug)]
pub(crate) struct Tap {
    metrics: Arc<Metrics>,
    me: Cell,
    /// Operations of the owner that are under way, as many as somebody waits for.
    operations: HashMap<Ticket, (&'static str, Instant)>,
    /// The nodes at the other ends of the links.
    linked: HashMap<NodeId, (Cell, Level)>,
    requests: Requests,
}

impl Tap {
    pub(crate) fn new(metrics: Arc<Metrics>, me: Cell) -> Self {
        let (operations, linked) = Default::default();
        Self { metrics, me, operations, linked, requests: Requests::default() }
    }

    /// The figures.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// This is about to be given to the state machine.
    pub(crate) fn input(&mut self, input: &Input) {
        let counts = &self.metrics.counts;
        match input {
            Input::Command(command) => self.command(command),
            Input::Message { from, message } => self.heard(*from, message),
            Input::Connected { peer, level, .. } => self.connected(peer.id(), peer.cell(), *level),
            Input::Disconnected(node) => self.disconnected(node),
            Input::DialFailed { why, .. } => {
                _ = counts.dial_failures.get_or_create(&[("why", labels::dial(why))]).inc()
            }
            Input::Stored { outcome, .. } => self.stored(*outcome),
            Input::Paid { paid, .. } => {
                let outcome = if paid.is_some() { "done" } else { "failed" };
                counts.payments.get_or_create(&[("outcome", outcome)]).inc();
            }
            Input::Unsent { message, .. } => {
                counts.link_drops.get_or_create(&[("class", labels::class(message.class()))]).inc();
            }
            Input::Timer(_)
            | Input::Found(_)
            | Input::Sealed { .. }
            | Input::Opened { .. }
            | Input::Loaded { .. }
            | Input::Unread { .. }
            | Input::ClaimSigned(_)
            | Input::ClaimsChecked { .. }
            | Input::Turn => {}
        }
    }

    /// This is what the state machine wants.
    pub(crate) fn output(&mut self, output: &Output) {
        match output {
            Output::Send { to, message } => self.said(*to, message),
            Output::Discard(_) => _ = self.metrics.counts.records_discarded.inc(),
            Output::Emit(event) => self.event(event),
            Output::Dial(_)
            | Output::Disconnect(_)
            | Output::SetTimer { .. }
            | Output::Seal { .. }
            | Output::Open { .. }
            | Output::Store { .. }
            | Output::Load { .. }
            | Output::Pay { .. }
            | Output::Remember(_)
            | Output::SignClaim(_)
            | Output::CheckClaims { .. }
            | Output::Forget(_) => {}
        }
    }

    fn command(&mut self, command: &Command) {
        let (ticket, kind) = match command {
            Command::Put { ticket, .. } => (ticket, "put"),
            Command::Get { ticket, .. } => (ticket, "get"),
            Command::Provide { ticket, .. } => (ticket, "provide"),
            Command::Providers { ticket, .. } => (ticket, "providers"),
            Command::Echo { ticket, .. } => (ticket, "echo"),
            Command::Ask { ticket, .. } => (ticket, "ask"),
            Command::Roster { ticket, .. } => (ticket, "roster"),
            Command::Start { .. }
            | Command::CardChanged(_)
            | Command::Revoke(_)
            | Command::Clock(_)
            | Command::Leave
            | Command::Reply { .. } => return,
        };
        self.operations.insert(*ticket, (kind, Instant::now()));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::PutDone { ticket, outcome } => self.done(*ticket, outcome, None),
            Event::GetDone { ticket, outcome } => {
                self.done(*ticket, outcome, outcome.as_ref().ok().map(|get| get.hops))
            }
            Event::EchoDone { ticket, outcome } => {
                self.done(*ticket, outcome, outcome.as_ref().ok().map(|echo| echo.hops));
            }
            Event::ProvideDone { ticket, outcome } => self.done(*ticket, outcome, None),
            Event::ProvidersDone { ticket, outcome } => self.done(*ticket, outcome, None),
            Event::AskDone { ticket, outcome } => self.done(*ticket, outcome, None),
            Event::RosterDone { ticket, outcome } => self.done(*ticket, outcome, None),
            Event::Equivocated(node) => {
                let text = format!("{node} has signed two rosters of one line: there is proof, and others are told");
                let advice = "nothing is to be done: what it signs counts no more";
                self.metrics.warnings.warn("equivocation", text, advice);
            }
            Event::JoinFailed { step, why, .. } => self.join_failed(*step, why),
            Event::RosterDoubt { counted, least, greatest } => {
                self.metrics.counts.roster_doubts.inc();
                let text = format!(
                    "a line was said to have {counted} nodes, where the other lines make {least} to {greatest} believable"
                );
                let advice = "it is asked for elsewhere; if this goes on, join through another --peer as well";
                self.metrics.warnings.warn("roster_doubt", text, advice);
            }
            Event::JoinProgress(_)
            | Event::Joined { .. }
            | Event::Grown
            | Event::NeighbourUp(_)
            | Event::NeighbourDown(_)
            | Event::HandingOver { .. }
            | Event::Left
            | Event::Asked { .. } => {}
        }
    }

    fn done<T>(&mut self, ticket: Ticket, outcome: &Result<T, RequestFailure>, hops: Option<u8>) {
        let Some((kind, begun)) = self.operations.remove(&ticket) else { return };
        let (counts, label) = (&self.metrics.counts, [("kind", kind)]);
        let outcome = outcome.as_ref().map_or_else(labels::failure, |_| "done");
        counts.operations.get_or_create(&[("kind", kind), ("outcome", outcome)]).inc();
        counts.operation_time.get_or_create(&label).observe(begun.elapsed().as_secs_f64());
        if let Some(hops) = hops {
            counts.operation_hops.get_or_create(&label).observe(hops.into());
        }
    }

    fn join_failed(&self, step: JoinStep, why: &str) {
        self.metrics.counts.join_failures.get_or_create(&[("step", labels::step(step))]).inc();
        self.metrics.warnings.warn("join_failed", format!("joining failed: {why}"), advice_on_join(step));
    }

    fn stored(&self, outcome: Result<(), StoreFailure>) {
        let word = outcome.map_or_else(labels::store_failure, |()| "done");
        self.metrics.counts.records_written.get_or_create(&[("outcome", word)]).inc();
        if let Err(failure) = outcome {
            let text = format!("a record was not written to the disk: {failure}");
            let advice =
                "see that the disk of the --data folder has space and works; the log says what the system said";
            self.metrics.warnings.warn("disk", text, advice);
        }
    }

    fn connected(&mut self, node: NodeId, cell: Cell, level: Level) {
        let counts = &self.metrics.counts;
        match self.linked.insert(node, (cell, level)) {
            Some((_, before)) => _ = counts.links.get_or_create(&[("level", labels::level(before))]).dec(),
            None => _ = counts.links_opened.inc(),
        }
        counts.links.get_or_create(&[("level", labels::level(level))]).inc();
    }

    fn disconnected(&mut self, node: &NodeId) {
        if let Some((_, level)) = self.linked.remove(node) {
            self.metrics.counts.links.get_or_create(&[("level", labels::level(level))]).dec();
            self.metrics.counts.links_lost.inc();
        }
    }

    fn heard(&mut self, from: NodeId, message: &Message) {
        let Some(&(cell, _)) = self.linked.get(&from) else { return };
        if let Message::Request(request) = message {
            self.requests.came(&self.metrics, from, request);
        }
        self.requests.sight(&self.metrics, message, (cell, self.me));
    }

    fn said(&mut self, to: NodeId, message: &Message) {
        let Some(&(cell, _)) = self.linked.get(&to) else { return };
        // What was asked is forgotten with the answer, so it is looked at first.
        self.requests.sight(&self.metrics, message, (self.me, cell));
        self.requests.said(&self.metrics, to, message);
    }
}
