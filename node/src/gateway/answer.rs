//! DAP answers.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use dataset::dap::{self, Format, Part};

use super::engine;
use super::http::{Asked, Service, streamed};
use super::refusal::Refusal;

pub(super) async fn answer(
    service: &Service,
    asked: &Asked,
    format: Format,
    request: &Parts,
) -> Result<Response, Refusal> {
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
    if is_known(&request.headers, &headers) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let length = body.length;
    let sized = |body: Body, validation: &str| {
        let mut response = (headers, body).into_response();
        if let Ok(validation) = HeaderValue::from_str(validation) {
            response.headers_mut().insert("rook-validation", validation);
        }
        if let Some(length) = length {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response
    };
    if request.method == Method::HEAD {
        return Ok(sized(Body::empty(), "none: no values"));
    }
    if body.parts.iter().all(|part| matches!(part, Part::Bytes(_))) && reads == 0 && body.framing == dap::Framing::None
    {
        let bytes: Vec<u8> = body.parts.into_iter().flat_map(constant).collect();
        return Ok(sized(bytes.into(), "signed"));
    }
    let permit = service.room().await?;
    let reader = service.reader(asked);
    let validation = reader.validation.clone();
    let mut pieces = engine::begin(body, reader);
    // What cannot be had at all is an error of its own, and no answer that breaks off.
    let first = pieces.recv().await.transpose()?;
    Ok(sized(streamed(first, pieces, permit), &validation.describe()))
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
    set(CONTENT_TYPE.as_str(), body.content_type);
    set("content-description", body.content_description);
    set("xdods-server", concat!("rook/", env!("CARGO_PKG_VERSION")));
    set("xdap", if format.is_dap4() { "4.0" } else { "2.0" });
    set(ETAG.as_str(), &etag(asked, format, &body.canonical));
    set("rook-version", &asked.opened.version.to_string());
    headers
}

/// What the answer is a function of, in short. Weak, since the same answer may come compressed or not.
fn etag(asked: &Asked, format: Format, canonical: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("rook 2026 gateway etag v1");
    hasher.update(&asked.opened.version.0);
    hasher.update(format!("{} {format:?} {canonical}", asked.file).as_bytes());
    format!("W/\"{:.32}\"", hasher.finalize().to_hex())
}

/// Whether the client has this answer already.
fn is_known(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(tag) = answer.get(ETAG).and_then(|tag| tag.to_str().ok()) else { return false };
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.flat_map(|list| list.split(',')).any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}
