//! The pages about datasets: all of them, the files of one, and one file.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::VARY;
use axum::response::{Html, IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;

use super::address::{Address, Form};
use super::html::page::{self, About, Entry};
use super::http::{Asked, Service};
use super::opened::Opened;
use super::refusal::Refusal;
use super::shelf::Turn;

/// Datasets of the catalogue that are looked up at a time.
const AT_ONCE: usize = 16;

/// A dataset in the catalogue for programs.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    url: String,
    about: String,
    version: Option<String>,
    servers: usize,
}

async fn listed(service: &Service) -> Vec<Listed> {
    let look_up = |name: String| async move {
        // A dataset that nobody serves just now is listed all the same.
        let opened = service.reading.shelf.open(&name, Turn::Next).await.ok();
        Listed {
            url: format!("{}/{name}", service.base),
            about: opened.as_ref().map(|opened| opened.about()).unwrap_or_default(),
            version: opened.as_ref().map(|opened| opened.version.to_string()),
            servers: opened.map_or(0, |opened| opened.servers.len()),
            name,
        }
    };
    futures::stream::iter(service.reading.shelf.names()).map(look_up).buffered(AT_ONCE).collect().await
}

/// The catalogue for programs.
pub(super) async fn json(service: &Service) -> Response {
    ([(VARY, "accept")], Json(listed(service).await)).into_response()
}

/// The catalogue for people.
pub(super) async fn page(service: &Service) -> Response {
    let entry = |Listed { name, about, servers, .. }| Entry { name, about, servers };
    let entries: Vec<_> = listed(service).await.into_iter().map(entry).collect();
    ([(VARY, "accept")], Html(page::catalogue(&service.base, &entries))).into_response()
}

/// What is answered where a path names no file of a dataset: a list of them, if none was named.
pub(super) fn files(service: &Service, opened: &Arc<Opened>, address: &Address) -> Result<Response, Refusal> {
    let paths: Vec<String> = opened.manifest.files.iter().map(|file| file.path.clone()).collect();
    if address.file.is_empty() && address.form == Form::Page {
        return Ok(Html(page::files(&opened.name, &paths)).into_response());
    }
    let named = paths.iter().take(20).map(|path| format!("{}/{}/{path}", service.base, opened.name));
    let named: Vec<_> = named.collect();
    let what = match address.file.as_str() {
        "" => format!("{} has several files: ask for one of them, {}", opened.name, named.join(", ")),
        file => format!("{} has no file {file:?}; it has {}", opened.name, named.join(", ")),
    };
    Err(Refusal::new(StatusCode::NOT_FOUND, what))
}

/// The page of one file.
pub(super) fn dataset(service: &Service, asked: &Asked) -> Response {
    let opened = &asked.opened;
    let url = opened.url(&service.base, asked.file);
    let servers = opened.servers.iter().map(|server| {
        let node = server.peer.id();
        [format!("{:.16}", node.to_string()), server.peer.cell().to_string(), service.reading.fetcher.standing(node)]
    });
    let about = About {
        name: &opened.title(asked.file),
        url: &url,
        version: opened.version.to_string(),
        is_signed: opened.is_signed(asked.file),
        servers: servers.collect(),
    };
    Html(page::dataset(&about, &opened.manifest.files[asked.file].description)).into_response()
}
