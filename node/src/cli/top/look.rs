//! One look at a node: all that is asked of its API at a time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::counts::{self, Counts};
use crate::api::Tunnels;
use crate::api::client::Client;
use crate::api::types::{Account, Peer, Status};
use crate::clock;
use crate::gateway::TrustEntry;
use crate::metrics::Warning;

/// How long a node may take to say all of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a node said, and when.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// When, since the command was started.
    pub(super) at: Duration,
    /// The same in seconds of Unix time.
    pub(super) unix: u64,
    /// Its state.
    pub(super) status: Status,
    /// The nodes that it knows.
    pub(super) peers: Vec<Peer>,
    /// Its ledger.
    pub(super) accounts: Vec<Account>,
    /// The dataset servers that it remembers.
    pub(super) servers: Vec<TrustEntry>,
    /// Its tunnels.
    pub(super) tunnels: Tunnels,
    /// What is not as it should be.
    pub(super) warnings: Vec<Warning>,
    /// Requests.
    pub(super) counts: Counts,
}

/// Asks the node whose API is at that address, or at the usual one. Its token is looked up each time: it is new after
/// each start.
pub(super) async fn look(api: Option<SocketAddr>, start: Instant) -> Result<Look, String> {
    match tokio::time::timeout(PATIENCE, ask(api, start)).await {
        Ok(looked) => looked.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "the node has not answered for {} s: see whether its process runs and this machine has time for it",
            PATIENCE.as_secs()
        )),
    }
}

async fn ask(api: Option<SocketAddr>, start: Instant) -> Result<Look, crate::api::client::ClientError> {
    let client = Client::find(api)?;
    let (status, peers, ledger, trust, tunnels, warnings, metrics) = tokio::try_join!(
        client.status(),
        client.peers(),
        client.ledger(),
        client.trust(),
        client.tunnels(),
        client.warnings(),
        client.metrics(),
    )?;
    Ok(Look {
        at: start.elapsed(),
        unix: clock::unix_seconds(),
        status,
        peers: peers.peers,
        accounts: ledger.accounts,
        servers: trust.servers,
        tunnels,
        warnings: warnings.warnings,
        counts: counts::read(&metrics),
    })
}
