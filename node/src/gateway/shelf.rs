//! The datasets that are open, and how old what is known of them may be.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dataset::manifest::{Manifest, VersionRoot};
use lru::LruCache;

use super::manifests::Manifests;
use super::opened::{OpenError, Opened, Server, bare};
use crate::data::client::Version;
use crate::data::library::Library;
use crate::datasets::Datasets;
use crate::datasets::resolve::{ResolveError, Resolved, ServerEntry};

/// Versions whose manifests are kept.
const KEPT: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// For how long who goes on reading makes nobody look up again what a name stands for.
const FRESH: Duration = Duration::from_secs(5);
/// For how long it gets an answer from what is known, while that is looked up again.
const USABLE: Duration = Duration::from_secs(60);

/// Whether somebody begins to read a dataset, or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It begins: it gets what is newest now.
    First,
    /// It goes on: that a new version has come, or a server gone, it may learn a little later.
    Next,
}

/// What a name stood for when it was looked up last.
#[derive(Clone, Debug)]
struct Newest {
    opened: Arc<Opened>,
    found: Instant,
    /// Whether somebody is looking it up again.
    renewing: bool,
}

/// A version that is open, with its servers as they were announced.
type Announced = (Vec<ServerEntry>, Arc<Opened>);

/// The datasets that are open. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    datasets: Datasets,
    manifests: Manifests,
    library: Arc<Library>,
    newest: Mutex<LruCache<String, Newest>>,
    /// By name and version.
    opened: Mutex<LruCache<(String, VersionRoot), Announced>>,
    names: Mutex<BTreeSet<String>>,
}

impl Shelf {
    pub(super) fn new(datasets: Datasets, manifests: Manifests, library: Arc<Library>) -> Self {
        let (newest, opened) = (Mutex::new(LruCache::new(KEPT)), Mutex::new(LruCache::new(KEPT)));
        Self(Arc::new(Inner { datasets, manifests, library, newest, opened, names: Mutex::default() }))
    }

    /// The names that are known here: what this node serves, and what was opened.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = lock(&self.0.names).clone();
        names.extend(self.0.library.all().iter().map(|served| served.name.clone()));
        names.into_iter().collect()
    }

    /// Opens the newest version of a dataset.
    pub(super) async fn open(&self, name: &str, turn: Turn) -> Result<Arc<Opened>, OpenError> {
        if let Some(opened) = self.known(name, turn) {
            return Ok(opened);
        }
        match self.renew(name).await {
            // The grid may be slow for a moment; who has begun to read goes on with what it began.
            Err(OpenError::Resolve(error @ ResolveError::Operation { .. })) if turn == Turn::Next => {
                let known = lock(&self.0.newest).get(name).map(|newest| Arc::clone(&newest.opened));
                known.ok_or(OpenError::Resolve(error))
            }
            other => other,
        }
    }

    /// All versions that are open.
    pub(super) fn all(&self) -> Vec<Arc<Opened>> {
        lock(&self.0.opened).iter().map(|(_, (_, opened))| Arc::clone(opened)).collect()
    }

    /// A version that was opened before.
    pub(super) fn at(&self, name: &str, version: VersionRoot) -> Option<Arc<Opened>> {
        lock(&self.0.opened).get(&(name.to_owned(), version)).map(|(_, opened)| Arc::clone(opened))
    }

    /// What is known, if it is not too old; if it is old, it is looked up again while the answer is given.
    fn known(&self, name: &str, turn: Turn) -> Option<Arc<Opened>> {
        let mut all = lock(&self.0.newest);
        let newest = all.get_mut(name)?;
        let age = newest.found.elapsed();
        if turn == Turn::First || age >= USABLE {
            return None;
        }
        if age >= FRESH && !std::mem::replace(&mut newest.renewing, true) {
            let (shelf, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move {
                if let Err(error) = shelf.renew(&name).await {
                    tracing::info!(%error, %name, "what is known of a dataset could not be renewed");
                    // The next request tries again.
                    if let Some(newest) = lock(&shelf.0.newest).get_mut(&name) {
                        newest.renewing = false;
                    }
                }
            });
        }
        Some(Arc::clone(&newest.opened))
    }

    /// Looks a dataset up.
    async fn renew(&self, name: &str) -> Result<Arc<Opened>, OpenError> {
        let resolved = self.0.datasets.resolve(name).await?;
        let opened = self.0.opened(name, &resolved).await?;
        let newest = Newest { opened: Arc::clone(&opened), found: Instant::now(), renewing: false };
        lock(&self.0.newest).put(name.to_owned(), newest);
        Ok(opened)
    }
}

impl Inner {
    async fn opened(&self, name: &str, resolved: &Resolved) -> Result<Arc<Opened>, OpenError> {
        let version = resolved.head.version;
        let key = (name.to_owned(), version);
        let known = lock(&self.opened).get(&key).cloned();
        let servers = || resolved.servers.iter().map(|entry| self.manifests.server(entry)).collect::<Vec<Server>>();
        let (servers, manifest) = match known {
            Some((entries, opened)) if entries == resolved.servers => return Ok(opened),
            Some((_, opened)) => (servers(), Arc::clone(&opened.manifest)),
            None => {
                let servers = servers();
                let manifest = self.manifest(name, version, &servers).await?;
                (servers, manifest)
            }
        };
        let opened = Arc::new(Opened { name: name.to_owned(), version, manifest, servers });
        lock(&self.opened).put(key, (resolved.servers.clone(), Arc::clone(&opened)));
        lock(&self.names).insert(name.to_owned());
        Ok(opened)
    }

    async fn manifest(&self, name: &str, root: VersionRoot, servers: &[Server]) -> Result<Arc<Manifest>, OpenError> {
        if let Some(served) = self.library.find(&root) {
            return Ok(Arc::new(served.manifest.clone()));
        }
        if servers.is_empty() {
            return Err(OpenError::NoServer(name.to_owned()));
        }
        let version = Version { dataset: bare(name).to_owned(), root };
        match self.manifests.fetch(&version, servers).await {
            Ok((_, manifest)) => Ok(Arc::new(manifest)),
            Err(attempts) => Err(OpenError::NoManifest { name: name.to_owned(), attempts }),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
