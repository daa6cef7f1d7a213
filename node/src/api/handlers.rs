//! What the API can be asked about the node itself, and how failures are told.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use grid::message::StoreFailure;
use grid::output::RequestFailure;
use serde::Deserialize;

use super::problem::Failure;
use super::server::Shared;
use super::types::{Account, Also, Ledger, Peer, Peers, Status};
use crate::handle::{OperationError, Stopped};
use crate::tunnels::TunnelError;

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, stopped.to_string(), "start it again with `rook run`")
    }
}

impl From<OperationError> for Failure {
    fn from(error: OperationError) -> Self {
        let text = error.to_string();
        match error {
            OperationError::Failed(failure) => Self::new(status_of(&failure), text, advice(&failure)),
            OperationError::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Self {
        let text = error.to_string();
        let (status, advice) = match error {
            TunnelError::Stopped(stopped) => return stopped.into(),
            TunnelError::Nobody(_) => (
                StatusCode::BAD_GATEWAY,
                "wait until more nodes have joined, see `rook peers`; a tunnel leads over four",
            ),
            TunnelError::OutOfReach => (StatusCode::BAD_GATEWAY, "try again: the next ways are other ones"),
            TunnelError::Late(_) => (StatusCode::GATEWAY_TIMEOUT, "try again: the next tunnel leads over other nodes"),
            TunnelError::Far(_) => (StatusCode::BAD_GATEWAY, "try again; without --tunnel this node asks itself"),
            TunnelError::Broke | TunnelError::Lay(_) | TunnelError::Doubt(_) | TunnelError::Unconfirmed(_) => {
                (StatusCode::BAD_GATEWAY, "try again: the next tunnel leads over other nodes")
            }
        };
        Self::new(status, text, advice)
    }
}

/// The query of what takes none: what is misspelt is to be noticed, not to be ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

fn status_of(failure: &RequestFailure) -> StatusCode {
    match failure {
        RequestFailure::NotFound { .. } => StatusCode::NOT_FOUND,
        RequestFailure::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        RequestFailure::Refused(why) => status_of_refusal(why),
        RequestFailure::TooFewCells { why: Some(StoreFailure::Full | StoreFailure::QuotaFull { .. }), .. } => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        RequestFailure::Vacant(_)
        | RequestFailure::NoWay(_)
        | RequestFailure::NoKeeper
        | RequestFailure::TooFewCells { .. }
        | _ => StatusCode::BAD_GATEWAY,
    }
}

fn status_of_refusal(why: &StoreFailure) -> StatusCode {
    match why {
        StoreFailure::TooEarly { .. } => StatusCode::TOO_MANY_REQUESTS,
        StoreFailure::Superseded { .. } | StoreFailure::Equivocation => StatusCode::CONFLICT,
        StoreFailure::Expired => StatusCode::GONE,
        StoreFailure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        // The first four are no refusals, and the core may add reasons.
        StoreFailure::Full | StoreFailure::Failed | StoreFailure::QuotaFull { .. } | StoreFailure::Busy => {
            StatusCode::BAD_GATEWAY
        }
        StoreFailure::Future | _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn advice(failure: &RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Refused(StoreFailure::TooEarly { .. }) => "wait, or put a record with a shorter interval",
        RequestFailure::Refused(StoreFailure::Superseded { .. }) => {
            "see what is there with `rook get`, and rewrite that"
        }
        RequestFailure::Refused(StoreFailure::Equivocation) => {
            "a writer's key must not be used by two at once; this record is not to be trusted any more"
        }
        RequestFailure::Refused(StoreFailure::Expired) => "put it again, with a new stamp",
        RequestFailure::TooFewCells { why: Some(StoreFailure::QuotaFull { .. }), .. } => {
            "put it with more --priority, or when more nodes have joined"
        }
        RequestFailure::NotFound { .. } => "check that the pointer is of this grid; it may also not be stored any more",
        RequestFailure::Vacant(_) => "all cells that would keep it are empty: wait until more nodes have joined",
        RequestFailure::NoWay(_) => "see `rook status`: the node needs links on its lines; then try again",
        RequestFailure::TimedOut(_) => "try again; if it stays so, see `rook peers` for links that do not answer",
        RequestFailure::NoKeeper => {
            "wait until more nodes have joined; a grid of so few nodes wants fewer cells, see `rook grid new`"
        }
        RequestFailure::Uncertified(_) => "wait for the next epoch, ten minutes at most; see `rook status`",
        RequestFailure::Doubtful { .. } => "ask another cell of the line",
        RequestFailure::TooFewCells { .. } => "try again when more nodes have joined, or have space",
        RequestFailure::Refused(_) | _ => "try again",
    }
}

/// The node's state.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<Json<Status>, Failure> {
    let status = shared.node.status().await?;
    let mut also = Vec::new();
    for node in &shared.also {
        also.push(Also::of(&node.status().await?));
    }
    let uptime_s = shared.since.elapsed().as_secs();
    Ok(Json(Status { also, uptime_s, ..Status::of(&status, &shared.grid) }))
}

/// The nodes that it knows.
#[utoipa::path(get, path = "/v1/peers", responses((status = 200, body = Peers)))]
pub(super) async fn peers(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<Json<Peers>, Failure> {
    let peers = shared.node.peers().await?.iter().map(Peer::of).collect();
    Ok(Json(Peers { peers }))
}

/// What its neighbours did for it, and it for them.
#[utoipa::path(get, path = "/v1/ledger", responses((status = 200, body = Ledger)))]
pub(super) async fn ledger(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Result<Json<Ledger>, Failure> {
    let accounts = shared.node.ledger().await?.iter().map(Account::of).collect();
    Ok(Json(Ledger { accounts }))
}

/// Makes the node say farewell to its neighbours and end.
#[utoipa::path(post, path = "/v1/leave", responses((status = 202)))]
pub(super) async fn leave(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> StatusCode {
    shared.leave.notify_one();
    StatusCode::ACCEPTED
}

/// What is not there.
pub(super) async fn unknown(uri: Uri) -> Failure {
    let error = format!("there is no {}", uri.path());
    Failure::new(StatusCode::NOT_FOUND, error, "see /openapi.json for what there is")
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    // Three digits behind the point are microseconds; more would be noise.
    (time.as_secs_f64() * 1e6).round() / 1e3
}
