//! A whole grid in one process, on loopback and on throw-away data: for `rook demo`, and for whoever wants to try the
//! library out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grid::cell::{Cell, GeometryError, Shape};
use grid::config::Config;
use grid::output::{EchoReport, Event};
use grid::parameters::Parameters;
use grid::record::{Record, Rules, Subject};
use hashcash::SecretIdentity;
use hashcash::mint::MintError;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tempfile::TempDir;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;

use crate::api::{Api, ServeError, Serving};
use crate::clock;
use crate::daemon::{self, Limits, NodeOptions, StartError};
use crate::data::fault::Fault;
use crate::datasets::error::DatasetError;
use crate::datasets::head::{Head, MAX_HEAD};
use crate::datasets::name::{Name, Reference};
use crate::datasets::store::Location;
use crate::datasets::types::{Prepared, Wish};
use crate::gateway::GatewayOptions;
use crate::handle::{NodeHandle, OperationError, Stopped};
use crate::minting;
use crate::services::{ServiceError, ServiceOptions, Services};
use crate::stamps::{self, MakeError, Wanted, WriterKey};
use crate::storage::{Owner, Storage, StorageError};
use crate::verifier::Verifier;

/// What an identity of a demonstration costs: nearly nothing.
const BITS: u8 = 16;

/// Nodes that it takes to show datasets: a gateway, a liar and two servers more, besides the one that introduces them.
const DATASET_NODES: usize = 5;
/// Which node is the gateway, and which one lies.
const GATEWAY: usize = 1;
const LIAR: usize = 2;

/// How long the nodes may take to join, whatever their number, and for each of them besides.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
const JOIN_TIMEOUT_EACH: Duration = Duration::from_millis(250);
/// Time between two looks at what the nodes know.
const POLL: Duration = Duration::from_millis(20);

/// Why a demonstration came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// Too few nodes to show anything.
    #[error("a demonstration needs at least 2 nodes, not {0}")]
    TooFewNodes(usize),
    /// The grid cannot be.
    #[error(transparent)]
    Shape(#[from] GeometryError),
    /// Minting failed.
    #[error("an identity could not be minted: {0}")]
    Mint(#[from] MintError),
    /// No place for the throw-away data.
    #[error("no throw-away folder could be made: {0}")]
    Folder(std::io::Error),
    /// A folder could not be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A node's services did not start.
    #[error(transparent)]
    Services(#[from] ServiceError),
    /// A node could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An API could not be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A node ended that should not have.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A put, get or echo failed.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// Some nodes have not joined.
    #[error("only {joined} of {nodes} nodes joined in time")]
    NotJoined {
        /// Those that have.
        joined: usize,
        /// All of them.
        nodes: usize,
    },
    /// Some nodes do not know all their neighbours.
    #[error("{missing} links between neighbours are missing after all this time")]
    NotSettled {
        /// Links, each counted at both of its ends.
        missing: usize,
    },
    /// A dataset could not be published or served.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A record could not be made.
    #[error(transparent)]
    Record(#[from] MakeError),
    /// A task died.
    #[error("a task of the demonstration died: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// The parameters of a demonstration's grid.
///
/// # Errors
/// If there can be no such grid.
pub fn parameters(dims: u8, side: u16) -> Result<Parameters, DemoError> {
    let shape = Shape::new(dims, side)?;
    Ok(Parameters { name: "demo".into(), shape, identity_bits: BITS, ..Parameters::local() })
}

/// Mints identities, on all cores; `done` hears of each.
///
/// # Errors
/// If the system gives no random numbers or the date is unknown.
pub async fn mint(
    parameters: &Parameters,
    nodes: usize,
    mut done: impl FnMut(usize),
) -> Result<Vec<SecretIdentity>, DemoError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut identities = Vec::with_capacity(nodes);
    let mut tasks = JoinSet::new();
    let mut begun = 0;
    while identities.len() < nodes {
        while begun < nodes && tasks.len() < cores {
            let parameters = parameters.clone();
            tasks.spawn_blocking(move || minting::mint_quickly(&parameters));
            begun += 1;
        }
        if let Some(identity) = tasks.join_next().await {
            identities.push(identity??);
            done(identities.len());
        }
    }
    Ok(identities)
}

/// What the nodes of a demonstration talk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// QUIC, over UDP.
    Quic,
    /// TCP with Noise and Yamux.
    Tcp,
}

impl Transport {
    /// Any free port of loopback.
    pub fn any_port(self) -> Multiaddr {
        let loopback = Multiaddr::empty().with(LOOPBACK);
        match self {
            Self::Quic => loopback.with(Protocol::Udp(0)).with(Protocol::QuicV1),
            Self::Tcp => loopback.with(Protocol::Tcp(0)),
        }
    }
}

/// One node of a demonstration.
#[derive(Debug)]
pub struct DemoNode {
    /// Its handle.
    pub handle: NodeHandle,
    /// Its cell.
    pub cell: Cell,
    /// Its API's address.
    pub api: std::net::SocketAddr,
    /// Its datasets.
    pub services: Arc<Services>,
    /// Whether it lies, on purpose, about the datasets that it serves.
    pub lies: bool,
    storage: Storage,
    _serving: Serving,
}

impl DemoNode {
    /// Whether it plays no part of its own.
    pub fn is_plain(&self) -> bool {
        !self.lies && self.services.gateway().is_none()
    }

    /// Whether the record is on this node's disk.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn holds(&self, record: &Record) -> Result<bool, DemoError> {
        Ok(self.storage.load(record.key())?.is_some())
    }
}

/// A grid that lives as long as this.
#[derive(Debug)]
pub struct Demo {
    /// The nodes that run; the first one introduced the others.
    pub nodes: Vec<DemoNode>,
    transport: Transport,
    /// Shared, so that an identity is checked once in this process and not once by each node.
    verifier: Verifier,
    // Dropped last: the folder goes when the nodes are gone.
    folder: TempDir,
}

impl Demo {
    /// Starts the nodes; all but the first join through the first.
    ///
    /// # Errors
    /// If one of them cannot be started.
    pub async fn start(parameters: Parameters, identities: Vec<SecretIdentity>) -> Result<Self, DemoError> {
        Self::start_over(Transport::Quic, &std::env::temp_dir(), parameters, identities).await
    }

    /// As [`Demo::start`], over another transport, with its throw-away data in another folder.
    ///
    /// # Errors
    /// If one of them cannot be started.
    pub async fn start_over(
        transport: Transport,
        data: &Path,
        parameters: Parameters,
        identities: Vec<SecretIdentity>,
    ) -> Result<Self, DemoError> {
        let services = usual_services(identities.len());
        Self::start_with(transport, data, parameters, identities.into_iter().zip(services).collect()).await
    }

    /// As [`Demo::start_over`], each node with services as they are wanted.
    ///
    /// # Errors
    /// If one of them cannot be started.
    pub async fn start_with(
        transport: Transport,
        data: &Path,
        parameters: Parameters,
        nodes: Vec<(SecretIdentity, ServiceOptions)>,
    ) -> Result<Self, DemoError> {
        if nodes.len() < 2 {
            return Err(DemoError::TooFewNodes(nodes.len()));
        }
        let folder = tempfile::Builder::new().prefix("rook-demo-").tempdir_in(data).map_err(DemoError::Folder)?;
        let mut demo = Self { nodes: Vec::new(), transport, verifier: Verifier::new(parameters), folder };
        for (number, (identity, services)) in nodes.into_iter().enumerate() {
            let introducer = match demo.nodes.first() {
                Some(first) => first.handle.status().await?.listen,
                None => Vec::new(),
            };
            let node = demo.start_node(number, identity, services, introducer).await?;
            demo.nodes.push(node);
        }
        Ok(demo)
    }

    /// The parameters of its grid.
    pub fn parameters(&self) -> Parameters {
        self.verifier.parameters().clone()
    }

    async fn start_node(
        &self,
        number: usize,
        identity: SecretIdentity,
        services: ServiceOptions,
        introducer: Vec<Multiaddr>,
    ) -> Result<DemoNode, DemoError> {
        let id = minting::node_id(identity.identity());
        let owner = Owner { rules: Rules::of(self.verifier.parameters()), node: id };
        let storage = Storage::open(&self.folder.path().join(format!("node-{number}")), owner)?;
        let options = NodeOptions {
            identity,
            verifier: self.verifier.clone(),
            config: Config::default(),
            limits: Limits::default(),
            storage: storage.clone(),
            listen: vec![self.transport.any_port()],
            advertise: Vec::new(),
            map_ports: false,
            mdns: false,
            peers: introducer.into_iter().take(1).collect(),
            frame_log: None,
        };
        let handle = daemon::start(options).await?;
        tokio::spawn(log_events(number, handle.events()));
        let api = Api::bind(ANY_API).await?;
        let address = api.address();
        let leave = Arc::new(Notify::new());
        tokio::spawn(leave_when_told(handle.clone(), Arc::clone(&leave)));
        let data = self.folder.path().join(format!("node-{number}"));
        let lies = services.fault.is_some();
        let services = Arc::new(Services::start(handle.clone(), data, services).await?);
        let serving = api.serve(handle.clone(), services.clone(), id.to_string(), self.verifier.parameters(), leave)?;
        let cell = handle.status().await?.cell;
        Ok(DemoNode { handle, cell, api: address, services, lies, storage, _serving: serving })
    }

    /// The node with a gateway, the one that lies as a dataset server, and two others; `None` if the demonstration is too
    /// small for that.
    pub fn dataset_nodes(&self) -> Option<(&DemoNode, &DemoNode, [&DemoNode; 2])> {
        let gateway = self.nodes.iter().find(|node| node.services.gateway().is_some())?;
        let liar = self.nodes.iter().find(|node| node.lies)?;
        let mut others = self.nodes.iter().filter(|node| node.is_plain());
        Some((gateway, liar, [others.next()?, others.next()?]))
    }

    /// Publishes a file as a dataset, from one node; `roots` says whether every byte is signed, or its description only.
    ///
    /// # Errors
    /// If it cannot be read, or the grid does not take its head.
    pub async fn publish(&self, by: &DemoNode, name: &Name, file: &Path, roots: bool) -> Result<Prepared, DemoError> {
        let rules = Rules::of(self.verifier.parameters());
        let wish = Wish {
            name: name.clone(),
            location: Location::Local(file.to_owned()),
            label: String::new(),
            serve: true,
            roots,
        };
        let prepared = by.services.datasets().prepare(wish, Arc::default()).await?;
        let head = Head { name: name.clone(), version: prepared.version, length: prepared.length };
        let (key, wanted) = (WriterKey::random(), Wanted::default());
        let terms = wanted.terms(Subject::Mutable { writer: key.public(), interval: 60 }, MAX_HEAD as u64);
        let bits = wanted.bits(&terms, &rules);
        let record = tokio::task::spawn_blocking(move || {
            let pointer = stamps::pay(terms, bits, &rules, 1, &())?;
            stamps::version(&pointer, &key, 0, clock::unix_seconds(), &head.encode(), &rules).map_err(MakeError::from)
        });
        by.services.datasets().publish(name, record.await??).await?;
        Ok(prepared)
    }

    /// Has a node serve a dataset from a copy.
    ///
    /// # Errors
    /// If the name stands for nothing yet, or the copy is none.
    pub async fn mirror(&self, on: &DemoNode, name: &Name, copy: &Path) -> Result<(), DemoError> {
        let (reference, location) = (Reference { name: name.clone(), pointer: None }, Location::Local(copy.to_owned()));
        on.services.datasets().serve(&reference, location, None, Arc::default()).await?;
        Ok(())
    }

    /// The folder with the nodes' data, which goes with the demonstration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until all nodes have joined.
    ///
    /// # Errors
    /// [`DemoError::NotJoined`] if it takes too long.
    pub async fn joined(&self) -> Result<(), DemoError> {
        let deadline = self.deadline();
        loop {
            let mut joined = 0;
            for node in &self.nodes {
                joined += usize::from(node.handle.status().await?.status.joined);
            }
            if joined == self.nodes.len() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(DemoError::NotJoined { joined, nodes: self.nodes.len() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until every node is linked to all its neighbours: those that joined at the same moment have not been told
    /// of each other.
    ///
    /// # Errors
    /// [`DemoError::NotSettled`] if it takes too long.
    pub async fn settled(&self) -> Result<(), DemoError> {
        let deadline = self.deadline();
        loop {
            let mut missing = 0;
            for node in &self.nodes {
                let neighbours = self.nodes.iter().filter(|other| other.cell.is_neighbour(&node.cell)).count() - 1;
                missing += neighbours.saturating_sub(node.handle.status().await?.status.neighbours);
            }
            if missing == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(DemoError::NotSettled { missing });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn deadline(&self) -> Instant {
        let nodes = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        Instant::now() + JOIN_TIMEOUT + JOIN_TIMEOUT_EACH * nodes
    }

    /// How many nodes are in each cell, by the cell's number.
    pub fn population(&self) -> Vec<usize> {
        let shape = self.verifier.parameters().shape;
        let count = |cell| self.nodes.iter().filter(|node| node.cell == cell).count();
        (0..shape.cells()).map(|index| count(shape.cell_at(index))).collect()
    }

    /// Asks every cell that has a node from every node, and returns how the answers came.
    ///
    /// # Errors
    /// If one of them does not answer.
    pub async fn echo_everywhere(&self) -> Result<Vec<EchoReport>, DemoError> {
        let mut cells: Vec<Cell> = self.nodes.iter().map(|node| node.cell).collect();
        cells.sort();
        cells.dedup();
        let mut reports = Vec::new();
        for node in &self.nodes {
            for &cell in &cells {
                reports.push(node.handle.echo(cell).await?);
            }
        }
        Ok(reports)
    }

    /// Ends some nodes at once, without a farewell, and forgets them.
    pub async fn kill(&mut self, mut indices: Vec<usize>) {
        indices.sort_unstable();
        let mut ending = JoinSet::new();
        for index in indices.into_iter().rev().filter(|&index| index < self.nodes.len()).collect::<Vec<_>>() {
            let handle = self.nodes.remove(index).handle;
            ending.spawn(async move { handle.stop().await });
        }
        ending.join_all().await;
    }

    /// Stops a node for good and forgets it.
    pub async fn stop(&mut self, index: usize) {
        let node = self.nodes.remove(index);
        node.handle.leave().await;
        node.handle.stopped().await;
    }

    /// Stops all nodes and removes their data.
    pub async fn end(mut self) {
        // Nobody is left whom a farewell would tell anything.
        while let Some(node) = self.nodes.pop() {
            node.handle.stop().await;
        }
    }
}

/// One node is a gateway, and one lies as a dataset server, if there are enough for that.
fn usual_services(nodes: usize) -> impl Iterator<Item = ServiceOptions> {
    let is_large = nodes >= DATASET_NODES;
    (0..nodes).map(move |number| ServiceOptions {
        data_listen: vec![Transport::Tcp.any_port()],
        gateway: (is_large && number == GATEWAY).then(|| GatewayOptions { listen: ANY_API, ..Default::default() }),
        fault: (is_large && number == LIAR).then_some((Fault::Lie { rate: 1.0 }, 1)),
        ..ServiceOptions::default()
    })
}

const LOOPBACK: Protocol<'static> = Protocol::Ip4(std::net::Ipv4Addr::LOCALHOST);

const ANY_API: std::net::SocketAddr = std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Events of a node go to the log, for whoever looks for the reason of something.
async fn log_events(number: usize, mut events: broadcast::Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(event) => tracing::debug!(number, ?event),
            Err(broadcast::error::RecvError::Lagged(missed)) => tracing::debug!(number, missed),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn leave_when_told(node: NodeHandle, leave: Arc<Notify>) {
    tokio::select! {
        () = leave.notified() => node.leave().await,
        () = node.stopped() => {}
    }
}
