//! Answers without values. Clients ask for the structure of a dataset whenever they open it, so these texts are kept.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dataset::dap::Format;
use dataset::manifest::VersionRoot;
use lru::LruCache;

use super::answer::{is_known, sized};
use super::http::Asked;

/// Answers that are kept.
const KEPT: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// Bytes of the longest that is kept: all together take 8 MiB at most.
const LONGEST: usize = 64 << 10;

/// An answer that needs no values.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Constant {
    /// What this client gets: it may have the answer already, or want its head only.
    pub(super) fn respond(self, request: &Parts) -> Response {
        if is_known(&request.headers, &self.headers) {
            return (StatusCode::NOT_MODIFIED, self.headers).into_response();
        }
        let length = Some(self.bytes.len() as u64);
        match request.method {
            Method::HEAD => sized(self.headers, Body::empty(), length, "none: no values"),
            _ => sized(self.headers, self.bytes.into(), length, "signed"),
        }
    }
}

/// Which answer: the dataset's name is in some of the texts.
type Key = (String, VersionRoot, usize, Format);

/// Answers about whole files that were given before.
#[derive(Debug)]
pub(super) struct Constants(Mutex<LruCache<Key, Constant>>);

impl Default for Constants {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl Constants {
    /// The answer, if it is kept.
    pub(super) fn get(&self, asked: &Asked, format: Format) -> Option<Constant> {
        let key = key(asked, format)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Keeps an answer, unless it is to a question of which there are too many, or too long.
    pub(super) fn keep(&self, asked: &Asked, format: Format, constant: &Constant) {
        if let Some(key) = key(asked, format).filter(|_| constant.bytes.len() <= LONGEST) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, constant.clone());
        }
    }
}

/// None for a question with a constraint.
fn key(asked: &Asked, format: Format) -> Option<Key> {
    let opened = &asked.opened;
    asked.query.is_empty().then(|| (opened.name.clone(), opened.version, asked.file, format))
}
