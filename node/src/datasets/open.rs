//! Opens the files of datasets, each as what it is.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use dataset::csv;
use dataset::manifest::{File, Mismatch, Renumbered};
use dataset::netcdf::NetCdf;
use dataset::source::Source;
use hdf5_reader::storage::DynStorage;

use super::error::DatasetError;
use super::store::{Found, Opened, Stores, Watch};

/// An open file of a dataset.
pub(super) struct OpenFile {
    /// Its values.
    pub(super) source: Arc<dyn Source>,
    /// Whether it still is what it was.
    pub(super) watch: Arc<dyn Watch>,
    /// What is in it and is not served, for people.
    pub(super) skipped: Vec<String>,
}

/// Opens a file that was found; blocks while it looks.
pub(super) fn open(stores: &Stores, found: &Found) -> Result<OpenFile, DatasetError> {
    let Opened { storage, watch } = stores.open(found)?;
    let name = found.location.to_string();
    let file = Path::new(&name);
    if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        // Its name becomes that of the table, and where it lies is nobody's business.
        let table = file.file_name().and_then(|name| name.to_str()).unwrap_or(&name);
        let source = csv::open(table, Reader { storage, at: 0 })?;
        return Ok(OpenFile { source: Arc::new(source), watch, skipped: Vec::new() });
    }
    let source = NetCdf::open(&name, storage)?;
    let skipped = source.skipped().iter().map(|skipped| format!("{name}: {}: {}", skipped.name, skipped.why)).collect();
    Ok(OpenFile { source: Arc::new(source), watch, skipped })
}

/// A file with the description of the published one, whose values are not looked at.
pub(super) fn as_published(source: Arc<dyn Source>, published: &File) -> Result<Arc<dyn Source>, Mismatch> {
    let described = File { streams: None, ..published.clone() };
    let (places, _) = described.matches(&*source)?;
    Ok(Arc::new(Renumbered::new(source, published, places)))
}

/// Reads a storage from its beginning to its end.
struct Reader {
    storage: DynStorage,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.storage.len().saturating_sub(self.at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let bytes = self.storage.read_range(self.at, wanted).map_err(io::Error::other)?;
        buffer[..wanted].copy_from_slice(&bytes);
        self.at += wanted as u64;
        Ok(wanted)
    }
}
