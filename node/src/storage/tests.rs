//! What is stored comes back, from whatever state the folder is in.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use grid::parameters::Parameters;
use grid::record::Subject;
use proptest::prelude::*;

use super::*;
use crate::clock;
use crate::stamps::{self, Wanted, WriterKey};

fn rules() -> Rules {
    Rules::of(&Parameters::local())
}

fn owner() -> Owner {
    Owner { rules: rules(), node: NodeId::from_bytes([2; 32]) }
}

fn record(value: &[u8]) -> Record {
    stamps::small(value, &Wanted::default(), &rules()).unwrap()
}

/// A version of a mutable record, on terms whose every field differs from the usual.
fn version(value: &[u8]) -> Record {
    let key = WriterKey::random();
    let wanted = Wanted { days: 7, half_life: 3, priority: 2, application: b"test".to_vec(), underpay: 0 };
    let terms = wanted.terms(Subject::Mutable { writer: key.public(), interval: 1 }, 100);
    let pointer = stamps::pay(terms, 2, &rules(), 1, &()).unwrap();
    stamps::version(&pointer, &key, 5, clock::unix_seconds(), value, &rules()).unwrap()
}

/// All keys, in their order.
fn keys(storage: &Storage) -> Vec<RecordKey> {
    storage.holdings().unwrap().into_iter().map(|(key, _)| key).collect()
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
    let record = record(b"value");
    let (near, far) = (NodeId::from_bytes([3; 32]), NodeId::from_bytes([4; 32]));
    {
        let storage = open(&folder);
        storage.store(&[record.clone(), self::record(b"")]).unwrap();
        storage.remember(near, &card(None)).unwrap();
        storage.remember(near, &card(Some(b"contact"))).unwrap();
        storage.remember(far, &card(None)).unwrap();
        storage.forget(far).unwrap();
        storage.set_secret("transport", b"secret").unwrap();
    }
    let storage = open(&folder);
    assert_eq!(storage.load(record.key()).unwrap(), Some(record.clone()));
    assert_eq!(storage.load(RecordKey::from_bytes([0; 32])).unwrap(), None);
    let keys = keys(&storage);
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
    open(&folder).store(&[record(b"kept")]).unwrap();
    let elsewhere = Parameters { name: "elsewhere".into(), ..Parameters::local() };
    let grid = Owner { rules: Rules::of(&elsewhere), ..owner() };
    let error = Storage::open(folder.path(), grid).unwrap_err();
    assert!(matches!(error, StorageError::OtherGrid { .. }), "{error}");
    let node = Owner { node: NodeId::from_bytes([9; 32]), ..owner() };
    let error = Storage::open(folder.path(), node).unwrap_err();
    assert!(matches!(error, StorageError::OtherIdentity { .. }), "{error}");
    assert_eq!(keys(&open(&folder)).len(), 1);
}

/// Puts bytes in the place of a record.
fn damage(storage: &Storage, key: RecordKey, bytes: &[u8]) {
    let damage = |transaction: &WriteTransaction| {
        transaction.open_table(RECORDS)?.insert(key.as_bytes(), bytes)?;
        Ok(())
    };
    storage.write(damage).unwrap();
}

fn stored_bytes(storage: &Storage, key: RecordKey) -> Option<Vec<u8>> {
    let read = |transaction: &ReadTransaction| {
        let table = transaction.open_table(RECORDS)?;
        Ok(table.get(key.as_bytes())?.map(|value| value.value().to_vec()))
    };
    storage.read(read).unwrap()
}

/// Neither the record nor what was known of it is left.
fn is_gone(storage: &Storage, key: RecordKey) -> bool {
    stored_bytes(storage, key).is_none() && !keys(storage).contains(&key)
}

#[test]
fn a_corrupt_value_is_thrown_away() {
    let folder = folder();
    let storage = open(&folder);
    for record in [record(b"some value"), version(b"some value")] {
        let key = record.key();
        storage.store(std::slice::from_ref(&record)).unwrap();
        let whole = stored_bytes(&storage, key).unwrap();
        let flipped = |at: usize| [&whole[..at], &[whole[at] ^ 1], &whole[at + 1..]].concat();
        let wrong = [flipped(whole.len() - 1), flipped(5), flipped(70), whole[..whole.len() - 1].to_vec(), Vec::new()];
        for bytes in wrong {
            storage.store(std::slice::from_ref(&record)).unwrap();
            damage(&storage, key, &bytes);
            assert_eq!(storage.load(key).unwrap(), None);
            assert!(is_gone(&storage, key));
        }
    }
}

#[test]
fn a_record_under_another_key_is_thrown_away() {
    let folder = folder();
    let storage = open(&folder);
    let (one, other) = (record(b"one"), record(b"other"));
    storage.store(&[one.clone(), other.clone()]).unwrap();
    damage(&storage, one.key(), &stored_bytes(&storage, other.key()).unwrap());
    assert_eq!(storage.load(one.key()).unwrap(), None);
    assert!(is_gone(&storage, one.key()));
    assert_eq!(storage.load(other.key()).unwrap(), Some(other));
}

#[test]
fn what_is_known_of_a_record_is_what_it_says() {
    let folder = folder();
    let records = [record(b""), record(&[7; 5000]), version(b"value")];
    open(&folder).store(&records).unwrap();
    let mut expected: Vec<_> = records.iter().map(|record| (record.key(), Holding::of(record))).collect();
    expected.sort_unstable_by_key(|(key, _)| *key);
    assert!(expected.iter().any(|(_, holding)| holding.worth.bits() < 0 && holding.written > 0));
    assert_eq!(open(&folder).holdings().unwrap(), expected);
}

#[test]
fn what_is_discarded_leaves_nothing() {
    let folder = folder();
    let storage = open(&folder);
    let (kept, dropped) = (record(b"kept"), version(b"dropped"));
    storage.store(&[kept.clone(), dropped.clone()]).unwrap();
    storage.discard(&[dropped.key(), RecordKey::from_bytes([0; 32])]).unwrap();
    assert!(is_gone(&storage, dropped.key()));
    assert_eq!(storage.load(dropped.key()).unwrap(), None);
    assert_eq!(keys(&storage), [kept.key()]);
    assert_eq!(storage.load(kept.key()).unwrap(), Some(kept));
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
    open(&folder).store(&[record(&[7; 100_000])]).unwrap();
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
                    let record = record(&[thread, number]);
                    storage.store(std::slice::from_ref(&record)).unwrap();
                    assert_eq!(storage.load(record.key()).unwrap(), Some(record));
                }
            });
        }
    });
    assert_eq!(keys(&storage).len(), 80);
}

/// What a disk does when it fails in the middle of a write: redb refuses all further work until it is opened again.
#[test]
fn it_goes_on_after_an_error_of_the_disk() {
    let folder = folder();
    let storage = open(&folder);
    let record = record(b"before");
    storage.store(std::slice::from_ref(&record)).unwrap();
    let failed = storage.shared.with::<()>(|_| Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into()));
    assert!(failed.unwrap_err().is_full());
    assert_eq!(storage.load(record.key()).unwrap(), Some(record));
    // It could not be opened again at once; the next piece of work does it.
    *storage.shared.database.write().unwrap() = None;
    storage.store(&[self::record(b"after")]).unwrap();
    assert_eq!(keys(&storage).len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_values_come_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 1..20)) {
        let folder = folder();
        let records: Vec<Record> = values.iter().map(|value| record(value)).collect();
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
        let record = record(&[7; 20_000]);
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
