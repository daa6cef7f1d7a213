//! Where the files of datasets lie: a folder of this machine, or an object store that speaks S3.
//!
//! A file is known by its size and the time of its last change, an object also by its entity tag. Whoever reads it
//! through [`Stores::open`] reads what was there under that [`Fingerprint`], or is told that it is gone: never other
//! bytes, for a server that sends those looks like a liar.

mod local;
mod object;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use hdf5_reader::storage::DynStorage;
use serde::{Deserialize, Serialize};

pub use object::Objects;

/// The most files of one dataset: each of them is kept open.
pub const MAX_FILES: usize = 4096;
/// What the names of a folder's files must end in for them to belong to its dataset.
const ENDINGS: [&str; 8] = ["nc", "nc4", "cdf", "h5", "he5", "hdf5", "netcdf", "csv"];

/// A file, a folder, an object, or all objects below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Location {
    /// On this machine.
    Local(PathBuf),
    /// In an object store.
    Object {
        /// The bucket.
        bucket: String,
        /// The object's key, or a prefix of keys.
        key: String,
    },
}

/// What tells a file from one that was changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes.
    pub size: u64,
    /// When it was changed last, in nanoseconds of Unix time.
    pub modified: i64,
    /// The entity tag of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// One file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name within the dataset; empty if it is the only one.
    pub path: String,
    /// Where it lies.
    pub location: Location,
    /// What it was like when it was found.
    pub fingerprint: Fingerprint,
}

/// A file that is read as it was under its fingerprint.
pub struct Opened {
    /// Its bytes.
    pub storage: DynStorage,
    /// Whether it still is what it was.
    pub watch: Arc<dyn Watch>,
}

/// Tells whether an open file is still what it was when it was opened.
pub trait Watch: Send + Sync {
    /// Whether it was changed, as far as can be told without reading it.
    fn is_changed(&self) -> bool;
}

/// Why files cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No place that we know.
    #[error("{0:?} is no place for files: say a file, a folder or s3://BUCKET/KEY")]
    Location(String),
    /// Nothing is there.
    #[error("{0} does not exist: check how it is spelt")]
    Missing(String),
    /// It is there, and cannot be read.
    #[error("{name} cannot be read: {what}")]
    Unreadable {
        /// Which file or folder.
        name: String,
        /// What the system or the store says.
        what: String,
    },
    /// A folder without data.
    #[error("there is no data in {0}: the names of a dataset's files end in {list}", list = endings())]
    Empty(String),
    /// Too many files.
    #[error("{0} has more than {MAX_FILES} files: make several datasets of it, or fewer files")]
    TooMany(String),
    /// It is not what it was.
    #[error("{0} was changed since it was added: add the dataset again, and it becomes the next version")]
    Changed(String),
}

fn endings() -> String {
    ENDINGS.map(|ending| format!(".{ending}")).join(", ")
}

impl FromStr for Location {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::Location(text.to_owned());
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            let fits = !bucket.is_empty() && object_store::path::Path::parse(key).is_ok();
            return if fits { Ok(Self::Object { bucket: bucket.into(), key: key.into() }) } else { Err(wrong()) };
        }
        // Other stores may come to be known; their addresses are no files.
        if text.is_empty() || text.contains("://") || text.contains('\0') {
            return Err(wrong());
        }
        Ok(Self::Local(PathBuf::from(text)))
    }
}

impl TryFrom<String> for Location {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        text.parse()
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.to_string()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

impl Location {
    /// The same place, wherever the process that reads it was started.
    ///
    /// # Errors
    /// If the current folder is gone.
    pub fn absolute(self) -> Result<Self, StoreError> {
        match self {
            Self::Local(path) => std::path::absolute(&path).map(Self::Local).map_err(local::unreadable(&path)),
            Self::Object { .. } => Ok(self),
        }
    }
}

/// All places that files are read from; clones share what they remember.
#[derive(Clone, Debug, Default)]
pub struct Stores(Objects);

impl Stores {
    /// The files at a place: the file itself, or those in the folder and the folders in it whose names say that they
    /// hold data, by name. Blocks while it looks.
    ///
    /// # Errors
    /// [`StoreError`] if there are none, or too many.
    pub fn find(&self, location: &Location) -> Result<Vec<Found>, StoreError> {
        let mut found = match location {
            Location::Local(path) => local::find(path)?,
            Location::Object { bucket, key } => self.0.find(bucket, key)?,
        };
        if found.is_empty() {
            return Err(StoreError::Empty(location.to_string()));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Opens a file that was found. Blocks while it looks.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it is not what it was then; others if it is not there any more or cannot be read.
    pub fn open(&self, found: &Found) -> Result<Opened, StoreError> {
        match &found.location {
            Location::Local(path) => local::open(path, &found.fingerprint),
            Location::Object { bucket, key } => self.0.open(bucket, key, &found.fingerprint),
        }
    }

    /// What a file is like now. Blocks while it looks.
    ///
    /// # Errors
    /// If it is not there any more or cannot be read.
    pub fn look(&self, location: &Location) -> Result<Fingerprint, StoreError> {
        match location {
            Location::Local(path) => local::look(path),
            Location::Object { bucket, key } => self.0.look(bucket, key),
        }
    }
}

/// Whether a file of that name belongs to the dataset of the folder that it lies in.
fn is_data(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The range of a read, if it lies within the file.
fn within(length: u64, offset: u64, wanted: usize) -> Result<std::ops::Range<u64>, hdf5_reader::error::Error> {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX);
    match offset.checked_add(needed) {
        Some(end) if end <= length => Ok(offset..end),
        Some(_) | None => {
            Err(hdf5_reader::error::Error::UnexpectedEof { offset, needed, available: length.saturating_sub(offset) })
        }
    }
}

/// How the readers of files are told that one cannot be had any more.
fn gone(error: StoreError) -> hdf5_reader::error::Error {
    hdf5_reader::error::Error::Io(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        let object = |bucket: &str, key: &str| Location::Object { bucket: bucket.into(), key: key.into() };
        assert_eq!("s3://b/a/c.nc".parse(), Ok(object("b", "a/c.nc")));
        assert_eq!("s3://b".parse(), Ok(object("b", "")));
        assert_eq!("s3://b/a/".parse::<Location>().unwrap().to_string(), "s3://b/a/");
        assert_eq!("data/x.nc".parse(), Ok(Location::Local("data/x.nc".into())));
        for wrong in ["", "s3://", "s3:///x", "http://x/y.nc", "gs://b/x", "s3://b/a//c", "s3://b/../c"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn files_with_data_are_told_by_their_names() {
        assert!(["a.nc", "A.NC4", "x/y.csv", "z.h5"].into_iter().all(is_data));
        assert!(!["a.txt", "nc", ".nc", "a.nc.tmp", "a"].into_iter().any(is_data));
    }
}
