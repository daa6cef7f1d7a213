//! How failures are told: as problems of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457), with what to do about them.

use axum::Json;
use axum::body::to_bytes;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::types::Fault;

/// What a problem is sent as.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
/// The longest text of a refusal that is read to be told as a problem.
const LONGEST: usize = 16 << 10;

/// A request that failed, and with which status.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    fault: Box<Fault>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        let (error, what_to_do) = (error.into(), what_to_do.into());
        // RFC 9457, section 4.2.1: a problem that is no more than its status has the type about:blank, and the status's
        // usual phrase as its title.
        let fault = Fault {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Failed").into(),
            status: status.as_u16(),
            detail: format!("{} {}", sentence(&error), sentence(&what_to_do)),
            error,
            what_to_do,
        };
        Self { status, fault: Box::new(fault) }
    }

    /// What is told of it.
    pub(super) fn fault(self) -> Fault {
        *self.fault
    }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.fault.error)
    }
}

impl std::error::Error for Failure {}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.fault)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
        response
    }
}

/// Makes a problem of a refusal that is none: what the framework says of a path, a query or a body that it cannot read.
pub(super) async fn told(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    if !is_refusal || response.headers().get(CONTENT_TYPE) == Some(&PROBLEM) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let text = to_bytes(body, LONGEST).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.ok().filter(|text| !text.is_empty());
    let text = text.unwrap_or_else(|| status.canonical_reason().unwrap_or("it failed").to_lowercase());
    let mut problem = Failure::new(status, text, advice(status)).into_response();
    // Of the refusal's own headers those stay that say something of the path: which methods it has.
    if let Some(allow) = parts.headers.get(ALLOW) {
        problem.headers_mut().insert(ALLOW, allow.clone());
    }
    problem
}

/// What to do about a refusal of which nothing but the status is known.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "the header Allow names the methods that this path has",
        StatusCode::PAYLOAD_TOO_LARGE => "send less",
        _ => "see /openapi.json for what this path takes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_sentences() {
        let fault = Failure::new(StatusCode::NOT_FOUND, "no node is there", "wait!").fault();
        assert_eq!(fault.detail, "No node is there. Wait!");
        assert_eq!((fault.status, fault.title.as_str()), (404, "Not Found"));
        assert_eq!(sentence(""), ".");
    }
}
