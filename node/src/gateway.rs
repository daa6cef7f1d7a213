//! The gateway: reads datasets from servers that nobody vouches for, checks what they send, and answers the clients that
//! people have.
//!
//! ```text
//! http -> address (what is asked for) -> opened (which version, who serves it)
//!      -> answer -> dataset::dap (a plan) -> engine (carries it out) -> reader (which bytes)
//!           reader -> batch, slabs -> fetch (groups with proofs: pool, cache, along)     where the publisher has signed
//!           reader -> checked (answers that others confirm: grid::trust)                 where he has not
//! ```

pub(crate) mod address;
pub(crate) mod along;
mod answer;
mod audit;
mod batch;
mod cache;
mod catalog;
mod checked;
mod constant;
mod engine;
mod error;
mod fetch;
mod html;
mod http;
pub(crate) mod lenient;
mod longest;
mod manifests;
mod opened;
mod picture;
mod pool;
pub(crate) mod ranges;
mod reader;
mod reading;
mod refusal;
mod session;
mod shelf;
mod slabs;
mod streamed;
pub(crate) mod trust;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) use self::audit::Sample;
pub use self::audit::ServerReport;
pub use self::error::{Attempt, ReadError};
use self::http::Service;
pub(crate) use self::manifests::Manifests;
pub(crate) use self::reading::{Parts, ValuesWish};
pub use self::reading::{Reading, ReadingOptions};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::trust::TrustBook;
pub use self::trust::TrustEntry;
use crate::data::library::Library;
use crate::handle::NodeHandle;

/// How a gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Where DAP clients are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The largest answer, in bytes.
    pub most_bytes: u64,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), most_bytes: 64 << 30 }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// It cannot listen.
    #[error(
        "the gateway cannot listen at {address}: {error}; say another address with --dap, or port 0 for any free one"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// A gateway, which runs as long as this lives.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Starts a gateway.
    ///
    /// # Errors
    /// [`GatewayError`] if it cannot listen, or its cache cannot be used.
    pub(crate) async fn start(options: &GatewayOptions, reading: Arc<Reading>) -> Result<Self, GatewayError> {
        let refuse = |error| GatewayError::Listen { address: options.listen, error };
        let listener = TcpListener::bind(options.listen).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let service = Service {
            reading,
            sessions: Default::default(),
            answers: Service::semaphore(),
            most_bytes: options.most_bytes,
            base: format!("http://{address}"),
        };
        let task = tokio::spawn(http::serve(listener, Arc::new(service)));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers questions about what is in the library that come along the grid, until the node has stopped.
pub(crate) async fn serve_along(node: NodeHandle, library: Arc<Library>) {
    along::serve(node, library).await;
}
