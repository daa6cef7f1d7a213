//! The identity file: PKCS#8 in PEM, readable by its owner alone, and by `openssl`.
//!
//! Without a passphrase it is a plain `PRIVATE KEY`; with one an `ENCRYPTED PRIVATE KEY` by PBES2
//! (scrypt and AES-256-CBC, RFC 8018 and RFC 7914). Both open with `openssl pkey -in FILE`.
//!
//! A file that exists is never overwritten, and a crash leaves either no file or a whole one: the bytes
//! go to a temporary file in the same folder, are flushed to the disk, and get their name in one step
//! that fails if the name is taken.

mod decode;
mod error;

pub use error::FileError;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use rsa::pkcs8::{EncodePrivateKey as _, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::secret::SecretIdentity;

/// Longest file that is read, in bytes; the largest key makes about 14 kB.
const MAX_FILE: u64 = 1 << 16;

/// Writes an identity to a new file, mode 600, encrypted if there is a passphrase.
///
/// # Errors
/// [`FileError::Exists`] if there is a file of that name already (it stays as it is), or what the
/// operating system said.
pub fn write_new(path: &Path, secret: &SecretIdentity, passphrase: Option<&str>) -> Result<(), FileError> {
    let pem = to_pem(secret, passphrase)?;
    // Found out before the work, for a clear message; the last step checks again, without a race.
    if fs::symlink_metadata(path).is_ok() {
        return Err(FileError::Exists { path: path.into() });
    }
    let failed = |source: io::Error| FileError::write(path, source);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // tempfile creates with mode 600, and removes the file if anything below fails.
    let mut file = tempfile::Builder::new().prefix(".rook-identity-").tempfile_in(folder).map_err(failed)?;
    file.write_all(pem.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist_noclobber(path).map_err(|refused| FileError::write(path, refused.error))?;
    sync_folder(folder).map_err(failed)
}

/// Reads an identity from a file.
///
/// The permissions are not judged here: [`others_may_read`] tells, so that the caller can warn.
///
/// # Errors
/// Says what the file is or lacks: no PEM, cut short, encrypted, another kind of key, a wrong passphrase.
pub fn read(path: &Path, passphrase: Option<&str>) -> Result<SecretIdentity, FileError> {
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(|source| FileError::read(path, source))?;
    match file.take(MAX_FILE + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > MAX_FILE => Err(FileError::NotPem { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(FileError::NotPem { path: path.into() }),
        Err(source) => Err(FileError::read(path, source)),
        Ok(_) => parse(path, &text, passphrase),
    }
}

/// Reads an identity from the text of a file; `path` is for messages.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str, passphrase: Option<&str>) -> Result<SecretIdentity, FileError> {
    decode::from_pem(path, text, passphrase)
}

/// Whether people other than the owner can read this file, which holds a private key.
///
/// # Errors
/// If the operating system does not tell.
pub fn others_may_read(path: &Path) -> Result<bool, FileError> {
    let metadata = fs::metadata(path).map_err(|source| FileError::read(path, source))?;
    #[cfg(unix)]
    let open = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0;
    #[cfg(not(unix))]
    let open = {
        let _ = metadata;
        false
    };
    Ok(open)
}

/// The text of the identity file, for those who keep it elsewhere than in a file.
///
/// # Errors
/// [`FileError::Encode`], which no identity that was minted or read brings about.
pub fn to_pem(secret: &SecretIdentity, passphrase: Option<&str>) -> Result<Zeroizing<String>, FileError> {
    let encode = |error: rsa::pkcs8::Error| FileError::Encode { reason: error.to_string() };
    let Some(passphrase) = passphrase else {
        return secret.key().to_pkcs8_pem(LineEnding::LF).map_err(encode);
    };
    let der = secret.key().to_pkcs8_der().map_err(encode)?;
    let info = PrivateKeyInfoRef::try_from(der.as_bytes()).map_err(encode)?;
    let encrypted = info.encrypt_with_rng(&mut getrandom::SysRng, passphrase).map_err(encode)?;
    encrypted.to_pem(decode::ENCRYPTED, LineEnding::LF).map_err(|error| encode(error.into()))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
