//! Offers over the API: say that this node offers something, find out who does.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use grid::provider::{MAX_NOTE, MAX_OFFER_SECONDS, OFFER_SECONDS, Topic};
use serde::Deserialize;

use super::problem::Failure;
use super::server::Shared;
use super::types::{Fault, Offered, Provider, Providers};
use crate::pointer::PointerText;

/// How an offer is to stand.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    seconds: Option<u64>,
}

/// Announces that this node offers something: a name, or what a pointer points at. The body is the node's note to it.
#[utoipa::path(put, path = "/v1/offers/{topic}",
    params(("topic" = String, Path, description = "a name, or rook1..."), ("seconds" = Option<u64>, Query)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Offered), (status = 400, body = Fault), (status = 413, body = Fault), (status = 502, body = Fault)))]
pub(super) async fn provide(
    State(shared): State<Arc<Shared>>,
    Path(topic): Path<String>,
    Query(standing): Query<Standing>,
    note: Bytes,
) -> Result<Json<Offered>, Failure> {
    let seconds = standing.seconds.unwrap_or(OFFER_SECONDS);
    if !(1..=MAX_OFFER_SECONDS).contains(&seconds) {
        let error = format!("an offer stands for 1 to {MAX_OFFER_SECONDS} s, not {seconds}");
        return Err(Failure::new(StatusCode::BAD_REQUEST, error, "announce it again before it expires"));
    }
    if note.len() > MAX_NOTE {
        let error = format!("an offer's note has at most {MAX_NOTE} bytes, not {}", note.len());
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, error, "put the text, and note its pointer"));
    }
    let cells = shared.node.provide(read_topic(&shared, &topic)?, note.to_vec(), seconds).await?;
    Ok(Json(Offered { cells, seconds }))
}

/// Who offers something.
#[utoipa::path(get, path = "/v1/offers/{topic}", params(("topic" = String, Path, description = "a name, or rook1...")),
    responses((status = 200, body = Providers), (status = 400, body = Fault), (status = 502, body = Fault)))]
pub(super) async fn providers(
    State(shared): State<Arc<Shared>>,
    Path(topic): Path<String>,
) -> Result<Json<Providers>, Failure> {
    let found = shared.node.providers(read_topic(&shared, &topic)?).await?;
    let now = crate::clock::unix_seconds();
    Ok(Json(Providers { providers: found.iter().map(|provider| Provider::of(provider, now)).collect() }))
}

/// A pointer's record if it begins like one, else a name.
fn read_topic(shared: &Shared, text: &str) -> Result<Topic, Failure> {
    if !text.to_ascii_lowercase().starts_with("rook1") {
        return Ok(Topic::named(text));
    }
    let refuse = |error: String| Failure::new(StatusCode::BAD_REQUEST, error, "check the pointer");
    let text: PointerText = text.parse().map_err(|error: crate::pointer::TextError| refuse(error.to_string()))?;
    let pointer = text.check(&shared.rules).map_err(|error| refuse(error.to_string()))?;
    Ok(Topic::of_record(&pointer.key()))
}
