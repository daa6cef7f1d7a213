//! Reads all of a dataset's files: to describe and hash them for a manifest, or to compare them with one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dataset::manifest::{File, Manifest, Mismatch};
use dataset::model::Description;
use dataset::slab::Slab;
use dataset::source::{Source, SourceError};
use dataset::tree::Outboard;

use super::error::DatasetError;
use super::open::{self, OpenFile};
use super::store::{Found, StoreError, Stores};

/// How far the work is; shared between who does it and who watches it.
#[derive(Debug, Default)]
pub struct Meter {
    done: AtomicU64,
    total: AtomicU64,
    doing: Mutex<String>,
    given_up: AtomicBool,
}

/// How far the work is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of values that were read.
    pub done: u64,
    /// Bytes that there are to read, as far as known.
    pub total: u64,
    /// What is being read.
    pub doing: String,
}

impl Meter {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = self.done.load(Ordering::Relaxed);
        Progress { done, total: self.total.load(Ordering::Relaxed).max(done), doing }
    }

    /// Nobody waits for the work any more: it ends soon.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    fn begin(&self, file: &Found) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = file.location.to_string();
    }
}

/// A file that counts what is read of it, and ends when nobody waits for it any more.
struct Metered<'a> {
    source: &'a dyn Source,
    meter: &'a Meter,
}

impl Metered<'_> {
    fn count(&self, before: usize, out: &[u8]) -> Result<(), SourceError> {
        self.meter.done.fetch_add((out.len() - before) as u64, Ordering::Relaxed);
        match self.meter.is_given_up() {
            // Whoever gave it up does not read this.
            true => Err(SourceError::Gone { name: String::new(), what: "nobody waits for it".into() }),
            false => Ok(()),
        }
    }
}

impl Source for Metered<'_> {
    fn description(&self) -> &Description {
        self.source.description()
    }

    fn length(&self, variable: usize) -> Result<u64, SourceError> {
        self.source.length(variable)
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let before = out.len();
        self.source.read(variable, slab, out)?;
        self.count(before, out)
    }

    fn read_range(&self, variable: usize, range: std::ops::Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let before = out.len();
        self.source.read_range(variable, range, out)?;
        self.count(before, out)
    }
}

/// All of a dataset's files, read.
pub(super) struct Worked {
    /// The manifest's bytes.
    pub(super) encoded: Vec<u8>,
    /// The hashes of each file, in the manifest's order.
    pub(super) outboards: Vec<Vec<Outboard>>,
    /// The files, in the manifest's order.
    pub(super) files: Vec<Found>,
    /// What is in them and is not served, for people.
    pub(super) skipped: Vec<String>,
}

/// Describes files and hashes all their values; without roots it only describes them.
pub(super) fn describe(
    stores: &Stores,
    files: Vec<Found>,
    label: String,
    roots: bool,
    meter: &Meter,
) -> Result<Worked, DatasetError> {
    let open = open_all(stores, &files, roots, meter)?;
    let mut manifest = Manifest { label, files: Vec::new() };
    let mut outboards = Vec::new();
    for (found, file) in files.iter().zip(&open) {
        meter.begin(found);
        let source = Metered { source: &*file.source, meter };
        let (described, hashes) = match roots {
            true => File::of(&found.path, &source).map_err(|error| given_up(meter, error))?,
            false => {
                let description = file.source.description().clone();
                (File { path: found.path.clone(), description, streams: None }, Vec::new())
            }
        };
        manifest.files.push(described);
        outboards.push(hashes);
        unchanged(found, file)?;
    }
    let skipped = open.into_iter().flat_map(|file| file.skipped).collect();
    Ok(Worked { encoded: manifest.encode()?, outboards, files, skipped })
}

/// Compares files with what was published of them, value by value.
pub(super) fn compare(
    stores: &Stores,
    manifest: &Manifest,
    files: &[Found],
    meter: &Meter,
) -> Result<Vec<Vec<Outboard>>, DatasetError> {
    let roots = manifest.files.iter().any(|file| file.streams.is_some());
    let open = open_all(stores, files, roots, meter)?;
    let mut outboards = Vec::new();
    for ((found, file), published) in files.iter().zip(&open).zip(&manifest.files) {
        meter.begin(found);
        let source = Metered { source: &*file.source, meter };
        let (_, hashes) = published.matches(&source).map_err(|mismatch| differs(meter, found, mismatch))?;
        outboards.push(hashes);
        unchanged(found, file)?;
    }
    Ok(outboards)
}

fn open_all(stores: &Stores, files: &[Found], roots: bool, meter: &Meter) -> Result<Vec<OpenFile>, DatasetError> {
    let mut open = Vec::with_capacity(files.len());
    for found in files {
        if meter.is_given_up() {
            return Err(DatasetError::GivenUp);
        }
        meter.begin(found);
        let file = open::open(stores, found)?;
        let variables = if roots { file.source.description().variables.len() } else { 0 };
        for variable in 0..variables {
            meter.total.fetch_add(file.source.length(variable)?, Ordering::Relaxed);
        }
        open.push(file);
    }
    Ok(open)
}

/// What a difference between a file and the published one means.
pub(super) fn differs(meter: &Meter, found: &Found, mismatch: Mismatch) -> DatasetError {
    match mismatch {
        Mismatch::Source(error) => given_up(meter, error),
        Mismatch::Missing { .. } | Mismatch::Kind { .. } | Mismatch::Shape { .. } | Mismatch::Values { .. } | _ => {
            DatasetError::Differs(format!("{}: {mismatch}", found.location))
        }
    }
}

fn given_up(meter: &Meter, error: SourceError) -> DatasetError {
    if meter.is_given_up() { DatasetError::GivenUp } else { error.into() }
}

/// What was changed while it was read is neither the old nor the new.
fn unchanged(found: &Found, file: &OpenFile) -> Result<(), DatasetError> {
    match file.watch.is_changed() {
        true => Err(StoreError::Changed(found.location.to_string()).into()),
        false => Ok(()),
    }
}
