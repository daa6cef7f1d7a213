//! Nodes in this process, on real sockets and real disks, with throw-away identities.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod alarm;
pub mod attacker;
pub mod door;
pub mod flooder;
pub mod initiator;
pub mod liar;
pub mod relay;
pub mod tap;

use std::time::{Duration, Instant};

use grid::cell::{Cell, Shape};
use grid::config::Config;
use grid::id::NodeId;
use grid::parameters::Parameters;
use grid::record::{Record, Rules};
use hashcash::SecretIdentity;
use libp2p::Multiaddr;
use node::daemon::{self, FrameLog, Limits, NodeOptions};
use node::handle::{NodeHandle, NodeStatus};
use node::minting;
use node::stamps::{self, Wanted};
use node::storage::{Owner, Storage};
use node::verifier::Verifier;
use tempfile::TempDir;

/// A grid whose identities cost nothing but their key.
pub fn parameters(dims: u8, side: u16) -> Parameters {
    let shape = Shape::new(dims, side).unwrap();
    Parameters { name: "net-test".into(), shape, identity_bits: 4, modulus_bits: 1024, ..Parameters::local() }
}

/// A small immutable record, paid for.
pub fn record(parameters: &Parameters, value: &[u8]) -> Record {
    stamps::small(value, &Wanted::default(), &Rules::of(parameters)).unwrap()
}

/// Mints an identity where chance puts it.
pub fn mint(parameters: &Parameters) -> SecretIdentity {
    minting::mint_quickly(parameters).unwrap()
}

/// Mints identities until one lies in a cell.
pub fn mint_in(parameters: &Parameters, cell: &[u16]) -> SecretIdentity {
    let wanted = parameters.shape.cell(cell).unwrap();
    loop {
        let identity = mint(parameters);
        if cell_of(parameters, &identity) == wanted {
            return identity;
        }
    }
}

/// The cell that an identity computes to.
pub fn cell_of(parameters: &Parameters, identity: &SecretIdentity) -> Cell {
    let verified = minting::verify_on(parameters, identity.identity(), minting::today()).unwrap();
    minting::cell(parameters, &verified).unwrap()
}

/// How a node is to be started.
pub struct Setup {
    pub parameters: Parameters,
    pub identity: SecretIdentity,
    pub listen: Vec<&'static str>,
    pub advertise: Vec<Multiaddr>,
    pub peers: Vec<Multiaddr>,
    pub config: Config,
    pub limits: Limits,
    pub frame_log: Option<FrameLog>,
}

impl Setup {
    /// A node on a free TCP port of 127.0.0.1.
    pub fn new(parameters: &Parameters, identity: SecretIdentity) -> Self {
        Self {
            parameters: parameters.clone(),
            identity,
            listen: vec!["/ip4/127.0.0.1/tcp/0"],
            advertise: Vec::new(),
            peers: Vec::new(),
            config: Config::default(),
            limits: Limits::default(),
            frame_log: None,
        }
    }

    pub fn joining(mut self, other: &Node) -> Self {
        self.peers.push(other.address.clone());
        self
    }

    pub async fn start(self) -> Node {
        let folder = tempfile::tempdir().unwrap();
        self.start_in(folder).await
    }

    pub async fn start_in(self, folder: TempDir) -> Node {
        let id = NodeId::from_bytes(self.identity.identity().id());
        let owner = Owner { rules: Rules::of(&self.parameters), node: id };
        let storage = Storage::open(folder.path(), owner).unwrap();
        let handle = daemon::start(NodeOptions {
            identity: self.identity,
            verifier: Verifier::new(self.parameters),
            config: self.config,
            limits: self.limits,
            storage,
            listen: self.listen.iter().map(|address| address.parse().unwrap()).collect(),
            advertise: self.advertise,
            map_ports: false,
            mdns: false,
            peers: self.peers,
            frame_log: self.frame_log,
        })
        .await
        .unwrap();
        let status = handle.status().await.unwrap();
        let address = status.listen[0].clone();
        let advertised = status.advertised.first().unwrap_or(&address).clone();
        Node { handle, id, address, advertised, folder }
    }
}

/// A running node.
pub struct Node {
    pub handle: NodeHandle,
    pub id: NodeId,
    /// Where it listens.
    pub address: Multiaddr,
    /// Where others reach it.
    pub advertised: Multiaddr,
    pub folder: TempDir,
}

impl Node {
    pub async fn status(&self) -> NodeStatus {
        self.handle.status().await.unwrap()
    }

    /// Waits until the node's state is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let status = self.status().await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "{what}: {status:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it has joined and has so many links.
    pub async fn linked(&self, links: usize) -> NodeStatus {
        self.until(&format!("joined with {links} links"), |s| s.status.joined && s.status.links == links).await
    }
}
