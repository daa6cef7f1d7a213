//! A node in a program: what `rook run` does, without its command line.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use grid::config::Config;
use grid::parameters::Parameters;
use grid::record::Rules;
use libp2p::Multiaddr;
use node::daemon::{self, Limits, NodeOptions};
use node::handle::NodeHandle;
use node::minting;
use node::storage::{Owner, Storage};
use node::verifier::Verifier;

/// Mints an identity, starts a node that keeps its data in a folder, and waits until it has joined through a peer.
pub(crate) async fn node(
    parameters: &Parameters,
    folder: &Path,
    peer: Multiaddr,
) -> Result<NodeHandle, Box<dyn Error>> {
    // For a grid as cheap as `local`. A node that is to come back keeps its identity: hashcash::file reads and writes it.
    let minting = {
        let parameters = parameters.clone();
        move || minting::mint_quickly(&parameters)
    };
    let identity = tokio::task::spawn_blocking(minting).await??;
    let owner = Owner { rules: Rules::of(parameters), node: minting::node_id(identity.identity()) };
    let node = daemon::start(NodeOptions {
        identity,
        verifier: Verifier::new(parameters.clone()),
        config: Config::default(),
        limits: Limits::default(),
        storage: Storage::open(folder, owner)?,
        listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse()?],
        advertise: Vec::new(),
        map_ports: false,
        mdns: false,
        peers: vec![peer],
        frame_log: None,
    })
    .await?;
    tokio::time::timeout(Duration::from_secs(60), node.joined()).await.map_err(|_| "not joined after a minute")??;
    Ok(node)
}
