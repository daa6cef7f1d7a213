//! What can go wrong with a data folder, told so that its owner knows what to do.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Why the storage could not be opened, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another node has the folder open.
    #[error(
        "the data folder {} is in use by another node{}: stop that one first, or give this one another folder",
        folder.display(),
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process that has it, if it could be found out.
        pid: Option<u32>,
    },
    /// The folder was made by a node of another grid.
    #[error(
        "the data folder {} belongs to grid {found}, this node to grid {expected}: \
         give this node another folder, or the grid that the folder was made for",
        folder.display()
    )]
    OtherGrid {
        /// The folder.
        folder: PathBuf,
        /// This node's grid.
        expected: String,
        /// The folder's grid.
        found: String,
    },
    /// The folder was made by a node with another identity.
    #[error(
        "the data folder {} belongs to identity {found}, not to {expected}: \
         give this node another folder, or the identity that the folder was made with",
        folder.display()
    )]
    OtherIdentity {
        /// The folder.
        folder: PathBuf,
        /// This node's id.
        expected: String,
        /// The folder's.
        found: String,
    },
    /// The folder was written by a version that this one does not know.
    #[error(
        "the data folder {} has format {found}, this program knows format {known}: use the program that wrote it, \
         or give this node a new folder",
        folder.display()
    )]
    Format {
        /// The folder.
        folder: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// The database cannot be read.
    #[error(
        "the database {} is damaged ({why}): move it away and start again, the node then joins anew through a --peer \
         and its cell's records come back from its cell-mates; or restore the file from a copy",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No space left.
    #[error(
        "no space left for {}: free some on that disk, or move the data folder to a larger one; what is stored is safe",
        file.display()
    )]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// The system refused something.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Anything else that the database reports.
    #[error("the database {} failed: {error}", file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What it reports.
        error: Box<redb::Error>,
    },
}

impl StorageError {
    /// Whether it would work with more space.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}

/// Whether the system means "no space": the disk, a quota, or a limit on the file's size.
pub(super) fn means_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Whether the error says that the file's contents cannot be right.
pub(super) fn means_damaged(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}
