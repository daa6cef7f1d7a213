//! Why something about a dataset could not be done.

use dataset::manifest::ManifestError;
use dataset::source::SourceError;

use super::catalog::CatalogError;
use super::name::{Name, NameError};
use super::resolve::ResolveError;
use super::store::StoreError;
use crate::handle::OperationError;

/// Why something about a dataset could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// No name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The files cannot be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files are no data that we can read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its description cannot be signed, or is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// This node's own notes cannot be read or written.
    #[error("the node's catalogue of datasets fails: {0}")]
    Catalog(#[from] CatalogError),
    /// The node has no such dataset.
    #[error("this node neither publishes nor serves a dataset {0}")]
    Unknown(Name),
    /// The name stands for somebody else's dataset here.
    #[error("this node serves somebody else's dataset under the name {0}")]
    Foreign(Name),
    /// The dataset is published or served here.
    #[error("this node publishes or serves the dataset {0} itself")]
    Here(Name),
    /// A head without a version that it could name.
    #[error("the head names a version that was not prepared on this node")]
    Unprepared,
    /// A record that is no head of the dataset.
    #[error("the record is no head of {name}: {why}")]
    NoHead {
        /// The dataset.
        name: Name,
        /// What is wrong.
        why: String,
    },
    /// The grid does not say what the dataset is.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// What was said to be the manifest is not.
    #[error("this is not the manifest of the newest version, {wanted}: it is {found}")]
    OtherManifest {
        /// What the head names.
        wanted: String,
        /// What the bytes hash to.
        found: String,
    },
    /// No server hands out the manifest.
    #[error("the manifest of {name} cannot be had: {why}")]
    NoManifest {
        /// The dataset.
        name: Name,
        /// Why not.
        why: String,
    },
    /// The copy is not one.
    #[error("the files differ from what was published: {0}")]
    Differs(String),
    /// Whoever asked has gone.
    #[error("it was given up before it was done")]
    GivenUp,
    /// The grid could not do it.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// A thread died.
    #[error("the work on it has died: {0}")]
    Died(#[from] tokio::task::JoinError),
}

impl DatasetError {
    /// What a person may do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Name(_) => "choose another name",
            Self::Store(StoreError::Location(_)) => "say where the files are",
            Self::Store(_) => "see that the node, which reads the files itself, can get at them",
            Self::Source(_) => "see that the file can be read with `ncdump -h`",
            Self::Manifest(_) => "publish fewer files under one name",
            Self::Catalog(_) => "see that the node's data folder can be written, and has space",
            Self::Unknown(_) => "see `rook dataset list`",
            Self::Foreign(_) | Self::Here(_) => "remove it first with `rook dataset remove`, or choose another name",
            Self::Unprepared | Self::NoHead { .. } | Self::GivenUp => "run `rook dataset add` again",
            Self::Resolve(_) => "see `rook dataset show`",
            Self::OtherManifest { .. } => "ask the publisher for the newest one, or leave it out",
            Self::NoManifest { .. } => "wait until one of its servers can be reached, or say --manifest FILE",
            Self::Differs(_) => "get the publisher's files, or publish yours under a name of your own",
            Self::Operation(_) => "try again when the node has joined, see `rook status`",
            Self::Died(_) => "see the node's log",
        }
    }
}
