//! Requests on their way: forwarded recursively, one coordinate a hop; the answer comes back the same way.
//!
//! Each node that takes a request over says so (`Accepted`), which stops the hop timeout of the one before; a node
//! that does not is replaced on the spot by another candidate. Where no move is open the request goes back
//! (`Refused`) and the node before tries another way: a search in depth that no node takes part in twice. The origin
//! first allows `d` hops, which suffice when nothing fails; then two more, for sidesteps.

mod account;
mod hedge;
mod inbox;
mod origin;
mod prices;

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use rand_core::Rng;

use crate::config::Config;
use crate::id::{NodeId, RequestId};
use crate::input::Ticket;
use crate::message::{Answer, AnswerBody, Message, Refusal, Request, RequestBody};
use crate::neighbours::{Choice, Member, Neighbours, Role};
use crate::protocol::{Ask, Context, Signal};
use crate::queue::Class;
use crate::route::Leg;
use crate::time::Time;

use hedge::Hedging;
use inbox::Inbox;
use origin::Origin;
use prices::Prices;

/// When a hop, or a whole request, has had its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next hop has had its time to accept; the number tells which hop.
    Hop(RequestId, u32),
    /// The answer takes longer than answers usually do.
    Hedge(RequestId),
    /// The request is over, whatever came of it.
    Over(RequestId),
    /// Those who were too busy for a request of ours may not be any more.
    Again(Ticket),
}

/// Where a request came from, which is where its answer goes.
#[derive(Debug)]
enum Source {
    Link(NodeId),
    Here(Origin),
}

/// What those who were too busy for a request said.
#[derive(Clone, Copy, Debug)]
struct Busy {
    /// Until the first of them may not be.
    retry_after: Duration,
    /// The most that one of them asks for, since any may be the next.
    effort: u32,
}

/// What is being done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// We are in its cell, or stand in for it, and work on the answer.
    Serving,
    /// Sent to a next hop that has not accepted yet.
    Offered(NodeId, Time),
    /// The next hop sees to it, to whom it was sent then.
    Accepted(NodeId, Time),
}

#[derive(Debug)]
struct Pending {
    source: Source,
    request: Request,
    state: State,
    /// Nodes that it was sent to, the current one included.
    tried: BTreeSet<NodeId>,
    /// Some node of the target's cell was among them.
    tried_target: bool,
    /// Somebody who could have brought it further did not take it in time.
    slow: bool,
    /// Somebody who could have was too busy, and said until when, and what would help.
    busy: Option<Busy>,
}

/// The requests that this node works on or waits for.
#[derive(Debug)]
pub(crate) struct Requests {
    pending: BTreeMap<RequestId, Pending>,
    /// Those that have come and that nothing was done about yet.
    inbox: Inbox,
    /// Our own, until others are less busy.
    resting: BTreeMap<Ticket, Origin>,
    /// What was asked of them.
    prices: Prices,
    /// Our own that are being paid for.
    unpaid: BTreeMap<Ticket, (Origin, Request)>,
    hedging: Hedging,
    /// What neighbours have that others have answered meanwhile, or were given: what they make of it counts all the same.
    overtaken: BTreeMap<RequestId, BTreeMap<NodeId, Request>>,
}

/// When bulk that found no room on a link may be tried again: by then a megabyte has gone at 10 Mbit/s.
const FULL_LINK: Duration = Duration::from_secs(1);

/// Hops beyond `d` that are allowed for sidesteps: two, as the design says.
const SIDESTEPS: u8 = 2;

impl Requests {
    pub(crate) fn new(config: &Config) -> Self {
        let (inbox, hedging, prices) = (Inbox::new(config), Hedging::default(), Prices::default());
        let (pending, resting, unpaid, overtaken) = Default::default();
        Self { pending, inbox, resting, prices, unpaid, hedging, overtaken }
    }

    /// Requests that have come and wait for their turn.
    pub(crate) fn waiting(&self) -> usize {
        self.inbox.len()
    }

    /// Requests that this node works on, or whose answer it waits for.
    pub(crate) fn under_way(&self) -> usize {
        self.pending.len()
    }

    /// Those of them that are of a class.
    pub(crate) fn waiting_in(&self, class: Class) -> usize {
        self.inbox.waiting(class)
    }

    /// A request came over a link: it waits for its turn, if there is room.
    pub(crate) fn on_request<R: Rng>(&mut self, from: NodeId, request: Request, cx: &mut Context<'_, R>) {
        cx.ledger.asked(cx.now, from);
        match self.objection(from, &request, cx) {
            Some(refusal) => cx.refuse(from, request.id, refusal),
            None => self.inbox.take_in(from, request, cx),
        }
    }

    /// There is time for one request.
    pub(crate) fn on_turn<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if let Some((from, request)) = self.inbox.next(cx) {
            self.take_on(from, request, cx);
        }
    }

    /// It is a request's turn.
    fn take_on<R: Rng>(&mut self, from: NodeId, mut request: Request, cx: &mut Context<'_, R>) {
        let id = request.id;
        // Much may have happened since it came.
        if let Some(refusal) = self.objection(from, &request, cx) {
            return cx.refuse(from, id, refusal);
        }
        cx.table.take(cx.now);
        request.hops = request.hops.saturating_add(1);
        request.hops_left = request.hops_left.saturating_sub(1).min(cx.table.shape().dims() + SIDESTEPS + 1);
        // A quick answer says as much as an acceptance, so reads are not accepted first; but bulk may wait on its link.
        let quick = request.class() != Class::Bulk && request.is_quick();
        if request.target != cx.me.cell() || !quick {
            cx.send(from, Message::Accepted(id));
        }
        cx.timer(cx.config.operation_timeout, Timer::Over(id));
        self.admit(Source::Link(from), request, cx);
    }

    fn objection<R: Rng>(&self, from: NodeId, request: &Request, cx: &Context<'_, R>) -> Option<Refusal> {
        let joins = matches!(&request.body, RequestBody::Join(peer) if peer.id() == from);
        let allowed = match cx.table.role(from) {
            // A leaf does nothing for others, but what is meant for it alone.
            Some(_) if cx.is_leaf() => request.addressee() == Some(cx.me.id()),
            Some(Role::Neighbour | Role::Bridge | Role::Leaf) => true,
            Some(Role::Guest) => joins,
            None => false,
        };
        if !allowed {
            Some(Refusal::NotAllowed)
        } else if self.pending.contains_key(&request.id) {
            Some(Refusal::Loop)
        } else if self.pending.len() >= cx.config.max_forwarding {
            Some(self.inbox.busy())
        } else if request.hops_left == 0 {
            Some(Refusal::NoWay)
        } else {
            None
        }
    }

    fn admit<R: Rng>(&mut self, source: Source, request: Request, cx: &mut Context<'_, R>) {
        let mine = match request.addressee() {
            Some(node) => node == cx.me.id(),
            // What a cell is asked for, a leaf of it does not have.
            None => !cx.is_leaf(),
        };
        let (id, here) = (request.id, request.target == cx.me.cell() && mine);
        self.insert(source, request);
        match here {
            true => self.serve(id, cx),
            false => self.advance(id, cx),
        }
    }

    fn insert(&mut self, source: Source, request: Request) {
        let id = request.id;
        let pending = Pending {
            source,
            request,
            state: State::Serving,
            tried: BTreeSet::new(),
            tried_target: false,
            slow: false,
            busy: None,
        };
        self.pending.insert(id, pending);
    }

    fn serve<R: Rng>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.state = State::Serving;
            cx.signal(Signal::Serve(id, pending.request.body.clone()));
        }
    }

    /// Sends the request to the next candidate, or gives it up.
    fn advance<R: Rng>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        match next_hop(pending, cx) {
            Some(next) => pending.offer(next, cx),
            None => self.give_up(id, cx),
        }
    }

    /// No candidate is left.
    fn give_up<R: Rng>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        let Some(pending) = self.pending.get(&id) else { return };
        let target = pending.request.target;
        // A leaf knows of nobody but its hosts.
        let on_its_line = cx.me.cell().is_neighbour(&target) && !cx.is_leaf();
        let newcomer = pending.request.newcomer();
        // Who is joining itself knows too little to call a cell vacant, and must not welcome itself.
        let joining = newcomer == Some(cx.me.id());
        // Nodes of the cell that were tried in vain may only be slow, so the cell is not vacant for that; but a newcomer
        // is better welcomed by us than by nobody.
        let unheard = newcomer.is_some() && pending.tried_target;
        let vacant = on_its_line && !joining && (unheard || !cx.table.is_occupied(target, newcomer));
        // Who joins and has us as its only way in is told of us: it knows our address already.
        let stands_in = newcomer.is_some() && !joining && (vacant || newcomer == pending.from());
        // All nodes of a cell are linked, so nobody of it would find the addressee if we do not.
        let absent = target == cx.me.cell() && pending.request.addressee().is_some() && !cx.is_leaf();
        if stands_in {
            self.serve(id, cx);
        } else if absent {
            self.reply(id, AnswerBody::Absent, cx);
        } else if vacant {
            self.reply(id, AnswerBody::Vacant, cx);
        } else if let Some(pending) = self.pending.remove(&id) {
            let obstacle = pending.obstacle();
            match pending.source {
                Source::Link(from) => cx.refuse(from, id, obstacle.unwrap_or(Refusal::NoWay)),
                Source::Here(origin) => self.no_way(origin, target, obstacle, cx),
            }
        }
    }

    /// The answer to a request that we served is ready.
    pub(crate) fn reply<R: Rng>(&mut self, id: RequestId, body: AnswerBody, cx: &mut Context<'_, R>) {
        if let Some(pending) = self.pending.remove(&id) {
            let Request { hops, class, .. } = pending.request;
            let answer = Answer { id, hops, class, from: cx.me.cell(), body };
            if let Source::Here(origin) = &pending.source {
                self.settle(origin, cx);
            }
            pending.deliver(answer, cx);
        }
    }

    pub(crate) fn on_accepted<R: Rng>(&mut self, from: NodeId, id: RequestId, cx: &mut Context<'_, R>) {
        if let Some(pending) = self.pending.get_mut(&id)
            && let State::Offered(next, since) = pending.state
            && next == from
        {
            pending.state = State::Accepted(next, since);
            cx.table.heard(cx.now, next, since);
        }
    }

    pub(crate) fn on_refused<R: Rng>(
        &mut self,
        from: NodeId,
        id: RequestId,
        refusal: Refusal,
        cx: &mut Context<'_, R>,
    ) {
        if self.is_with(id, from) {
            account::refused(from, refusal, cx);
            self.take_back(from, id, refusal, cx);
        } else {
            self.on_late_refusal(from, id, refusal, cx);
        }
    }

    /// A message found no room on its link. A request goes another way, or waits; whoever waits for an answer hears that
    /// there is none just now; and whatever else is so large is asked for again.
    pub(crate) fn on_unsent<R: Rng>(&mut self, to: NodeId, message: Message, cx: &mut Context<'_, R>) {
        if let Message::Request(request) = message {
            self.take_back(to, request.id, Refusal::Busy { retry_after: FULL_LINK, effort: 0 }, cx);
        } else if let Message::Answer(answer) = message {
            cx.send(to, Message::Answer(Answer { class: Class::Interactive, body: AnswerBody::Busy, ..answer }));
        }
    }

    /// A node does not do anything about a request that it was sent, for some reason.
    fn take_back<R: Rng>(&mut self, from: NodeId, id: RequestId, why: Refusal, cx: &mut Context<'_, R>) {
        if let Some(pending) = self.pending.get_mut(&id)
            && let Some(since) = pending.with(from)
        {
            pending.note(why);
            cx.table.give_back(from, since);
            self.advance(id, cx);
        }
    }

    fn is_with(&self, id: RequestId, node: NodeId) -> bool {
        self.pending.get(&id).is_some_and(|pending| pending.is_with(node))
    }

    pub(crate) fn on_answer<R: Rng>(&mut self, from: NodeId, mut answer: Answer, cx: &mut Context<'_, R>) {
        let with = self.pending.get(&answer.id).and_then(|pending| Some((pending, pending.with(from)?)));
        let Some((pending, since)) = with else { return self.on_late_answer(from, &answer, cx) };
        let request = &pending.request;
        cx.table.brought(cx.now, from, since, request.is_quick().then_some(request.target));
        if let Some(pending) = self.pending.remove(&answer.id) {
            // It travels as urgently as it was asked for, whatever its sender says.
            answer.class = pending.request.class;
            account::answered(from, &pending.request, &answer, cx);
            if let Source::Here(origin) = &pending.source {
                self.note_answer(origin, cx);
                self.settle(origin, cx);
            }
            pending.deliver(answer, cx);
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Hop(id, hop) => self.on_hop_timeout(id, hop, cx),
            Timer::Hedge(id) => self.hedge(id, cx),
            Timer::Over(id) => self.on_over(id, cx),
            Timer::Again(ticket) => self.on_rested(ticket, cx),
        }
    }

    fn on_hop_timeout<R: Rng>(&mut self, id: RequestId, hop: u32, cx: &mut Context<'_, R>) {
        let Some(pending) = self.pending.get(&id) else { return };
        let State::Offered(next, since) = pending.state else { return };
        if pending.hop() != hop {
            return;
        }
        if next_hop(pending, cx).is_none() {
            // Nobody else could be asked: then the one that was may have its full time, and if nobody else may ever be
            // asked, all the time that the request has.
            let rest = cx.config.hop_timeout.saturating_sub(cx.now.since(since));
            if !rest.is_zero() {
                return cx.timer(rest, Timer::Hop(id, hop));
            }
            if pending.is_by_way_of_one() {
                return cx.signal(Signal::Doubt(next));
            }
        }
        cx.table.observe(cx.now, next, cx.now.since(since));
        cx.table.lost(cx.now, next, since);
        cx.signal(Signal::Doubt(next));
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.slow = true;
            let request = pending.request.clone();
            self.note_overtaken(next, request);
        }
        self.advance(id, cx);
    }

    fn on_over<R: Rng>(&mut self, id: RequestId, cx: &mut Context<'_, R>) {
        self.forget_overtaken(id, cx);
        let Some(pending) = self.pending.remove(&id) else { return };
        if let State::Offered(next, since) | State::Accepted(next, since) = pending.state {
            cx.table.lost(cx.now, next, since);
            cx.ledger.refused(cx.now, next);
        }
        match pending.source {
            Source::Link(from) => cx.ledger.denied(cx.now, from),
            Source::Here(origin) => self.timed_out(origin, pending.tried, cx),
        }
    }

    /// A link broke: what was sent over it goes another way at once.
    pub(crate) fn on_link_down<R: Rng>(&mut self, node: NodeId, cx: &mut Context<'_, R>) {
        self.inbox.forget(node);
        let stranded = self.pending.iter().filter(|(_, pending)| pending.is_with(node)).map(|(&id, _)| id);
        for id in stranded.collect::<alloc::vec::Vec<_>>() {
            self.advance(id, cx);
        }
    }
}

impl Pending {
    fn from(&self) -> Option<NodeId> {
        match &self.source {
            Source::Link(from) => Some(*from),
            Source::Here(_) => None,
        }
    }

    /// What a next hop's refusal says of the way.
    fn note(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Busy { retry_after, effort } => {
                let before = self.busy.unwrap_or(Busy { retry_after, effort });
                let (retry_after, effort) = (retry_after.min(before.retry_after), effort.max(before.effort));
                self.busy = Some(Busy { retry_after, effort });
            }
            Refusal::Slow => self.slow = true,
            Refusal::NoWay | Refusal::Loop | Refusal::NotAllowed => {}
        }
    }

    /// Why there may be a way though none was found: who did not answer is not known to be busy only.
    fn obstacle(&self) -> Option<Refusal> {
        let busy = self.busy.map(|Busy { retry_after, effort }| Refusal::Busy { retry_after, effort });
        if self.slow { Some(Refusal::Slow) } else { busy }
    }

    /// The hop's time to accept: less for a neighbour whose latency is known, since its answers do not vary that much.
    /// Eight times the latency is far in the tail of any link that works; 50 ms allow for a busy machine. Bulk with a
    /// payload waits for its turn on the link, and has half of the time that its answer has.
    fn hop_timeout<R>(&self, next: NodeId, cx: &Context<'_, R>) -> Duration {
        if self.request.class() == Class::Bulk && !self.request.is_light() {
            return cx.config.answer_timeout / 2;
        }
        let usual = cx.table.latency(next).map(|latency| latency.saturating_mul(8).max(Duration::from_millis(50)));
        usual.map_or(cx.config.hop_timeout, |usual| usual.min(cx.config.hop_timeout))
    }

    fn is_by_way_of_one(&self) -> bool {
        matches!(&self.source, Source::Here(origin) if origin.ask.via.is_some())
    }

    fn avoids(&self, node: NodeId) -> bool {
        matches!(&self.source, Source::Here(origin) if origin.avoid.contains(&node))
    }

    fn is_with(&self, node: NodeId) -> bool {
        self.with(node).is_some()
    }

    /// When that node was given it, if it has it.
    fn with(&self, node: NodeId) -> Option<Time> {
        match self.state {
            State::Offered(next, since) | State::Accepted(next, since) => (next == node).then_some(since),
            State::Serving => None,
        }
    }

    /// Which hop is being tried, so that a timer that was set for an earlier one is told apart.
    fn hop(&self) -> u32 {
        u32::try_from(self.tried.len()).unwrap_or(u32::MAX)
    }

    fn offer<R: Rng>(&mut self, next: NodeId, cx: &mut Context<'_, R>) {
        self.tried.insert(next);
        self.tried_target |= cx.table.peer(next).is_some_and(|peer| peer.cell() == self.request.target);
        self.state = State::Offered(next, cx.now);
        cx.table.hand_over(cx.now, next);
        cx.ledger.asking(cx.now, next);
        cx.send(next, Message::Request(self.request.clone()));
        cx.timer(self.hop_timeout(next, cx), Timer::Hop(self.request.id, self.hop()));
    }

    /// Hands the answer to whoever asked.
    fn deliver<R: Rng>(self, answer: Answer, cx: &mut Context<'_, R>) {
        match self.source {
            Source::Link(from) => {
                account::answer(from, &self.request, &answer, cx);
                cx.send(from, Message::Answer(answer));
            }
            Source::Here(origin) => cx.signal(Signal::Asked(origin.ask.asker, Ok(answer))),
        }
    }
}

fn next_hop<R: Rng>(pending: &Pending, cx: &mut Context<'_, R>) -> Option<NodeId> {
    let open = |node: NodeId| !pending.tried.contains(&node) && pending.from() != Some(node);
    if let Source::Here(Origin { ask: Ask { via: Some(via), .. }, .. }) = pending.source {
        return (open(via) && cx.table.is_linked(via)).then_some(via);
    }
    let request = &pending.request;
    if cx.is_leaf() {
        return by_a_host(pending, open, cx);
    }
    if let Some(node) = request.addressee()
        && (cx.table.is_linked(node) || request.target == cx.me.cell())
    {
        return (open(node) && cx.table.is_linked(node)).then_some(node);
    }
    let leg = Leg { here: cx.me.cell(), target: request.target, hops_left: request.hops_left };
    // One move before the target there is no way around its own nodes, so nobody is avoided there.
    let anybody = leg.here.is_neighbour(&leg.target);
    let usable = |node| open(node) && (anybody || !pending.avoids(node)) && request.newcomer() != Some(node);
    let prospect = cx.table.toward(cx.now, request.target, choice(request, cx.table.shape().dims()));
    leg.next_hop(cx.table.shape(), &prospect, usable, cx.rng)
}

/// The host by which the answer is expected first, if there is one that has not failed already; else any.
fn by_a_host<R>(pending: &Pending, open: impl Fn(NodeId) -> bool, cx: &Context<'_, R>) -> Option<NodeId> {
    let prospect = cx.table.toward(cx.now, pending.request.target, Choice::Soonest);
    let hosts = cx.table.hosts().map(Member::id).filter(|&host| open(host));
    hosts.min_by_key(|&host| (pending.avoids(host), prospect.cost(host)))
}

/// A request that may cross more links than the grid has axes is one whose origin has tried in vain before.
fn choice(request: &Request, dims: u8) -> Choice {
    let usual = dims + u8::from(request.addressee().is_some());
    if request.hops.saturating_add(request.hops_left) > usual { Choice::Any } else { Choice::Soonest }
}
