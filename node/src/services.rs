//! What runs beside the overlay on a node: the data plane, its datasets, and the gateway.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use grid::record::Rules;
use libp2p::Multiaddr;
use tokio::task::JoinHandle;

use crate::data::fault::Fault;
use crate::data::library::Library;
use crate::data::limits::Limits;
use crate::data::{DataNode, DataOptions};
use crate::datasets::Datasets;
use crate::datasets::catalog::CatalogError;
use crate::gateway::{
    self, Gateway, GatewayError, GatewayOptions, Manifests, Parts, Reading, ReadingOptions, TrustBook, TrustEntry,
};
use crate::handle::{NodeHandle, Stopped};
use crate::transport::ListenError;
use crate::tunnels::{ExitPolicy, Tunnels};

/// Which services a node runs, and how.
#[derive(Clone, Debug, Default)]
pub struct ServiceOptions {
    /// Where datasets are served; nowhere if empty, then they can only be asked for along the grid.
    pub data_listen: Vec<Multiaddr>,
    /// Whether the addresses of the data service are kept private.
    pub hide_addresses: bool,
    /// The limits of the data service.
    pub data_limits: Limits,
    /// How datasets are read.
    pub reading: ReadingOptions,
    /// Serves DAP clients, if it is said how.
    pub gateway: Option<GatewayOptions>,
    /// Whereto strangers are let out of the grid through tunnels.
    pub exit: ExitPolicy,
    /// What the data service does wrong on purpose, and the seed of that.
    pub fault: Option<(Fault, u64)>,
}

/// Why the services do not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The data service cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The catalogue of datasets cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The gateway does not start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// What is known of other servers cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The cache cannot be used.
    #[error("the cache in {} cannot be used: {error}", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A node's services, which run as long as this lives.
#[derive(Debug)]
pub struct Services {
    data: DataNode,
    datasets: Datasets,
    trust: TrustBook,
    reading: Arc<Reading>,
    gateway: Option<Gateway>,
    tunnels: Tunnels,
    tasks: Vec<JoinHandle<()>>,
}

impl Services {
    /// Starts them, with what they keep in the node's data folder.
    ///
    /// # Errors
    /// [`ServiceError`] for the first that does not start.
    pub async fn start(node: NodeHandle, folder: PathBuf, options: ServiceOptions) -> Result<Self, ServiceError> {
        let credentials = node.credentials().clone();
        let verifier = credentials.verifier.clone();
        let library = Arc::new(Library::default());
        let data = DataNode::start(DataOptions {
            keypair: credentials.keypair.clone(),
            own: credentials.own.clone(),
            verifier: verifier.clone(),
            library: Some(library.clone()),
            listen: options.data_listen,
            limits: options.data_limits,
            fault: options.fault,
        })
        .await?;
        let rules = Rules::of(verifier.parameters());
        let datasets = Datasets::start(node.clone(), rules, &folder, library.clone())?;
        datasets.set_fetcher(Arc::new(Manifests {
            node: node.clone(),
            client: data.client(),
            verifier: verifier.clone(),
        }));
        if !options.hide_addresses {
            datasets.set_addresses(data.listening().to_vec());
        }
        let path = folder.join("trust.json");
        let trust = TrustBook::open(&path).map_err(|error| ServiceError::Trust { path, error })?;
        let parts = Parts {
            me: credentials.own.borrow().id(),
            node: node.clone(),
            verifier,
            client: data.client(),
            library: library.clone(),
            datasets: datasets.clone(),
            trust: trust.clone(),
            folder,
        };
        let keys = parts.folder.join("services");
        let cache = parts.folder.join("cache");
        let reading = Reading::new(&options.reading, parts).map(Arc::new);
        let reading = reading.map_err(|error| ServiceError::Cache { path: cache, error })?;
        let gateway = match &options.gateway {
            Some(options) => Some(Gateway::start(options, reading.clone()).await?),
            None => None,
        };
        let tunnels = Tunnels::start(node.clone(), keys, options.exit)?;
        let tasks = vec![
            tokio::spawn(gateway::serve_along(node, library)),
            tokio::spawn(trust.clone().keep()),
            tokio::spawn(reading.clone().hear_of_liars()),
        ];
        Ok(Self { data, datasets, trust, reading, gateway, tunnels, tasks })
    }

    /// The datasets.
    pub fn datasets(&self) -> &Datasets {
        &self.datasets
    }

    /// Its tunnels.
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// Reads datasets.
    pub fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// The gateway, if there is one.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    /// Where datasets are served.
    pub fn data_listening(&self) -> &[Multiaddr] {
        self.data.listening()
    }

    /// What is known of other dataset servers.
    pub fn trust(&self) -> Vec<TrustEntry> {
        self.trust.entries(self.data.client().traffic())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.trust.save();
    }
}
