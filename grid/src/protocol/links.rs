//! Links: whom to dial and when, whom to let in, and whom to keep.
//!
//! A node wants an open link to each of its neighbours. It dials those it has heard of, a few at a time, and again
//! after ever longer waits. Strangers may stay for a while: a newcomer that joins through us, or, in a sparse grid, a
//! *bridge* that would otherwise have nobody to pass its requests to. A leaf wants one link for each axis, and is let in by
//! as many hosts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::chance::backoff;
use crate::id::NodeId;
use crate::level::Level;
use crate::message::Message;
use crate::neighbours::Role;
use crate::output::{Event, Output};
use crate::peer::{DialFailure, DialTarget, Peer};
use crate::protocol::{Context, Signal};
use crate::time::Time;

/// When to look at the links again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Dial those whose wait is over.
    Dial,
    /// A stranger's time is over.
    Guest(NodeId),
    /// Who has said farewell has had its time to close the link.
    Farewell(NodeId),
    /// A leaf has been one for long enough.
    Grow,
}

/// A node that we would like a link to.
#[derive(Clone, Debug)]
struct Candidate {
    peer: Peer,
    failures: u32,
    next: Time,
    dialing: bool,
    /// It once was a neighbour with a link: looked for longer than a node known by hearsay alone.
    met: bool,
}

/// Nodes to dial.
#[derive(Debug, Default)]
pub(crate) struct Links {
    candidates: BTreeMap<NodeId, Candidate>,
    /// Those that are not being dialled, the longest due first.
    waiting: BTreeSet<(Time, NodeId)>,
    dialing: usize,
    timer_set: bool,
}

/// Failed dials after which even a node that we once met is forgotten: with waits of 1 s doubling to 2 minutes, about
/// 20 minutes.
const MAX_FAILURES_MET: u32 = 16;

/// How long a node that has said farewell may take to close the link. It should close it itself: then it knows that all it
/// said was heard.
const FAREWELL: Duration = Duration::from_secs(5);

impl Links {
    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if let Some(time) = cx.config.grow_after.filter(|_| cx.is_leaf()) {
            cx.timer(time, Timer::Grow);
        }
    }

    /// Somebody told us of a node: dial it if it is a neighbour that we have no link to.
    pub(crate) fn heard<R: Rng>(&mut self, peer: Peer, cx: &mut Context<'_, R>) {
        self.want(peer, false, cx);
    }

    /// A neighbour of an earlier run, or one that has just been found dead: look for it.
    pub(crate) fn look_for<R: Rng>(&mut self, peer: Peer, cx: &mut Context<'_, R>) {
        self.want(peer, true, cx);
    }

    fn want<R: Rng>(&mut self, peer: Peer, met: bool, cx: &mut Context<'_, R>) {
        let id = peer.id();
        let useless = id == cx.me.id() || !peer.has_contact() || cx.table.is_linked(id);
        let known = self.candidates.len() + cx.table.count(Role::Neighbour);
        if useless || !lacks(&peer, cx) || known >= cx.config.max_neighbours {
            return;
        }
        let next = cx.now;
        match self.candidates.get_mut(&id) {
            None => {
                self.candidates.insert(id, Candidate { peer, failures: 0, next, dialing: false, met });
                self.waiting.insert((next, id));
            }
            Some(candidate) if peer.supersedes(&candidate.peer) => {
                // It has moved: what failed before says nothing of the new place.
                if self.waiting.remove(&(candidate.next, id)) {
                    self.waiting.insert((next, id));
                }
                (candidate.peer, candidate.failures, candidate.next) = (peer, 0, next);
            }
            Some(_) => {}
        }
        self.dial(cx);
    }

    /// Whether a node is known well enough that its card need not be asked for.
    pub(crate) fn knows(&self, id: NodeId) -> bool {
        self.candidates.contains_key(&id)
    }

    /// Whether dials are under way or due at once: the first tries of joining.
    pub(crate) fn is_dialing_first(&self) -> bool {
        self.candidates.values().any(|candidate| candidate.failures == 0)
    }

    /// Starts as many dials as may be under way, the longest due first, and sets the timer for the next.
    fn dial<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        while self.dialing < cx.config.max_dialing
            && let Some(&(_, id)) = self.waiting.first().filter(|(next, _)| *next <= cx.now)
        {
            self.waiting.pop_first();
            if let Some(candidate) = self.candidates.get_mut(&id) {
                candidate.dialing = true;
                self.dialing += 1;
                cx.out.push(Output::Dial(DialTarget::Peer(candidate.peer.clone())));
            }
        }
        self.set_timer(cx);
    }

    fn set_timer<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if let Some(&(next, _)) = self.waiting.first()
            && !self.timer_set
        {
            self.timer_set = true;
            // Even where dials are due already but too many are under way, look again only after a moment.
            cx.timer(next.since(cx.now).max(Duration::from_millis(50)), Timer::Dial);
        }
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Dial => {
                self.timer_set = false;
                self.dial(cx);
            }
            Timer::Guest(id) => {
                if cx.table.role(id) == Some(Role::Guest) {
                    cx.out.push(Output::Disconnect(id));
                }
            }
            Timer::Farewell(id) => {
                // It may have come back meanwhile.
                if !cx.table.is_linked(id) {
                    cx.out.push(Output::Disconnect(id));
                }
            }
            Timer::Grow => self.grow(cx),
        }
    }

    /// Says to the hosts that this node does its share from now on: those on its lines are its first neighbours.
    fn grow<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        *cx.level = Level::Normal;
        cx.emit(Event::Grown);
        let hosts: Vec<(NodeId, bool)> = cx.table.hosts().map(|host| (host.id(), host.is_neighbour())).collect();
        for (host, neighbour) in hosts {
            let card = if neighbour { cx.me.clone() } else { cx.me.without_contact() };
            cx.send(host, Message::Announce(card));
        }
        cx.signal(Signal::Grown);
    }

    /// A link is there. The introducer that we have dialled has a place in any case.
    pub(crate) fn on_connected<R: Rng>(
        &mut self,
        peer: Peer,
        level: Level,
        is_introducer: bool,
        cx: &mut Context<'_, R>,
    ) {
        let id = peer.id();
        let peer = match self.settle(id) {
            // The candidate's card bears the contact that the hello leaves out.
            Some(candidate) if !peer.has_contact() && candidate.peer.issued() == peer.issued() => candidate.peer,
            Some(_) | None => peer,
        };
        match cx.table.link(peer, level) {
            Role::Neighbour => {
                // A leaf does not ask to be in anybody's roster.
                if !cx.is_leaf() {
                    cx.send(id, Message::Announce(cx.me.clone()));
                }
                self.remember(id, cx);
                cx.emit(Event::NeighbourUp(id));
            }
            Role::Guest if !is_introducer && cx.table.count(Role::Guest) > cx.config.max_guests => {
                return self.send_away(id, cx);
            }
            Role::Leaf if cx.is_leaf() || cx.table.count(Role::Leaf) > cx.config.max_leaves => {
                return self.send_away(id, cx);
            }
            // It may know us by our address alone, and wants to find us again.
            Role::Leaf => cx.send(id, Message::Announce(cx.me.clone())),
            Role::Guest | Role::Bridge => cx.timer(cx.config.guest_time, Timer::Guest(id)),
        }
        cx.signal(Signal::LinkUp(id));
        self.dial(cx);
    }

    /// There is no place for who has come: nothing is kept of him, nor heard of him while his connection is closed.
    fn send_away<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        cx.table.unlink(id);
        cx.out.push(Output::Disconnect(id));
        self.dial(cx);
    }

    /// A dial is over: the node is no candidate any more.
    fn settle(&mut self, id: NodeId) -> Option<Candidate> {
        let candidate = self.candidates.remove(&id)?;
        self.dialing -= usize::from(candidate.dialing);
        self.waiting.remove(&(candidate.next, id));
        Some(candidate)
    }

    fn remember<R: Rng>(&self, id: NodeId, cx: &mut Context<'_, R>) {
        if let Some(peer) = cx.table.peer(id)
            && peer.has_contact()
        {
            cx.out.push(Output::Remember(peer.clone()));
        }
    }

    /// A node told us who it is and where it can be dialled.
    pub(crate) fn on_announce<R: Rng>(&mut self, from: NodeId, peer: Peer, cx: &mut Context<'_, R>) {
        if peer.id() != from {
            return;
        }
        let newer = cx.table.update(&peer);
        match cx.table.role(from) {
            Some(Role::Neighbour) if newer => self.remember(from, cx),
            // A stranger that announces itself asks to be our bridge; a leaf asks to be let in, since nobody is on its lines.
            Some(Role::Guest) if cx.table.level(from) == Some(Level::Leaf) => {
                if cx.table.count(Role::Leaf) < cx.config.max_leaves {
                    cx.table.make_leaf(from);
                }
            }
            Some(Role::Guest) => self.bridge(from, cx),
            Some(Role::Leaf) => self.on_grown(from, &peer, cx),
            Some(Role::Neighbour | Role::Bridge) | None => {}
        }
    }

    /// A leaf that we are host to does its share from now on.
    fn on_grown<R: Rng>(&mut self, id: NodeId, peer: &Peer, cx: &mut Context<'_, R>) {
        if cx.me.cell().is_neighbour(&peer.cell()) {
            cx.table.make_neighbour(id);
            self.remember(id, cx);
            cx.emit(Event::NeighbourUp(id));
            cx.signal(Signal::LinkUp(id));
        } else {
            self.bridge(id, cx);
        }
    }

    /// A stranger that is in asks us to be its bridge. If there is no place it is sent away at once: it would keep a newcomer
    /// out, and wait for us in vain.
    fn bridge<R: Rng>(&self, id: NodeId, cx: &mut Context<'_, R>) {
        match may_bridge(cx) {
            true => cx.table.make_bridge(id),
            false => cx.out.push(Output::Disconnect(id)),
        }
    }

    pub(crate) fn on_disconnected<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        if cx.table.unlink(id).is_some() {
            cx.signal(Signal::LinkDown(id));
        }
    }

    pub(crate) fn on_dial_failed<R: Rng>(&mut self, peer: &Peer, why: DialFailure, cx: &mut Context<'_, R>) {
        let id = peer.id();
        if let Some(mut candidate) = self.settle(id) {
            candidate.failures += 1;
            let wait = backoff(cx.rng, cx.config.retry_first, cx.config.retry_most, candidate.failures);
            (candidate.next, candidate.dialing) = (cx.now + wait, false);
            let limit = if candidate.met { MAX_FAILURES_MET } else { cx.config.max_dial_failures.into() };
            // A node that is alone gives nobody up: whoever comes back first is its way back.
            if candidate.failures < limit || cx.table.is_alone() {
                self.waiting.insert((candidate.next, id));
                self.candidates.insert(id, candidate);
            } else if candidate.met {
                cx.out.push(Output::Forget(id));
            }
        }
        cx.signal(Signal::DialFailed(id, why));
        self.dial(cx);
    }

    /// A neighbour has been found dead. It is looked for, in case it was the network that failed.
    pub(crate) fn on_dead<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        let linked = cx.table.is_linked(id);
        let Some(peer) = cx.table.remove(id) else { return };
        if linked {
            cx.out.push(Output::Disconnect(id));
            cx.signal(Signal::LinkDown(id));
        }
        cx.emit(Event::NeighbourDown(id));
        if cx.me.cell().is_neighbour(&peer.cell()) && peer.has_contact() {
            self.look_for(peer, cx);
        }
    }

    /// A neighbour has said farewell: it is not looked for.
    pub(crate) fn on_farewell<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        if self.part(id, cx) {
            cx.timer(FAREWELL, Timer::Farewell(id));
        }
    }

    /// A neighbour's identity does not hold any more.
    pub(crate) fn revoke<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) {
        if self.part(id, cx) {
            cx.out.push(Output::Disconnect(id));
        }
    }

    /// Forgets a node; whether it was linked.
    fn part<R: Rng>(&mut self, id: NodeId, cx: &mut Context<'_, R>) -> bool {
        self.settle(id);
        let linked = cx.table.is_linked(id);
        if cx.table.remove(id).is_some() {
            cx.emit(Event::NeighbourDown(id));
            cx.out.push(Output::Forget(id));
        }
        cx.signal(Signal::LinkDown(id));
        linked
    }
}

/// Whether there is room for one more bridge: half of the strangers' places are kept for newcomers.
fn may_bridge<R>(cx: &Context<'_, R>) -> bool {
    cx.table.count(Role::Bridge) < cx.config.max_guests / 2
}

/// Whether a node is one that we want a link to: of our neighbours a normal node wants all, a leaf one for each axis.
fn lacks<R>(peer: &Peer, cx: &Context<'_, R>) -> bool {
    let (home, cell) = (cx.me.cell(), peer.cell());
    match cx.is_leaf() {
        true => home.shared_line(&cell).is_some_and(|axis| !cx.table.has_link_along(axis)),
        false => home.is_neighbour(&cell),
    }
}
