//! Serves the API: binds it, publishes its token, and lets in only who has it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware;
use axum::routing::{delete, get, post, put};
use grid::parameters::Parameters;
use grid::record::Rules;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use super::runtime::{self, Entry, Published};
use super::{datasets, figures, gate, handlers, health, live, offers, openapi, reading, records, services, tunnels};
use crate::connections::{self, Terms};
use crate::datasets::Datasets;
use crate::handle::NodeHandle;
use crate::services::Services;
use crate::web;

/// What this API takes fits many times into such a head.
const TERMS: Terms =
    Terms { server: "the API", connections: 256, head_time: Duration::from_secs(10), head_bytes: 16 << 10 };

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines could reach it.
    #[error("the API at {0} could be reached by other machines: use a loopback address, 127.0.0.1:PORT or [::1]:PORT")]
    NotLoopback(SocketAddr),
    /// Somebody else listens there.
    #[error("the API cannot listen at {api}: the port is in use{}; say another with --api, or port 0 for any free one", owner(*pid))]
    InUse {
        /// Where.
        api: SocketAddr,
        /// The process, if it is a node of this user.
        pid: Option<u32>,
    },
    /// The system refuses.
    #[error("the API cannot listen at {api}: {error}; say another with --api, or port 0 for any free one")]
    Listen {
        /// Where.
        api: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The token could not be put where the command line finds it.
    #[error(
        "the API's token cannot be written for the command line to find: {0}; set XDG_RUNTIME_DIR to a folder of yours"
    )]
    Publish(io::Error),
    /// The system has no random numbers.
    #[error("the system gives no random numbers for the API's token: {0}")]
    Random(String),
}

fn owner(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by your node with pid {pid}")).unwrap_or_default()
}

/// The nodes of a process.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// The one that is meant where one is.
    pub first: NodeHandle,
    /// Those of further identities of the same owner.
    pub also: Vec<NodeHandle>,
}

impl From<NodeHandle> for Nodes {
    fn from(first: NodeHandle) -> Self {
        Self { first, also: Vec::new() }
    }
}

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) node: NodeHandle,
    pub(super) also: Vec<NodeHandle>,
    pub(super) datasets: Datasets,
    pub(super) services: Arc<Services>,
    pub(super) grid: Parameters,
    pub(super) rules: Rules,
    /// Told when somebody asked the node to leave.
    pub(super) leave: Arc<Notify>,
    /// Room for those who watch what happens.
    pub(super) watchers: Arc<Semaphore>,
    /// When it began to serve.
    pub(super) since: Instant,
    pub(super) token: String,
    /// What the `Host` header may say.
    pub(super) hosts: [String; 2],
}

/// A bound API, whose address is known before the node is there to serve.
#[derive(Debug)]
pub struct Api {
    listener: TcpListener,
    address: SocketAddr,
}

impl Api {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// If it is no loopback address, or in use.
    pub async fn bind(api: SocketAddr) -> Result<Self, ServeError> {
        if !api.ip().is_loopback() {
            return Err(ServeError::NotLoopback(api));
        }
        let refuse = |error: io::Error| match error.kind() == io::ErrorKind::AddrInUse {
            true => ServeError::InUse { api, pid: runtime::find(api).map(|entry| entry.pid) },
            false => ServeError::Listen { api, error },
        };
        let listener = TcpListener::bind(api).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(|error| ServeError::Listen { api, error })?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes the token and serves until the returned guard is dropped. `leave` is told when a client asks the node
    /// to leave.
    ///
    /// # Errors
    /// If the token cannot be published.
    pub fn serve(
        self,
        nodes: impl Into<Nodes>,
        services: Arc<Services>,
        id: String,
        grid: &Parameters,
        leave: Arc<Notify>,
    ) -> Result<Serving, ServeError> {
        let token = new_token()?;
        let entry = Entry { api: self.address, token: token.clone(), pid: std::process::id(), id };
        let published = runtime::publish(entry).map_err(ServeError::Publish)?;
        let Nodes { first: node, also } = nodes.into();
        let shared = Arc::new(Shared {
            node,
            also,
            datasets: services.datasets().clone(),
            services,
            rules: Rules::of(grid),
            grid: grid.clone(),
            leave,
            watchers: Arc::new(Semaphore::new(live::WATCHERS)),
            since: Instant::now(),
            token,
            hosts: [self.address.to_string(), format!("localhost:{}", self.address.port())],
        });
        let router = router(shared);
        let task = tokio::spawn(connections::serve(self.listener, TERMS, |io| io, move |_| router.clone()));
        Ok(Serving { task, _published: published })
    }
}

/// An API that is served as long as this lives.
#[derive(Debug)]
pub struct Serving {
    task: tokio::task::JoinHandle<()>,
    _published: Published,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/records", post(records::put).put(records::put_record))
        .route("/v1/records/{pointer}", get(records::get))
        .route("/v1/offers/{topic}", get(offers::providers).put(offers::provide))
        .route("/v1/datasets", get(datasets::list))
        .route("/v1/datasets/{name}", get(datasets::show).delete(datasets::remove))
        .route("/v1/datasets/{name}/versions", post(datasets::prepare))
        .route("/v1/datasets/{name}/head", put(datasets::publish))
        .route("/v1/datasets/{name}/copy", put(datasets::serve))
        .route("/v1/datasets/{name}/manifest", get(datasets::manifest))
        .route("/v1/datasets/{name}/pin", delete(datasets::forget))
        .route("/v1/datasets/{name}/opened", get(reading::opened))
        .route("/v1/datasets/{name}/values", get(reading::values))
        .route("/v1/datasets/{name}/check", post(reading::check))
        .route("/v1/trust", get(reading::trust))
        .route("/v1/status", get(handlers::status))
        .route("/v1/peers", get(handlers::peers))
        .route("/v1/ledger", get(handlers::ledger))
        .route("/v1/tunnels", get(tunnels::tunnels))
        .route("/v1/services", get(services::list))
        .route("/v1/services/{name}", put(services::publish).delete(services::unpublish))
        .route("/v1/socks", get(services::socks).put(services::open_socks).delete(services::close_socks))
        .route("/v1/leave", post(handlers::leave))
        .route("/v1/warnings", get(health::warnings))
        .route("/v1/events", get(live::events))
        .route("/metrics", get(figures::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/openapi.json", get(openapi::document))
        .merge(web::router())
        .fallback(handlers::unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), gate::let_in))
        .with_state(shared)
}

/// 256 random bits in hex.
fn new_token() -> Result<String, ServeError> {
    use rand::TryRng;
    let mut bytes = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|error| ServeError::Random(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
