//! One function for each thing that the API can be asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use grid::output::RequestFailure;
use grid::record::Record;

use super::server::Shared;
use super::types::{Fault, Peer, Peers, Put, Status};
use super::{FROM_CELL, HOPS, MILLISECONDS};
use crate::handle::{OperationError, Stopped};
use crate::pointer::Pointer;

/// A request that failed, and with which status.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    fault: Fault,
}

impl Failure {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { status, fault: Fault { error: error.into(), what_to_do: what_to_do.into() } }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(self.fault)).into_response()
    }
}

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

fn status_of(failure: &RequestFailure) -> StatusCode {
    match failure {
        RequestFailure::NotFound { .. } => StatusCode::NOT_FOUND,
        RequestFailure::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        RequestFailure::Vacant(_)
        | RequestFailure::NoWay(_)
        | RequestFailure::NoKeeper
        | RequestFailure::TooFewCells { .. }
        | _ => StatusCode::BAD_GATEWAY,
    }
}

fn advice(failure: &RequestFailure) -> &'static str {
    match failure {
        RequestFailure::NotFound { .. } => "check that the pointer is of this grid; it may also not be stored any more",
        RequestFailure::Vacant(_) => "all cells that would keep it are empty: wait until more nodes have joined",
        RequestFailure::NoWay(_) => "see `rook status`: the node needs links on its lines; then try again",
        RequestFailure::TimedOut(_) => "try again; if it stays so, see `rook peers` for links that do not answer",
        RequestFailure::NoKeeper => {
            "wait until more nodes have joined; a grid of so few nodes wants fewer cells, see `rook grid new`"
        }
        RequestFailure::TooFewCells { .. } => "try again when more nodes have joined, or have space",
        _ => "try again",
    }
}

/// Stores the body.
#[utoipa::path(post, path = "/v1/records", request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Put), (status = 413, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault)))]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Put>), Failure> {
    let value = read_value(&shared, &headers, body).await?;
    let record = Record::new(value);
    let pointer = Pointer::new(record.key()).to_string();
    let begun = Instant::now();
    let report = shared.node.put(record).await?;
    let ms = milliseconds(begun.elapsed());
    Ok((StatusCode::CREATED, Json(Put { pointer, nodes: report.nodes, cells: report.cells, ms })))
}

/// Reads the body, but never more of it than the grid allows.
async fn read_value(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Failure> {
    let limit = usize::try_from(shared.grid.max_record_bytes).unwrap_or(usize::MAX);
    let too_large = || {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a record of this grid has at most {limit} bytes"),
            "cut the file into pieces and put each of them",
        )
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map(Into::into).map_err(|_| too_large())
}

/// Finds a record.
#[utoipa::path(get, path = "/v1/records/{pointer}", params(("pointer" = String, Path, description = "rook1...")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream",
        headers(("rook-hops" = u8), ("rook-from-cell" = String), ("rook-milliseconds" = f64))),
        (status = 400, body = Fault), (status = 404, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault)))]
pub(super) async fn get(State(shared): State<Arc<Shared>>, Path(pointer): Path<String>) -> Result<Response, Failure> {
    let pointer: Pointer = pointer.parse().map_err(|error: crate::pointer::PointerError| {
        Failure::new(StatusCode::BAD_REQUEST, error.to_string(), "check the pointer against where you have it from")
    })?;
    let begun = Instant::now();
    let report = shared.node.get(pointer.key()).await?;
    let ms = milliseconds(begun.elapsed());
    let mut response = report.record.value().to_vec().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let figures =
        [(HOPS, report.hops.to_string()), (FROM_CELL, report.from.to_string()), (MILLISECONDS, ms.to_string())];
    for (name, value) in figures {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// The node's state.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Json<Status>, Failure> {
    let status = shared.node.status().await?;
    Ok(Json(Status::of(&status, &shared.grid)))
}

/// The nodes that it knows.
#[utoipa::path(get, path = "/v1/peers", responses((status = 200, body = Peers)))]
pub(super) async fn peers(State(shared): State<Arc<Shared>>) -> Result<Json<Peers>, Failure> {
    let peers = shared.node.peers().await?.iter().map(Peer::of).collect();
    Ok(Json(Peers { peers }))
}

/// Makes the node say farewell to its neighbours and end.
#[utoipa::path(post, path = "/v1/leave", responses((status = 202)))]
pub(super) async fn leave(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.leave.notify_one();
    StatusCode::ACCEPTED
}

/// What is not there.
pub(super) async fn unknown(uri: Uri) -> Failure {
    let error = format!("there is no {}", uri.path());
    Failure::new(StatusCode::NOT_FOUND, error, "see /v1/openapi.json for what there is")
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    // Three digits behind the point are microseconds; more would be noise.
    (time.as_secs_f64() * 1e6).round() / 1e3
}
