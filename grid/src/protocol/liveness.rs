//! Failure detection after SWIM (Das, Gupta and Motivala, DSN 2002): one probe a period, in random order without
//! repetition; who does not answer is probed for us by `k` others; who answers none of them is dead.
//!
//! Two things differ from the paper, because every neighbour has an open link to us. A broken link is evidence at
//! once, without waiting for the probe's turn. And a death is told on as a *suspicion*: whoever hears of it probes for
//! itself, and removes nobody on another's word, so a liar can cause probes but no deaths.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use rand_core::Rng;

use crate::chance::{jitter, shuffle_front};
use crate::id::NodeId;
use crate::load::Load;
use crate::message::{Message, Nonce};
use crate::neighbours::Member;
use crate::peer::Peer;
use crate::protocol::{Context, Signal};
use crate::time::Time;
use crate::ways::Ways;

/// When to probe, and when a probe has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next protocol period.
    Period,
    /// A ping has had its time.
    Ping(Nonce),
    /// The helpers have had their time.
    Confirm(NodeId, Nonce),
}

/// A ping that is not answered yet.
#[derive(Clone, Debug)]
struct Ping {
    target: NodeId,
    sent: Time,
    /// Whom to tell of the answer, and under which nonce, if the ping was for somebody else.
    on_behalf: Option<(NodeId, Nonce)>,
}

/// Who is being watched.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    /// The rest of this round's probes, the next one last.
    round: Vec<NodeId>,
    pings: BTreeMap<Nonce, Ping>,
    /// Nodes that helpers are asked about, and under which nonce.
    confirming: BTreeMap<NodeId, Nonce>,
    /// Nodes that a ping of our own is out for.
    pinged: BTreeSet<NodeId>,
    /// Nodes whose silence others must be told of: we found it by a probe of our own. A broken link or another's
    /// suspicion is known to the others as well.
    found: BTreeSet<NodeId>,
}

/// Pings for others at the same time; more are not taken on, so that nobody can make us flood.
const MAX_PINGS: usize = 256;

impl Liveness {
    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let period = jitter(cx.rng, cx.config.probe_every);
        cx.timer(period, Timer::Period);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Period => {
                self.probe_next(cx);
                self.start(cx);
            }
            Timer::Ping(nonce) => self.on_ping_timeout(nonce, cx),
            Timer::Confirm(target, nonce) => self.on_confirm_timeout(target, nonce, cx),
        }
    }

    fn probe_next<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        if self.round.is_empty() {
            self.round = cx.table.linked_neighbours().map(Member::id).collect();
            let count = self.round.len();
            shuffle_front(cx.rng, &mut self.round, count);
        }
        while let Some(target) = self.round.pop() {
            if cx.table.is_linked(target) {
                self.found.insert(target);
                return self.ping(target, None, cx);
            }
        }
    }

    fn ping<R: Rng>(&mut self, target: NodeId, on_behalf: Option<(NodeId, Nonce)>, cx: &mut Context<'_, R>) {
        let own = on_behalf.is_none();
        if self.pings.len() >= MAX_PINGS || (own && !self.pinged.insert(target)) {
            return;
        }
        let nonce = cx.nonce();
        self.pings.insert(nonce, Ping { target, sent: cx.now, on_behalf });
        cx.send(target, Message::Ping(nonce));
        cx.timer(cx.config.probe_timeout, Timer::Ping(nonce));
    }

    pub(crate) fn on_ping<R: Rng>(&mut self, from: NodeId, nonce: Nonce, cx: &mut Context<'_, R>) {
        let (ways, load) = (cx.table.ways(cx.now), cx.table.load(cx.now));
        cx.send(from, Message::Pong { nonce, ways, load });
    }

    pub(crate) fn on_pong<R: Rng>(&mut self, from: NodeId, nonce: Nonce, said: (Ways, Load), cx: &mut Context<'_, R>) {
        if self.pings.get(&nonce).is_none_or(|ping| ping.target != from) {
            return;
        }
        if let Some(ping) = self.pings.remove(&nonce) {
            cx.table.observe(cx.now, from, cx.now.since(ping.sent));
            cx.table.tell(cx.now, from, said);
            match ping.on_behalf {
                Some((asker, nonce)) => cx.send(asker, Message::ProbedAlive { nonce, target: from }),
                None => {
                    self.pinged.remove(&from);
                    self.found.remove(&from);
                    cx.table.suspect(from, false);
                }
            }
        }
    }

    fn on_ping_timeout<R: Rng>(&mut self, nonce: Nonce, cx: &mut Context<'_, R>) {
        let Some(ping) = self.pings.remove(&nonce) else { return };
        if ping.on_behalf.is_none() {
            self.pinged.remove(&ping.target);
            self.confirm(ping.target, cx);
        }
    }

    /// Something failed that a living neighbour would not have let fail.
    pub(crate) fn on_doubt<R: Rng>(&mut self, target: NodeId, cx: &mut Context<'_, R>) {
        if cx.table.is_linked(target) {
            cx.table.suspect(target, true);
            self.found.insert(target);
            self.ping(target, None, cx);
        }
    }

    /// The link broke: no need to wait for a ping.
    pub(crate) fn on_link_down<R: Rng>(&mut self, target: NodeId, cx: &mut Context<'_, R>) {
        self.confirm(target, cx);
    }

    pub(crate) fn on_link_up(&mut self, target: NodeId) {
        self.confirming.remove(&target);
        self.found.remove(&target);
    }

    /// Asks `k` nodes that share a line with the target whether it answers them.
    fn confirm<R: Rng>(&mut self, target: NodeId, cx: &mut Context<'_, R>) {
        let Some(cell) = cx.table.peer(target).map(Peer::cell) else { return };
        if self.confirming.contains_key(&target) {
            return;
        }
        cx.table.suspect(target, true);
        let nonce = cx.nonce();
        self.confirming.insert(target, nonce);
        let knows_it = |member: &&Member| member.id() != target && member.cell().is_neighbour(&cell);
        let mut helpers: Vec<_> = cx.table.linked_neighbours().filter(knows_it).map(Member::id).collect();
        let count = usize::from(cx.config.probe_helpers);
        shuffle_front(cx.rng, &mut helpers, count);
        for helper in helpers.into_iter().take(count) {
            cx.send(helper, Message::ProbeFor { nonce, target });
        }
        // The helper's own ping may take a probe timeout, and the two messages beside it some time.
        cx.timer(cx.config.probe_timeout.saturating_mul(2), Timer::Confirm(target, nonce));
    }

    pub(crate) fn on_probe_for<R: Rng>(&mut self, from: NodeId, nonce: Nonce, target: NodeId, cx: &mut Context<'_, R>) {
        if cx.table.is_linked(target) {
            self.ping(target, Some((from, nonce)), cx);
        }
    }

    pub(crate) fn on_probed_alive<R: Rng>(&mut self, nonce: Nonce, target: NodeId, cx: &mut Context<'_, R>) {
        if self.confirming.get(&target) != Some(&nonce) {
            return;
        }
        self.confirming.remove(&target);
        // It lives, but our link to it does not work. Open a new one.
        if cx.table.is_linked(target) {
            cx.out.push(crate::output::Output::Disconnect(target));
        }
        if let Some(peer) = cx.table.peer(target) {
            let peer = peer.clone();
            cx.signal(Signal::Heard(peer));
        }
    }

    fn on_confirm_timeout<R: Rng>(&mut self, target: NodeId, nonce: Nonce, cx: &mut Context<'_, R>) {
        if self.confirming.get(&target) != Some(&nonce) {
            return;
        }
        self.confirming.remove(&target);
        if self.found.remove(&target) {
            tell_others(target, cx);
        }
        cx.signal(Signal::Dead(target));
    }

    /// Somebody found the target dead: look for ourselves.
    pub(crate) fn on_suspect<R: Rng>(&mut self, target: NodeId, cx: &mut Context<'_, R>) {
        if cx.table.is_linked(target) {
            self.ping(target, None, cx);
        }
    }
}

/// Tells the nodes that share a line with a dead one.
fn tell_others<R: Rng>(target: NodeId, cx: &mut Context<'_, R>) {
    let Some(cell) = cx.table.peer(target).map(Peer::cell) else { return };
    let concerned = |member: &&Member| member.id() != target && member.cell().is_neighbour(&cell);
    let others: Vec<_> = cx.table.linked_neighbours().filter(concerned).map(Member::id).collect();
    for other in others {
        cx.send(other, Message::Suspect(target));
    }
}
