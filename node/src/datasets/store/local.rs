//! Files of this machine.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use hdf5_reader::storage::{Storage, StorageBuffer};

use super::{Fingerprint, Found, Location, MAX_FILES, Opened, StoreError, Watch};

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 16;

pub(super) fn unreadable(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let name = path.display().to_string();
    move |error| match error.kind() == io::ErrorKind::NotFound {
        true => StoreError::Missing(name.clone()),
        false => StoreError::Unreadable { name: name.clone(), what: error.to_string() },
    }
}

fn fingerprint(metadata: &Metadata) -> Fingerprint {
    let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Fingerprint { size: metadata.len(), modified, etag: None }
}

pub(super) fn look(path: &Path) -> Result<Fingerprint, StoreError> {
    fs::metadata(path).map(|metadata| fingerprint(&metadata)).map_err(unreadable(path))
}

pub(super) fn find(path: &Path) -> Result<Vec<Found>, StoreError> {
    let metadata = fs::metadata(path).map_err(unreadable(path))?;
    let mut found = Vec::new();
    if metadata.is_dir() {
        descend(path, path, 0, &mut found)?;
    } else if metadata.is_file() {
        found.push(Found {
            path: String::new(),
            location: Location::Local(path.into()),
            fingerprint: fingerprint(&metadata),
        });
    } else {
        let what = "it is neither a file nor a folder".to_owned();
        return Err(StoreError::Unreadable { name: path.display().to_string(), what });
    }
    Ok(found)
}

/// Looks through a folder. Links to files are followed, links to folders are not: they may lead round in circles.
fn descend(top: &Path, folder: &Path, depth: usize, found: &mut Vec<Found>) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        let path = entry.path();
        let refuse = |what: &str| Err(StoreError::Unreadable { name: path.display().to_string(), what: what.into() });
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let kind = entry.file_type().map_err(unreadable(&path))?;
        if hidden {
            continue;
        }
        if kind.is_dir() {
            if depth == MAX_DEPTH {
                return refuse(&format!("it lies more than {MAX_DEPTH} folders deep"));
            }
            descend(top, &path, depth + 1, found)?;
            continue;
        }
        if !super::is_data(&path.to_string_lossy()) {
            continue;
        }
        let metadata = fs::metadata(&path).map_err(unreadable(&path))?;
        if !metadata.is_file() {
            continue;
        }
        let Some(name) = path.strip_prefix(top).ok().and_then(Path::to_str) else {
            return refuse("its name is no UTF-8: give it another");
        };
        if found.len() == MAX_FILES {
            return Err(StoreError::TooMany(top.display().to_string()));
        }
        let name = name.to_owned();
        found.push(Found { path: name, location: Location::Local(path), fingerprint: fingerprint(&metadata) });
    }
    Ok(())
}

pub(super) fn open(path: &Path, expected: &Fingerprint) -> Result<Opened, StoreError> {
    let file = File::open(path).map_err(unreadable(path))?;
    let opened = Arc::new(LocalFile { file, name: path.display().to_string(), expected: expected.clone() });
    if opened.is_changed() {
        return Err(StoreError::Changed(opened.name.clone()));
    }
    Ok(Opened { storage: opened.clone(), watch: opened })
}

/// A file that is read at any place. It stays what it is when another takes its name.
struct LocalFile {
    file: File,
    name: String,
    expected: Fingerprint,
}

impl Watch for LocalFile {
    fn is_changed(&self) -> bool {
        self.file.metadata().map(|metadata| fingerprint(&metadata)).ok().as_ref() != Some(&self.expected)
    }
}

impl Storage for LocalFile {
    fn len(&self) -> u64 {
        self.expected.size
    }

    fn read_range(&self, offset: u64, len: usize) -> Result<StorageBuffer, hdf5_reader::error::Error> {
        super::within(self.expected.size, offset, len)?;
        let mut bytes = vec![0; len];
        let read = self.file.read_exact_at(&mut bytes, offset);
        // Looked at after the read: what was changed before it is found out.
        if self.is_changed() {
            return Err(super::gone(StoreError::Changed(self.name.clone())));
        }
        read.map_err(|error| super::gone(StoreError::Unreadable { name: self.name.clone(), what: error.to_string() }))?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stores;
    use super::*;

    #[test]
    fn a_folder_is_all_its_data_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        for name in ["b.nc", "a/z.csv", "a/readme.txt", ".hidden.nc", ".git/x.nc", "c/d/e.h5"] {
            write(name);
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/round")).unwrap();
        let found = Stores::default().find(&Location::Local(folder.path().into())).unwrap();
        let paths: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["a/z.csv", "b.nc", "c/d/e.h5"]);
        let single = Stores::default().find(&Location::Local(folder.path().join("a/readme.txt"))).unwrap();
        assert_eq!(single[0].path, "", "a file that was named is taken whatever it is called");
        let empty = Stores::default().find(&Location::Local(folder.path().join(".git/none")));
        assert!(matches!(empty, Err(StoreError::Missing(_))), "{empty:?}");
    }

    #[test]
    fn a_file_is_read_as_it_was_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nc");
        fs::write(&path, b"0123456789").unwrap();
        let stores = Stores::default();
        let found = stores.find(&Location::Local(path.clone())).unwrap().remove(0);
        let opened = stores.open(&found).unwrap();
        assert_eq!(&*opened.storage.read_range(3, 4).unwrap(), b"3456");
        assert!(opened.storage.read_range(8, 3).is_err() && opened.storage.read_range(u64::MAX, 2).is_err());
        // Another file takes its name: who has it open goes on.
        fs::write(folder.path().join("b.nc"), b"abcdefghijk").unwrap();
        fs::rename(folder.path().join("b.nc"), &path).unwrap();
        assert_eq!(&*opened.storage.read_range(3, 4).unwrap(), b"3456");
        assert!(!opened.watch.is_changed());
        assert!(matches!(stores.open(&found), Err(StoreError::Changed(_))));
        // The file itself is changed.
        let found = stores.find(&Location::Local(path.clone())).unwrap().remove(0);
        let opened = stores.open(&found).unwrap();
        fs::write(&path, b"ABC").unwrap();
        let error = opened.storage.read_range(0, 2).err().unwrap().to_string();
        assert!(opened.watch.is_changed() && error.contains("was changed since it was added"), "{error}");
    }
}
