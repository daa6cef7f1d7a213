//! What the API says of datasets.

use dataset::manifest::VersionRoot;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fault;
use crate::datasets::catalog;
use crate::datasets::resolve::{Resolved, ServerEntry};
use crate::datasets::types::{Condition, Listed};
use crate::datasets::work::Progress;
use crate::datasets::{name::Name, store::Location, types};
use crate::pointer::PointerText;

/// What the node publishes and serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Datasets {
    /// By name.
    pub datasets: Vec<Dataset>,
}

/// A dataset that the node publishes or serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// The pointer of its head; none before it is published.
    pub pointer: Option<String>,
    /// Whether it is published from here.
    pub published_here: bool,
    /// Whether the node is to serve it.
    pub serve: bool,
    /// In how many cells it was heard last that the node serves it.
    pub announced_in_cells: Option<u32>,
    /// Its versions, the newest last.
    pub versions: Vec<DatasetVersion>,
}

/// A version that lies here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetVersion {
    /// The hash of its manifest, in hex.
    pub version: String,
    /// The number of its head; none before it is published.
    pub sequence: Option<u64>,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// Where its files are.
    pub location: String,
    /// How many files.
    pub files: usize,
    /// Bytes of its files.
    pub file_bytes: u64,
    /// Whether it is served just now.
    pub served: bool,
    /// How it is, for people.
    pub state: String,
}

impl Dataset {
    pub(in crate::api) fn of(listed: &Listed) -> Self {
        let Listed { entry, conditions, announced } = listed;
        let versions =
            entry.versions.iter().zip(conditions).map(|(version, condition)| DatasetVersion::of(version, condition));
        Self {
            name: entry.name.to_string(),
            pointer: entry.pointer.as_ref().map(PointerText::to_string),
            published_here: entry.own,
            serve: entry.serve,
            announced_in_cells: *announced,
            versions: versions.collect(),
        }
    }
}

impl DatasetVersion {
    fn of(version: &catalog::Version, condition: &Condition) -> Self {
        let state = if version.sequence.is_some() { condition.to_string() } else { "not published".to_owned() };
        Self {
            version: version.root.to_string(),
            sequence: version.sequence,
            manifest_bytes: version.length,
            location: version.location.to_string(),
            files: version.files.len(),
            file_bytes: version.files.iter().map(|file| file.fingerprint.size).sum(),
            served: *condition == Condition::Served,
            state,
        }
    }
}

/// What a name stands for, and what lies here of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetShown {
    /// What the grid says.
    pub head: Option<DatasetHead>,
    /// Why the grid says nothing.
    pub problem: Option<Fault>,
    /// What lies here.
    pub here: Option<Dataset>,
}

/// What the grid says of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetHead {
    /// Its name.
    pub name: String,
    /// The pointer of its head.
    pub pointer: String,
    /// The newest version: the hash of its manifest, in hex.
    pub version: String,
    /// Its number.
    pub sequence: u64,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// Those who serve the dataset.
    pub servers: Vec<DatasetServer>,
}

/// A server of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetServer {
    /// The node's name, in hex.
    pub id: String,
    /// Its cell.
    pub cell: Vec<u16>,
    /// The newest version that it has, in hex.
    pub version: String,
    /// Where its data service can be dialled; none if it keeps that private.
    pub addresses: Vec<String>,
}

impl DatasetHead {
    pub(in crate::api) fn of(resolved: &Resolved) -> Self {
        let server = |server: &ServerEntry| DatasetServer {
            id: server.peer.id().to_string(),
            cell: server.peer.cell().coordinates().to_vec(),
            version: server.version.to_string(),
            addresses: server.addresses.iter().map(ToString::to_string).collect(),
        };
        Self {
            name: resolved.head.name.to_string(),
            pointer: PointerText::from(&resolved.pointer).to_string(),
            version: resolved.head.version.to_string(),
            sequence: resolved.sequence,
            manifest_bytes: resolved.head.length,
            servers: resolved.servers.iter().map(server).collect(),
        }
    }
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetWish {
    /// A file, a folder or `s3://BUCKET/KEY`, as the node sees it.
    pub location: String,
    /// What distinguishes this version from one with the same descriptions.
    #[serde(default)]
    pub label: String,
    /// Whether the node is to serve it.
    #[serde(default)]
    pub serve: bool,
    /// Whether its values are not hashed, so that they can only be compared between servers.
    #[serde(default)]
    pub without_roots: bool,
}

impl DatasetWish {
    pub(in crate::api) fn read(self, name: Name) -> Result<types::Wish, crate::datasets::store::StoreError> {
        let location: Location = self.location.parse()?;
        Ok(types::Wish { name, location, label: self.label, serve: self.serve, roots: !self.without_roots })
    }
}

/// A line of the answer while a dataset's files are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum DatasetEvent {
    /// It goes on.
    Progress {
        /// Bytes of values that were read.
        done: u64,
        /// Bytes that there are to read, as far as known.
        total: u64,
        /// The file that is being read.
        file: String,
    },
    /// A version can be published.
    Prepared(PreparedDataset),
    /// The node serves the dataset.
    Serving(DatasetHead),
    /// It came to nothing.
    Failed(Fault),
}

/// A version that can be published, with a head that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreparedDataset {
    /// The version: the hash of its manifest, in hex.
    pub version: String,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// How many files.
    pub files: usize,
    /// Bytes of values.
    pub bytes: u64,
    /// The pointer of the dataset's head, if it was published before.
    pub pointer: Option<String>,
    /// Whether the head names this version already.
    pub published: bool,
    /// What is in the files and is not served.
    pub skipped: Vec<String>,
}

impl PreparedDataset {
    pub(in crate::api) fn of(prepared: &types::Prepared) -> Self {
        Self {
            version: prepared.version.to_string(),
            manifest_bytes: prepared.length,
            files: prepared.files,
            bytes: prepared.bytes,
            pointer: prepared.pointer.as_ref().map(PointerText::to_string),
            published: prepared.published,
            skipped: prepared.skipped.clone(),
        }
    }

    /// The version; `None` if the node tells nonsense.
    pub fn root(&self) -> Option<VersionRoot> {
        blake3::Hash::from_hex(&self.version).ok().map(|hash| VersionRoot(*hash.as_bytes()))
    }
}

impl From<Progress> for DatasetEvent {
    fn from(progress: Progress) -> Self {
        Self::Progress { done: progress.done, total: progress.total, file: progress.doing }
    }
}
