//! Reading datasets of the grid: what the gateway and the command line share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use dataset::manifest::{Manifest, VersionRoot};
use dataset::slab::Slab;
use grid::id::NodeId;
use grid::trust::Proofs;
use grid::trust::policy::Policy;

use super::cache::Cache;
use super::checked::Checks;
use super::constant::Constants;
use super::error::ReadError;
use super::fetch::Fetcher;
use super::longest::Remembered;
use super::manifests::Manifests;
use super::opened::Opened;
use super::reader::{FileReader, Values, Weakest};
use super::refusal::Refusal;
use super::shelf::{Shelf, Turn};
use super::trust::TrustBook;
use crate::data::checksum::Checksum;
use crate::data::client::DataClient;
use crate::data::library::Library;
use crate::datasets::Datasets;
use crate::handle::NodeHandle;
use crate::verifier::Verifier;

/// How often others' proofs are asked for.
const HEARSAY: Duration = Duration::from_secs(30);

/// How what servers say is checked, and what is kept of it.
#[derive(Clone, Debug)]
pub struct ReadingOptions {
    /// How servers are checked where their answers do not prove themselves.
    pub policy: Policy,
    /// When proofs are fetched where the publisher has signed all values.
    pub proofs: Proofs,
    /// By what servers' answers are compared.
    pub checksum: Checksum,
    /// Bytes of proved values that are kept on disk; 0 keeps none.
    pub cache_bytes: u64,
}

impl Default for ReadingOptions {
    fn default() -> Self {
        Self { policy: Policy::default(), proofs: Proofs::Always, checksum: Checksum::default(), cache_bytes: 4 << 30 }
    }
}

/// What it takes to read.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) node: NodeHandle,
    pub(crate) me: NodeId,
    pub(crate) verifier: Verifier,
    pub(crate) client: DataClient,
    pub(crate) library: Arc<Library>,
    pub(crate) datasets: Datasets,
    pub(crate) trust: TrustBook,
    /// The node's data folder.
    pub(crate) folder: PathBuf,
}

/// Values that are wanted of a version.
#[derive(Clone, Debug)]
pub(crate) struct ValuesWish {
    pub(crate) version: VersionRoot,
    pub(crate) file: usize,
    pub(crate) variable: usize,
    pub(crate) slab: Slab,
    /// Bytes to leave out at the beginning.
    pub(crate) skip: u64,
}

/// The length of values, if it is known beforehand, their first piece, and the others.
pub(crate) type Begun = (Option<u64>, Option<Bytes>, Values);

/// Opens datasets and reads them.
#[derive(Debug)]
pub struct Reading {
    pub(super) shelf: Shelf,
    pub(super) fetcher: Fetcher,
    pub(super) longest: Remembered,
    /// Answers without values.
    pub(super) constants: Constants,
}

impl Reading {
    /// Begins; the cache lies in the node's data folder.
    ///
    /// # Errors
    /// If the cache cannot be used.
    pub(crate) fn new(options: &ReadingOptions, parts: Parts) -> io::Result<Self> {
        let Parts { node, me, verifier, client, library, datasets, trust, folder } = parts;
        let cache = match options.cache_bytes {
            0 => None,
            limit => Some(Arc::new(Cache::open(&folder.join("cache"), limit)?)),
        };
        let fetcher = Fetcher {
            node: node.clone(),
            client: client.clone(),
            library: library.clone(),
            pool: Default::default(),
            trust,
            checks: Checks::new(options.policy, options.proofs, options.checksum),
            verifier: verifier.clone(),
            cache,
            room: Default::default(),
            me,
        };
        let manifests = Manifests { node, client, verifier };
        Ok(Self {
            shelf: Shelf::new(datasets, manifests, library),
            fetcher,
            longest: Remembered::default(),
            constants: Constants::default(),
        })
    }

    /// Asks the servers of what is open, again and again, whom others have caught at signing two answers to one request: one
    /// that lies only to some is found so by all.
    pub(crate) async fn hear_of_liars(self: Arc<Self>) {
        loop {
            tokio::time::sleep(HEARSAY).await;
            for opened in self.shelf.all() {
                for target in opened.servers.iter().filter_map(|server| server.target.as_ref()) {
                    // One that does not answer says nothing of others.
                    for proof in self.fetcher.client.reports(target, &opened.version()).await.unwrap_or_default() {
                        self.fetcher.convict(&proof).await;
                    }
                }
            }
        }
    }

    /// The newest version of a dataset, and its manifest.
    pub(crate) async fn manifest(&self, name: &str) -> Result<(VersionRoot, Arc<Manifest>), Refusal> {
        let opened = self.shelf.open(name, Turn::First).await?;
        Ok((opened.version, opened.manifest.clone()))
    }

    /// Begins to read values. That nothing can be had is an error here, and no answer that breaks off.
    pub(crate) async fn values(&self, name: &str, wish: ValuesWish) -> Result<Begun, Refusal> {
        let newest = self.shelf.open(name, Turn::Next).await?;
        let opened = match newest.version == wish.version {
            true => newest,
            false => self.shelf.at(name, wish.version).ok_or_else(|| ReadError::NoServer(name.to_owned()))?,
        };
        let bad = |what: String| Refusal::new(StatusCode::BAD_REQUEST, what);
        let file = opened.manifest.files.get(wish.file).ok_or_else(|| bad("there is no such file".into()))?;
        let variable = file.description.variables.get(wish.variable);
        let kind = variable.ok_or_else(|| bad("there is no such variable".into()))?.kind;
        let slab = wish.slab.canonical(&file.description.shape(wish.variable));
        let slab = slab.map_err(|error| bad(error.to_string()))?;
        let length = kind.width().map(|width| (slab.elements() * width).saturating_sub(wish.skip));
        let reader = self.reader(opened, wish.file);
        let mut rest = reader.values_from(wish.variable, slab, wish.skip);
        let first = rest.recv().await.transpose()?;
        Ok((length, first, rest))
    }

    /// Reads a file of a version.
    pub(super) fn reader(&self, opened: Arc<Opened>, file: usize) -> FileReader {
        FileReader { opened, file, fetcher: self.fetcher.clone(), validation: Weakest::default() }
    }
}
