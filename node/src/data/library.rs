//! What a dataset server has to serve.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use dataset::manifest::{Manifest, VersionRoot};
use dataset::source::Source;
use dataset::tree::Outboard;

/// One version of a dataset, with everything that answers need.
pub struct Served {
    /// The dataset's name, for people.
    pub name: String,
    /// The version: the hash of `encoded`.
    pub root: VersionRoot,
    /// The manifest's bytes.
    pub encoded: Arc<[u8]>,
    /// The manifest.
    pub manifest: Manifest,
    /// Where the values of each of its files come from, in the manifest's order.
    pub files: Vec<ServedFile>,
}

/// One file of a dataset.
pub struct ServedFile {
    /// Its values; variables are numbered as in the manifest.
    pub source: Arc<dyn Source>,
    /// The hashes above each variable's stream, in the manifest's order; none if the manifest has no roots.
    pub outboards: Vec<Outboard>,
}

/// All that a node serves, by version: an old one can stay while a new one is there already.
#[derive(Default)]
pub struct Library(RwLock<BTreeMap<VersionRoot, Arc<Served>>>);

impl Library {
    /// Serves this from now on.
    pub fn insert(&self, served: Served) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(served.root, Arc::new(served));
    }

    /// Stops serving it; answers that are under way go on.
    pub fn remove(&self, root: &VersionRoot) -> Option<Arc<Served>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(root)
    }

    /// What is served under that version.
    pub fn find(&self, root: &VersionRoot) -> Option<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(root).cloned()
    }

    /// Everything, by version.
    pub fn all(&self) -> Vec<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all().iter().map(|served| (&served.name, served.root))).finish()
    }
}
