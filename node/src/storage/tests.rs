//! What is stored comes back, from whatever state the folder is in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

fn owner() -> Owner {
    Owner { grid: GridId::from_bytes([1; 32]), node: NodeId::from_bytes([2; 32]) }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &tempfile::TempDir) -> Storage {
    Storage::open(folder.path(), owner()).unwrap()
}

fn card(contact: Option<&[u8]>) -> Card {
    Card { identity: b"identity"[..].into(), credential: b"credential"[..].into(), contact: contact.map(Into::into) }
}

#[test]
fn everything_survives_closing() {
    let folder = folder();
    let record = Record::new(*b"value");
    let (near, far) = (NodeId::from_bytes([3; 32]), NodeId::from_bytes([4; 32]));
    {
        let storage = open(&folder);
        storage.store(&[record.clone(), Record::new([])]).unwrap();
        storage.remember(near, &card(None)).unwrap();
        storage.remember(near, &card(Some(b"contact"))).unwrap();
        storage.remember(far, &card(None)).unwrap();
        storage.forget(far).unwrap();
        storage.set_secret("transport", b"secret").unwrap();
    }
    let storage = open(&folder);
    assert_eq!(storage.load(record.key()).unwrap(), Some(record.clone()));
    assert_eq!(storage.load(RecordKey::from_bytes([0; 32])).unwrap(), None);
    let keys = storage.keys().unwrap();
    assert!(keys.len() == 2 && keys.contains(&record.key()));
    assert!(storage.known().unwrap() == [card(Some(b"contact"))]);
    assert_eq!(storage.secret("transport").unwrap().as_deref(), Some(&b"secret"[..]));
    assert_eq!(storage.secret("other").unwrap(), None);
}

#[test]
fn only_the_owner_can_read_it() {
    let outer = folder();
    let inner = outer.path().join("data");
    let _storage = Storage::open(&inner, owner()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in fs::read_dir(&inner).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn a_second_node_is_told_who_has_the_folder() {
    let folder = folder();
    let first = open(&folder);
    let error = Storage::open(folder.path(), owner()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
    drop(first);
    open(&folder);
}

#[test]
fn a_folder_of_another_grid_or_identity_is_refused() {
    let folder = folder();
    open(&folder).store(&[Record::new(*b"kept")]).unwrap();
    let grid = Owner { grid: GridId::from_bytes([9; 32]), ..owner() };
    let error = Storage::open(folder.path(), grid).unwrap_err();
    assert!(matches!(error, StorageError::OtherGrid { .. }), "{error}");
    let node = Owner { node: NodeId::from_bytes([9; 32]), ..owner() };
    let error = Storage::open(folder.path(), node).unwrap_err();
    assert!(matches!(error, StorageError::OtherIdentity { .. }), "{error}");
    assert_eq!(open(&folder).keys().unwrap().len(), 1);
}

#[test]
fn a_corrupt_value_is_thrown_away() {
    let folder = folder();
    let storage = open(&folder);
    let key = RecordKey::from_bytes([5; 32]);
    storage
        .write(|transaction| {
            transaction.open_table(RECORDS)?.insert(key.as_bytes(), &b"not its value"[..])?;
            Ok(())
        })
        .unwrap();
    assert_eq!(storage.load(key).unwrap(), None);
    assert_eq!(storage.keys().unwrap(), []);
}

#[test]
fn files_that_are_no_database_are_refused_and_left_alone() {
    for contents in [&b"hello"[..], &[0; 70_000], &[0xff; 5000]] {
        let folder = folder();
        let file = folder.path().join("rook.redb");
        fs::write(&file, contents).unwrap();
        let error = Storage::open(folder.path(), owner()).unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), contents);
    }
}

#[test]
fn a_cut_database_is_refused() {
    let folder = folder();
    open(&folder).store(&[Record::new(vec![7; 100_000])]).unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("rook.redb")).unwrap();
    let length = file.metadata().unwrap().len();
    for part in [length / 2, 4096, 100] {
        file.set_len(part).unwrap();
        let error = Storage::open(folder.path(), owner()).unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{part} of {length}: {error:?}");
    }
}

#[test]
fn many_threads_share_it() {
    let folder = folder();
    let storage = open(&folder);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let storage = storage.clone();
            scope.spawn(move || {
                for number in 0..10u8 {
                    let record = Record::new([thread, number]);
                    storage.store(std::slice::from_ref(&record)).unwrap();
                    assert_eq!(storage.load(record.key()).unwrap(), Some(record));
                }
            });
        }
    });
    assert_eq!(storage.keys().unwrap().len(), 80);
}

/// What a disk does when it fails in the middle of a write: redb refuses all further work until it is opened again.
#[test]
fn it_goes_on_after_an_error_of_the_disk() {
    let folder = folder();
    let storage = open(&folder);
    let record = Record::new(*b"before");
    storage.store(std::slice::from_ref(&record)).unwrap();
    let failed = storage.shared.with::<()>(|_| Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into()));
    assert!(failed.unwrap_err().is_full());
    assert_eq!(storage.load(record.key()).unwrap(), Some(record));
    // It could not be opened again at once; the next piece of work does it.
    *storage.shared.database.write().unwrap() = None;
    storage.store(&[Record::new(*b"after")]).unwrap();
    assert_eq!(storage.keys().unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_values_come_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 1..20)) {
        let folder = folder();
        let records: Vec<Record> = values.into_iter().map(Record::new).collect();
        open(&folder).store(&records).unwrap();
        let storage = open(&folder);
        for record in &records {
            let loaded = storage.load(record.key()).unwrap();
            prop_assert_eq!(loaded.as_ref(), Some(record));
        }
    }

    /// One damaged place either is noticed, at opening or at reading, or does not matter; nothing false comes out.
    #[test]
    fn a_damaged_database_tells_nothing_false(place in any::<prop::sample::Index>(), with in 1..=255u8) {
        let folder = folder();
        let record = Record::new(vec![7; 20_000]);
        open(&folder).store(std::slice::from_ref(&record)).unwrap();
        let file = folder.path().join("rook.redb");
        let mut bytes = fs::read(&file).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= with;
        fs::write(&file, bytes).unwrap();
        let Ok(storage) = Storage::open(folder.path(), owner()) else { return Ok(()) };
        if let Ok(Some(loaded)) = storage.load(record.key()) {
            prop_assert_eq!(loaded, record);
        }
    }
}
