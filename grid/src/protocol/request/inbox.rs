//! The requests that have come over the links and wait for their turn, see [`crate::queue`].

use core::num::NonZeroU32;
use core::time::Duration;

use rand_core::Rng;

use crate::config::Config;
use crate::effort::Control;
use crate::id::NodeId;
use crate::message::{Refusal, Request};
use crate::postage::{Replays, Window};
use crate::protocol::Context;
use crate::queue::{Class, Job, Weight, WorkQueue};
use crate::time::Time;

#[derive(Debug)]
struct Waiting {
    request: Request,
    since: Time,
    effort: u32,
}

/// Where a request waits. A neighbour that passes others' requests on is one, as if all were its own; but what paid the
/// effort that is asked for has a lane beside that of what did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    from: NodeId,
    has_paid: bool,
}

/// A node's work queue.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: WorkQueue<Lane, Waiting>,
    /// What is asked of those who want to be served before others.
    control: Control,
    replays: Replays,
    /// How long the last one waited that was served.
    waited: Duration,
}

impl Inbox {
    pub(super) fn new(config: &Config) -> Self {
        let control = Control::new(config.effort, Time::ZERO);
        let (queue, replays) = (WorkQueue::new(config.work_queue), Replays::new(config.payments));
        Self { queue, control, replays, waited: Duration::ZERO }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many of a class wait.
    pub(super) fn waiting(&self, class: Class) -> usize {
        self.queue.waiting(class)
    }

    /// What those hear for whom there is no room: to ask again in as long as the last one waited, when at least that much
    /// has been served; and what would be served before others now.
    pub(super) fn busy(&self) -> Refusal {
        Refusal::Busy { retry_after: self.waited, effort: self.control.suggested() }
    }

    /// Takes a request in; whoever sent what is dropped for it is told.
    pub(super) fn take_in<R: Rng>(&mut self, from: NodeId, request: Request, cx: &mut Context<'_, R>) {
        self.control.tick(cx.now);
        let effort = self.effort(&request, cx);
        let lane = Lane { from, has_paid: self.control.suffices(effort) };
        let (class, work, bytes) = (request.class(), request.work(), request.bytes());
        let item = Waiting { request, since: cx.now, effort };
        // Who paid what is asked gains nothing by paying more: among those the oldest is first.
        let job = Job { lane, class, worth: if lane.has_paid { 0 } else { effort }, work, bytes, item };
        let asked = self.control.suggested();
        for dropped in self.queue.push(job, |lane| share(lane, asked, cx)) {
            self.refuse(&dropped, cx);
        }
    }

    /// Whose turn it is. Who has waited for longer than anybody waits for a hop has been given up by its sender: it is
    /// not worth serving any more.
    pub(super) fn next<R: Rng>(&mut self, cx: &mut Context<'_, R>) -> Option<(NodeId, Request)> {
        self.control.tick(cx.now);
        let asked = self.control.suggested();
        let mut next = None;
        while let Some(job) = self.queue.pop(|lane| share(lane, asked, cx)) {
            self.waited = cx.now.since(job.item.since);
            if self.waited <= cx.config.hop_timeout {
                self.control.served(job.item.effort, self.waited);
                next = Some((job.lane.from, job.item.request));
                break;
            }
            self.refuse(&job, cx);
        }
        if self.queue.is_empty() {
            self.control.ran_empty();
        }
        next
    }

    /// Nothing that came over this link is wanted any more.
    pub(super) fn forget(&mut self, from: NodeId) {
        for has_paid in [false, true] {
            self.queue.forget(Lane { from, has_paid });
        }
    }

    /// The effort that counts for a request: what was paid for it, and not for another, and not before.
    fn effort<R: Rng>(&mut self, request: &Request, cx: &Context<'_, R>) -> u32 {
        let paid = request.paid.as_ref().filter(|paid| paid.is_for(&request.target, &request.id));
        let now = Window::of_unix(cx.unix());
        paid.and_then(|paid| self.replays.admit(paid, now).ok()).map_or(0, NonZeroU32::get)
    }

    fn refuse<R: Rng>(&mut self, job: &Job<Lane, Waiting>, cx: &mut Context<'_, R>) {
        self.control.dropped(job.item.effort);
        cx.refuse(job.lane.from, job.item.request.id, self.busy());
    }
}

/// A lane's share: its neighbour's standing; but hardly any for what did not pay, while payment is asked for.
fn share<R>(lane: Lane, asked: u32, cx: &Context<'_, R>) -> Weight {
    if asked == 0 || lane.has_paid { cx.ledger.share(&lane.from) } else { Weight::of_256(1) }
}
