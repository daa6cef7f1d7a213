//! Many nodes in one process.

#![allow(unreachable_pub, missing_docs, clippy::unwrap_used, reason = "a part of tests")]

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use grid::config::Config;
use grid::id::NodeId;
use grid::record::Rules;
use hashcash::SecretIdentity;
use libp2p::Multiaddr;
use node::daemon::{Limits, NodeOptions};
use node::handle::NodeHandle;
use node::storage::{Owner, Storage};
use node::verifier::Verifier;

/// Mints on all cores, `one` after the other on each.
pub fn mint_on_all_cores<T: Send>(count: usize, one: impl Fn() -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let some = |core: usize| (core..count).step_by(cores).map(|_| one()).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let some = &some;
        let minters: Vec<_> = (0..cores).map(|core| scope.spawn(move || some(core))).collect();
        minters.into_iter().flat_map(|minter| minter.join().unwrap()).collect()
    })
}

/// A node of this process that is ready to start.
pub fn prepare(
    folder: &Path,
    number: usize,
    identity: SecretIdentity,
    verifier: &Verifier,
    peer: &Multiaddr,
    config: Config,
) -> NodeOptions {
    let owner = Owner { rules: Rules::of(verifier.parameters()), node: NodeId::from_bytes(identity.identity().id()) };
    NodeOptions {
        identity,
        // Shared, so that an identity is checked once in this process and not once by each node.
        verifier: verifier.clone(),
        config,
        limits: Limits::default(),
        storage: Storage::open(&folder.join(format!("node-{number}")), owner).unwrap(),
        listen: vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()],
        advertise: Vec::new(),
        map_ports: false,
        mdns: false,
        peers: vec![peer.clone()],
        frame_log: None,
    }
}

/// How many of them have joined.
pub async fn joined(nodes: impl IntoIterator<Item = &NodeHandle>) -> usize {
    let statuses = join_all(nodes.into_iter().map(NodeHandle::status)).await;
    statuses.into_iter().filter(|status| status.as_ref().unwrap().status.joined).count()
}

/// Times as lines of a configuration file.
pub fn in_file(times: &[(&str, Duration)]) -> String {
    times.iter().map(|(key, time)| format!("{key} = {}\n", time.as_millis())).collect()
}
