//! From the text of an identity file to the identity.

use std::path::Path;

use crypto_bigint::BoxedUint;
use rsa::pkcs1::RsaPrivateKeyRef;
use rsa::pkcs1::der::asn1::UintRef;
use rsa::pkcs8::pkcs5::EncryptionScheme;
use rsa::pkcs8::pkcs5::pbes2::Kdf;
use rsa::pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};

use crate::file::FileError;
use crate::secret::SecretIdentity;

pub(super) const PLAIN: &str = "PRIVATE KEY";
pub(super) const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// What scrypt may cost: 16 times the memory of what [`super::write_new`] writes (N = 2^14, r = 8), and 64 times its time.
const SCRYPT_BYTES: u64 = 256 << 20;
const SCRYPT_BLOCKS: u64 = 1 << 23;
/// What PBKDF2 may: some seconds. `openssl` writes 2048, and the OWASP's "Password Storage Cheat Sheet" (2023) wants 600,000.
const PBKDF2_ITERATIONS: u32 = 10_000_000;

pub(super) fn from_pem(path: &Path, text: &str, passphrase: Option<&str>) -> Result<SecretIdentity, FileError> {
    let label = label(path, text)?;
    let (_, document) = SecretDocument::from_pem(text.trim()).map_err(|error| damaged(path, error))?;
    match label {
        PLAIN => from_pkcs8(path, &document),
        ENCRYPTED => {
            let passphrase = passphrase.ok_or_else(|| FileError::NeedsPassphrase { path: path.into() })?;
            from_pkcs8(path, &decrypt(path, &document, passphrase)?)
        }
        other => Err(FileError::WrongKind { path: path.into(), found: format!("`{other}`") }),
    }
}

/// What the file says it is, once its first and last line are found.
fn label<'a>(path: &Path, text: &'a str) -> Result<&'a str, FileError> {
    let start = text.trim_start().strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----"));
    let Some((label, _)) = start.filter(|(label, _)| !label.contains('\n')) else {
        return Err(FileError::NotPem { path: path.into() });
    };
    if !text.trim_end().ends_with(&format!("-----END {label}-----")) {
        return Err(FileError::Truncated { path: path.into() });
    }
    Ok(label)
}

fn decrypt(path: &Path, document: &SecretDocument, passphrase: &str) -> Result<SecretDocument, FileError> {
    use rsa::pkcs8::Error::{Asn1, EncryptedPrivateKey};
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|error| damaged(path, error))?;
    if let Some(cost) = too_costly(&info.encryption_algorithm) {
        return Err(FileError::Costly { path: path.into(), cost });
    }
    info.decrypt(passphrase).map_err(|error| {
        // A wrong passphrase shows as wrong padding, or, once in 256 times, as bytes that are no DER.
        if matches!(error, Asn1(_) | EncryptedPrivateKey(rsa::pkcs8::pkcs5::Error::DecryptFailed)) {
            FileError::WrongPassphrase { path: path.into() }
        } else {
            damaged(path, error)
        }
    })
}

/// What opening costs, if that is too much: whoever wrote the file has chosen it, and nobody who opens it has agreed.
fn too_costly(scheme: &EncryptionScheme) -> Option<String> {
    match &scheme.pbes2()?.kdf {
        Kdf::Scrypt(scrypt) => {
            // RFC 7914, section 2: 128 r N bytes, which are gone through p times.
            let blocks = scrypt.cost_parameter.saturating_mul(scrypt.block_size.into());
            let (bytes, all) = (blocks.saturating_mul(128), blocks.saturating_mul(scrypt.parallelization.into()));
            let is_fair = bytes <= SCRYPT_BYTES && all <= SCRYPT_BLOCKS;
            (!is_fair).then(|| format!("{} MiB of memory {} times", bytes >> 20, scrypt.parallelization))
        }
        Kdf::Pbkdf2(pbkdf2) => (pbkdf2.iteration_count > PBKDF2_ITERATIONS)
            .then(|| format!("{} iterations of PBKDF2", pbkdf2.iteration_count)),
        // The library knows no other, and does not open them.
        _ => None,
    }
}

fn from_pkcs8(path: &Path, document: &SecretDocument) -> Result<SecretIdentity, FileError> {
    let info = PrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|error| damaged(path, error))?;
    if info.algorithm.oid != rsa::pkcs1::ALGORITHM_OID {
        let found = format!("a key of another kind (OID {})", info.algorithm.oid);
        return Err(FileError::WrongKind { path: path.into(), found });
    }
    let key = RsaPrivateKeyRef::try_from(info.private_key).map_err(|error| damaged(path, error))?;
    let number = |part: UintRef<'_>| BoxedUint::from_be_slice_vartime(part.as_bytes());
    let primes = vec![number(key.prime1), number(key.prime2)];
    SecretIdentity::from_parts(number(key.modulus), number(key.public_exponent), number(key.private_exponent), primes)
        .map_err(|source| FileError::Key { path: path.into(), source })
}

fn damaged(path: &Path, error: impl std::fmt::Display) -> FileError {
    FileError::Damaged { path: path.into(), reason: error.to_string() }
}
