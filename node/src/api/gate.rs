//! Who is let in, and what no request may do.
//!
//! A browser runs programs of strangers, and they can send requests to this machine. Three things keep them out. A page
//! whose name suddenly points at 127.0.0.1 (DNS rebinding) names itself in `Host`. A page of another site names itself in
//! `Origin`, or in `Sec-Fetch-Site` where a browser sends no origin. And no page has the token, but ours, to which its owner
//! gives it. Without a token there is only what is no secret: the page itself, the description of the API, and figures that
//! name nobody ([`crate::api`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::problem::{self, Failure};
use super::server::Shared;

/// Says where a browser's request comes from (Fetch Metadata, W3C).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a request's body may take: on one machine the largest takes milliseconds.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What is served without a token.
pub(super) const OPEN: [&str; 6] = ["/", "/dashboard.css", "/dashboard.js", "/icon.svg", "/metrics", "/openapi.json"];

/// Lets in only who may, does not wait for ever, and has every refusal told as a problem.
pub(super) async fn let_in(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if let Err(failure) = check(&shared, request.uri().path(), request.headers()) {
        return failure.into_response();
    }
    let late = Arc::new(AtomicBool::new(false));
    let response = next.run(request.map(|body| timely(body, Arc::clone(&late)))).await;
    if late.load(Ordering::Relaxed) {
        let error = format!("the body did not come within {} s", BODY_TIME.as_secs());
        let mut response = Failure::new(StatusCode::REQUEST_TIMEOUT, error, "send it at once").into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    problem::told(response).await
}

fn check(shared: &Shared, path: &str, headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = |host: &str| shared.hosts.iter().any(|own| own == host);
    if !text(HOST).is_some_and(is_ours) {
        let what = format!("ask for http://{}", shared.hosts[0]);
        return Err(Failure::new(StatusCode::FORBIDDEN, "the Host header is not this API's address", what));
    }
    let from_elsewhere = headers.contains_key(ORIGIN)
        && !text(ORIGIN).and_then(|origin| origin.strip_prefix("http://")).is_some_and(is_ours);
    // Whoever follows a link to the page itself does no harm.
    let is_led = path != "/" && matches!(text(SITE), Some("cross-site" | "same-site"));
    if from_elsewhere || is_led {
        let what = "open the node's own page, see `rook dashboard`, or ask without a browser";
        return Err(Failure::new(StatusCode::FORBIDDEN, "the pages of other sites may not ask this node", what));
    }
    let token = text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    match OPEN.contains(&path) || bool::from(token.as_bytes().ct_eq(shared.token.as_bytes())) {
        true => Ok(()),
        false => Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong",
            "send `Authorization: Bearer TOKEN` with the token of the API's file in the runtime folder",
        )),
    }
}

/// The body, which fails if it takes too long, and says so.
fn timely(body: Body, late: Arc<AtomicBool>) -> Body {
    let end = Instant::now() + BODY_TIME;
    let parts = stream::unfold((body.into_data_stream(), late), move |(mut parts, late)| async move {
        match tokio::time::timeout_at(end, parts.next()).await {
            Ok(part) => part.map(|part| (part, (parts, late))),
            Err(elapsed) => {
                late.store(true, Ordering::Relaxed);
                Some((Err(axum::Error::new(elapsed)), (parts, late)))
            }
        }
    });
    Body::from_stream(parts)
}
