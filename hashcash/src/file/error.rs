//! What can go wrong with an identity file, said so that its owner knows what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::secret::KeyError;

/// Why an identity file could not be written or read. Each variant names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// To open it would take more memory or time than any that is written here.
    #[error(
        "{} is encrypted so that opening it takes {cost}, more than this program takes upon itself: decrypt it elsewhere \
         (`openssl pkey -in FILE -out OTHER`)",
        path.display()
    )]
    Costly {
        /// The file.
        path: PathBuf,
        /// What it takes.
        cost: String,
    },
    /// The bytes inside the PEM armour are no private key.
    #[error("{} is damaged ({reason}): use a copy of it, or mint a new identity", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder met.
        reason: String,
    },
    /// The key could not be written as PKCS#8.
    #[error("the key cannot be written as PKCS#8 ({reason}): mint a new identity")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
    /// There is a file of that name.
    #[error("{} exists already and is never overwritten: choose another name, or move it away first", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The numbers of the key do not make an identity.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: KeyError,
    },
    /// It is encrypted, and no passphrase was given.
    #[error("{} is encrypted: give its passphrase (--passphrase-file)", path.display())]
    NeedsPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file {}: check the path, or make an identity with `rook mint`", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file is no PEM at all.
    #[error("{} is no PEM file (no line `-----BEGIN PRIVATE KEY-----`): give the file that `rook mint` wrote", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// The operating system does not let us.
    #[error("no permission for {}: check the owner and mode of the file and its folder (`ls -ld`)", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The PEM has no end.
    #[error("{} is cut short (its `-----END` line is missing): use a copy of it, or mint a new identity", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else than an RSA private key in PKCS#8.
    #[error("{} holds {found}, not an RSA private key in PKCS#8: give the file that `rook mint` wrote", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// The passphrase does not open it.
    #[error("the passphrase does not open {}: check it (a file's last line break does not count)", path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("{} cannot be written: {source}: make room, or choose another folder", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl FileError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let is = |kind| source.kind() == kind;
        if is(io::ErrorKind::NotFound) {
            Self::NotFound { path }
        } else if is(io::ErrorKind::PermissionDenied) {
            Self::Permission { path }
        } else {
            Self::Read { path, source }
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let is = |kind| source.kind() == kind;
        if is(io::ErrorKind::AlreadyExists) {
            Self::Exists { path }
        } else if is(io::ErrorKind::PermissionDenied) {
            Self::Permission { path }
        } else {
            Self::Write { path, source }
        }
    }
}
