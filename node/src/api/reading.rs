//! Reading datasets over the API: what is in one, its values, and what is known of its servers.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use dataset::manifest::VersionRoot;
use dataset::slab::{Slab, Span};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::handlers::NoQuery;
use super::problem::Failure;
use super::server::Shared;
use super::types::Fault;
use crate::gateway::{Refusal, Sample, ServerReport, TrustEntry, ValuesWish};

/// The version of a dataset that an answer is of, in hex.
pub(super) const VERSION: &str = "rook-version";

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(
            refusal.status,
            refusal.message,
            "see `rook dataset show NAME` for its servers, `rook trust` for what is known of them",
        )
    }
}

/// The manifest of a dataset's newest version, from whoever has it.
#[utoipa::path(get, path = "/v1/datasets/{name}/opened", params(("name" = String, Path, description = "NAME or NAME@POINTER")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 404, body = Fault)))]
pub(super) async fn opened(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Response, Failure> {
    let (version, manifest) = shared.services.reading().manifest(&name).await?;
    let manifest = manifest.encode().map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), "tell the dataset's publisher")
    })?;
    let head = [(VERSION, version.to_string()), (CONTENT_TYPE.as_str(), "application/octet-stream".to_owned())];
    Ok((head, manifest).into_response())
}

/// Which values are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The version, in hex: that of the manifest that the numbers are from.
    version: String,
    /// Which of its files.
    file: usize,
    /// Which of the file's variables.
    variable: usize,
    /// For each axis `start:count:stride`, with commas between them; empty for a scalar.
    pub(super) slab: String,
    /// How many bytes to leave out at the beginning.
    #[serde(default)]
    skip: u64,
}

/// Values of a variable in canonical form: row-major, big-endian; proved, or checked as the node's policy wants it.
#[utoipa::path(get, path = "/v1/datasets/{name}/values", params(("name" = String, Path), Wanted),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 410, body = Fault)))]
pub(super) async fn values(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let bad = |what: &str| Failure::new(StatusCode::BAD_REQUEST, what, "see /openapi.json");
    let version = blake3::Hash::from_hex(&wanted.version).map_err(|_| bad("the version is no hash"))?;
    let wish = ValuesWish {
        version: VersionRoot(*version.as_bytes()),
        file: wanted.file,
        variable: wanted.variable,
        slab: slab(&wanted.slab).ok_or_else(|| bad("the slab is not start:count:stride for each axis"))?,
        skip: wanted.skip,
    };
    let (length, first, rest) = shared.services.reading().values(&name, wish).await?;
    let first = futures::stream::iter(first.map(Ok));
    let body = Body::from_stream(futures::StreamExt::chain(first, ReceiverStream::new(rest)));
    let mut response = ([(CONTENT_TYPE, "application/octet-stream")], body).into_response();
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(response)
}

pub(super) fn slab(text: &str) -> Option<Slab> {
    let span = |text: &str| {
        let mut numbers = text.split(':').map(|number| number.parse::<u64>().ok());
        let span = Span { start: numbers.next()??, count: numbers.next()??, stride: numbers.next()?? };
        numbers.next().is_none().then_some(span)
    };
    let spans = text.split(',').filter(|part| !part.is_empty()).map(span);
    spans.collect::<Option<_>>().map(Slab)
}

/// How closely servers are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Closely {
    /// Groups of 16 KiB of each variable that are drawn; all of them if it is not said.
    groups: Option<u64>,
}

/// What a look at a dataset's servers showed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    /// Each of them.
    pub servers: Vec<ServerReport>,
}

/// Looks at all servers of a dataset.
#[utoipa::path(post, path = "/v1/datasets/{name}/check", params(("name" = String, Path), Closely),
    responses((status = 200, body = Checked), (status = 404, body = Fault)))]
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(closely): Query<Closely>,
) -> Result<Json<Checked>, Failure> {
    let sample = closely.groups.map_or(Sample::All, Sample::Groups);
    Ok(Json(Checked { servers: shared.services.reading().check_servers(&name, sample).await? }))
}

/// What is known of dataset servers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Trusted {
    /// Each of them, by name.
    pub servers: Vec<TrustEntry>,
}

/// What this node knows of dataset servers.
#[utoipa::path(get, path = "/v1/trust", responses((status = 200, body = Trusted)))]
pub(super) async fn trust(State(shared): State<Arc<Shared>>, _: Query<NoQuery>) -> Json<Trusted> {
    Json(Trusted { servers: shared.services.trust() })
}
