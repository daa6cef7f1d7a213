//! Hedging (Dean and Barroso, "The tail at scale", CACM 56(2), 2013): when an answer has taken longer than 95 of a hundred
//! did, the origin sends the request once more, by another first hop, and takes the answer that comes first.
//!
//! How often is bounded by an allowance that grows with the origin's own requests, so that a slow grid is not made slower.

use core::time::Duration;

use crate::id::{NodeId, RequestId};
use crate::message::{Answer, Refusal, Request, RequestBody};
use crate::protocol::Context;
use crate::protocol::request::account;
use crate::protocol::request::origin::Origin;
use crate::protocol::request::{Requests, Source, State, Timer};
use crate::quantile::Quantile;

use rand_core::Rng;

/// Answers of a hundred that come sooner.
const PERCENT: u32 = 95;
/// Answers that tell how long they usually take: the greatest of fewer than 20 would say little of a 95th percentile.
const ENOUGH: u32 = 32;
/// Who waits no longer than this gains nothing by a second copy.
const LEAST: Duration = Duration::from_millis(20);
/// The allowance is saved up for so many copies at most: a burst when something breaks, not a flood.
const SAVED: f64 = 8.0;

/// How long answers usually take, and how many copies may be sent.
#[derive(Debug, Default)]
pub(super) struct Hedging {
    /// Of questions to services, which take the time that they need.
    questions: Quantile,
    /// Of what the overlay answers itself.
    lookups: Quantile,
    allowance: f64,
}

impl Hedging {
    /// What is kept for requests of this kind; `None` for those that are better not sent twice: they are long, or change
    /// something, which would be harmless but dear.
    fn of(&mut self, body: &RequestBody) -> Option<&mut Quantile> {
        match body {
            RequestBody::Get { .. } | RequestBody::Echo(_) | RequestBody::Providers(_) | RequestBody::Roster { .. } => {
                Some(&mut self.lookups)
            }
            RequestBody::Ask { .. } => Some(&mut self.questions),
            RequestBody::Join(_) | RequestBody::Put(_) | RequestBody::Audit(_) | RequestBody::Provide(_) => None,
        }
    }

    /// A request of our own: it adds `percent` hundredths of a copy to the allowance.
    pub(super) fn earn(&mut self, percent: u8) {
        self.allowance = (self.allowance + f64::from(percent) / 100.0).min(SAVED);
    }

    fn spend(&mut self) -> bool {
        let allowed = self.allowance >= 1.0;
        if allowed {
            self.allowance -= 1.0;
        }
        allowed
    }

    /// How long an answer of this kind is awaited before the request is sent once more; `None` if it is not.
    pub(super) fn patience(&mut self, body: &RequestBody) -> Option<Duration> {
        let usual = self.of(body).filter(|usual| usual.samples() >= ENOUGH)?;
        usual.at(PERCENT).map(|late| late.max(LEAST))
    }
}

impl Requests {
    /// The answer to a request of ours is late.
    pub(super) fn hedge<R: Rng>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let Source::Here(origin) = &mut pending.source else { return };
        if pending.state == State::Serving || !self.hedging.spend() {
            return;
        }
        origin.hedged = true;
        let copy = Origin { wide: true, ..origin.clone() };
        // What was paid for the first copy is bound to its name. No way around: that would only be longer, and what is
        // late is not lost yet.
        let mut request = Request { id: cx.request_id(), paid: None, ..pending.request.clone() };
        request.hops_left = cx.table.shape().dims() + u8::from(request.addressee().is_some()) + u8::from(cx.is_leaf());
        // By nobody who has the first copy, not even where only the last hop is left.
        let tried = pending.tried.clone();
        let id = request.id;
        self.insert(Source::Here(copy), request);
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.tried = tried;
        }
        cx.timer(cx.config.answer_timeout, Timer::Over(id));
        self.advance(id, cx);
    }

    /// A request of ours is answered: so are its copies. One that has been overtaken is evidence against who has it.
    pub(super) fn settle<R: Rng>(&mut self, origin: &Origin, cx: &mut Context<'_, R>) {
        if !origin.hedged {
            return;
        }
        let ours = self.pending.iter().filter(|(_, pending)| pending.source.is_copy_of(origin)).map(|(&id, _)| id);
        for id in ours.collect::<alloc::vec::Vec<_>>() {
            let Some(pending) = self.pending.remove(&id) else { continue };
            if let State::Offered(next, since) | State::Accepted(next, since) = pending.state {
                cx.table.overtaken(cx.now, next, since, pending.request.target);
                self.note_overtaken(next, pending.request);
            }
        }
    }

    /// A neighbour has a request of ours that is with another now, or answered.
    pub(super) fn note_overtaken(&mut self, node: NodeId, request: Request) {
        self.overtaken.entry(request.id).or_default().insert(node, request);
    }

    /// A neighbour has worked on what is not waited for any more: that counts for it like any other work.
    pub(super) fn on_late_answer<R>(&mut self, from: NodeId, answer: &Answer, cx: &mut Context<'_, R>) {
        if let Some(request) = self.take_overtaken(from, answer.id) {
            account::answered(from, &request, answer, cx);
        }
    }

    /// What is not waited for any more was refused.
    pub(super) fn on_late_refusal<R>(
        &mut self,
        from: NodeId,
        id: RequestId,
        refusal: Refusal,
        cx: &mut Context<'_, R>,
    ) {
        let Some(request) = self.take_overtaken(from, id) else { return };
        account::refused(from, refusal, cx);
        if let Refusal::Busy { effort, .. } = refusal {
            self.note_price(request.target, effort, cx);
        }
    }

    fn take_overtaken(&mut self, from: NodeId, id: RequestId) -> Option<Request> {
        self.overtaken.get_mut(&id)?.remove(&from)
    }

    /// A request has had its time: who has said nothing of it by now has refused it.
    pub(super) fn forget_overtaken<R>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        for node in self.overtaken.remove(&id).into_iter().flatten().map(|(node, _)| node) {
            cx.ledger.refused(cx.now, node);
        }
    }

    /// An answer has come over a link to a request of ours.
    pub(super) fn note_answer<R>(&mut self, origin: &Origin, cx: &Context<'_, R>) {
        if let Some(usual) = self.hedging.of(&origin.ask.body) {
            usual.observe(cx.now.since(origin.began));
        }
    }

    /// Whether another copy of this request of ours is under way.
    pub(super) fn has_copy(&self, origin: &Origin) -> bool {
        origin.hedged && self.pending.values().any(|pending| pending.source.is_copy_of(origin))
    }
}

impl Source {
    fn is_copy_of(&self, origin: &Origin) -> bool {
        matches!(self, Self::Here(own) if own.serial == origin.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_a_small_share_of_the_requests() {
        let mut hedging = Hedging::default();
        assert!(!hedging.spend(), "nothing was earned");
        let copies: u32 = (0..1000)
            .map(|_| {
                hedging.earn(5);
                u32::from(hedging.spend())
            })
            .sum();
        assert!((45..=50).contains(&copies), "{copies}");
        (0..100_000).for_each(|_| hedging.earn(5));
        let burst = (0..100).filter(|_| hedging.spend()).count();
        assert_eq!(burst, 8, "a long quiet time saves up no flood");
    }

    #[test]
    fn patience_is_what_answers_usually_take_and_puts_are_not_hedged() {
        let (mut hedging, echo) = (Hedging::default(), RequestBody::Echo([].into()));
        for _ in 0..ENOUGH {
            assert_eq!(hedging.patience(&echo), None);
            hedging.of(&echo).unwrap().observe(Duration::from_millis(100));
        }
        let patience = hedging.patience(&echo).unwrap();
        assert!((Duration::from_millis(100)..Duration::from_millis(119)).contains(&patience), "{patience:?}");
        assert!(hedging.of(&RequestBody::Audit(alloc::vec::Vec::new())).is_none());
    }
}
