//! Nodes on the same network, by mDNS (RFC 6762) as libp2p speaks it.
//!
//! What comes in is hearsay of anybody who can send a datagram to the port of mDNS, from far away too. So an address counts
//! only if it is within a network that this machine is on itself, where mDNS does not lead further, and if it is one that
//! nodes of ours have. Of which grid somebody is mDNS does not tell; who is dialled has to show it.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use if_watch::IpNet;
use if_watch::tokio::IfWatcher;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::mdns;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId};

/// How often it is asked who is there, when nobody else has asked meanwhile.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(180);
/// Addresses that libp2p may remember; it has no bound of its own. A network of hundreds of nodes has fewer.
const REMEMBERED: usize = 4096;

/// What was heard of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// He is said to be there.
    Seen(PeerId, Multiaddr),
    /// Nobody says so any more.
    Gone(PeerId, Multiaddr),
}

/// Looks for others on our networks, and answers those who do.
pub(crate) struct Lan {
    /// Nothing any more once it was flooded.
    mdns: Option<mdns::tokio::Behaviour>,
    /// The networks of this machine; nothing any more if the system stopped telling.
    networks: Option<IfWatcher>,
    sightings: VecDeque<Sighting>,
}

impl Lan {
    /// `None` where that is not possible, and it is said why.
    pub(crate) fn start(me: PeerId) -> Option<Self> {
        match Self::of(me) {
            Ok(lan) => Some(lan),
            Err(error) => {
                tracing::warn!(%error, "this node cannot look for others on its network (mDNS)");
                None
            }
        }
    }

    fn of(me: PeerId) -> io::Result<Self> {
        let config = mdns::Config { ttl: HOLDS, query_interval: ASK_EVERY, enable_ipv6: false };
        let (mdns, networks) = (mdns::tokio::Behaviour::new(config, me)?, IfWatcher::new()?);
        Ok(Self { mdns: Some(mdns), networks: Some(networks), sightings: VecDeque::new() })
    }

    fn note(&mut self, event: mdns::Event) {
        let (all, sighting): (_, fn(PeerId, Multiaddr) -> Sighting) = match event {
            mdns::Event::Discovered(all) => (all, Sighting::Seen),
            mdns::Event::Expired(all) => (all, Sighting::Gone),
        };
        let Some(networks) = &self.networks else { return };
        let is_near = |ip: IpAddr| networks.iter().any(|network| has(network, ip));
        let near = all.into_iter().filter(|(peer, address)| is_of_node(address, *peer, is_near));
        self.sightings.extend(near.map(|(peer, address)| sighting(peer, address)));
    }

    fn poll_networks(&mut self, cx: &mut Context<'_>) {
        while let Some(networks) = &mut self.networks
            && let Poll::Ready(event) = networks.poll_if_event(cx)
        {
            if let Err(error) = event {
                tracing::warn!(%error, "the system tells no networks any more: nobody is sought there (mDNS)");
                self.networks = None;
            }
        }
    }

    fn poll_mdns(&mut self, cx: &mut Context<'_>) {
        while let Some(mdns) = &mut self.mdns
            && let Poll::Ready(event) = mdns.poll(cx)
        {
            if mdns.discovered_nodes().len() > REMEMBERED {
                tracing::warn!("somebody floods this network with addresses: nobody is sought there any more (mDNS)");
                self.mdns = None;
            }
            // The rest would tell others in the swarm of addresses that are not to be believed.
            if let ToSwarm::GenerateEvent(event) = event {
                self.note(event);
            }
        }
    }
}

/// Whether somebody at this address is on that network. One of all addresses is none.
fn has(network: &IpNet, ip: IpAddr) -> bool {
    network.prefix_len() > 0 && network.contains(&ip)
}

/// Whether an address is one at which a node of ours would listen, on a network that is near.
fn is_of_node(address: &Multiaddr, peer: PeerId, is_near: impl Fn(IpAddr) -> bool) -> bool {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => ip.to_canonical(),
        _ => return false,
    };
    let is_ours = match (parts.next(), parts.next()) {
        (Some(Protocol::Udp(1..)), Some(Protocol::QuicV1)) => parts.next() == Some(Protocol::P2p(peer)),
        (Some(Protocol::Tcp(1..)), last) => last == Some(Protocol::P2p(peer)),
        _ => false,
    };
    is_ours && parts.next().is_none() && !ip.is_loopback() && !ip.is_multicast() && is_near(ip)
}

impl NetworkBehaviour for Lan {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Sighting;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    /// Which addresses it answers with.
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let Some(mdns) = &mut self.mdns {
            mdns.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Sighting, THandlerInEvent<Self>>> {
        self.poll_networks(cx);
        self.poll_mdns(cx);
        self.sightings.pop_front().map_or(Poll::Pending, |sighting| Poll::Ready(ToSwarm::GenerateEvent(sighting)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_on_our_own_networks_count() {
        let peer = PeerId::random();
        let home: IpNet = "192.168.1.2/24".parse().unwrap();
        let counts = |address: &str| {
            let address: Multiaddr = address.replace("PEER", &peer.to_string()).parse().unwrap();
            is_of_node(&address, peer, |ip| has(&home, ip))
        };
        assert!(counts("/ip4/192.168.1.7/udp/7118/quic-v1/p2p/PEER"));
        assert!(counts("/ip4/192.168.1.7/tcp/7118/p2p/PEER"));
        for other in [
            "/ip4/192.168.2.7/udp/7118/quic-v1/p2p/PEER",
            "/ip4/203.0.113.7/tcp/7118/p2p/PEER",
            "/ip4/127.0.0.1/tcp/7118/p2p/PEER",
            "/ip4/192.168.1.7/tcp/0/p2p/PEER",
            "/ip4/192.168.1.7/tcp/7118",
            "/ip4/192.168.1.7/tcp/80/ws/p2p/PEER",
            "/ip4/192.168.1.7/tcp/7118/p2p/PEER/p2p-circuit",
            "/ip4/192.168.1.7/udp/7118/p2p/PEER",
            "/dns4/router.example/tcp/7118/p2p/PEER",
            "/ip6/fe80::1/tcp/7118/p2p/PEER",
        ] {
            assert!(!counts(other), "{other}");
        }
        let another = PeerId::random();
        let address: Multiaddr = format!("/ip4/192.168.1.7/tcp/7118/p2p/{another}").parse().unwrap();
        assert!(!is_of_node(&address, peer, |_| true));
        let everywhere: IpNet = "0.0.0.0/0".parse().unwrap();
        assert!(!has(&everywhere, "203.0.113.7".parse().unwrap()));
    }
}
