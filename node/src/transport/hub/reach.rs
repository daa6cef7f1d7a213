//! Whether others can dial this node, and what it does if they cannot.
//!
//! A node that was seen at an address which it does not have is behind a translator (NAT). Until somebody has dialled it
//! from outside, with AutoNAT v2, or its router has forwarded a port, it keeps a place at relays, which are neighbours
//! ([`grid::reach`]), and tells others to come that way. The link that comes so is moved to a connection of its own, with
//! DCUtR, where the translators allow it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use grid::id::NodeId;
use grid::level::Level;
use grid::reach::{Candidate, relays};
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, relay, upnp};

use super::Hub;
use crate::own::ip;
use crate::transport::{Reachability, TransportEvent};

/// Relays on each line: one may go while the other stays.
const EACH: usize = 2;
/// How often places at relays are looked after.
const PLAN: Duration = Duration::from_secs(1);
/// How long a neighbour is not asked again that keeps no place for us.
const UNFIT: Duration = Duration::from_secs(120);
/// Candidates for an address of ours that are tested at most: whoever we dial may name some.
const CANDIDATES: usize = 16;

/// When a link that has stayed at a relay is opened anew, which makes both ends try for a direct one once more; twice as long
/// each time after.
const AGAIN: Duration = Duration::from_secs(20);
/// The longest such time.
const SELDOM: Duration = Duration::from_secs(3600);

/// Attempts to get a link away from its relay.
#[derive(Clone, Copy)]
struct Attempts {
    next: Instant,
    wait: Duration,
}

/// A place at a relay.
struct Place {
    relay: NodeId,
    /// Where others come to, once it is kept for us.
    addresses: Vec<Multiaddr>,
}

/// What is known of how others reach us.
pub(super) struct Reach {
    /// Where others reach us, as the owner says.
    advertised: bool,
    /// Seen at an address that is not ours.
    is_translated: bool,
    /// Addresses at which somebody was told to dial us, to try.
    candidates: Vec<Multiaddr>,
    /// Addresses of ours, outside, at which we were dialled.
    confirmed: Vec<Multiaddr>,
    places: HashMap<ListenerId, Place>,
    /// Neighbours that keep no place for us.
    unfit: HashMap<NodeId, Instant>,
    /// Of links that we have dialled over relays.
    attempts: HashMap<NodeId, Attempts>,
    planned: Instant,
}

impl Reach {
    pub(super) fn new(advertised: bool) -> Self {
        Self {
            advertised,
            is_translated: false,
            candidates: Vec::new(),
            confirmed: Vec::new(),
            places: HashMap::new(),
            unfit: HashMap::new(),
            attempts: HashMap::new(),
            planned: Instant::now(),
        }
    }

    /// For people.
    pub(super) fn tell(&self) -> Reachability {
        match (self.advertised, self.confirmed.is_empty(), self.is_translated) {
            (true, _, _) => Reachability::Advertised,
            (false, false, _) => Reachability::Confirmed,
            (false, true, true) => Reachability::Translated {
                relays: self.places.values().filter(|place| !place.addresses.is_empty()).count(),
            },
            (false, true, false) => Reachability::Presumed,
        }
    }

    fn wants_relays(&self) -> bool {
        self.is_translated && !self.advertised && self.confirmed.is_empty()
    }

    /// Where others reach us besides where we listen.
    fn outside(&self) -> impl Iterator<Item = &Multiaddr> {
        self.confirmed.iter().chain(self.places.values().flat_map(|place| &place.addresses))
    }
}

impl Hub {
    /// A node that we have dialled has seen us there.
    pub(super) fn on_seen(&mut self, seen: &Multiaddr) {
        let Some(outside) = ip(seen) else { return };
        let is_ours = self.listening.iter().any(|address| ip(address) == Some(outside));
        if !is_ours && !self.reach.is_translated && !self.listening.is_empty() {
            self.reach.is_translated = true;
            tracing::info!(%outside, "others see this node at an address that it does not have: a router translates it");
        }
        // On a network of our own nobody outside could try it.
        if is_ours && is_private(outside) {
            return;
        }
        let ports = self.listening.iter().filter_map(|address| at(address, outside));
        for candidate in ports.chain([seen.clone()]).collect::<Vec<_>>() {
            let known = &mut self.reach.candidates;
            if known.len() < CANDIDATES && !known.contains(&candidate) {
                known.push(candidate.clone());
                self.swarm.behaviour_mut().links.candidate(candidate);
            }
        }
    }

    /// A member has dialled us, at one of our sockets. If both ends are out on the internet, nothing stands between.
    pub(super) fn on_dialled(&mut self, remote: &Multiaddr, socket: &Multiaddr) {
        if ip(remote).is_none_or(is_private) {
            return;
        }
        let port = |address: &Multiaddr| address.iter().skip(1).collect::<Multiaddr>();
        let is_it = |here: IpAddr| ip(socket).is_some_and(|socket| socket == here || socket.is_unspecified());
        let open = |address: &&Multiaddr| {
            ip(address).is_some_and(|here| !is_private(here) && is_it(here)) && port(address) == port(socket)
        };
        for address in self.listening.iter().filter(open).cloned().collect::<Vec<_>>() {
            if !self.reach.confirmed.contains(&address) {
                self.swarm.add_external_address(address.clone());
                self.on_confirmed(address);
            }
        }
    }

    /// Somebody has dialled us there, or our router says that it forwards.
    pub(super) fn on_confirmed(&mut self, address: Multiaddr) {
        if !is_relayed(&address) && !self.reach.confirmed.contains(&address) {
            tracing::info!(%address, "others can dial this node");
            self.reach.confirmed.push(address);
            self.tell_addresses();
        }
    }

    /// That is over.
    pub(super) fn on_expired(&mut self, address: &Multiaddr) {
        let before = self.reach.confirmed.len();
        self.reach.confirmed.retain(|other| other != address);
        if self.reach.confirmed.len() < before {
            self.tell_addresses();
        }
    }

    /// A listener has an address, or has it no more.
    pub(super) fn on_listening(&mut self, listener: ListenerId, address: Multiaddr, listens: bool) {
        let addresses = match self.reach.places.get_mut(&listener) {
            Some(place) => &mut place.addresses,
            None => &mut self.listening,
        };
        addresses.retain(|other| *other != address);
        if listens {
            addresses.push(address);
        }
        self.tell_addresses();
    }

    /// A listener has ended: of ours only those end that stand for places.
    pub(super) fn on_listener_closed(&mut self, listener: ListenerId, reason: Result<(), std::io::Error>) {
        let Some(place) = self.reach.places.remove(&listener) else { return };
        if let Err(error) = reason {
            tracing::debug!(relay = %place.relay, %error, "a neighbour keeps no place for this node");
            self.reach.unfit.insert(place.relay, Instant::now());
        }
        // Each time that addresses are told, all neighbours get a new card: not for a place that never was.
        if !place.addresses.is_empty() {
            self.tell_addresses();
        }
    }

    fn tell_addresses(&mut self) {
        // An open node is confirmed where it listens.
        let inside = self.listening.iter().filter(|address| !self.reach.confirmed.contains(address));
        let all: Vec<Multiaddr> = self.reach.outside().chain(inside).cloned().collect();
        self.tell(TransportEvent::Listening(all));
    }

    /// Looks after the places at relays, and says whether this node is one.
    pub(super) fn plan_reach(&mut self) {
        if self.reach.planned.elapsed() < PLAN {
            return;
        }
        self.reach.planned = Instant::now();
        self.plan_direct();
        let relays_for_others =
            (self.reach.advertised || !self.reach.confirmed.is_empty()) && self.session.level() != Level::Leaf;
        let status = if relays_for_others { relay::Status::Enable } else { relay::Status::Disable };
        self.swarm.behaviour_mut().relay.within().set_status(Some(status));
        self.reach.unfit.retain(|_, since| since.elapsed() < UNFIT);
        let wanted = if self.reach.wants_relays() { self.wanted_relays() } else { Vec::new() };
        let is_wanted = |place: &Place| wanted.contains(&place.relay);
        let given_up = self.reach.places.iter().filter(|(_, place)| !is_wanted(place)).map(|(&listener, _)| listener);
        for listener in given_up.collect::<Vec<_>>() {
            self.swarm.remove_listener(listener);
        }
        for relay in wanted {
            if !self.reach.places.values().any(|place| place.relay == relay) {
                self.ask_for_place(relay);
            }
        }
    }

    /// Tries again for a direct link with those that are reached over a relay only.
    fn plan_direct(&mut self) {
        let relayed = |node: &NodeId| self.links.get(node).is_some_and(|link| link.is_relayed && link.we_dialled);
        self.reach.attempts.retain(|node, _| relayed(node));
        let now = Instant::now();
        let mut due = Vec::new();
        for (&node, link) in self.links.iter().filter(|(node, _)| relayed(node)) {
            let first = Attempts { next: now + AGAIN, wait: AGAIN };
            let attempts = self.reach.attempts.entry(node).or_insert(first);
            if attempts.next <= now {
                let wait = (2 * attempts.wait).min(SELDOM);
                *attempts = Attempts { next: now + wait, wait };
                due.extend(
                    self.connections.get(&link.connection).map(|connection| (link.peer, connection.remote.clone())),
                );
            }
        }
        for (peer, address) in due {
            let options = DialOpts::peer_id(peer).addresses(vec![address]).condition(PeerCondition::Always).build();
            if let Err(error) = self.swarm.dial(options) {
                tracing::debug!(%peer, %error, "no further attempt at a direct link");
            }
        }
    }

    fn wanted_relays(&self) -> Vec<NodeId> {
        let held = |node: NodeId| self.reach.places.values().any(|place| place.relay == node);
        let usable = self.links.iter().filter(|(node, link)| {
            !link.is_relayed && link.level != Level::Leaf && !self.reach.unfit.contains_key(node)
        });
        let candidates: Vec<Candidate> =
            usable.map(|(&id, link)| Candidate { id, cell: link.cell, held: held(id) }).collect();
        relays(self.session.me(), self.session.cell(), &candidates, EACH)
    }

    fn ask_for_place(&mut self, relay: NodeId) {
        let Some((link, connection)) =
            self.links.get(&relay).and_then(|link| Some((link, self.connections.get(&link.connection)?)))
        else {
            return;
        };
        let mut address: Multiaddr =
            connection.remote.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
        address.push(Protocol::P2p(link.peer));
        address.push(Protocol::P2pCircuit);
        match self.swarm.listen_on(address) {
            Ok(listener) => _ = self.reach.places.insert(listener, Place { relay, addresses: Vec::new() }),
            Err(error) => {
                tracing::debug!(%relay, %error, "a neighbour cannot be asked to keep a place for this node");
                self.reach.unfit.insert(relay, Instant::now());
            }
        }
    }
}

/// Says what came of asking the router, to an owner who wanted it.
pub(super) fn tell_ports(event: &upnp::Event) {
    match event {
        upnp::Event::NewExternalAddr { local_addr, external_addr } => {
            tracing::info!(%local_addr, %external_addr, "the router forwards a port");
        }
        upnp::Event::ExpiredExternalAddr { external_addr, .. } => {
            tracing::warn!(%external_addr, "the router does not forward that any more");
        }
        upnp::Event::GatewayNotFound => {
            tracing::warn!(
                "no router forwards ports on demand (UPnP): switch that on in its settings, or forward a port by hand and --advertise it"
            );
        }
        upnp::Event::NonRoutableGateway => {
            tracing::warn!("the router is itself behind another one, and forwarding its ports would not help");
        }
    }
}

/// Whether the address leads over a relay.
fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Whether an IP address means something only within a network of somebody's own (RFC 6890).
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The same port and transport at another IP address of the same family: where a router forwards a port as it is.
fn at(listening: &Multiaddr, outside: IpAddr) -> Option<Multiaddr> {
    let here = ip(listening)?;
    if here.is_ipv4() != outside.is_ipv4() {
        return None;
    }
    let mut address: Multiaddr = outside.into();
    listening.iter().skip(1).for_each(|part| address.push(part));
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_port_is_sought_at_the_address_outside() {
        let outside: IpAddr = "203.0.113.7".parse().unwrap();
        let here = address("/ip4/192.168.1.2/udp/7118/quic-v1");
        assert_eq!(at(&here, outside), Some(address("/ip4/203.0.113.7/udp/7118/quic-v1")));
        assert_eq!(at(&address("/ip6/::1/tcp/7118"), outside), None);
    }

    #[test]
    fn who_was_dialled_from_outside_wants_no_relays() {
        let mut reach = Reach::new(false);
        assert_eq!(reach.tell(), Reachability::Presumed);
        assert!(!reach.wants_relays());
        reach.is_translated = true;
        assert_eq!(reach.tell(), Reachability::Translated { relays: 0 });
        assert!(reach.wants_relays());
        reach.confirmed.push(address("/ip4/203.0.113.7/udp/7118/quic-v1"));
        assert_eq!(reach.tell(), Reachability::Confirmed);
        assert!(!reach.wants_relays());
        let mut forwarded = Reach::new(true);
        forwarded.is_translated = true;
        assert_eq!(forwarded.tell(), Reachability::Advertised);
        assert!(!forwarded.wants_relays());
    }
}
