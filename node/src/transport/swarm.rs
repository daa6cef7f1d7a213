//! The swarm: which transports, which limits, which protocols; and its listening sockets.

use std::collections::HashSet;
use std::io;

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::metrics::Registry;
use libp2p::swarm::{NetworkBehaviour, StreamProtocol, SwarmEvent};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, connection_limits, memory_connection_limits, noise, ping, quic, tcp, yamux,
};

use super::Limits;
use super::behaviour::Links;

/// Everything that runs on a connection.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    ping: ping::Behaviour,
    pub(crate) links: Links,
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
pub(crate) const MEMORY_SHARE: f64 = 0.8;
/// Connections that may be half-way open in each direction.
const MAX_PENDING: u32 = 256;
/// Simultaneous dials may make two connections of which one survives, and an earlier one may still be ending.
const MAX_PER_PEER: u32 = 4;
/// Streams that the other side may have open on one connection: the link, and ping's.
const MAX_STREAMS: usize = 8;
/// QUIC's window for one stream. The bandwidth-delay product of 100 Mbit/s at 150 ms is 1.9 MB.
const QUIC_STREAM_WINDOW: u32 = 2 << 20;
/// QUIC's window for a connection: the link's and some room.
const QUIC_CONNECTION_WINDOW: u32 = 3 << 20;

/// A swarm that speaks one grid's link protocol.
///
/// # Errors
/// [`ListenError::Transport`] if the transports cannot be set up.
pub(crate) fn build(
    keypair: Keypair,
    protocol: StreamProtocol,
    limits: &Limits,
    registry: &mut Registry,
) -> Result<Swarm<Behaviour>, ListenError> {
    let failed = |error: &dyn std::fmt::Display| ListenError::Transport(error.to_string());
    let links = Links::new(protocol, limits.clone());
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(limits.max_connections))
        .with_max_established_per_peer(Some(MAX_PER_PEER));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        memory: memory_connection_limits::Behaviour::with_max_percentage(MEMORY_SHARE),
        ping: ping::Behaviour::new(ping::Config::new()),
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
        .with_bandwidth_metrics(registry)
        .with_behaviour(|_| behaviour)
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config)
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
