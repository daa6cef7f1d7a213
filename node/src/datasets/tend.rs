//! Looks after the versions that lie here: serves those whose files are what they were, and those alone.

use std::sync::Arc;
use std::time::Duration;

use dataset::manifest::{Manifest, VersionRoot};
use dataset::source::SourceError;
use dataset::tree::Outboard;

use super::catalog::{Entry, Version};
use super::error::DatasetError;
use super::name::Name;
use super::store::{Fingerprint, Found, StoreError, Watch};
use super::types::Condition;
use super::work::{self, Meter};
use super::{Datasets, Inner, open};
use crate::data::library::{Served, ServedFile};

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(30);

/// How a version is, and what its files were like when that was found out.
pub(super) struct State {
    pub(super) condition: Condition,
    watches: Vec<Arc<dyn Watch>>,
    seen: Vec<Option<Fingerprint>>,
}

impl State {
    fn new(condition: Condition) -> Self {
        Self { condition, watches: Vec::new(), seen: Vec::new() }
    }
}

/// Why a version cannot be served at once.
enum Obstacle {
    /// Its files have to be compared with what was published.
    Touched,
    /// They are not what was published.
    Changed(String),
    /// They cannot be read just now.
    Unreachable(String),
}

impl From<DatasetError> for Obstacle {
    fn from(error: DatasetError) -> Self {
        let text = error.to_string();
        match error {
            DatasetError::Store(StoreError::Changed(_)) => Self::Touched,
            DatasetError::Store(_) | DatasetError::Source(SourceError::Gone { .. }) => Self::Unreachable(text),
            DatasetError::Source(_)
            | DatasetError::Name(_)
            | DatasetError::Manifest(_)
            | DatasetError::Catalog(_)
            | DatasetError::Unknown(_)
            | DatasetError::Foreign(_)
            | DatasetError::Here(_)
            | DatasetError::Unprepared
            | DatasetError::NoHead { .. }
            | DatasetError::Resolve(_)
            | DatasetError::OtherManifest { .. }
            | DatasetError::NoManifest { .. }
            | DatasetError::Differs(_)
            | DatasetError::GivenUp
            | DatasetError::Operation(_)
            | DatasetError::Died(_) => Self::Changed(text),
        }
    }
}

impl Datasets {
    /// Goes on until the node ends.
    pub(super) async fn run(self) {
        loop {
            self.tend().await;
            let wait = self.announce().await.min(LOOK);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.changed.notified() => {}
                () = self.0.node.stopped() => return,
            }
        }
    }

    /// Looks at every version once.
    pub(super) async fn tend(&self) {
        let _tending = self.0.tending.lock().await;
        let inner = Arc::clone(&self.0);
        let touched = tokio::task::spawn_blocking(move || inner.look_at_all()).await;
        for (entry, version) in touched.unwrap_or_default() {
            let inner = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || inner.check(&entry, &version));
        }
    }
}

impl Inner {
    /// Serves what can be served, and returns what has to be checked first.
    fn look_at_all(&self) -> Vec<(Entry, Version)> {
        let entries = self.catalog.all();
        let published = |entry: &Entry| {
            let versions = entry.versions.clone().into_iter().filter(|version| version.sequence.is_some());
            versions.map(|version| (entry.clone(), version)).collect::<Vec<_>>()
        };
        let all: Vec<(Entry, Version)> = entries.iter().flat_map(published).collect();
        let gone: Vec<(Name, VersionRoot)> = {
            let states = self.states();
            let is_there = |key: &(Name, VersionRoot)| {
                all.iter().any(|(entry, version)| entry.name == key.0 && version.root == key.1)
            };
            states.keys().filter(|key| !is_there(key)).cloned().collect()
        };
        for (name, root) in gone {
            self.states().remove(&(name, root));
            self.withdraw(&root);
        }
        all.into_iter().filter(|(entry, version)| self.look_at(entry, version)).collect()
    }

    /// Looks at one version; whether its files have to be checked.
    fn look_at(&self, entry: &Entry, version: &Version) -> bool {
        if !entry.serve || entry.pointer.is_none() {
            self.set(entry, version, State::new(Condition::Kept));
            return false;
        }
        if !self.has_to_be_looked_at(entry, version) {
            return false;
        }
        match self.load(entry, version) {
            Ok((served, watches)) => {
                self.library.insert(served);
                self.set(entry, version, State { watches, ..State::new(Condition::Served) });
                false
            }
            Err(Obstacle::Touched) => {
                self.set(entry, version, State::new(Condition::Checking));
                true
            }
            Err(obstacle) => {
                self.stop(entry, version, obstacle);
                false
            }
        }
    }

    fn has_to_be_looked_at(&self, entry: &Entry, version: &Version) -> bool {
        let states = self.states();
        let Some(state) = states.get(&(entry.name.clone(), version.root)) else { return true };
        match &state.condition {
            Condition::Unknown | Condition::Unreachable(_) | Condition::Kept => true,
            Condition::Checking => false,
            Condition::Served => state.watches.iter().any(|watch| watch.is_changed()),
            Condition::Changed(_) => {
                let seen = state.seen.clone();
                drop(states);
                seen != self.look_at_files(version)
            }
        }
    }

    /// What the files of a version are like now.
    fn look_at_files(&self, version: &Version) -> Vec<Option<Fingerprint>> {
        version.files.iter().map(|found| self.stores.look(&found.location).ok()).collect()
    }

    /// Everything that answers from a version need, if its files are what they were.
    fn load(&self, entry: &Entry, version: &Version) -> Result<(Served, Vec<Arc<dyn Watch>>), Obstacle> {
        let (encoded, manifest) = self.catalog.manifest(&version.root).map_err(DatasetError::from)?;
        let outboards = self.catalog.outboards(&version.root, &manifest).ok_or(Obstacle::Touched)?;
        let mut files = Vec::with_capacity(version.files.len());
        let mut watches = Vec::with_capacity(version.files.len());
        for ((found, outboards), published) in version.files.iter().zip(outboards).zip(&manifest.files) {
            let file = open::open(&self.stores, found)?;
            let source = open::as_published(file.source, published);
            let source = source.map_err(|mismatch| work::differs(&Meter::default(), found, mismatch))?;
            files.push(ServedFile { source, outboards });
            watches.push(file.watch);
        }
        if files.len() != manifest.files.len() {
            return Err(Obstacle::Changed("the catalogue lacks some of its files".to_owned()));
        }
        let name = entry.name.to_string();
        Ok((Served { name, root: version.root, encoded: encoded.into(), manifest, files }, watches))
    }

    /// Compares the files with what was published; it may take as long as reading them does.
    fn check(&self, entry: &Entry, version: &Version) {
        tracing::info!(name = %entry.name, version = %version.root, "its files were touched and are checked before they are served");
        match self.compare(version) {
            Ok((encoded, outboards, files)) => match self.catalog.renew(&encoded, &outboards, &entry.name, &files) {
                Ok(()) => self.set(entry, version, State::new(Condition::Unknown)),
                Err(error) => self.stop(entry, version, DatasetError::from(error).into()),
            },
            // It is changed while we look: the next look begins anew.
            Err(Obstacle::Touched) => self.set(entry, version, State::new(Condition::Unknown)),
            Err(obstacle) => self.stop(entry, version, obstacle),
        }
        self.changed.notify_one();
    }

    /// The files of a version as they are now, if they hold what was published.
    #[expect(clippy::type_complexity, reason = "the three things that are kept of a version")]
    fn compare(&self, version: &Version) -> Result<(Vec<u8>, Vec<Vec<Outboard>>, Vec<Found>), Obstacle> {
        let (encoded, manifest): (_, Manifest) = self.catalog.manifest(&version.root).map_err(DatasetError::from)?;
        let look = |found: &Found| {
            let fingerprint = self.stores.look(&found.location)?;
            Ok(Found { fingerprint, ..found.clone() })
        };
        let files =
            version.files.iter().map(look).collect::<Result<Vec<_>, StoreError>>().map_err(DatasetError::from)?;
        let outboards = work::compare(&self.stores, &manifest, &files, &Meter::default())?;
        Ok((encoded, outboards, files))
    }

    /// A version is not served any more, or not yet.
    fn stop(&self, entry: &Entry, version: &Version, obstacle: Obstacle) {
        let condition = match obstacle {
            Obstacle::Touched => Condition::Unknown,
            Obstacle::Changed(why) => Condition::Changed(why),
            Obstacle::Unreachable(why) => Condition::Unreachable(why),
        };
        let known = self.states().get(&(entry.name.clone(), version.root)).map(|state| state.condition.clone());
        if known.as_ref() != Some(&condition) {
            tracing::error!(name = %entry.name, version = %version.root, state = %condition, "a dataset is not served");
        }
        self.set(entry, version, State { seen: self.look_at_files(version), ..State::new(condition) });
    }

    fn set(&self, entry: &Entry, version: &Version, state: State) {
        let is_served = state.condition == Condition::Served;
        self.states().insert((entry.name.clone(), version.root), state);
        if !is_served {
            self.withdraw(&version.root);
        }
    }

    /// Has a version looked at anew, by the next look.
    pub(super) fn reload(&self, name: &Name, root: VersionRoot) {
        self.states().remove(&(name.clone(), root));
    }

    /// Takes a version out of the library, unless another dataset of ours has the same.
    fn withdraw(&self, root: &VersionRoot) {
        let states = self.states();
        let is_served = states.iter().any(|((_, other), state)| other == root && state.condition == Condition::Served);
        if !is_served {
            self.library.remove(root);
        }
    }
}
