//! What this node publishes and serves, on disk: for each dataset a file `NAME.toml` in the node's data folder, and for
//! each of its versions `ROOT.manifest` and `ROOT.outboards`. All are written whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dataset::manifest::{Manifest, VersionRoot};
use dataset::tree::Outboard;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::store::{Found, Location};
use crate::pointer::PointerText;
use crate::private;

/// Bytes of a hash.
const HASH: usize = 32;

/// A dataset that this node publishes or serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// The pointer of its head; none before it is published.
    #[serde(default, with = "pointer", skip_serializing_if = "Option::is_none")]
    pub pointer: Option<PointerText>,
    /// Whether it was published here; if not, we serve somebody else's.
    pub own: bool,
    /// Whether it is served.
    pub serve: bool,
    /// Its versions, by sequence number; one without a number is prepared and not published yet.
    #[serde(default)]
    pub versions: Vec<Version>,
}

/// A version of a dataset, as it lies here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The hash of its manifest.
    #[serde(with = "root")]
    pub root: VersionRoot,
    /// The number of the head that names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Bytes of its manifest.
    pub length: u64,
    /// Where it was added from.
    pub location: Location,
    /// Its files, in the manifest's order.
    pub files: Vec<Found>,
}

mod pointer {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::pointer::PointerText;

    pub(super) fn serialize<S: Serializer>(pointer: &Option<PointerText>, to: S) -> Result<S::Ok, S::Error> {
        match pointer {
            Some(pointer) => to.collect_str(pointer),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PointerText>, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

mod root {
    use dataset::manifest::VersionRoot;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(root: &VersionRoot, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(root)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<VersionRoot, D::Error> {
        let hash = blake3::Hash::from_hex(String::deserialize(from)?).map_err(serde::de::Error::custom)?;
        Ok(VersionRoot(*hash.as_bytes()))
    }
}

/// A file of the catalogue that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct CatalogError {
    /// Which.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> CatalogError {
    move |error| CatalogError { path: path.into(), what: error.to_string() }
}

/// The catalogue of a node.
#[derive(Debug)]
pub(super) struct Catalog {
    folder: PathBuf,
    entries: Mutex<BTreeMap<Name, Entry>>,
}

impl Catalog {
    /// Reads the catalogue of a folder, which is made if it is not there. A file that cannot be read stays out of it,
    /// and is reported.
    pub(super) fn load(folder: PathBuf) -> Result<Self, CatalogError> {
        private::create_folder(&folder).map_err(failed(&folder))?;
        let mut entries = BTreeMap::new();
        for file in std::fs::read_dir(&folder).map_err(failed(&folder))? {
            let path = file.map_err(failed(&folder))?.path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            match read_entry(&path) {
                Ok(entry) => _ = entries.insert(entry.name.clone(), entry),
                Err(error) => {
                    tracing::error!(%error, "a dataset is left out; add or serve it again, or remove the file")
                }
            }
        }
        Ok(Self { folder, entries: Mutex::new(entries) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, name: &Name) -> Option<Entry> {
        self.lock().get(name).cloned()
    }

    /// All datasets, by name.
    pub(super) fn all(&self) -> Vec<Entry> {
        self.lock().values().cloned().collect()
    }

    /// Changes a dataset's entry, or makes it, and writes it down; on failure all stays as it was.
    pub(super) fn change(&self, name: &Name, change: impl FnOnce(&mut Entry)) -> Result<Entry, CatalogError> {
        self.change_locked(&mut self.lock(), name, change)
    }

    fn change_locked(
        &self,
        entries: &mut BTreeMap<Name, Entry>,
        name: &Name,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Entry, CatalogError> {
        let new = || Entry { name: name.clone(), pointer: None, own: true, serve: false, versions: Vec::new() };
        let mut entry = entries.get(name).cloned().unwrap_or_else(new);
        change(&mut entry);
        let path = self.entry_file(name);
        let text = toml::to_string_pretty(&entry).map_err(io::Error::other).map_err(failed(&path))?;
        private::replace(&path, text.as_bytes()).map_err(failed(&path))?;
        entries.insert(name.clone(), entry.clone());
        self.sweep(entries);
        Ok(entry)
    }

    /// Forgets a dataset, and what is kept of versions that no other has.
    pub(super) fn remove(&self, name: &Name) -> Result<Option<Entry>, CatalogError> {
        let mut entries = self.lock();
        let path = self.entry_file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error)),
            Ok(()) | Err(_) => {}
        }
        let removed = entries.remove(name);
        self.sweep(&entries);
        Ok(removed)
    }

    /// Keeps a version's manifest and hashes, and changes the entry so that it has that version.
    pub(super) fn keep(
        &self,
        encoded: &[u8],
        outboards: &[Vec<Outboard>],
        name: &Name,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Entry, CatalogError> {
        // Locked, so that nobody sweeps away what no entry has yet.
        let mut entries = self.lock();
        self.write_version(encoded, outboards)?;
        self.change_locked(&mut entries, name, change)
    }

    /// Keeps a version's hashes, and what its files are like now, if the dataset still has that version.
    pub(super) fn renew(
        &self,
        encoded: &[u8],
        outboards: &[Vec<Outboard>],
        name: &Name,
        files: &[Found],
    ) -> Result<(), CatalogError> {
        let mut entries = self.lock();
        let root = VersionRoot::of(encoded);
        let has_it = |entry: &Entry| entry.versions.iter().any(|version| version.root == root);
        if !entries.get(name).is_some_and(has_it) {
            return Ok(());
        }
        self.write_version(encoded, outboards)?;
        self.change_locked(&mut entries, name, |entry| {
            let versions = entry.versions.iter_mut().filter(|version| version.root == root);
            versions.for_each(|version| version.files = files.to_vec());
        })?;
        Ok(())
    }

    fn write_version(&self, encoded: &[u8], outboards: &[Vec<Outboard>]) -> Result<(), CatalogError> {
        let root = VersionRoot::of(encoded);
        let hashes = encode_outboards(outboards);
        for (ending, bytes) in [("outboards", &hashes[..]), ("manifest", encoded)] {
            let path = self.version_file(&root, ending);
            private::replace(&path, bytes).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// The manifest of a version, as it is kept.
    pub(super) fn manifest(&self, root: &VersionRoot) -> Result<(Vec<u8>, Manifest), CatalogError> {
        let path = self.version_file(root, "manifest");
        let damaged = |what: String| CatalogError { path: path.clone(), what };
        let encoded = std::fs::read(&path).map_err(failed(&path))?;
        if VersionRoot::of(&encoded) != *root {
            return Err(damaged("it is damaged: add or serve the dataset again".to_owned()));
        }
        let manifest = Manifest::decode(&encoded).map_err(|error| damaged(error.to_string()))?;
        Ok((encoded, manifest))
    }

    /// The hashes of a version's files; `None` if they are lost or damaged, and have to be made anew.
    pub(super) fn outboards(&self, root: &VersionRoot, manifest: &Manifest) -> Option<Vec<Vec<Outboard>>> {
        let bytes = std::fs::read(self.version_file(root, "outboards")).ok()?;
        let outboards = decode_outboards(&bytes)?;
        let streams = |file: &dataset::manifest::File| file.streams.clone().unwrap_or_default();
        let fits = outboards.len() == manifest.files.len()
            && outboards
                .iter()
                .zip(&manifest.files)
                .all(|(outboards, file)| outboards.iter().map(Outboard::stream).eq(streams(file)));
        fits.then_some(outboards)
    }

    fn entry_file(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    fn version_file(&self, root: &VersionRoot, ending: &str) -> PathBuf {
        self.folder.join(format!("{root}.{ending}"))
    }

    /// Removes what is kept of versions that no dataset has any more. What cannot be removed is in nobody's way.
    fn sweep(&self, entries: &BTreeMap<Name, Entry>) {
        let versions = entries.values().flat_map(|entry| &entry.versions);
        let used: BTreeSet<String> = versions.map(|version| version.root.to_string()).collect();
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|file| file.path());
        let ending =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "manifest" || ending == "outboards");
        for path in files.filter(ending) {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !used.contains(stem) {
                _ = std::fs::remove_file(&path);
            }
        }
    }
}

fn read_entry(path: &Path) -> Result<Entry, CatalogError> {
    let text = std::fs::read_to_string(path).map_err(failed(path))?;
    let damaged = |what: String| CatalogError { path: path.into(), what };
    let entry: Entry = toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    match path.file_stem().and_then(|stem| stem.to_str()) == Some(entry.name.as_str()) {
        true => Ok(entry),
        false => Err(damaged(format!("it tells of {}", entry.name))),
    }
}

/// For each file how many streams, for each stream the bytes of its hashes behind their number; numbers have 8 bytes,
/// big-endian. At the end the BLAKE3 hash of all that: a wrong hash would make a liar of us.
pub(crate) fn encode_outboards(files: &[Vec<Outboard>]) -> Vec<u8> {
    let mut bytes = (files.len() as u64).to_be_bytes().to_vec();
    for outboards in files {
        bytes.extend((outboards.len() as u64).to_be_bytes());
        for outboard in outboards {
            let outboard = outboard.to_bytes();
            bytes.extend((outboard.len() as u64).to_be_bytes());
            bytes.extend(outboard);
        }
    }
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

pub(crate) fn decode_outboards(bytes: &[u8]) -> Option<Vec<Vec<Outboard>>> {
    let (mut rest, hash) = bytes.split_last_chunk::<HASH>()?;
    if blake3::hash(rest) != *hash {
        return None;
    }
    let number = |rest: &mut &[u8]| {
        let (number, behind) = rest.split_first_chunk()?;
        *rest = behind;
        usize::try_from(u64::from_be_bytes(*number)).ok()
    };
    let mut files = Vec::new();
    for _ in 0..number(&mut rest)? {
        let mut outboards = Vec::new();
        for _ in 0..number(&mut rest)? {
            let length = number(&mut rest)?;
            let (outboard, behind) = rest.split_at_checked(length)?;
            rest = behind;
            outboards.push(Outboard::from_bytes(outboard)?);
        }
        files.push(outboards);
    }
    rest.is_empty().then_some(files)
}

#[cfg(test)]
mod tests {
    use dataset::memory::Memory;

    use super::*;

    fn version(root: VersionRoot) -> Version {
        let location: Location = "/data/a.nc".parse().unwrap();
        let fingerprint = super::super::store::Fingerprint { size: 7, modified: -3, etag: Some("\"x\"".into()) };
        let files = vec![Found { path: String::new(), location: location.clone(), fingerprint }];
        Version { root, sequence: Some(3), length: 9, location, files }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::load(folder.path().join("datasets")).unwrap();
        let name: Name = "sst.daily".parse().unwrap();
        let root = VersionRoot::of(b"no manifest");
        let entry = catalog.change(&name, |entry| entry.versions.push(version(root))).unwrap();
        let again = Catalog::load(folder.path().join("datasets")).unwrap();
        assert_eq!(again.all(), [entry]);
        assert!(again.manifest(&root).is_err());
        again.remove(&name).unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("datasets")).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_entry_stays_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.toml"), "name = \"b\"").unwrap();
        std::fs::write(folder.path().join("c.toml"), [0xff; 9]).unwrap();
        assert_eq!(Catalog::load(folder.path().into()).unwrap().all(), []);
    }

    #[test]
    fn damaged_hashes_are_not_used() {
        let source = Memory::of_bytes(&[5; 100_000]);
        let outboard = Outboard::of(&source, 0).unwrap();
        let files = vec![vec![outboard.clone()], Vec::new(), vec![outboard.clone(), outboard]];
        let bytes = encode_outboards(&files);
        assert_eq!(decode_outboards(&bytes), Some(files));
        for at in [0, 9, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode_outboards(&damaged), None, "{at}");
            assert_eq!(decode_outboards(&bytes[..at]), None, "{at}");
        }
    }
}
