//! The node's figures for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::problem::Failure;
use super::server::Shared;
use super::types::Fault;
use crate::handle::Stopped;
use crate::metrics::{Process, Snapshot};

/// OpenMetrics, which Prometheus asks for first.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The node's state at this moment.
pub(super) async fn snapshot(shared: &Shared) -> Result<Snapshot, Stopped> {
    Ok(Snapshot {
        status: shared.node.status().await?,
        peers: shared.node.peers().await?,
        shape: shared.grid.shape,
        trust: shared.services.trust(),
        tunnels: shared.services.tunnels().status().await?,
        datasets: shared.datasets.list().len(),
        process: Process::now(),
    })
}

/// All figures, as OpenMetrics text. Needs no token: a scraper could not follow one that is new with every start, and
/// the figures name no node, no record and no address.
#[utoipa::path(get, path = "/metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = 503, body = Fault)))]
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Failure> {
    let snapshot = snapshot(&shared).await?;
    let page = shared.node.metrics().text(&snapshot).map_err(|error| {
        Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the figures cannot be written: {error}"),
            "report this",
        )
    })?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], page).into_response())
}
