//! The data folder: made for its owner's eyes, and locked against a second node.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::StorageError;
use crate::private;

/// Space that is left on the disk, so that the database can still be repaired and grow by a page.
const RESERVE: u64 = 1 << 20;

/// A data folder that this process has to itself, until it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, StorageError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |error| StorageError::Io { path, error }
        };
        private::create_folder(path).map_err(io(path))?;
        let file = path.join("rook.lock");
        let mut lock = private::open_or_create(&file).map_err(io(&file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::InUse { folder: path.to_path_buf(), pid: pid_in(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(io(&file)(error)),
        }
        write_pid(&mut lock).map_err(io(&file))?;
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database file.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join("rook.redb")
    }

    /// The ledger's file.
    pub(super) fn ledger(&self) -> PathBuf {
        self.path.join("ledger.rook")
    }

    /// Refuses before a write is begun that the disk has no space for: that is cheaper than a failed one, and leaves
    /// something to repair the database with.
    pub(super) fn check_space(&self, bytes: u64) -> Result<(), StorageError> {
        // Where the system does not say how much is free, the write itself will tell.
        let Ok(disk) = rustix::fs::statvfs(&self.path) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        match free >= bytes.saturating_mul(2).saturating_add(RESERVE) {
            true => Ok(()),
            false => Err(StorageError::Full { file: self.database() }),
        }
    }
}

fn write_pid(lock: &mut File) -> std::io::Result<()> {
    lock.set_len(0)?;
    lock.seek(SeekFrom::Start(0))?;
    writeln!(lock, "{}", std::process::id())
}

fn pid_in(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
