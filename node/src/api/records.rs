//! Records over the API: put, get, and get as a stream.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, TryStreamExt, stream};
use grid::output::GetReport;
use grid::record::{Pointer, Record, Terms};
use serde::Deserialize;

use super::handlers::milliseconds;
use super::problem::Failure;
use super::server::Shared;
use super::types::{Fault, Put};
use super::{CELLS, FROM_CELL, HOPS, MILLISECONDS, SEQUENCE, TWIN, WRITTEN};
use crate::handle::OperationError;
use crate::pointer::{PointerText, TextError};
use crate::stamps::{self, Wanted};
use crate::wire::{WireRecord, codec};

/// Bytes of a record beside its value, at most.
const ENVELOPE: usize = 4096;
/// Chunks of a stream that are fetched ahead.
const AHEAD: usize = 8;

/// What a writer may choose in the query of a put.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    days: Option<u16>,
    half_life: Option<u16>,
    priority: Option<u8>,
    #[serde(default)]
    tunnel: bool,
}

/// By which way a record goes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    #[serde(default)]
    tunnel: bool,
}

impl Choice {
    fn wanted(self) -> Wanted {
        let usual = Wanted::default();
        Wanted {
            days: self.days.unwrap_or(usual.days),
            half_life: self.half_life.unwrap_or(usual.half_life),
            priority: self.priority.unwrap_or(usual.priority),
            ..usual
        }
    }
}

/// Stores the body as an immutable value of one record; the node pays for it.
#[utoipa::path(post, path = "/v1/records", request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("days" = Option<u16>, Query), ("half_life" = Option<u16>, Query), ("priority" = Option<u8>, Query),
        ("tunnel" = Option<bool>, Query, description = "store through a tunnel")),
    responses((status = 201, body = Put), (status = 413, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault)))]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Query(choice): Query<Choice>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Put>), Failure> {
    let limit = usize::try_from(shared.rules.limits.chunk).unwrap_or(usize::MAX);
    let value = read(&headers, body, limit).await?;
    let tunnel = choice.tunnel;
    let (rules, wanted) = (shared.rules, choice.wanted());
    let (terms, _) = stamps::immutable(&[], &wanted, &rules);
    let terms = Terms { size: value.len() as u64, ..terms };
    terms.validate(&rules.limits).map_err(|error| no_record(&error))?;
    if !stamps::is_quick(rules.prices.bits(&terms)) {
        let error = format!("this record costs 2^{} attempts, too much to wait for here", rules.prices.bits(&terms));
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error, "use `rook put`, which shows how far it is"));
    }
    let paid = tokio::task::spawn_blocking(move || stamps::small(&value, &wanted, &rules)).await;
    let record = paid.map_err(|error| no_record(&error))?.map_err(|error| no_record(&error))?;
    store(&shared, record, tunnel).await
}

/// Stores a record that somebody has made and paid for: the bytes in which it travels between nodes.
#[utoipa::path(put, path = "/v1/records", request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("tunnel" = Option<bool>, Query, description = "store through a tunnel")),
    responses((status = 201, body = Put), (status = 409, body = Fault), (status = 410, body = Fault), (status = 413, body = Fault),
        (status = 422, body = Fault), (status = 429, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault), (status = 507, body = Fault)))]
pub(super) async fn put_record(
    State(shared): State<Arc<Shared>>,
    Query(way): Query<Way>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Put>), Failure> {
    let record = read_record(&shared, &headers, body).await?;
    store(&shared, record, way.tunnel).await
}

/// A record in the bytes in which it travels between nodes, checked.
pub(super) async fn read_record(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Record, Failure> {
    let limit = usize::try_from(shared.rules.limits.chunk).unwrap_or(usize::MAX).saturating_add(ENVELOPE);
    let bytes = read(headers, body, limit).await?;
    let record: WireRecord = codec::decode(&bytes).map_err(|error| no_record(&error))?;
    record.check(&shared.rules).map_err(|error| no_record(&error))
}

fn no_record(error: &dyn std::error::Error) -> Failure {
    // What is wrong with a record stands behind what is wrong with the message that holds it.
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why, "make the record anew, with `rook put` or `rook rewrite`")
}

async fn store(shared: &Shared, record: Record, tunnel: bool) -> Result<(StatusCode, Json<Put>), Failure> {
    let pointer = PointerText::from(record.pointer()).to_string();
    let begun = Instant::now();
    let report = match tunnel {
        true => shared.services.tunnels().put(&record).await?,
        false => shared.node.put(record).await?,
    };
    let ms = milliseconds(begun.elapsed());
    Ok((StatusCode::CREATED, Json(Put { pointer, nodes: report.nodes, cells: report.cells, ms })))
}

/// Reads the body, but never more of it than a limit.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a record of this grid has at most {limit} bytes"),
            "`rook put` cuts larger files into chunks",
        )
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map(Into::into).map_err(|_| too_large())
}

/// Which part of a value is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    chunk: Option<u32>,
    #[serde(default)]
    tunnel: bool,
}

/// Finds a record: the whole value, as a stream if it has several chunks, or one chunk of it.
#[utoipa::path(get, path = "/v1/records/{pointer}",
    params(("pointer" = String, Path, description = "rook1..."), ("chunk" = Option<u32>, Query),
        ("tunnel" = Option<bool>, Query, description = "ask through a tunnel, so that nobody learns who asks")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream",
        headers(("rook-hops" = u8), ("rook-from-cell" = String), ("rook-milliseconds" = f64), ("rook-cells" = u32),
            ("rook-sequence" = u64), ("rook-written" = u64), ("rook-twin" = String))),
        (status = 400, body = Fault), (status = 404, body = Fault), (status = 410, body = Fault), (status = 502, body = Fault), (status = 504, body = Fault)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(pointer): Path<String>,
    Query(part): Query<Part>,
) -> Result<Response, Failure> {
    let pointer = read_pointer(&shared, &pointer)?;
    let chunks = if pointer.terms().is_mutable() { 1 } else { pointer.cut().chunks() };
    let first = part.chunk.unwrap_or(0);
    if u64::from(first) >= chunks {
        let error = format!("there is no chunk {first}: the value has {chunks}");
        return Err(Failure::new(StatusCode::BAD_REQUEST, error, "count chunks from 0"));
    }
    let begun = Instant::now();
    let report = find(&shared, &pointer, first, part.tunnel).await?;
    let mut response = match part.chunk.is_none() && chunks > 1 {
        true => Response::new(rest(&shared, pointer, part.tunnel, &report)),
        false => report.record.value().to_vec().into_response(),
    };
    describe(&report, milliseconds(begun.elapsed()), response.headers_mut());
    Ok(response)
}

async fn find(shared: &Shared, pointer: &Pointer, chunk: u32, tunnel: bool) -> Result<GetReport, Failure> {
    match tunnel {
        true => Ok(shared.services.tunnels().get(pointer, chunk).await?),
        false => shared.node.get(pointer, chunk).await.map_err(|error| missed(pointer, error)),
    }
}

/// An expired record is not looked for in vain.
fn missed(pointer: &Pointer, error: OperationError) -> Failure {
    let terms = pointer.terms();
    let expired = terms.expiry() < crate::clock::today();
    match &error {
        OperationError::Failed(_) if expired => {
            let day = hashcash::JulianDay::new(terms.expiry().number());
            let error = format!("the record has expired: it was to be kept until {day}");
            Failure::new(StatusCode::GONE, error, "ask its writer to put it again")
        }
        OperationError::Failed(_) | OperationError::Stopped(_) => error.into(),
    }
}

fn read_pointer(shared: &Shared, text: &str) -> Result<Pointer, Failure> {
    let refuse = |error: String| {
        Failure::new(StatusCode::BAD_REQUEST, error, "check the pointer against where you have it from")
    };
    let text: PointerText = text.parse().map_err(|error: TextError| refuse(error.to_string()))?;
    text.check(&shared.rules).map_err(|error| refuse(error.to_string()))
}

/// The first chunk and those after it, each checked before a byte of it is handed on. A chunk that is not found ends
/// the stream, which the reader sees as a broken connection.
fn rest(shared: &Arc<Shared>, pointer: Pointer, tunnel: bool, first: &GetReport) -> Body {
    let length = pointer.cut().size;
    let chunks = u32::try_from(pointer.cut().chunks()).unwrap_or(u32::MAX);
    let first = first.record.value().to_vec();
    let shared = Arc::clone(shared);
    let later = stream::iter(1..chunks).map(move |chunk| {
        let (shared, pointer) = (Arc::clone(&shared), pointer.clone());
        async move { find(&shared, &pointer, chunk, tunnel).await.map(|report| report.record.value().to_vec()) }
    });
    let all = stream::once(async { Ok(first) }).chain(later.buffered(AHEAD));
    Body::from_stream(all.inspect_err(move |error| tracing::warn!(%error, length, "a stream of chunks broke off")))
}

fn describe(report: &GetReport, ms: f64, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let mut figures = vec![
        (HOPS, report.hops.to_string()),
        (FROM_CELL, report.from.to_string()),
        (MILLISECONDS, ms.to_string()),
        (CELLS, report.cells.to_string()),
    ];
    if let Some(version) = report.record.version() {
        figures.push((SEQUENCE, version.head.sequence.to_string()));
        figures.push((WRITTEN, version.head.written.to_string()));
        figures.extend(version.twin.iter().map(|twin| (TWIN, blake3::Hash::from(twin.hash).to_string())));
    }
    for (name, value) in figures {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}
