//! The further identities of a strong node: nodes of their own in the same process, each in a cell of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use grid::config::Config;
use grid::id::NodeId;
use grid::output::Event;
use grid::record::Rules;
use hashcash::SecretIdentity;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tokio::sync::broadcast;

use super::events::Reporter;
use crate::cli::{Failure, identity_file};
use crate::daemon::{self, Limits, NodeOptions};
use crate::handle::NodeHandle;
use crate::minting;
use crate::storage::{Owner, Storage};
use crate::verifier::Verifier;

/// What the nodes of one process have in common.
pub(super) struct Common {
    pub(super) verifier: Verifier,
    pub(super) config: Config,
    pub(super) limits: Limits,
    pub(super) data: PathBuf,
    pub(super) cache: u64,
    pub(super) map_ports: bool,
    /// Of the first: the others join through it.
    pub(super) mdns: bool,
    pub(super) peers: Vec<Multiaddr>,
}

/// The addresses of one of them.
pub(super) struct Place {
    pub(super) listen: Vec<Multiaddr>,
    pub(super) advertise: Vec<Multiaddr>,
}

impl Common {
    /// Opens a node's folder.
    pub(super) fn open(&self, folder: &Path, id: NodeId) -> Result<Storage, Failure> {
        let owner = Owner { rules: Rules::of(self.verifier.parameters()), node: id };
        Ok(Storage::open_with_cache(folder, owner, self.cache)?)
    }

    /// What one of the nodes needs to run.
    pub(super) fn node(&self, identity: SecretIdentity, storage: Storage, place: Place) -> NodeOptions {
        NodeOptions {
            identity,
            verifier: self.verifier.clone(),
            config: self.config.clone(),
            limits: self.limits.clone(),
            storage,
            listen: place.listen,
            advertise: place.advertise,
            map_ports: self.map_ports,
            mdns: self.mdns,
            peers: self.peers.clone(),
            frame_log: None,
        }
    }
}

/// A further identity's node, and what happens to it.
pub(super) type Started = (NodeHandle, broadcast::Receiver<Event>);

/// Reads the files of further identities, before anything is started.
pub(super) fn load(
    files: &[PathBuf],
    passphrase_file: Option<&Path>,
    grid: Option<&str>,
    verifier: &Verifier,
    first: NodeId,
) -> Result<Vec<SecretIdentity>, Failure> {
    let mut names = BTreeSet::from([first]);
    let load_one = |file: &PathBuf| {
        let (identity, grid) = identity_file::load(file, passphrase_file, grid)?;
        let wrong = |why: String| Failure::new(format!("{}: {why}", file.display()));
        if grid.grid_id() != verifier.parameters().grid_id() {
            return Err(wrong(format!(
                "it was minted for grid {}, and --identity for grid {}: the identities of one node are of one grid",
                grid.name,
                verifier.parameters().name
            )));
        }
        minting::verify_on(verifier.parameters(), identity.identity(), minting::today())
            .map_err(|broken| wrong(broken.to_string()))?;
        match names.insert(minting::node_id(identity.identity())) {
            true => Ok(identity),
            false => Err(wrong("this identity is there already: each is for one node".into())),
        }
    };
    files.iter().map(load_one).collect()
}

/// Where each of so many further identities is: at the ports above those of the first.
pub(super) fn places(first: &Place, count: usize) -> Result<Vec<Place>, Failure> {
    let moved = |addresses: &[Multiaddr], offset| -> Result<Vec<Multiaddr>, Failure> {
        addresses.iter().map(|address| beside(address, offset)).collect()
    };
    let place =
        |offset| Ok(Place { listen: moved(&first.listen, offset)?, advertise: moved(&first.advertise, offset)? });
    (1..).take(count).map(place).collect()
}

/// Starts a node for each.
pub(super) async fn start(
    identities: Vec<SecretIdentity>,
    places: Vec<Place>,
    common: &Common,
) -> Result<Vec<Started>, Failure> {
    let mut nodes = Vec::new();
    for (identity, place) in identities.into_iter().zip(places) {
        let id = minting::node_id(identity.identity());
        let storage = common.open(&common.data.join("also").join(id.to_string()), id)?;
        nodes.push(daemon::start_with_events(common.node(identity, storage, place)).await?);
    }
    Ok(nodes)
}

/// Tells of each, now and when it has joined.
pub(super) async fn report(nodes: Vec<Started>, reporter: Reporter) -> Result<Vec<NodeHandle>, Failure> {
    let mut handles = Vec::new();
    for (node, events) in nodes {
        let status = node.status().await?;
        reporter.also(&status);
        tokio::spawn(report_joins(reporter, status.id, events));
        handles.push(node);
    }
    Ok(handles)
}

async fn report_joins(reporter: Reporter, id: NodeId, mut events: broadcast::Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(Event::Joined { neighbours }) => reporter.also_joined(id, neighbours),
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// The same address with a port that is so much higher; any port stays any port.
fn beside(address: &Multiaddr, offset: u16) -> Result<Multiaddr, Failure> {
    let higher = |port: u16| match port {
        0 => Ok(0),
        port => port.checked_add(offset).ok_or_else(|| {
            Failure::new(format!(
                "{address}: there is no port {offset} above it for another identity: listen at a lower one"
            ))
        }),
    };
    let moved = |part| {
        Ok(if let Protocol::Udp(port) = part {
            Protocol::Udp(higher(port)?)
        } else if let Protocol::Tcp(port) = part {
            Protocol::Tcp(higher(port)?)
        } else {
            part
        })
    };
    address.iter().map(moved).collect()
}
