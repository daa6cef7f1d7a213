//! The data plane: datasets go from their servers to those who read them over connections of their own.
//!
//! - [`library`]: what a server has
//! - [`client`]: asks servers, and checks what they say
//! - [`wire`]: what is said
//! - [`challenge`], [`checksum`]: how one server checks another
//! - [`signed`], [`contradiction`], [`reports`]: what servers answer for, and what becomes of it
//! - [`fault`]: servers that lie on purpose
//! - [`limits`]: what readers are allowed
//! - [`traffic`]: what was asked of servers
//!
//! ```text
//! client -- Opener --> swarm task -- stream --> swarm task -- Inbound --> Server::run
//!                                                                           | spawns, for each request: serve
//!                                              blocking thread: Job::run  --'-- Part --> Writer
//! ```

pub mod challenge;
pub mod checksum;
pub mod client;
pub mod contradiction;
pub mod fault;
pub mod library;
pub mod limits;
pub mod reports;
pub mod signed;
pub mod tiles;
pub mod traffic;
pub mod wire;

mod server;
mod swarm;

use std::sync::Arc;

use grid::peer::Peer;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::client::DataClient;
use self::fault::{Fault, Mischief};
use self::library::Library;
use self::limits::Limits;
use self::reports::Reports;
use self::server::Server;
pub use self::swarm::OpenError;
use self::traffic::Traffic;
pub use crate::transport::ListenError;
use crate::verifier::Verifier;

/// What a data plane needs of its node.
#[derive(Debug)]
pub struct DataOptions {
    /// The node's transport key.
    pub keypair: Keypair,
    /// The node's own card, which changes when the credential is renewed.
    pub own: watch::Receiver<Peer>,
    /// Verifies those who ask, and names the grid.
    pub verifier: Verifier,
    /// What it serves; a node without one only reads.
    pub library: Option<Arc<Library>>,
    /// Where it takes requests; a node that only reads listens nowhere.
    pub listen: Vec<Multiaddr>,
    /// What it allows.
    pub limits: Limits,
    /// What it does wrong on purpose, and the seed of that. Whoever sets it has asked [`Fault::check_grid`].
    pub fault: Option<(Fault, u64)>,
}

/// A node's running data plane. It ends when it is dropped, answers under way included.
#[derive(Debug)]
pub struct DataNode {
    client: DataClient,
    listening: Vec<Multiaddr>,
    reports: Arc<Reports>,
    ending: oneshot::Sender<()>,
    swarm: JoinHandle<()>,
}

impl DataNode {
    /// Starts the data plane. Returns when the listening sockets are open.
    ///
    /// # Errors
    /// [`ListenError`] if a socket cannot be opened.
    pub async fn start(options: DataOptions) -> Result<Self, ListenError> {
        let DataOptions { keypair, own, verifier, library, listen, limits, fault } = options;
        let listen = if library.is_some() { listen } else { Vec::new() };
        let grid = verifier.grid();
        let running = swarm::start(keypair.clone(), grid, &listen, library.is_some(), &limits).await?;
        let reports = Arc::new(Reports::new(limits.max_reports));
        let client = DataClient {
            opener: running.opener,
            own: own.clone(),
            verifier: verifier.clone(),
            limits: limits.clone(),
            traffic: Traffic::default(),
        };
        if let (Some(library), Some(inbound)) = (library, running.inbound) {
            let mischief = fault.map(|(fault, seed)| Mischief::new(fault, seed));
            let server = Server { library, reports: reports.clone(), verifier, keypair, own, limits, mischief };
            tokio::spawn(server.run(inbound));
        }
        Ok(Self { client, listening: running.listening, reports, ending: running.ending, swarm: running.task })
    }

    /// Asks servers.
    pub fn client(&self) -> DataClient {
        self.client.clone()
    }

    /// Where requests are taken; none if nothing is served.
    pub fn listening(&self) -> &[Multiaddr] {
        &self.listening
    }

    /// The contradictions that are known here.
    pub fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Ends all connections, and with them the answers under way.
    pub async fn shutdown(self) {
        // If the task has ended already, nobody listens.
        _ = self.ending.send(());
        _ = self.swarm.await;
    }
}
