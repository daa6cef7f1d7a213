//! A version of a dataset, ready to be read: its manifest, and who serves it.

use std::sync::Arc;

use axum::http::StatusCode;
use dataset::manifest::{Manifest, VersionRoot};
use dataset::model::Values;
use grid::peer::Peer;

use super::error::{Attempt, listed};
use crate::data::client::{Target, Version};
use crate::datasets::resolve::ResolveError;

/// A server of a dataset.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Who it is.
    pub(super) peer: Peer,
    /// Where it can be dialled; none of one that keeps that private.
    pub(super) target: Option<Target>,
}

/// A version of a dataset that is open for reading.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// The name by which it was asked for.
    pub(super) name: String,
    /// Which version.
    pub(super) version: VersionRoot,
    /// What is in it.
    pub(super) manifest: Arc<Manifest>,
    /// Who may have it.
    pub(super) servers: Vec<Server>,
}

/// Why a dataset cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum OpenError {
    /// Its name leads nowhere.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nobody serves it.
    #[error("no server of {0} is there just now; its publisher has announced it, so try again later")]
    NoServer(String),
    /// Its servers do not give the manifest.
    #[error("none of the servers of {name} gave its description: {}", listed(attempts))]
    NoManifest {
        /// The dataset.
        name: String,
        /// What became of each server.
        attempts: Vec<Attempt>,
    },
}

impl OpenError {
    /// The status of an HTTP answer that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Resolve(ResolveError::Name(_) | ResolveError::Unknown(_)) => StatusCode::NOT_FOUND,
            Self::Resolve(ResolveError::Ambiguous { .. }) => StatusCode::MULTIPLE_CHOICES,
            Self::Resolve(_) | Self::NoManifest { .. } => StatusCode::BAD_GATEWAY,
            Self::NoServer(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Opened {
    /// The place of a file: the one of that path, or the only one.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        match (path, self.manifest.files.as_slice()) {
            ("", [_]) => Some(0),
            (path, _) => self.manifest.find(path),
        }
    }

    /// What people call a file: the dataset's name, and the file's where there are several.
    pub(super) fn title(&self, file: usize) -> String {
        match self.manifest.files.as_slice() {
            [_] => self.name.clone(),
            files => format!("{}/{}", self.name, files[file].path),
        }
    }

    /// A file's address without a suffix.
    pub(super) fn url(&self, base: &str, file: usize) -> String {
        format!("{base}/{}", self.title(file))
    }

    /// Whether the publisher has signed every byte of a file.
    pub(super) fn is_signed(&self, file: usize) -> bool {
        self.manifest.files[file].streams.is_some()
    }

    /// One line about it.
    pub(super) fn about(&self) -> String {
        let title = |file: &dataset::manifest::File| {
            let title =
                file.description.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case("title"))?;
            match &title.values {
                Values::Text(text) => Some(text.clone()),
                Values::Strings(texts) => texts.first().cloned(),
                Values::I8(_) | Values::U8(_) | Values::I16(_) | Values::U16(_) | Values::I32(_) | Values::U32(_) => {
                    None
                }
                Values::I64(_) | Values::U64(_) | Values::F32(_) | Values::F64(_) => None,
            }
        };
        match self.manifest.files.as_slice() {
            [file] => title(file).unwrap_or_default(),
            files => format!("{} files", files.len()),
        }
    }

    /// The version as servers are asked for it.
    pub(super) fn version(&self) -> Version {
        Version { dataset: bare(&self.name).to_owned(), root: self.version }
    }
}

/// The name without the pointer that may stand behind it.
pub(super) fn bare(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}
