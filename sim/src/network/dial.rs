//! Links: how they come to be, close and break.

use grid::input::Input;
use grid::message::Message;
use grid::peer::{DialFailure, DialTarget};
use grid::time::Time;

use crate::host::Power;
use crate::identity::HostIndex;
use crate::link::LinkEnd;
use crate::network::{Happening, Network};

/// Retransmissions that fail come ever later; on average over an idle time of 10 s, so much later than the first.
const RETRANSMIT_BACKOFF: u32 = 4;

impl Network {
    /// The dial's first packets travel: one round trip to connect, half of another to show the credential.
    pub(crate) fn dial(&mut self, from: HostIndex, target: DialTarget) {
        let run = self.hosts[from].run;
        let wait = match self.resolve(&target) {
            Some(to) => self.latency(from, to) * 3,
            None => self.weather.connect_timeout,
        };
        self.plan(wait, Happening::Knock { from, run, target });
    }

    /// The host behind a target; `None` for an address that is nobody's.
    fn resolve(&self, target: &DialTarget) -> Option<HostIndex> {
        let host = match target {
            DialTarget::Peer(peer) => self.book.host(peer.id()),
            DialTarget::Introducer(address) => address.0.parse().ok()?,
        };
        (host < self.hosts.len()).then_some(host)
    }

    pub(crate) fn knock(&mut self, from: HostIndex, run: u32, target: DialTarget) {
        if self.hosts[from].run != run || !self.hosts[from].is_up() {
            return;
        }
        let Some(to) = self.resolve(&target) else {
            let why = DialFailure::Unreachable("no such host".into());
            return self.input(from, Input::DialFailed { target, why });
        };
        let reachable = self.hosts[from].island == self.hosts[to].island;
        match self.hosts[to].power {
            Power::Up if reachable => self.link(from, to, target),
            Power::Killed if reachable => {
                let why = DialFailure::Unreachable("connection refused".into());
                self.input(from, Input::DialFailed { target, why });
            }
            Power::Up | Power::Killed | Power::Silent => {
                let timeout = self.weather.connect_timeout;
                let why = DialFailure::TimedOut(timeout);
                self.plan_local(timeout, from, Input::DialFailed { target, why });
            }
        }
    }

    /// Both have shown their credentials: the link is open. A dial of somebody who is linked already changes nothing.
    fn link(&mut self, from: HostIndex, to: HostIndex, target: DialTarget) {
        let introducer = match target {
            DialTarget::Introducer(address) => Some(address),
            DialTarget::Peer(_) => None,
        };
        let linked = self.hosts[from].links.get(to).is_some();
        if linked && introducer.is_none() {
            return;
        }
        let latency = self.latency(to, from);
        if let Ok(peer) = self.book.shown(to, self.hosts[to].issued) {
            let level = self.hosts[to].overlay.level();
            self.plan_local(latency, from, Input::Connected { peer, level, introducer });
        }
        if !linked {
            self.open_link(from, to, self.now + latency);
        }
    }

    /// What the other sends before the dialler has seen the link open arrives after that.
    fn open_link(&mut self, from: HostIndex, to: HostIndex, seen: Time) {
        self.links += 1;
        let end = |last_arrival| LinkEnd { number: self.links, last_arrival, stalled: None };
        let (here, there) = (end(self.now), end(seen));
        self.hosts[from].links.insert(to, here);
        if self.hosts[to].links.insert(from, there).is_some() {
            // The dialler has been started again meanwhile: the link of its earlier run ends here.
            let node = self.book.id(from);
            self.input(to, Input::Disconnected(node));
        }
        if let Ok(peer) = self.book.shown(from, self.hosts[from].issued) {
            let level = self.hosts[from].overlay.level();
            self.input(to, Input::Connected { peer, level, introducer: None });
        }
    }

    /// One side closes a link.
    pub(crate) fn close(&mut self, host: HostIndex, other: HostIndex) {
        if let Some(end) = self.hosts[host].links.get(other).copied() {
            let reachable = self.hosts[host].island == self.hosts[other].island;
            let way = if reachable { self.latency(host, other) } else { self.weather.idle_timeout };
            let after = end.last_arrival.since(self.now).max(way);
            self.plan(after, Happening::Closed { host: other, other: host, link: end.number });
            self.closed(host, other, end.number);
        }
    }

    /// All links of a host close, as a kernel closes those of a process that has ended.
    pub(crate) fn close_all(&mut self, host: HostIndex) {
        let others: Vec<HostIndex> = self.hosts[host].links.iter().map(|(other, _)| other).collect();
        for other in others {
            self.close(host, other);
        }
    }

    pub(crate) fn closed(&mut self, host: HostIndex, other: HostIndex, link: u64) {
        if self.hosts[host].links.get(other).is_some_and(|end| end.number == link) {
            self.hosts[host].links.remove(other);
            let node = self.book.id(other);
            self.input(host, Input::Disconnected(node));
        }
    }

    /// A message cannot cross between two islands. It is sent again and again, and held up with it is all that comes
    /// after it; when nothing has come through for the idle time, both ends give the link up.
    pub(crate) fn stall(&mut self, from: HostIndex, to: HostIndex, link: u64, message: Message) {
        let (now, idle) = (self.now, self.weather.idle_timeout);
        let again = now + self.weather.retransmit * RETRANSMIT_BACKOFF;
        let Some(end) = self.hosts[from].links.get_mut(to).filter(|end| end.number == link) else { return };
        if now.since(*end.stalled.get_or_insert(now)) < idle {
            end.last_arrival = end.last_arrival.max(again);
            return self.queue.push(again, Happening::Arrival { from, to, link, message });
        }
        self.closed(from, to, link);
        self.closed(to, from, link);
    }
}
