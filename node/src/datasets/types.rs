//! What others see of the datasets of a node.

use dataset::manifest::VersionRoot;
use futures::future::BoxFuture;

use super::catalog::Entry;
use super::name::Name;
use super::resolve::ServerEntry;
use super::store::Location;
use crate::pointer::PointerText;

/// How a version that lies here is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nobody has looked yet.
    Unknown,
    /// Its files were touched, and are being compared with what was published.
    Checking,
    /// It is served.
    Served,
    /// It is known, and nobody asked to serve it.
    Kept,
    /// Its files are not what was published any more.
    Changed(String),
    /// Its files cannot be read just now; it is tried again.
    Unreachable(String),
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("not looked at yet"),
            Self::Checking => f.write_str("being checked"),
            Self::Served => f.write_str("served"),
            Self::Kept => f.write_str("not served"),
            Self::Changed(why) => write!(f, "changed: {why}"),
            Self::Unreachable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// A dataset of this node, and how each of its versions is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The dataset.
    pub entry: Entry,
    /// How its versions are, in their order.
    pub conditions: Vec<Condition>,
    /// In how many cells its offer was heard last; none if it is not offered.
    pub announced: Option<u32>,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The dataset's name.
    pub name: Name,
    /// Where its files are.
    pub location: Location,
    /// What distinguishes this version from one with the same descriptions.
    pub label: String,
    /// Whether this node serves it, from now on.
    pub serve: bool,
    /// Whether its values are hashed, so that every piece can be proved.
    pub roots: bool,
}

/// A version that can be published: its manifest is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The version.
    pub version: VersionRoot,
    /// Bytes of its manifest.
    pub length: u64,
    /// Files.
    pub files: usize,
    /// Bytes of values.
    pub bytes: u64,
    /// The pointer of the dataset's head, if this node has published it before.
    pub pointer: Option<PointerText>,
    /// Whether the head names this version already, so that there is nothing to publish.
    pub published: bool,
    /// What is in the files and is not served, for people.
    pub skipped: Vec<String>,
}

/// Gets manifests from dataset servers: what the data plane does for the catalogue.
pub trait ManifestFetcher: Send + Sync {
    /// The manifest's bytes of a version, from one of these servers; whoever asked compares them with the root.
    ///
    /// # Errors
    /// A sentence on why no server has given it.
    fn manifest<'a>(
        &'a self,
        version: VersionRoot,
        length: u64,
        servers: &'a [ServerEntry],
    ) -> BoxFuture<'a, Result<Vec<u8>, String>>;
}
