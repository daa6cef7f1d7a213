//! The swarm: which transports, which limits, which protocols; and its listening sockets.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::metrics::Registry;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{ConnectionId, NetworkBehaviour, StreamProtocol, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, autonat, connection_limits, dcutr, memory_connection_limits, noise, ping,
    quic, relay, tcp, upnp, yamux,
};

use super::behaviour::Links;
use super::lan::Lan;
use super::members::{Errands, Members};
use super::{Limits, Sockets};

/// Everything that runs on a connection.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    ping: ping::Behaviour,
    /// Whether others can dial us.
    probe: autonat::v2::client::Behaviour,
    /// Dials others who want to know that.
    probes: Members<autonat::v2::server::Behaviour>,
    /// Keeps places for those whom others cannot dial.
    pub(crate) relay: Members<relay::Behaviour>,
    /// Has them kept for us.
    relayed: relay::client::Behaviour,
    /// Makes a direct connection of one over a relay.
    punch: dcutr::Behaviour,
    /// Asks the router to forward our ports.
    ports: Toggle<upnp::tokio::Behaviour>,
    /// Looks for others on our network.
    lan: Toggle<Lan>,
    pub(crate) links: Links,
}

impl Behaviour {
    /// The other side of a connection has shown its credential.
    pub(crate) fn proved(&mut self, connection: ConnectionId, peer: PeerId, is_relayed: bool) {
        // Over a relay nobody is asked for more than the link.
        if is_relayed {
            return self.links.proved(connection, None);
        }
        self.links.proved(connection, Some(peer));
        self.probes.proved(connection);
        self.relay.proved(connection);
    }
}

/// Why a node cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The transport does not take the address.
    #[error(
        "cannot listen at {address}: {why}. Is the port in use by another program? Take another with --listen, \
        as /ip4/0.0.0.0/udp/0/quic-v1 for any that is free"
    )]
    Address {
        /// Where.
        address: Multiaddr,
        /// What the system said.
        why: String,
    },
    /// The transports cannot be set up at all.
    #[error("cannot set up the network: {0}")]
    Transport(String),
}

/// The share of the machine's memory from which on new connections are turned away.
const MEMORY_SHARE: f64 = 0.8;
/// Connections that may be half-way open in each direction.
const MAX_PENDING: u32 = 256;
/// Simultaneous dials may make two connections of which one survives, and an earlier one may still be ending.
const MAX_PER_PEER: u32 = 4;
/// Streams that the other side may have open on one connection: the link, ping's and AutoNAT's, and a relay has one for
/// each circuit.
const MAX_STREAMS: usize = 8 + CIRCUITS_OF_ONE;
/// What a node relays for its neighbours: places that it keeps, circuits in all and of one node, and when a circuit ends,
/// whose link is then opened anew. The bounds are for pairs of nodes whose translators let no direct connection through.
const PLACES: usize = 256;
const CIRCUITS: usize = 128;
const CIRCUITS_OF_ONE: usize = 32;
const CIRCUIT_TIME: Duration = Duration::from_secs(3600);
const CIRCUIT_BYTES: u64 = 1 << 30;
/// How long a connection stays that is no link and has done its errand.
const IDLE: Duration = Duration::from_secs(1);
/// QUIC's window for one stream. The bandwidth-delay product of 100 Mbit/s at 150 ms is 1.9 MB.
const QUIC_STREAM_WINDOW: u32 = 2 << 20;
/// QUIC's window for a connection: the link's and some room.
const QUIC_CONNECTION_WINDOW: u32 = 3 << 20;

/// Turns new connections away when this process has much of the machine's memory. Where it is hidden how much there is, as in a
/// container without `/proc/meminfo`, that would be from the first byte on: there is no such limit then, but those by number.
pub(crate) fn memory_limit() -> memory_connection_limits::Behaviour {
    let limit = memory_connection_limits::Behaviour::with_max_percentage(MEMORY_SHARE);
    if limit.max_allowed_bytes() > 0 {
        return limit;
    }
    tracing::warn!(
        "this machine does not say how much memory it has (/proc/meminfo): connections are limited by number alone"
    );
    memory_connection_limits::Behaviour::with_max_bytes(usize::MAX)
}

/// A swarm that speaks one grid's link protocol.
///
/// # Errors
/// [`ListenError::Transport`] if the transports cannot be set up.
pub(crate) fn build(
    keypair: Keypair,
    protocol: StreamProtocol,
    limits: &Limits,
    sockets: &Sockets<'_>,
    registry: &mut Registry,
) -> Result<Swarm<Behaviour>, ListenError> {
    let failed = |error: &dyn std::fmt::Display| ListenError::Transport(error.to_string());
    let (errands, me) = (Errands::default(), keypair.public().to_peer_id());
    let links = Links::new(protocol, limits.clone(), errands.clone());
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(limits.max_connections))
        .with_max_established_per_peer(Some(MAX_PER_PEER));
    let relays = relay::Config {
        max_reservations: PLACES,
        max_circuits: CIRCUITS,
        max_circuits_per_peer: CIRCUITS_OF_ONE,
        max_circuit_duration: CIRCUIT_TIME,
        max_circuit_bytes: CIRCUIT_BYTES,
        ..relay::Config::default()
    };
    let mut relay = relay::Behaviour::new(me, relays);
    relay.set_status(Some(relay::Status::Disable));
    let behaviour = |relayed| Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        memory: memory_limit(),
        ping: ping::Behaviour::new(ping::Config::new()),
        probe: autonat::v2::client::Behaviour::default(),
        probes: Members::new(autonat::v2::server::Behaviour::default(), errands.clone()),
        relay: Members::new(relay, errands),
        relayed,
        punch: dcutr::Behaviour::new(me),
        ports: sockets.maps_ports().then(upnp::tokio::Behaviour::default).into(),
        lan: sockets.looks_around().then(|| Lan::start(me)).flatten().into(),
        links,
    };
    let multiplexer = || {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS);
        config
    };
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
        .map_err(|error| failed(&error))?
        .with_quic_config(quic_config)
        .with_relay_client(noise::Config::new, multiplexer)
        .map_err(|error| failed(&error))?
        .with_bandwidth_metrics(registry)
        .with_behaviour(|_, relayed| behaviour(relayed))
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .with_connection_timeout(limits.dial_timeout)
        .build();
    Ok(swarm)
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    config.max_concurrent_stream_limit = u32::try_from(MAX_STREAMS).unwrap_or(u32::MAX);
    config.max_stream_data = QUIC_STREAM_WINDOW;
    config.max_connection_data = QUIC_CONNECTION_WINDOW;
    config
}

/// Opens the listening sockets, waits until every one of them is being listened at, and tells the addresses.
///
/// # Errors
/// [`ListenError::Address`] for the first address that does not work.
#[expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events")]
pub(crate) async fn listen<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    wanted: &[Multiaddr],
) -> Result<Vec<Multiaddr>, ListenError> {
    for address in wanted {
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|error| ListenError::Address { address: address.clone(), why: innermost(&error) })?;
    }
    let (mut open, mut listening) = (HashSet::new(), Vec::new());
    let first = wanted.first().cloned().unwrap_or_else(Multiaddr::empty);
    while open.len() < wanted.len() {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                open.insert(listener_id);
                listening.push(address);
            }
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                return Err(failed(addresses.first().cloned().unwrap_or(first), &error));
            }
            SwarmEvent::ListenerError { error, .. } => return Err(failed(first, &error)),
            _ => {}
        }
    }
    Ok(listening)
}

/// The cause of causes: the system's own words.
fn innermost(error: &dyn std::error::Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        (text, source) = (cause.to_string(), cause.source());
    }
    text
}

/// A listener's later failure.
fn failed(address: Multiaddr, error: &io::Error) -> ListenError {
    ListenError::Address { address, why: error.to_string() }
}
