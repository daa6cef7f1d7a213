//! Credentials: what is signed is believed, and nothing else; `openssl` agrees.

use std::fs;

use hashcash::credential::{CLOCK_TOLERANCE, MAX_CREDENTIAL};
use hashcash::{Credential, CredentialError, Rules};
use proptest::prelude::*;

use crate::support::{minted, rng, rules, succeeds, tool};

const GRID: [u8; 32] = [7; 32];
const NOW: u64 = 1_795_219_200;

fn small() -> Rules {
    rules(1024, 4)
}

fn signed() -> (Credential, hashcash::VerifiedIdentity) {
    let (secret, node) = minted(&small(), 1);
    let credential = secret.sign_credential(&GRID, b"peer", [3; 32], NOW, NOW + 3600, &mut rng(9)).unwrap();
    (credential, node)
}

#[test]
fn a_credential_is_believed_within_its_time() {
    let (credential, node) = signed();
    for now in [NOW - CLOCK_TOLERANCE, NOW, NOW + 3599] {
        assert_eq!(credential.verify(&node, &GRID, now), Ok(()));
    }
    let early = NOW - CLOCK_TOLERANCE - 1;
    assert_eq!(credential.verify(&node, &GRID, early), Err(CredentialError::NotYetValid { issued: NOW, now: early }));
    let late = NOW + 3600;
    assert_eq!(credential.verify(&node, &GRID, late), Err(CredentialError::Expired { expires: late, now: late }));
}

#[test]
fn another_grid_identity_or_key_is_not_believed() {
    let (credential, node) = signed();
    let (_, other) = minted(&small(), 2);
    assert_eq!(credential.verify(&node, &[8; 32], NOW), Err(CredentialError::Forged));
    assert_eq!(credential.verify(&other, &GRID, NOW), Err(CredentialError::Forged));
    for change in [
        |c: &mut Credential| c.peer_id.push(0),
        |c: &mut Credential| c.onion_key[31] ^= 1,
        |c: &mut Credential| c.issued -= 1,
        |c: &mut Credential| c.expires += 1,
        |c: &mut Credential| c.signature[5] ^= 1,
        |c: &mut Credential| c.signature.truncate(50),
    ] {
        let mut changed = credential.clone();
        change(&mut changed);
        assert_eq!(changed.verify(&node, &GRID, NOW), Err(CredentialError::Forged));
    }
}

#[test]
fn senseless_credentials_are_not_signed() {
    let (secret, _) = minted(&small(), 1);
    let sign = |peer: &[u8], expires| secret.sign_credential(&GRID, peer, [0; 32], NOW, expires, &mut rng(1));
    assert_eq!(sign(b"", NOW + 1).unwrap_err(), CredentialError::PeerIdLength(0));
    assert_eq!(sign(&[1; 65], NOW + 1).unwrap_err(), CredentialError::PeerIdLength(65));
    assert_eq!(sign(b"p", NOW).unwrap_err(), CredentialError::NeverValid { issued: NOW, expires: NOW });
}

#[test]
fn openssl_accepts_the_signature() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, _) = minted(&rules(2048, 4), 1);
    let credential = secret.sign_credential(&GRID, b"peer", [3; 32], NOW, NOW + 3600, &mut rng(9)).unwrap();
    hashcash::file::write_new(&folder.path().join("identity.pem"), &secret, None).unwrap();
    fs::write(folder.path().join("message"), credential.signed_bytes(&GRID)).unwrap();
    fs::write(folder.path().join("signature"), &credential.signature).unwrap();
    succeeds("openssl", &["rsa", "-in", "identity.pem", "-pubout", "-out", "public.pem"], folder.path());
    let verify = [
        "dgst",
        "-sha256",
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
        "rsa_pss_saltlen:32",
        "-verify",
        "public.pem",
        "-signature",
        "signature",
        "message",
    ];
    assert!(succeeds("openssl", &verify, folder.path()).contains("Verified OK"));
    fs::write(folder.path().join("message"), credential.signed_bytes(&[8; 32])).unwrap();
    assert!(!tool("openssl", &verify, folder.path()).status.success());
}

proptest! {
    #[test]
    fn bytes_and_credentials_are_one_to_one(
        peer_id in prop::collection::vec(any::<u8>(), 1..=64),
        onion_key in any::<[u8; 32]>(),
        (issued, expires) in any::<(u64, u64)>(),
        signature in prop::collection::vec(any::<u8>(), 32..=1024),
        cut in any::<prop::sample::Index>(),
    ) {
        let credential = Credential { peer_id, onion_key, issued, expires, signature };
        let bytes = credential.to_bytes();
        prop_assert!(bytes.len() <= MAX_CREDENTIAL);
        prop_assert_eq!(Credential::from_bytes(&bytes), Ok(credential));
        prop_assert!(Credential::from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(Credential::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn garbage_is_refused_or_read_back_the_same(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(credential) = Credential::from_bytes(&bytes) {
            prop_assert_eq!(credential.to_bytes(), bytes);
        }
    }
}
