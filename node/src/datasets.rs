//! Datasets of the grid as this node sees them: those that it publishes and serves itself, and what names stand for.
//!
//! - [`name`]: what datasets are called, and how people say which they mean
//! - [`head`]: what stands in the grid of a dataset, and what its servers say of themselves
//! - [`store`]: where its files lie
//! - [`catalog`]: what this node publishes and serves, on disk
//! - [`resolve`]: from a name to the newest version and its servers
//!
//! [`Datasets::start`] begins with what the catalogue says: every version whose files are what they were is served, and
//! its servers' announcement is renewed as long as the node runs. Files that were touched are compared with what was
//! published first, in the background.

pub mod catalog;
pub mod error;
pub mod head;
pub mod name;
pub mod pins;
pub mod resolve;
pub mod store;
pub mod types;
pub mod work;

mod announce;
mod open;
mod publish;
mod serve;
mod tend;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dataset::manifest::VersionRoot;
use grid::record::Rules;
use libp2p::Multiaddr;
use tokio::sync::Notify;

use self::announce::Announced;
use self::catalog::{Catalog, CatalogError};
use self::error::DatasetError;
use self::name::{Name, Reference};
use self::pins::Pins;
use self::resolve::{ResolveError, Resolved, Resolver};
use self::store::Stores;
use self::tend::State;
use self::types::{Condition, Listed, ManifestFetcher};
use crate::data::library::Library;
use crate::handle::NodeHandle;

/// Where the catalogue lies in the data folder.
const FOLDER: &str = "datasets";
/// Which pointers names stand for, in the catalogue's folder.
const PINS: &str = "pins.json";

/// The datasets of a node; clones are the same.
#[derive(Clone)]
pub struct Datasets(Arc<Inner>);

struct Inner {
    node: NodeHandle,
    library: Arc<Library>,
    stores: Stores,
    catalog: Catalog,
    resolver: Resolver,
    /// How each version of a dataset is that the catalogue knows.
    states: Mutex<BTreeMap<(Name, VersionRoot), State>>,
    /// Where the node's data service can be dialled.
    addresses: Mutex<Vec<Multiaddr>>,
    fetcher: OnceLock<Arc<dyn ManifestFetcher>>,
    /// What was announced, by name.
    announced: Mutex<BTreeMap<Name, Announced>>,
    /// Locked while something is announced.
    announcing: tokio::sync::Mutex<()>,
    /// Locked while files are read for a new version: one set at a time is enough for any disk.
    reading: tokio::sync::Mutex<()>,
    /// Locked while the versions are looked at.
    tending: tokio::sync::Mutex<()>,
    /// Told when there is something to look at before its time.
    changed: Notify,
}

impl std::fmt::Debug for Datasets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Datasets").field(&self.0.catalog).finish()
    }
}

impl Datasets {
    /// Reads the catalogue in a node's data folder and begins to serve what is in it: it fills the library, and
    /// announces the node. Ends with the node.
    ///
    /// # Errors
    /// If the catalogue's folder cannot be read or made.
    pub fn start(node: NodeHandle, rules: Rules, data: &Path, library: Arc<Library>) -> Result<Self, CatalogError> {
        let folder = data.join(FOLDER);
        let catalog = Catalog::load(folder.clone())?;
        let resolver = Resolver::new(node.clone(), rules, Pins::load(folder.join(PINS)));
        let datasets = Self(Arc::new(Inner {
            node,
            library,
            stores: Stores::default(),
            catalog,
            resolver,
            states: Mutex::default(),
            addresses: Mutex::default(),
            fetcher: OnceLock::new(),
            announced: Mutex::default(),
            announcing: tokio::sync::Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            tending: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }));
        tokio::spawn(datasets.clone().run());
        Ok(datasets)
    }

    /// Says where the node's data service can be dialled; the node announces that with each of its datasets.
    pub fn set_addresses(&self, addresses: Vec<Multiaddr>) {
        *self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
        self.0.changed.notify_one();
    }

    /// Says who gets manifests from other servers; only the first to be said counts.
    pub fn set_fetcher(&self, fetcher: Arc<dyn ManifestFetcher>) {
        _ = self.0.fetcher.set(fetcher);
    }

    /// What a name, or `NAME@POINTER`, stands for: the newest version, and who serves the dataset. What was found within
    /// the last seconds is told again.
    ///
    /// # Errors
    /// [`ResolveError`], with what a person may do.
    pub async fn resolve(&self, name: &str) -> Result<Arc<Resolved>, ResolveError> {
        let reference: Reference = name.parse()?;
        self.0.resolver.resolve(&reference).await
    }

    /// Forgets which pointer a name stands for; it is found out anew when somebody asks. Returns whether it was known.
    ///
    /// # Errors
    /// [`DatasetError::Foreign`] or its like if this node publishes or serves the dataset: remove that first.
    pub fn forget(&self, name: &Name) -> Result<bool, DatasetError> {
        if self.0.catalog.find(name).is_some() {
            return Err(DatasetError::Here(name.clone()));
        }
        self.0.resolver.renew(name);
        Ok(self.0.resolver.pins.forget(name))
    }

    /// What this node publishes and serves, by name.
    pub fn list(&self) -> Vec<Listed> {
        let announced = self.0.announced();
        let states = self.0.states();
        let listed = |entry: catalog::Entry| {
            let condition = |version: &catalog::Version| {
                let state = states.get(&(entry.name.clone(), version.root));
                state.map_or(Condition::Unknown, |state| state.condition.clone())
            };
            let conditions = entry.versions.iter().map(condition).collect();
            let announced = announced.get(&entry.name).and_then(|announced| announced.cells);
            Listed { entry, conditions, announced }
        };
        self.0.catalog.all().into_iter().map(listed).collect()
    }

    /// One of those in [`Datasets::list`].
    pub fn find(&self, name: &Name) -> Option<Listed> {
        self.list().into_iter().find(|listed| listed.entry.name == *name)
    }

    /// The manifest of a version that lies here.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn manifest(&self, version: &VersionRoot) -> Result<Vec<u8>, DatasetError> {
        Ok(self.0.catalog.manifest(version)?.0)
    }

    /// Stops publishing and serving a dataset. Its files stay as they are; its head stays in the grid until it expires,
    /// for nobody can take back what was signed.
    ///
    /// # Errors
    /// If there is no such dataset, or the catalogue cannot be written.
    pub async fn remove(&self, name: &Name) -> Result<(), DatasetError> {
        match self.0.catalog.remove(name)? {
            Some(_) => {
                self.look().await;
                Ok(())
            }
            None => Err(DatasetError::Unknown(name.clone())),
        }
    }

    /// Looks at everything now: whether files are what they were, and what has to be announced.
    pub async fn look(&self) {
        self.tend().await;
        self.announce().await;
    }
}

impl Inner {
    fn announced(&self) -> std::sync::MutexGuard<'_, BTreeMap<Name, Announced>> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Name, VersionRoot), State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
