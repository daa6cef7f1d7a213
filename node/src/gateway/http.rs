//! The gateway's HTTP: what a request is for, and what goes around the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use dataset::dap::{self, Format};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

use super::address::{Address, Form};
use super::error::ReadError;
use super::lenient::Requests;
use super::opened::Opened;
use super::reader::FileReader;
use super::reading::Reading;
use super::refusal::Refusal;
use super::session::{Reader, Sessions};
use super::shelf::Turn;
use super::{answer, catalog, picture};
use crate::connections::{self, Terms};

/// Data answers that are given at the same time; more wait.
const ANSWERS: usize = 24;
/// How long they wait before they are told to come again.
const WAIT: Duration = Duration::from_secs(30);

/// Programs keep connections for their next question, and constraints make long addresses.
const TERMS: Terms =
    Terms { server: "the gateway", connections: 512, head_time: Duration::from_secs(60), head_bytes: 256 << 10 };

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) reading: Arc<Reading>,
    pub(super) sessions: Sessions,
    pub(super) answers: Arc<Semaphore>,
    /// The largest answer, in bytes.
    pub(super) most_bytes: u64,
    /// Where clients reach us, for the lines to copy.
    pub(super) base: String,
}

/// What is asked of which file.
pub(super) struct Asked {
    pub(super) opened: Arc<Opened>,
    pub(super) file: usize,
    pub(super) query: String,
}

/// Serves until the task is ended.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>) {
    // Values are served as they are: compressing them costs more than a loopback connection gains.
    let is_text =
        |_: StatusCode, _: axum::http::Version, headers: &axum::http::HeaderMap, _: &axum::http::Extensions| {
            let text =
                |value: &HeaderValue| value.as_bytes().starts_with(b"text/") || value.as_bytes().ends_with(b"xml");
            headers.get(CONTENT_TYPE).is_some_and(text)
        };
    let compression = CompressionLayer::new().compress_when(SizeAbove::new(1024).and(is_text));
    let router = Router::new().fallback(handle).layer(compression).with_state(service);
    let router = move |client: SocketAddr| router.clone().layer(Extension(ConnectInfo(client)));
    connections::serve(listener, TERMS, Requests::new, router).await;
}

async fn handle(
    State(service): State<Arc<Service>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    let plain = if accepts(&request, "text/html") { Form::Page } else { Form::Dap(Format::Dods) };
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "datasets can only be read: use GET or HEAD");
        let mut response = refusal.respond(plain);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri.path() {
        "/" if accepts(&request, "application/json") => return catalog::json(&service).await,
        "/" => return catalog::page(&service).await,
        "/catalog.json" => return catalog::json(&service).await,
        "/version" | "/.ver" => return service_document(Format::Ver),
        "/help" | "/.help" => return service_document(Format::Help),
        _ => {}
    }
    let Some(address) = Address::parse(request.uri.path()) else {
        let what = "the path is no dataset's: / lists those that are known";
        return Refusal::new(StatusCode::NOT_FOUND, what).respond(plain);
    };
    let form = if address.form == Form::Page { plain } else { address.form };
    match dispatch(&service, client, address, &request).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(form),
    }
}

/// Whether the client names a kind of answer among those that it takes: browsers do, and programs that mean it.
fn accepts(request: &Parts, kind: &str) -> bool {
    let mut said = request.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    said.any(|list| list.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == kind))
}

/// A document about this service, and no dataset.
fn service_document(format: Format) -> Response {
    match dap::plan(format, "", &Default::default(), "") {
        Ok(body) => {
            let bytes: Vec<u8> = body.parts.into_iter().flat_map(answer::constant).collect();
            ([(CONTENT_TYPE, body.content_type)], bytes).into_response()
        }
        Err(error) => Refusal::from(error).respond(Form::Dap(format)),
    }
}

async fn dispatch(
    service: &Arc<Service>,
    client: SocketAddr,
    address: Address,
    request: &Parts,
) -> Result<Response, Refusal> {
    let query = request.uri.query().unwrap_or_default().to_owned();
    let now = Instant::now();
    let reader = matches!(address.form, Form::Dap(_)).then(|| reader(client, &address, request));
    let is_new = reader.as_ref().is_some_and(|reader| !service.sessions.knows(reader, now));
    let turn = if is_new { Turn::First } else { turn(address.form, &query) };
    let newest = service.reading.shelf.open(&address.name, turn).await?;
    let version = match reader {
        Some(reader) => service.sessions.version(reader, newest.version, turn == Turn::First, now),
        None => newest.version,
    };
    let opened = match version {
        version if version == newest.version => newest,
        version => service.reading.shelf.at(&address.name, version).ok_or(ReadError::NoServer(address.name.clone()))?,
    };
    let Some(file) = opened.find(&address.file) else {
        return catalog::files(service, &opened, &address);
    };
    let asked = Asked { opened, file, query };
    match address.form {
        Form::Page => Ok(catalog::dataset(service, &asked)),
        Form::Plot => picture::answer(service, &asked).await,
        Form::Dap(format) => answer::answer(service, &asked, format, request).await,
    }
}

/// Who asks for the whole structure opens the dataset, known or not.
fn turn(form: Form, query: &str) -> Turn {
    match form {
        Form::Dap(Format::Das | Format::Dds | Format::Dmr) if query.is_empty() => Turn::First,
        Form::Page => Turn::First,
        Form::Dap(_) | Form::Plot => Turn::Next,
    }
}

/// Who asks for values, as far as can be told.
fn reader(client: SocketAddr, address: &Address, request: &Parts) -> Reader {
    let agent = request.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Reader { ip: client.ip(), agent: agent.chars().take(200).collect(), name: address.name.clone() }
}

impl Service {
    /// Waits for room for one more data answer.
    pub(super) async fn room(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let busy =
            || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many answers are under way: try again in a moment");
        match tokio::time::timeout(WAIT, self.answers.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Reads the file that is asked for.
    pub(super) fn reader(&self, asked: &Asked) -> FileReader {
        self.reading.reader(asked.opened.clone(), asked.file)
    }

    /// How many answers may be given at a time.
    pub(super) fn semaphore() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(ANSWERS))
    }
}
