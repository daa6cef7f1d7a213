//! The requests that have come over the links and wait for their turn, see [`crate::queue`].

use core::time::Duration;

use rand_core::Rng;

use crate::id::NodeId;
use crate::message::{Refusal, Request};
use crate::protocol::Context;
use crate::queue::{Job, Limits, WorkQueue};
use crate::time::Time;

#[derive(Debug)]
struct Waiting {
    request: Request,
    since: Time,
}

/// A node's work queue. A neighbour that passes others' requests on is one lane, as if all were its own.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: WorkQueue<NodeId, Waiting>,
    /// How long the last one waited that was served.
    waited: Duration,
}

impl Inbox {
    pub(super) fn new(limits: Limits) -> Self {
        Self { queue: WorkQueue::new(limits), waited: Duration::ZERO }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// When it may pay to ask again: in as long as the last one waited, when at least that much has been served.
    pub(super) fn retry_after(&self) -> Duration {
        self.waited
    }

    /// Takes a request in; whoever sent what is dropped for it is told.
    pub(super) fn take_in<R: Rng>(&mut self, from: NodeId, request: Request, cx: &mut Context<'_, R>) {
        let (class, work, bytes) = (request.class(), request.work(), request.bytes());
        let item = Waiting { request, since: cx.now };
        let job = Job { lane: from, class, worth: 0, work, bytes, item };
        for dropped in self.queue.push(job, |lane| cx.ledger.share(&lane)) {
            self.refuse(&dropped, cx);
        }
    }

    /// Whose turn it is. Who has waited for longer than anybody waits for a hop has been given up by its sender: it is
    /// not worth serving any more.
    pub(super) fn next<R: Rng>(&mut self, cx: &mut Context<'_, R>) -> Option<(NodeId, Request)> {
        while let Some(job) = self.queue.pop(|lane| cx.ledger.share(&lane)) {
            self.waited = cx.now.since(job.item.since);
            if self.waited <= cx.config.hop_timeout {
                return Some((job.lane, job.item.request));
            }
            self.refuse(&job, cx);
        }
        None
    }

    /// Nothing that came over this link is wanted any more.
    pub(super) fn forget(&mut self, from: NodeId) {
        self.queue.forget(from);
    }

    fn refuse<R: Rng>(&self, job: &Job<NodeId, Waiting>, cx: &mut Context<'_, R>) {
        let refusal = Refusal::Busy { retry_after: self.retry_after() };
        cx.refuse(job.lane, job.item.request.id, refusal);
    }
}
