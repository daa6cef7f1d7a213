//! What the publisher signs: the description of every file, and of every variable the root of its canonical stream.
//!
//! A variable's root is the BLAKE3 hash of its stream, so that any 16 KiB of it can be proved by the hashes beside its
//! way to the root (J. O'Connor et al., "BLAKE3: one function, fast everywhere", 2020, section 2.1). The *version root*,
//! the BLAKE3 hash of the manifest's bytes, names a dataset's version; it is part of every request.

use serde::{Deserialize, Serialize};

use crate::model::Description;

mod local;

pub use local::{Mismatch, Renumbered};

/// The hash that names a version of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionRoot(pub [u8; 32]);

/// The canonical stream of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its bytes.
    pub length: u64,
    /// Its BLAKE3 hash.
    pub root: [u8; 32],
}

/// One file of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Its name within the dataset; empty for the only file of a dataset that is one file.
    pub path: String,
    /// What is in it.
    pub description: Description,
    /// The canonical stream of each variable, in the description's order; none if the publisher vouches for the
    /// description only.
    pub streams: Option<Vec<Stream>>,
}

/// A version of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What distinguishes it from a version with the same descriptions, if its streams have no roots.
    pub label: String,
    /// Its files, by path.
    pub files: Vec<File>,
}

/// The longest manifest that is read, in bytes.
pub const MAX_MANIFEST: usize = 64 << 20;

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// They are too many.
    #[error("the manifest has {0} bytes, more than {MAX_MANIFEST}")]
    TooLong(usize),
    /// They do not decode.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// What they say cannot be.
    #[error("the manifest contradicts itself: {0}")]
    Impossible(String),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_MANIFEST>()
}

impl VersionRoot {
    /// The version of a manifest's bytes.
    pub fn of(encoded: &[u8]) -> Self {
        Self(*blake3::hash(encoded).as_bytes())
    }
}

impl std::fmt::Display for VersionRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Manifest {
    /// The bytes that are hashed and sent.
    ///
    /// # Errors
    /// [`ManifestError::TooLong`] if they are more than others would read.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        let bytes = bincode::serde::encode_to_vec(self, bincode::config::standard());
        let bytes = bytes.map_err(|error| ManifestError::Malformed(error.to_string()))?;
        if bytes.len() > MAX_MANIFEST { Err(ManifestError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads a manifest from bytes that may come from anybody.
    ///
    /// # Errors
    /// [`ManifestError`] for the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let (manifest, read): (Self, usize) = bincode::serde::decode_from_slice(bytes, config())
            .map_err(|error| ManifestError::Malformed(error.to_string()))?;
        if read != bytes.len() {
            return Err(ManifestError::Malformed(format!("{} bytes too many", bytes.len() - read)));
        }
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        for file in &self.files {
            file.check().map_err(|what| ManifestError::Impossible(format!("file {:?}: {what}", file.path)))?;
        }
        let sorted = self.files.windows(2).all(|pair| pair[0].path < pair[1].path);
        if sorted { Ok(()) } else { Err(ManifestError::Impossible("its files are not in order".into())) }
    }

    /// Finds a file by its path.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|file| file.path == path)
    }
}

impl File {
    fn check(&self) -> Result<(), String> {
        self.description.check()?;
        let Some(streams) = &self.streams else { return Ok(()) };
        if streams.len() != self.description.variables.len() {
            return Err(format!("{} streams for {} variables", streams.len(), self.description.variables.len()));
        }
        for (place, (variable, stream)) in self.description.variables.iter().zip(streams).enumerate() {
            let elements: u64 = self.description.shape(place).iter().product();
            let fits = match variable.kind.width() {
                Some(width) => stream.length == elements * width,
                None => stream.length >= (elements + 1) * 8,
            };
            if !fits {
                return Err(format!("a stream of {} bytes for {}", stream.length, variable.name));
            }
        }
        Ok(())
    }
}
