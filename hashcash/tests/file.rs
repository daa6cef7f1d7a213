//! The identity file: round trips, what `openssl` says of it, and every way in which it can be wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hashcash::FileError;
use hashcash::file::{others_may_read, read, write_new};
use proptest::prelude::*;
use rsa::pkcs8::der::asn1::OctetStringRef;
use rsa::pkcs8::pkcs5::{pbes2, scrypt};
use rsa::pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};

use crate::support::{minted, rules, succeeds, tool};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn written(folder: &Path, passphrase: Option<&str>) -> PathBuf {
    let path = folder.join("identity.pem");
    write_new(&path, &minted(&rules(1024, 4), 1).0, passphrase).unwrap();
    path
}

fn error(path: &Path, passphrase: Option<&str>) -> FileError {
    let error = read(path, passphrase).unwrap_err();
    assert!(error.to_string().contains(&*path.to_string_lossy()), "an error names the file: {error}");
    error
}

#[test]
fn files_are_read_back_and_only_the_owner_may() {
    for passphrase in [None, Some("correct horse")] {
        let folder = folder();
        let path = written(folder.path(), passphrase);
        let (secret, _) = minted(&rules(1024, 4), 1);
        assert_eq!(read(&path, passphrase).unwrap(), secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!others_may_read(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(others_may_read(&path).unwrap());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["identity.pem"], "nothing else is left behind");
    }
}

#[test]
fn openssl_checks_a_minted_key() {
    let folder = folder();
    let (secret, _) = minted(&rules(2048, 10), 1);
    write_new(&folder.path().join("plain.pem"), &secret, None).unwrap();
    write_new(&folder.path().join("locked.pem"), &secret, Some("correct horse")).unwrap();
    let plain = ["rsa", "-check", "-noout", "-in", "plain.pem"];
    assert!(succeeds("openssl", &plain, folder.path()).contains("RSA key ok"));
    let locked = ["rsa", "-check", "-noout", "-in", "locked.pem", "-passin"];
    let with = |passphrase| [locked.as_slice(), &[passphrase]].concat();
    assert!(succeeds("openssl", &with("pass:correct horse"), folder.path()).contains("RSA key ok"));
    assert!(!tool("openssl", &with("pass:wrong"), folder.path()).status.success());
}

#[test]
fn an_identity_encrypted_by_openssl_is_read() {
    let folder = folder();
    written(folder.path(), None);
    for kdf in [["-v2", "aes-256-cbc"].as_slice(), &["-scrypt"]] {
        let locked = folder.path().join("locked.pem");
        let command = ["pkcs8", "-topk8", "-in", "identity.pem", "-out", "locked.pem", "-passout", "pass:secret"];
        succeeds("openssl", &[command.as_slice(), kdf].concat(), folder.path());
        assert_eq!(read(&locked, Some("secret")).unwrap(), minted(&rules(1024, 4), 1).0);
    }
}

#[test]
fn a_file_is_never_overwritten() {
    let folder = folder();
    let path = written(folder.path(), None);
    let before = fs::read(&path).unwrap();
    let error = write_new(&path, &minted(&rules(1024, 4), 2).0, None).unwrap_err();
    assert!(matches!(error, FileError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let dangling = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    let error = write_new(&dangling, &minted(&rules(1024, 4), 2).0, None).unwrap_err();
    assert!(matches!(error, FileError::Exists { .. }), "{error}");
    let error = write_new(&folder.path().join("no/such/folder.pem"), &minted(&rules(1024, 4), 2).0, None).unwrap_err();
    assert!(matches!(error, FileError::Write { .. }), "{error}");
}

#[test]
fn passphrases_are_asked_for_and_checked() {
    let folder = folder();
    let path = written(folder.path(), Some("right"));
    assert!(matches!(error(&path, None), FileError::NeedsPassphrase { .. }));
    for wrong in ["", "wrong", "right\n"] {
        assert!(matches!(error(&path, Some(wrong)), FileError::WrongPassphrase { .. }));
    }
    let plain = folder.path().join("plain.pem");
    write_new(&plain, &minted(&rules(1024, 4), 1).0, None).unwrap();
    assert!(read(&plain, Some("not needed")).is_ok());
}

/// A file as somebody may send it: encrypted at a cost that was chosen, with nothing in it.
fn of_cost(parameters: pbes2::Parameters, path: &Path) {
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&[0; 64]).unwrap(),
    };
    let document = SecretDocument::encode_msg(&info).unwrap();
    fs::write(path, document.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap().as_bytes()).unwrap();
}

#[test]
fn what_would_cost_too_much_is_not_opened() {
    let folder = folder();
    let path = folder.path().join("costly.pem");
    let scrypt = |log_n, r, p| {
        let parameters = scrypt::Params::new(log_n, r, p).unwrap();
        pbes2::Parameters::generate_scrypt_aes256cbc(parameters, &[1; 16], [2; 16]).unwrap()
    };
    let pbkdf2 = |count| pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(count, &[1; 16], [2; 16]).unwrap();
    for (parameters, words) in [
        (scrypt(20, 8, 1), "1024 MiB of memory 1 times"),
        (scrypt(40, 8, 1), "1073741824 MiB"),
        (scrypt(14, 8, 1000), "16 MiB of memory 1000 times"),
        (pbkdf2(90_000_000), "90000000 iterations"),
    ] {
        of_cost(parameters, &path);
        let costly = error(&path, Some("any"));
        assert!(matches!(&costly, FileError::Costly { cost, .. } if cost.contains(words)), "{costly}");
    }
    // Dear, but fair: it is tried.
    for parameters in [scrypt(15, 8, 2), pbkdf2(2048)] {
        of_cost(parameters, &path);
        assert!(matches!(error(&path, Some("any")), FileError::WrongPassphrase { .. }));
    }
}

#[test]
fn what_is_no_identity_is_named() {
    let folder = folder();
    let path = folder.path().join("other");
    assert!(matches!(error(&path, None), FileError::NotFound { .. }));
    assert!(matches!(error(folder.path(), None), FileError::Read { .. }));
    for text in [b"".as_slice(), b"hello", b"\xff\xfe", &[b'x'; 70_000], b"-----BEGIN \n-----"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(error(&path, None), FileError::NotPem { .. }));
    }
    let whole = fs::read_to_string(written(folder.path(), None)).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(error(&path, None), FileError::Truncated { .. }));
    fs::write(&path, whole.replacen('\n', "\n!!!!", 1)).unwrap();
    assert!(matches!(error(&path, None), FileError::Damaged { .. }));
    fs::write(
        &path,
        whole.lines().enumerate().filter(|(i, _)| *i != 3).map(|(_, l)| format!("{l}\n")).collect::<String>(),
    )
    .unwrap();
    assert!(matches!(error(&path, None), FileError::Damaged { .. } | FileError::Key { .. }));
}

#[test]
fn keys_of_another_kind_are_named() {
    let folder = folder();
    let path = folder.path().join("other.pem");
    succeeds("openssl", &["genpkey", "-algorithm", "ed25519", "-out", "other.pem"], folder.path());
    let other = error(&path, None);
    assert!(matches!(&other, FileError::WrongKind { found, .. } if found.contains("1.3.101.112")), "{other}");
    written(folder.path(), None);
    succeeds("openssl", &["rsa", "-in", "identity.pem", "-pubout", "-out", "other.pem"], folder.path());
    let public = error(&path, None);
    assert!(matches!(&public, FileError::WrongKind { found, .. } if found.contains("PUBLIC KEY")), "{public}");
}

#[test]
fn debug_output_keeps_the_secret() {
    let (secret, _) = minted(&rules(512, 4), 1);
    let shown = format!("{secret:?}");
    assert!(shown.contains("identity") && !shown.contains("key"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_identity_with_any_passphrase_is_read_back(seed in any::<u8>(), passphrase in prop::option::of(".{0,40}")) {
        let folder = folder();
        let path = folder.path().join("identity.pem");
        let (secret, _) = minted(&rules(512, 4), seed);
        write_new(&path, &secret, passphrase.as_deref()).unwrap();
        prop_assert_eq!(read(&path, passphrase.as_deref()).unwrap(), secret);
    }
}

proptest! {
    #[test]
    fn damaged_files_never_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = folder();
        let path = written(folder.path(), None);
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        fs::write(&path, bytes).unwrap();
        let _ = read(&path, None);
    }
}
