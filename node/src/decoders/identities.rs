//! What nodes say they are, and the files of that.

use std::path::Path;
use std::sync::OnceLock;

use grid::cell::Shape;
use grid::parameters::Parameters;
use hashcash::{Credential, Identity, Rules, SecretIdentity, VerifiedIdentity};

use super::decoded;
use crate::minting;
use crate::verifier::Verifier;
use crate::wire::{Contact, WireCard};

/// A grid whose identities cost nothing but their key, so that more than the first check is reached.
pub(super) fn parameters() -> Parameters {
    let shape = Shape::new(2, 7).unwrap();
    Parameters { name: "fuzz".into(), shape, identity_bits: 0, modulus_bits: 1024, ..Parameters::local() }
}

fn rules() -> Rules {
    minting::rules(&parameters())
}

/// A public identity, checked as on the day of its minting.
pub fn identity(bytes: &[u8]) -> bool {
    let Ok(identity) = Identity::from_bytes(bytes) else { return false };
    assert_eq!(identity.to_bytes(), bytes);
    let minted = identity.minted();
    let Ok(verified) = identity.verify(&rules(), minted) else { return false };
    let coordinates = verified.coordinates();
    assert!(coordinates.len() == 2 && coordinates.iter().all(|&coordinate| coordinate < 7));
    assert!(minting::cell(&parameters(), &verified).is_some());
    true
}

pub fn credential(bytes: &[u8]) -> bool {
    let Ok(credential) = Credential::from_bytes(bytes) else { return false };
    assert_eq!(credential.to_bytes(), bytes);
    assert!(bytes.len() <= hashcash::credential::MAX_CREDENTIAL);
    true
}

/// A card or a contact, as they come and as a node verifies them.
pub fn card(bytes: &[u8]) -> bool {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    if let Some(contact) = decoded::<Contact>(bytes) {
        assert!(contact.addresses.len() <= 16 && contact.addresses.iter().all(|address| address.len() <= 256));
    }
    let Some(card) = decoded::<WireCard>(bytes) else { return false };
    let verifier = VERIFIER.get_or_init(|| Verifier::new(parameters()));
    if let Ok(peer) = verifier.verify_now(card.clone().into()) {
        assert_eq!(WireCard::from(peer.card()), card);
        assert!(verifier.transport_of(&peer).is_some());
        assert!(verifier.addresses_of(&peer).len() <= 16);
    }
    true
}

/// The passphrase of what is encrypted in the corpus.
pub(super) const PASSPHRASE: &str = "open sesame";

/// The text of an identity's file.
pub fn identity_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let path = Path::new("identity.pem");
    match hashcash::file::parse(path, text, Some(PASSPHRASE)) {
        Ok(secret) => {
            let again = hashcash::file::to_pem(&secret, None).expect("an identity has a file");
            let second = hashcash::file::parse(path, &again, None).expect("what was written is read");
            assert_eq!(second.identity(), secret.identity());
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("identity.pem"), "{error}");
            false
        }
    }
}

/// An identity, and something that was sealed to it.
pub(super) fn sealed_to() -> &'static (SecretIdentity, VerifiedIdentity, Vec<u8>) {
    static SEALED: OnceLock<(SecretIdentity, VerifiedIdentity, Vec<u8>)> = OnceLock::new();
    SEALED.get_or_init(|| {
        let secret = minting::mint_quickly(&parameters()).unwrap();
        let verified = secret.identity().clone().verify(&rules(), minting::today()).unwrap();
        let sealed = hashcash::seal::seal(&verified, b"context", b"welcome", &mut rand::rng()).unwrap();
        (secret, verified, sealed)
    })
}

/// A welcome that somebody has changed: the bytes say where and how, three at a time; or else they are it themselves.
pub fn sealed(bytes: &[u8]) -> bool {
    let (secret, _, sealed) = sealed_to();
    assert!(secret.open(b"context", bytes).is_err(), "nobody has sealed this");
    let mut changed = sealed.clone();
    for change in bytes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % changed.len();
        changed[place] ^= change[2];
    }
    let opened = secret.open(b"context", &changed);
    assert_eq!(opened.is_ok(), changed == *sealed);
    assert!(secret.open(b"another", &changed).is_err());
    opened.is_ok_and(|text| text == b"welcome")
}
