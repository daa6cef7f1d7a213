//! DAP answers.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, TE, TRAILER,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use dataset::dap::{self, Format, Framing, Part};

use super::constant::Constant;
use super::engine::{self, Pieces, Window};
use super::error::ReadError;
use super::http::{Asked, Service};
use super::ranges::{self, Wanted};
use super::reader::Weakest;
use super::refusal::Refusal;
use super::streamed::Streamed;

/// The header, and the trailer, that says what an answer rests on.
pub(super) const VALIDATION: &str = "rook-validation";
/// Bytes of an answer that are waited for, so that the header can speak of all of it.
const WAITED_FOR: usize = 1 << 20;

pub(super) async fn answer(
    service: &Service,
    asked: &Asked,
    format: Format,
    request: &Parts,
) -> Result<Response, Refusal> {
    if let Some(constant) = service.reading.constants.get(asked, format) {
        return Ok(constant.respond(request));
    }
    let file = &asked.opened.manifest.files[asked.file];
    let name = asked.opened.title(asked.file);
    let body = match format {
        Format::Das => dap::plan_attributes(&file.description, &*service.reading.longest_texts(asked).await?),
        Format::Ascii | Format::Dap | Format::Dds | Format::Dmr | Format::Dods | Format::Help | Format::Ver => {
            dap::plan(format, &name, &file.description, &asked.query)?
        }
    };
    let reads = body.reads(&file.description);
    if reads > service.most_bytes {
        let what = format!(
            "the answer would take {reads} bytes, {} are allowed: ask for less, or run the gateway with a larger --dap-limit",
            service.most_bytes
        );
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what));
    }
    let headers = headers(asked, format, &body);
    let is_constant = body.parts.iter().all(|part| matches!(part, Part::Bytes(_)));
    if is_constant && reads == 0 && body.framing == Framing::None && !headers.contains_key(ACCEPT_RANGES) {
        let bytes = body.parts.into_iter().map(constant).collect::<Vec<_>>().concat();
        let constant = Constant { headers, bytes: bytes.into() };
        service.reading.constants.keep(asked, format, &constant);
        return Ok(constant.respond(request));
    }
    if is_known(&request.headers, &headers) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if request.method == Method::HEAD {
        return Ok(sized(headers, Body::empty(), body.length, "none: no values"));
    }
    match wanted(&request.headers, &headers, body.length) {
        Wanted::All => {
            let length = body.length;
            values(service, asked, request, Plan { body, window: Window::ALL, length, headers }).await
        }
        Wanted::Bytes(range) => part(service, asked, request, (body, headers), range).await,
        Wanted::Nothing => {
            let length = body.length.unwrap_or_default();
            let mut refusal = Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                format!("the answer has {length} bytes, and none of these"),
            );
            refusal.length = Some(length);
            Err(refusal)
        }
    }
}

/// What of an answer is wanted, if parts of it can be had.
fn wanted(request: &HeaderMap, answer: &HeaderMap, length: Option<u64>) -> Wanted {
    match length {
        Some(length) if answer.contains_key(ACCEPT_RANGES) => ranges::wanted(request, answer.get(ETAG), length),
        Some(_) | None => Wanted::All,
    }
}

/// A range of an answer: what lies before it is not read.
async fn part(
    service: &Service,
    asked: &Asked,
    request: &Parts,
    (body, mut headers): (dap::Body, HeaderMap),
    range: Range<u64>,
) -> Result<Response, Refusal> {
    let whole = body.length.unwrap_or_default();
    let length = range.end - range.start;
    let impossible = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ranges were offered that cannot be had");
    let (body, early) = body.skip(range.start).ok_or_else(impossible)?;
    let said = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
    headers.insert(CONTENT_RANGE, HeaderValue::from_str(&said).map_err(|_| impossible())?);
    let plan = Plan { body, window: Window { early, length }, length: Some(length), headers };
    let mut response = values(service, asked, request, plan).await?;
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    Ok(response)
}

/// What is to be carried out.
struct Plan {
    body: dap::Body,
    window: Window,
    /// Bytes of the answer, if that is known.
    length: Option<u64>,
    headers: HeaderMap,
}

/// Begins an answer with values.
async fn values(service: &Service, asked: &Asked, request: &Parts, plan: Plan) -> Result<Response, Refusal> {
    let permit = service.room().await?;
    let reader = service.reader(asked);
    let validation = reader.validation.clone();
    let is_proven = reader.is_proven();
    let mut rest = engine::begin(plan.body, reader, plan.window);
    // What cannot be had at all is an error of its own, and no answer that breaks off.
    let (first, is_whole) = match is_proven {
        true => (rest.recv().await.transpose()?, true),
        false => beginning(&mut rest).await?,
    };
    let streamed = Streamed { first, rest, validation: validation.clone(), permit };
    let Plan { mut headers, length, .. } = plan;
    let takes_trailers = request.headers.get_all(TE).iter().filter_map(|value| value.to_str().ok());
    if takes_trailers.flat_map(|list| list.split(',')).any(|one| one.trim().eq_ignore_ascii_case("trailers")) {
        headers.insert(TRAILER, HeaderValue::from_static("Rook-Validation"));
        return Ok(sized(headers, streamed.with_trailer(), None, &described(&validation, is_whole)));
    }
    Ok(sized(headers, streamed.plain(), length, &described(&validation, is_whole)))
}

/// The first MiB of an answer, or a little more, and whether that is all of it.
async fn beginning(rest: &mut Pieces) -> Result<(Option<Bytes>, bool), ReadError> {
    let mut first = BytesMut::new();
    while let Some(piece) = rest.recv().await.transpose()? {
        first.extend_from_slice(&piece);
        if first.len() > WAITED_FOR {
            return Ok((Some(first.freeze()), false));
        }
    }
    Ok((Some(first.freeze()), true))
}

/// What an answer rests on, or its beginning: a trailer says it of all of it.
fn described(validation: &Weakest, is_whole: bool) -> String {
    let said = validation.describe();
    if is_whole { said } else { format!("{said}; of the first MiB") }
}

pub(super) fn sized(headers: HeaderMap, body: Body, length: Option<u64>, validation: &str) -> Response {
    let mut response = (headers, body).into_response();
    if let Ok(validation) = HeaderValue::from_str(validation) {
        response.headers_mut().insert(VALIDATION, validation);
    }
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

/// The bytes of a part that needs no values.
pub(super) fn constant(part: Part) -> Vec<u8> {
    match part {
        Part::Bytes(bytes) => bytes,
        Part::Values { .. } | Part::Rows { .. } | Part::Checksum => Vec::new(),
    }
}

fn headers(asked: &Asked, format: Format, body: &dap::Body) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        // All these texts are ASCII; one that is not would be left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    // Texts may come compressed or not, and are small.
    let has_ranges = format == Format::Dods && body.can_skip();
    set(CONTENT_TYPE.as_str(), body.content_type);
    set("content-description", body.content_description);
    set("xdods-server", concat!("rook/", env!("CARGO_PKG_VERSION")));
    set("xdap", if format.is_dap4() { "4.0" } else { "2.0" });
    set(ETAG.as_str(), &etag(asked, format, &body.canonical, has_ranges));
    set("rook-version", &asked.opened.version.to_string());
    if has_ranges {
        set(ACCEPT_RANGES.as_str(), "bytes");
    }
    headers
}

/// What the answer is a function of, in short. Strong only where a download may go on with it: other answers may come
/// compressed or not.
fn etag(asked: &Asked, format: Format, canonical: &str, is_strong: bool) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("rook 2026 gateway etag v1");
    hasher.update(&asked.opened.version.0);
    // The same values may be put otherwise by another version of this program, and by another name of the dataset.
    let name = asked.opened.title(asked.file);
    hasher.update(format!("{} {format:?} {name} {canonical} {}", asked.file, env!("CARGO_PKG_VERSION")).as_bytes());
    format!("{}\"{:.32}\"", if is_strong { "" } else { "W/" }, hasher.finalize().to_hex())
}

/// Whether the client has this answer already.
pub(super) fn is_known(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(tag) = answer.get(ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.flat_map(|list| list.split(',')).any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}
