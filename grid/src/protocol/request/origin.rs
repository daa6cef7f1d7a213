//! The origin's side of a request: several attempts, each by other first hops than those that failed.

use alloc::collections::BTreeSet;
use core::num::NonZeroU32;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::Cell;
use crate::chance::jitter;
use crate::id::NodeId;
use crate::input::Ticket;
use crate::message::{Refusal, Request};
use crate::output::{Output, RequestFailure};
use crate::postage::Paid;
use crate::protocol::request::{Requests, SIDESTEPS, Source, Timer};
use crate::protocol::{Ask, Context, Signal};
use crate::time::Time;

/// Nobody is asked again sooner: a busy node's queue moves within tens of milliseconds.
const LEAST_REST: Duration = Duration::from_millis(50);

/// What the origin keeps of its request.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// Tells it and its copies from other requests of ours.
    pub(super) serial: Ticket,
    /// When it was asked.
    pub(super) began: Time,
    /// It was sent a second time.
    pub(super) hedged: bool,
    pub(super) ask: Ask,
    /// First hops that took the request over and did not bring it home.
    pub(super) avoid: BTreeSet<NodeId>,
    pub(super) attempts: u8,
    /// What is paid for each attempt from now on.
    pub(super) effort: u32,
    pub(super) wide: bool,
}

impl Requests {
    /// A request of our own.
    pub(crate) fn ask<R: Rng>(&mut self, ask: Ask, cx: &mut Context<'_, R>) {
        self.hedging.earn(cx.config.hedge_percent);
        let (serial, began, avoid) = (cx.ticket(), cx.now, BTreeSet::new());
        self.attempt(Origin { serial, began, hedged: false, ask, avoid, attempts: 0, effort: 0, wide: false }, cx);
    }

    fn attempt<R: Rng>(&mut self, mut origin: Origin, cx: &mut Context<'_, R>) {
        if origin.attempts >= cx.config.attempts {
            return fail(&origin, RequestFailure::TimedOut(origin.ask.target), cx);
        }
        origin.attempts += 1;
        // The first hop, if there is no choice of it, may lead no nearer.
        let led = origin.ask.via.is_some() || cx.is_leaf();
        let extra = if origin.wide { SIDESTEPS } else { 0 } + u8::from(led);
        let mut request = Request {
            id: cx.request_id(),
            target: origin.ask.target,
            hops: 0,
            hops_left: cx.table.shape().dims() + extra,
            class: origin.ask.class,
            paid: None,
            body: origin.ask.body.clone(),
        };
        // The last hop may be from another node of the cell to the one that it is for.
        request.hops_left += u8::from(request.addressee().is_some());
        origin.effort = origin.effort.max(self.prices.of(cx.now, request.target));
        match NonZeroU32::new(origin.effort) {
            Some(effort) => self.pay(origin, request, effort, cx),
            None => self.send_off(origin, request, cx),
        }
    }

    /// Has the work done first that somebody on the way asks for.
    fn pay<R: Rng>(&mut self, origin: Origin, request: Request, effort: NonZeroU32, cx: &mut Context<'_, R>) {
        let (ticket, target, name) = (cx.ticket(), request.target, request.id);
        self.unpaid.insert(ticket, (origin, request));
        cx.out.push(Output::Pay { ticket, target, request: name, effort });
    }

    /// A request of ours was paid for, or could not be.
    pub(crate) fn on_paid<R: Rng>(&mut self, ticket: Ticket, paid: Option<Paid>, cx: &mut Context<'_, R>) {
        if let Some((origin, request)) = self.unpaid.remove(&ticket) {
            self.send_off(origin, Request { paid, ..request }, cx);
        }
    }

    fn send_off<R: Rng>(&mut self, origin: Origin, request: Request, cx: &mut Context<'_, R>) {
        cx.timer(cx.config.answer_timeout, Timer::Over(request.id));
        if origin.attempts == 1
            && request.target != cx.me.cell()
            && let Some(patience) = self.hedging.patience(&request.body)
        {
            cx.timer(patience, Timer::Hedge(request.id));
        }
        if origin.ask.via.is_some() {
            self.admit_by_introducer(origin, request, cx);
        } else {
            self.admit(Source::Here(origin), request, cx);
        }
    }

    /// The introducer gets the request even if we are in the target's cell ourselves: we look for others there.
    fn admit_by_introducer<R: Rng>(&mut self, origin: Origin, request: Request, cx: &mut Context<'_, R>) {
        let id = request.id;
        self.insert(Source::Here(origin), request);
        self.advance(id, cx);
    }

    /// No way was found within the hops allowed: allow more, once; or wait until those on the way are less busy.
    pub(super) fn no_way<R: Rng>(
        &mut self,
        mut origin: Origin,
        target: Cell,
        obstacle: Option<Refusal>,
        cx: &mut Context<'_, R>,
    ) {
        if self.has_copy(&origin) {
            return;
        }
        if !origin.wide {
            origin.wide = true;
            return self.attempt(origin, cx);
        }
        match obstacle {
            Some(Refusal::Busy { retry_after, effort }) if origin.attempts < cx.config.attempts => {
                let effort = self.note_price(target, effort, cx);
                origin.effort = origin.effort.max(effort);
                self.rest(origin, retry_after, cx);
            }
            Some(Refusal::Busy { .. }) => fail(&origin, RequestFailure::Busy(target), cx),
            // Where somebody did not answer, nothing is known about the cell; else there is nobody to ask.
            Some(_) => fail(&origin, RequestFailure::TimedOut(target), cx),
            None => fail(&origin, RequestFailure::NoWay(target), cx),
        }
    }

    /// Somebody on the way to a cell asks for so much: what we shall pay. Whoever asks for more than others bear may be lying.
    pub(super) fn note_price<R>(&mut self, target: Cell, asked: u32, cx: &Context<'_, R>) -> u32 {
        let effort = asked.min(cx.config.effort.most);
        self.prices.note(cx.now, target, effort);
        effort
    }

    /// Tries again later, not all at the same moment.
    fn rest<R: Rng>(&mut self, origin: Origin, time: Duration, cx: &mut Context<'_, R>) {
        let ticket = cx.ticket();
        self.resting.insert(ticket, origin);
        let time = time.max(LEAST_REST).min(cx.config.answer_timeout);
        let time = time + jitter(cx.rng, time);
        cx.timer(time, Timer::Again(ticket));
    }

    pub(super) fn on_rested<R: Rng>(&mut self, ticket: Ticket, cx: &mut Context<'_, R>) {
        if let Some(origin) = self.resting.remove(&ticket) {
            self.attempt(origin, cx);
        }
    }

    /// Somebody took the request over, and nothing came back: go around the first hops that were used.
    pub(super) fn timed_out<R: Rng>(
        &mut self,
        mut origin: Origin,
        mut tried: BTreeSet<NodeId>,
        cx: &mut Context<'_, R>,
    ) {
        if self.has_copy(&origin) {
            return;
        }
        origin.avoid.append(&mut tried);
        origin.wide = true;
        self.attempt(origin, cx);
    }
}

fn fail<R: Rng>(origin: &Origin, failure: RequestFailure, cx: &mut Context<'_, R>) {
    cx.signal(Signal::Asked(origin.ask.asker, Err(failure)));
}
