//! One node's swarm: the plain set-up of a user of rust-libp2p.

use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identify, kad, noise, tcp, yamux};

use crate::error::KadError;
use crate::plan::Plan;

/// Kademlia, and what tells a dialled node where its caller listens: without it, nobody would ever learn of a node
/// that joined through another.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    pub(crate) identify: identify::Behaviour,
}

const KAD_PROTOCOL: StreamProtocol = StreamProtocol::new("/kad-bench/kad/1");
const IDENTIFY_PROTOCOL: &str = "/kad-bench/id/1";
/// Longer than any measurement. By default connections that are idle for 10 s are closed.
const IDLE: Duration = Duration::from_secs(3600);
/// Room in the store and in a packet besides what the plan needs: the defaults of libp2p.
const OTHER_RECORDS: usize = 1024;
const OTHER_VALUE_BYTES: usize = 65 * 1024;
const OTHER_PACKET_BYTES: usize = 16 * 1024;

/// A swarm that does not listen yet.
///
/// # Errors
/// [`KadError::SetUp`] if libp2p does not take the identity or the transport.
pub(crate) fn build(plan: &Plan, secret: Vec<u8>) -> Result<Swarm<Behaviour>, KadError> {
    let failed = |error: &dyn std::fmt::Display| KadError::SetUp(error.to_string());
    let keypair = Keypair::ed25519_from_bytes(secret).map_err(|error| failed(&error))?;
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| failed(&error))?
        .with_behaviour(|keypair| behaviour(plan, keypair))
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build();
    Ok(swarm)
}

fn behaviour(plan: &Plan, keypair: &Keypair) -> Behaviour {
    let id = keypair.public().to_peer_id();
    let mut config = kad::Config::new(KAD_PROTOCOL);
    config.set_max_packet_size(OTHER_PACKET_BYTES + plan.value_bytes);
    let mut kad = kad::Behaviour::with_config(id, store(plan, id), config);
    kad.set_mode(Some(kad::Mode::Server));
    let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), keypair.public());
    Behaviour { kad, identify: identify::Behaviour::new(identify) }
}

fn store(plan: &Plan, id: libp2p::PeerId) -> MemoryStore {
    let config = MemoryStoreConfig {
        max_records: OTHER_RECORDS + plan.operations,
        max_value_bytes: OTHER_VALUE_BYTES + plan.value_bytes,
        ..MemoryStoreConfig::default()
    };
    MemoryStore::with_config(id, config)
}

/// Opens a listening socket on loopback, at a port that the system chooses.
///
/// # Errors
/// [`KadError::Listen`] if the system refuses.
pub(crate) fn listen(swarm: &mut Swarm<Behaviour>) -> Result<(), KadError> {
    let address = Multiaddr::from(std::net::Ipv4Addr::LOCALHOST).with(libp2p::multiaddr::Protocol::Tcp(0));
    match swarm.listen_on(address.clone()) {
        Ok(_) => Ok(()),
        Err(error) => Err(KadError::Listen { address, why: error.to_string() }),
    }
}
