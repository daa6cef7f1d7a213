//! Groups that have been verified, kept on disk, so that what is read again is not fetched again.
//!
//! A file holds up to 1,024 neighbouring groups of one stream: first a table of their BLAKE3 hashes, 32 bytes each, zero
//! where a group is not there; then the groups, each at its place (the file is sparse). What is read is hashed again, so
//! that a damaged disk, or a crash between two writes, only makes a group be fetched again: nothing waits for the disk.
//! When the cache is full, the file that was used longest ago goes.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dataset::tree::GROUP;
use lru::LruCache;

/// Groups of one file: 16 MiB of them.
const GROUPS: u64 = 1024;
/// The table before them.
const TABLE: u64 = GROUPS * 32;

/// A part of a stream: the stream's root, and which 1,024 groups of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Part {
    root: [u8; 32],
    number: u64,
}

/// The cache. Its methods block on the disk.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Bytes that all groups may take.
    limit: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes that each part takes on disk; the one that was used longest ago is the last.
    parts: LruCache<Part, u64>,
    bytes: u64,
}

impl Cache {
    /// Opens the cache in a folder, which is made if it is not there. What an earlier run left is used; files that are
    /// no parts are left alone.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let Some(part) = entry.file_name().to_str().and_then(Part::parse) {
                found.push((metadata.modified()?, part, metadata.blocks() * 512));
            }
        }
        found.sort_by_key(|(modified, ..)| *modified);
        let mut state = State { parts: LruCache::unbounded(), bytes: 0 };
        for (_, part, bytes) in found {
            state.parts.put(part, bytes);
            state.bytes += bytes;
        }
        let cache = Self { folder: folder.to_owned(), limit, state: Mutex::new(state) };
        cache.make_room();
        Ok(cache)
    }

    /// Bytes that groups may take.
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// The groups of these that are there and sound, by number.
    pub(super) fn read(
        &self,
        root: &[u8; 32],
        length: u64,
        groups: impl Iterator<Item = u64>,
    ) -> HashMap<u64, Vec<u8>> {
        let mut open: Option<(Part, Option<File>)> = None;
        let mut found = HashMap::new();
        for group in groups {
            let part = Part { root: *root, number: group / GROUPS };
            if open.as_ref().is_none_or(|(other, _)| *other != part) {
                let is_here = self.lock().parts.get(&part).is_some();
                open = Some((part, is_here.then(|| File::open(self.path(&part)).ok()).flatten()));
            }
            if let Some((_, Some(file))) = &open
                && let Some(bytes) = read_group(file, group, length)
            {
                found.insert(group, bytes);
            }
        }
        found
    }

    /// Keeps verified groups. That a cache cannot be written is logged, and no reason to fail.
    pub(super) fn write<'a>(&self, root: &[u8; 32], groups: impl Iterator<Item = (u64, &'a [u8])>) {
        let mut open: Option<(Part, io::Result<File>)> = None;
        for (group, bytes) in groups {
            let part = Part { root: *root, number: group / GROUPS };
            if open.as_ref().is_none_or(|(other, _)| *other != part) {
                let path = self.path(&part);
                open = Some((part, OpenOptions::new().create(true).truncate(false).write(true).open(path)));
            }
            let Some((_, file)) = &open else { continue };
            let written = match file {
                Ok(file) => write_group(file, group, bytes),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            match written {
                Ok(()) => self.grow(part, bytes.len() as u64),
                Err(error) => tracing::warn!(%error, folder = %self.folder.display(), "the cache cannot be written"),
            }
        }
        self.make_room();
    }

    fn grow(&self, part: Part, bytes: u64) {
        let mut state = self.lock();
        state.bytes += bytes;
        *state.parts.get_or_insert_mut(part, || 0) += bytes;
    }

    /// Drops parts until the limit is kept.
    fn make_room(&self) {
        loop {
            let mut state = self.lock();
            if state.bytes <= self.limit {
                return;
            }
            let Some((part, bytes)) = state.parts.pop_lru() else { return };
            state.bytes = state.bytes.saturating_sub(bytes);
            drop(state);
            if let Err(error) = fs::remove_file(self.path(&part)) {
                tracing::warn!(%error, folder = %self.folder.display(), "a part of the cache cannot be removed");
            }
        }
    }

    fn path(&self, part: &Part) -> PathBuf {
        self.folder.join(part.name())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// `ROOT-NUMBER`, in hex.
    fn name(&self) -> String {
        format!("{}-{:x}", blake3::Hash::from_bytes(self.root).to_hex(), self.number)
    }

    fn parse(name: &str) -> Option<Self> {
        let (root, number) = name.split_once('-')?;
        let root = *blake3::Hash::from_hex(root).ok()?.as_bytes();
        Some(Self { root, number: u64::from_str_radix(number, 16).ok()? })
    }
}

/// Where a group's hash and its bytes are.
const fn places(group: u64) -> (u64, u64) {
    let place = group % GROUPS;
    (place * 32, TABLE + place * GROUP)
}

fn read_group(file: &File, group: u64, length: u64) -> Option<Vec<u8>> {
    let (in_table, in_file) = places(group);
    let (mut hash, mut bytes) =
        ([0; 32], vec![0; usize::try_from(length.checked_sub(group * GROUP)?.min(GROUP)).ok()?]);
    file.read_exact_at(&mut hash, in_table).ok()?;
    if hash == [0; 32] {
        return None;
    }
    file.read_exact_at(&mut bytes, in_file).ok()?;
    (blake3::hash(&bytes) == hash).then_some(bytes)
}

fn write_group(file: &File, group: u64, bytes: &[u8]) -> io::Result<()> {
    let (in_table, in_file) = places(group);
    file.write_all_at(bytes, in_file)?;
    file.write_all_at(blake3::hash(bytes).as_bytes(), in_table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [u8; 32] = [7; 32];
    const LENGTH: u64 = 5000 * GROUP + 100;

    fn group(number: u64) -> Vec<u8> {
        let length = (LENGTH - number * GROUP).min(GROUP);
        (0..length).map(|at| ((at + number) % 253) as u8).collect()
    }

    fn write(cache: &Cache, numbers: &[u64]) {
        let groups: Vec<_> = numbers.iter().map(|&number| (number, group(number))).collect();
        cache.write(&ROOT, groups.iter().map(|(number, bytes)| (*number, bytes.as_slice())));
    }

    fn there(cache: &Cache, numbers: &[u64]) -> Vec<u64> {
        let found = cache.read(&ROOT, LENGTH, numbers.iter().copied());
        assert!(found.iter().all(|(&number, bytes)| *bytes == group(number)));
        numbers.iter().copied().filter(|number| found.contains_key(number)).collect()
    }

    #[test]
    fn what_was_written_is_there_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 1 << 30).unwrap();
        write(&cache, &[0, 1, 1023, 1024, 5000]);
        assert_eq!(there(&cache, &[0, 1, 2, 1023, 1024, 3000, 5000]), [0, 1, 1023, 1024, 5000]);
        let again = Cache::open(folder.path(), 1 << 30).unwrap();
        assert_eq!(there(&again, &[0, 1, 2, 1023, 1024, 3000, 5000]), [0, 1, 1023, 1024, 5000]);
        assert!(again.read(&[8; 32], LENGTH, 0..3).is_empty());
    }

    #[test]
    fn what_the_disk_has_damaged_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 1 << 30).unwrap();
        write(&cache, &[3, 4, 5]);
        let path = cache.path(&Part { root: ROOT, number: 0 });
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"?", TABLE + 4 * GROUP + 77).unwrap();
        assert_eq!(there(&cache, &[3, 4, 5]), [3, 5]);
        file.set_len(TABLE + 4 * GROUP).unwrap();
        assert_eq!(there(&cache, &[3, 4, 5]), [3]);
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 40 * GROUP).unwrap();
        let part = |number: u64| (number * GROUPS..number * GROUPS + 15).collect::<Vec<_>>();
        write(&cache, &part(0));
        write(&cache, &part(1));
        assert_eq!(there(&cache, &[3]), [3], "used again");
        write(&cache, &part(2));
        assert_eq!(there(&cache, &[3, GROUPS + 3, 2 * GROUPS + 3]), [3, 2 * GROUPS + 3]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
