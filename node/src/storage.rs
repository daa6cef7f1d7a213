//! What a node keeps on disk: records, the cards of its neighbours, its secrets. One database file in the data folder,
//! which belongs to one identity of one grid.
//!
//! Each call that writes returns when the data is safe against a crash. After an error of the disk, a full one for
//! example, the database is opened anew, so that the node goes on with what it has.

mod cache;
mod error;
mod folder;
pub(crate) mod ledger;
mod tables;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use grid::id::{NodeId, RecordKey};
use grid::ledger::saved::Snapshot;
use grid::peer::Card;
use grid::record::{Holding, Record, Rules};
use redb::{AccessGuard, Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use crate::wire::{WireRecord, codec};

use cache::Cache;
pub use error::StorageError;
use error::{means_damaged, means_full};
use folder::Folder;
use tables::{HOLDINGS, PEERS, RECORDS, SECRETS};

/// Bytes of memory that a node has for what it used last of its records, if its owner says nothing.
pub const CACHE: u64 = 20 << 20;

/// Whom a data folder belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The rules of its grid, by which records are checked.
    pub rules: Rules,
    /// The node.
    pub node: NodeId,
}

/// The storage of one node. Clones share it. All calls block; writes wait for the disk.
#[derive(Clone, Debug)]
pub struct Storage {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: Folder,
    owner: Owner,
    /// Bytes of memory for pages.
    pages: usize,
    cache: Cache,
    /// `None` while it could not be opened again after an error of the disk.
    database: RwLock<Option<Database>>,
}

impl Storage {
    /// Opens the data folder, with the usual [`CACHE`], and makes it if it is not there.
    ///
    /// # Errors
    /// [`StorageError`] says what is wrong with the folder: in use, another grid's or identity's, damaged, ...
    pub fn open(folder: &Path, owner: Owner) -> Result<Self, StorageError> {
        Self::open_with_cache(folder, owner, CACHE)
    }

    /// The same, with so many bytes of memory for what was used last: four fifths of them for pages of the database, the upper
    /// levels of its trees above all, the others for whole records.
    ///
    /// # Errors
    /// As [`Self::open`]
    pub fn open_with_cache(folder: &Path, owner: Owner, cache: u64) -> Result<Self, StorageError> {
        let folder = Folder::lock(folder)?;
        let room = cache / 5;
        let pages = usize::try_from(cache - room).unwrap_or(usize::MAX);
        let database = RwLock::new(Some(tables::open(&folder, owner, pages)?));
        Ok(Self { shared: Arc::new(Shared { folder, owner, pages, cache: Cache::new(room), database }) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.shared.folder.path()
    }

    /// Keeps records, all or none.
    ///
    /// # Errors
    /// [`StorageError::Full`] if there is no space, others if the disk fails.
    pub fn store(&self, records: &[Record]) -> Result<(), StorageError> {
        let bytes = records.iter().map(Record::weight).sum();
        self.shared.folder.check_space(bytes)?;
        self.write(|transaction| {
            let (mut table, mut holdings) = (transaction.open_table(RECORDS)?, transaction.open_table(HOLDINGS)?);
            for record in records {
                let key = *record.key().as_bytes();
                table.insert(key, &codec::encode(&WireRecord::from(record))[..])?;
                holdings.insert(key, tables::row(&Holding::of(record)))?;
            }
            Ok(())
        })?;
        records.iter().for_each(|record| self.shared.cache.insert(record));
        Ok(())
    }

    /// The record of that key, if it is at hand without the disk.
    pub(crate) fn at_hand(&self, key: &RecordKey) -> Option<Record> {
        self.shared.cache.get(key)
    }

    /// The record of that key, if it is here. One that is not what was stored any more is thrown away; the other nodes of
    /// the cell still have it.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn load(&self, key: RecordKey) -> Result<Option<Record>, StorageError> {
        let value = self.read(|transaction| {
            let table = transaction.open_table(RECORDS)?;
            Ok(table.get(key.as_bytes())?.map(|value| value.value().to_vec()))
        })?;
        let Some(value) = value else { return Ok(None) };
        let checked = codec::decode::<WireRecord>(&value).and_then(|record| record.check(&self.shared.owner.rules));
        match checked {
            Ok(record) if record.key() == key => {
                self.shared.cache.insert(&record);
                Ok(Some(record))
            }
            Ok(_) => self.throw_away(key, "it is another record"),
            Err(error) => self.throw_away(key, &error.to_string()),
        }
    }

    fn throw_away(&self, key: RecordKey, why: &str) -> Result<Option<Record>, StorageError> {
        tracing::error!(%key, why, "a stored record is corrupt and was removed; check the disk");
        self.discard(&[key])?;
        Ok(None)
    }

    /// Removes records, all or none; those that are not here are no error.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn discard(&self, keys: &[RecordKey]) -> Result<(), StorageError> {
        keys.iter().for_each(|key| self.shared.cache.remove(key));
        self.write(|transaction| {
            let (mut table, mut holdings) = (transaction.open_table(RECORDS)?, transaction.open_table(HOLDINGS)?);
            for key in keys {
                table.remove(key.as_bytes())?;
                holdings.remove(key.as_bytes())?;
            }
            Ok(())
        })
    }

    /// All records, without their values.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn holdings(&self) -> Result<Vec<(RecordKey, Holding)>, StorageError> {
        self.read(|transaction| {
            let table = transaction.open_table(HOLDINGS)?;
            let entry = |entry: Result<(AccessGuard<'_, _>, AccessGuard<'_, _>), redb::StorageError>| {
                let (key, row) = entry?;
                Ok((RecordKey::from_bytes(key.value()), tables::holding(row.value())))
            };
            table.iter()?.map(entry).collect()
        })
    }

    /// Keeps a neighbour's card for a restart without an introducer.
    ///
    /// # Errors
    /// [`StorageError::Full`] if there is no space, others if the disk fails.
    pub fn remember(&self, id: NodeId, card: &Card) -> Result<(), StorageError> {
        self.write(|transaction| {
            let row = (&card.identity[..], &card.credential[..], card.contact.as_deref());
            transaction.open_table(PEERS)?.insert(id.as_bytes(), row)?;
            Ok(())
        })
    }

    /// Drops a neighbour's card.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn forget(&self, id: NodeId) -> Result<(), StorageError> {
        self.write(|transaction| {
            transaction.open_table(PEERS)?.remove(id.as_bytes())?;
            Ok(())
        })
    }

    /// The cards that are kept.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn known(&self) -> Result<Vec<Card>, StorageError> {
        self.read(|transaction| {
            let table = transaction.open_table(PEERS)?;
            let cards = table.iter()?.map(|entry| {
                let row = entry?.1;
                let (identity, credential, contact) = row.value();
                Ok(Card { identity: identity.into(), credential: credential.into(), contact: contact.map(Into::into) })
            });
            cards.collect()
        })
    }

    /// The ledger of the last run. One that cannot be read is put aside, and there is none then.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn ledger(&self) -> Result<Option<Snapshot>, StorageError> {
        let path = self.shared.folder.ledger();
        ledger::read(&path).map_err(|error| StorageError::Io { path, error })
    }

    /// Keeps the ledger for the next run.
    ///
    /// # Errors
    /// [`StorageError::Full`] if there is no space, others if the disk fails.
    pub fn keep_ledger(&self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let path = self.shared.folder.ledger();
        ledger::write(&path, snapshot).map_err(|error| match means_full(&error) {
            true => StorageError::Full { file: path },
            false => StorageError::Io { path, error },
        })
    }

    /// A secret that was kept under that name.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(|transaction| {
            let table = transaction.open_table(SECRETS)?;
            Ok(table.get(name)?.map(|value| value.value().to_vec()))
        })
    }

    /// Keeps a secret, the transport key for example, under a name.
    ///
    /// # Errors
    /// [`StorageError::Full`] if there is no space, others if the disk fails.
    pub fn set_secret(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(|transaction| {
            transaction.open_table(SECRETS)?.insert(name, bytes)?;
            Ok(())
        })
    }

    fn read<T>(&self, work: impl Fn(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        self.shared.with(|database| work(&database.begin_read()?))
    }

    fn write<T>(&self, work: impl Fn(&WriteTransaction) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        self.shared.with(|database| {
            let transaction = database.begin_write()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }
}

impl Shared {
    /// Does one piece of work. If the disk fails meanwhile, the database refuses everything from then on, so it is
    /// opened anew; if that fails too, the next piece of work tries again.
    fn with<T>(&self, work: impl Fn(&Database) -> Result<T, redb::Error>) -> Result<T, StorageError> {
        let attempt = || {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            database.as_ref().map(|database| self.guard(|| work(database)))
        };
        match attempt() {
            Some(Ok(Ok(result))) => Ok(result),
            // Another piece of work met the error before this one; this one was not begun.
            Some(Ok(Err(redb::Error::PreviousIo))) | None => {
                self.reopen()?;
                let outcome = attempt().unwrap_or(Ok(Err(redb::Error::PreviousIo)));
                outcome?.map_err(|error| self.explain(error))
            }
            Some(Ok(Err(error))) => self.recover(self.explain(error)),
            Some(Err(damaged)) => self.recover(damaged),
        }
    }

    fn guard<T>(&self, work: impl FnOnce() -> T) -> Result<T, StorageError> {
        guard(self.folder.database(), work)
    }

    fn recover<T>(&self, error: StorageError) -> Result<T, StorageError> {
        if let Err(again) = self.reopen() {
            tracing::warn!(error = %again, "the database could not be opened again yet");
        }
        Err(error)
    }

    /// Closes and opens the database, unless another thread has just done it.
    fn reopen(&self) -> Result<(), StorageError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = database.as_ref()
            && matches!(self.guard(|| open.begin_write().is_ok()), Ok(true))
        {
            return Ok(());
        }
        // The old one has to be closed first, or it would still hold the file.
        let old = database.take();
        self.guard(|| drop(old))?;
        *database = Some(tables::open(&self.folder, self.owner, self.pages)?);
        Ok(())
    }

    fn explain(&self, error: redb::Error) -> StorageError {
        explain(self.folder.database(), error)
    }
}

impl Drop for Shared {
    /// Closing writes, too, and a damaged file may have been noticed by nobody until then.
    fn drop(&mut self) {
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(error) = self.guard(|| drop(database)) {
            tracing::error!(%error, "the database could not be closed");
        }
    }
}

/// Does work in which redb panics at some kinds of damage to its file, and makes an error of that.
fn guard<T>(file: PathBuf, work: impl FnOnce() -> T) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        StorageError::Damaged { file, why: text.unwrap_or("it cannot be read").to_owned() }
    })
}

/// Makes of the database's error one that tells people what to do.
fn explain(file: PathBuf, error: redb::Error) -> StorageError {
    let damaged = matches!(error, redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_));
    let why = error.to_string();
    let redb::Error::Io(error) = error else {
        return match damaged {
            true => StorageError::Damaged { file, why },
            false => StorageError::Database { file, error: Box::new(error) },
        };
    };
    match error {
        error if means_full(&error) => StorageError::Full { file },
        error if means_damaged(&error) => StorageError::Damaged { file, why },
        error => StorageError::Io { path: file, error },
    }
}
