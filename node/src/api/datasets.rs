//! Datasets over the API: publish, serve, find. What takes long answers with a line of JSON for each step, and ends
//! when whoever asked hangs up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use dataset::manifest::MAX_MANIFEST;
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use serde::Deserialize;

use super::handlers::milliseconds;
use super::problem::Failure;
use super::records::read_record;
use super::server::Shared;
use super::types::datasets::{
    Dataset, DatasetEvent, DatasetHead, DatasetShown, DatasetWish, Datasets, PreparedDataset,
};
use super::types::{Fault, Put};
use crate::datasets::error::DatasetError;
use crate::datasets::name::{Name, NameError, Reference};
use crate::datasets::resolve::ResolveError;
use crate::datasets::store::{Location, StoreError};
use crate::datasets::work::Meter;
use crate::pointer::PointerText;

/// Time between two lines of progress.
const TICK: Duration = Duration::from_millis(200);

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        let (text, advice) = (error.to_string(), error.advice());
        let status = match error {
            DatasetError::Operation(error) => return error.into(),
            DatasetError::Resolve(error) => return error.into(),
            DatasetError::Name(_) | DatasetError::Store(StoreError::Location(_)) => StatusCode::BAD_REQUEST,
            DatasetError::Unknown(_) => StatusCode::NOT_FOUND,
            DatasetError::Foreign(_) | DatasetError::Here(_) | DatasetError::Unprepared => StatusCode::CONFLICT,
            DatasetError::Catalog(_) | DatasetError::Died(_) | DatasetError::GivenUp => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            DatasetError::NoManifest { .. } => StatusCode::BAD_GATEWAY,
            DatasetError::Store(_)
            | DatasetError::Source(_)
            | DatasetError::Manifest(_)
            | DatasetError::NoHead { .. }
            | DatasetError::OtherManifest { .. }
            | DatasetError::Differs(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, text, advice)
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let text = error.to_string();
        let (status, advice) = match error {
            ResolveError::Operation { error, .. } => return error.into(),
            ResolveError::Name(_) | ResolveError::Pointer { .. } => (StatusCode::BAD_REQUEST, "check how it is spelt"),
            ResolveError::Unknown(_) => (StatusCode::NOT_FOUND, "try again when a server of it has joined"),
            ResolveError::Ambiguous { .. } => (StatusCode::CONFLICT, "ask who gave you the name for the pointer"),
            ResolveError::Expired { .. } => (StatusCode::GONE, "ask its publisher to add it again"),
            ResolveError::Other { .. } => (StatusCode::NOT_FOUND, "see `rook dataset forget`, or check the pointer"),
        };
        Self::new(status, text, advice)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        DatasetError::from(error).into()
    }
}

/// What the node publishes and serves.
#[utoipa::path(get, path = "/v1/datasets", responses((status = 200, body = Datasets)))]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Datasets> {
    let datasets = shared.datasets.list().iter().map(Dataset::of).collect();
    Json(Datasets { datasets })
}

/// What a name stands for, who serves it, and what lies here of it.
#[utoipa::path(get, path = "/v1/datasets/{name}", params(("name" = String, Path, description = "NAME or NAME@POINTER")),
    responses((status = 200, body = DatasetShown), (status = 400, body = Fault), (status = 404, body = Fault),
        (status = 409, body = Fault), (status = 502, body = Fault)))]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Json<DatasetShown>, Failure> {
    let reference: Reference = name.parse()?;
    let here = shared.datasets.find(&reference.name).map(|listed| Dataset::of(&listed));
    match shared.datasets.resolve(&name).await {
        Ok(resolved) => Ok(Json(DatasetShown { head: Some(DatasetHead::of(&resolved)), problem: None, here })),
        Err(error) if here.is_none() => Err(error.into()),
        Err(error) => Ok(Json(DatasetShown { head: None, problem: Some(Failure::from(error).fault()), here })),
    }
}

/// Reads a dataset's files and makes the manifest of its next version, whose head is then to be put.
#[utoipa::path(post, path = "/v1/datasets/{name}/versions", params(("name" = String, Path)), request_body = DatasetWish,
    responses((status = 200, body = DatasetEvent, content_type = "application/x-ndjson"), (status = 400, body = Fault)))]
pub(super) async fn prepare(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let name: Name = name.parse()?;
    let wish: DatasetWish = serde_json::from_slice(&body).map_err(|error| {
        let error = format!("the wish cannot be read: {error}");
        Failure::new(StatusCode::BAD_REQUEST, error, "see /openapi.json for what it has")
    })?;
    let wish = wish.read(name).map_err(DatasetError::from)?;
    let datasets = shared.datasets.clone();
    Ok(follow(|meter| {
        async move { datasets.prepare(wish, meter).await.map(|done| DatasetEvent::Prepared(PreparedDataset::of(&done))) }.boxed()
    }))
}

/// Stores the head of a version that was prepared here: the bytes in which a record travels between nodes.
#[utoipa::path(put, path = "/v1/datasets/{name}/head", params(("name" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Put), (status = 404, body = Fault), (status = 409, body = Fault), (status = 422, body = Fault),
        (status = 429, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault)))]
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Put>), Failure> {
    let name: Name = name.parse()?;
    let record = read_record(&shared, &headers, body).await?;
    let pointer = PointerText::from(record.pointer()).to_string();
    let begun = Instant::now();
    let report = shared.datasets.publish(&name, record).await?;
    let ms = milliseconds(begun.elapsed());
    Ok((StatusCode::CREATED, Json(Put { pointer, nodes: report.nodes, cells: report.cells, ms })))
}

/// Where the copy is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Copy {
    location: String,
}

/// Serves a dataset that somebody else has published from a copy here. The body is its manifest, or empty: then it is
/// fetched from those who serve it.
#[utoipa::path(put, path = "/v1/datasets/{name}/copy",
    params(("name" = String, Path, description = "NAME or NAME@POINTER"), ("location" = String, Query)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = DatasetEvent, content_type = "application/x-ndjson"), (status = 400, body = Fault), (status = 413, body = Fault)))]
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(Copy { location }): Query<Copy>,
    body: Body,
) -> Result<Response, Failure> {
    let reference: Reference = name.parse()?;
    let location: Location = location.parse().map_err(DatasetError::from)?;
    let manifest = to_bytes(body, MAX_MANIFEST).await.map_err(|_| {
        let error = format!("a manifest has at most {MAX_MANIFEST} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, error, "see that it is one")
    })?;
    let manifest = (!manifest.is_empty()).then(|| manifest.to_vec());
    let datasets = shared.datasets.clone();
    Ok(follow(move |meter| {
        async move {
            let resolved = datasets.serve(&reference, location, manifest, meter).await?;
            Ok(DatasetEvent::Serving(DatasetHead::of(&resolved)))
        }
        .boxed()
    }))
}

/// The manifest of the newest version that lies here.
#[utoipa::path(get, path = "/v1/datasets/{name}/manifest", params(("name" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = Fault)))]
pub(super) async fn manifest(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Response, Failure> {
    let name: Name = name.parse()?;
    let listed = shared.datasets.find(&name);
    let newest = listed.and_then(|listed| listed.entry.versions.last().map(|version| version.root));
    let newest = newest.ok_or(DatasetError::Unknown(name))?;
    let manifest = shared.datasets.manifest(&newest)?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], manifest).into_response())
}

/// Stops publishing and serving a dataset; its files stay.
#[utoipa::path(delete, path = "/v1/datasets/{name}", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Fault)))]
pub(super) async fn remove(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<StatusCode, Failure> {
    shared.datasets.remove(&name.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets which pointer a name stands for.
#[utoipa::path(delete, path = "/v1/datasets/{name}/pin", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Fault), (status = 409, body = Fault)))]
pub(super) async fn forget(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<StatusCode, Failure> {
    let name: Name = name.parse()?;
    match shared.datasets.forget(&name)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => {
            let error = format!("this node does not remember which dataset {name} is");
            Err(Failure::new(StatusCode::NOT_FOUND, error, "then there is nothing to forget"))
        }
    }
}

/// Tells the work that nobody waits for it any more.
struct GiveUp(Arc<Meter>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// What is under way, until its last line is written.
struct Following {
    work: BoxFuture<'static, Result<DatasetEvent, DatasetError>>,
    meter: GiveUp,
}

/// Answers with a line for each step of some work, and with what came of it.
fn follow(begin: impl FnOnce(Arc<Meter>) -> BoxFuture<'static, Result<DatasetEvent, DatasetError>>) -> Response {
    let meter = Arc::new(Meter::default());
    let following = Following { work: begin(Arc::clone(&meter)), meter: GiveUp(meter) };
    let lines = stream::unfold(Some(following), |following| async move {
        let mut following = following?;
        tokio::select! {
            done = &mut following.work => {
                let event = done.unwrap_or_else(|error| DatasetEvent::Failed(Failure::from(error).fault()));
                Some((line(&event), None))
            }
            () = tokio::time::sleep(TICK) => {
                Some((line(&following.meter.0.progress().into()), Some(following)))
            }
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line(event: &DatasetEvent) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    Ok(line)
}
