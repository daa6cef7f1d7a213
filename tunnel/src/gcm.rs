//! AES-128-GCM under counters that nobody sends.
//!
//! As in TLS 1.3 (RFC 8446, section 5.3) the nonce is a secret vector that comes with the key, with the number of the
//! cell added without carry. Its top bit is turned for the fillers, so that they are the key's stream at a place of
//! their own.

use aes::{Aes128Enc, cipher::KeyInit};
use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, AesGcm, Nonce, TagSize, aead::inout::InOutBuf};
use ctr::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper, StreamCipherSeek};
use ctr::{CtrCore, flavors::Ctr32BE};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a nonce.
const NONCE: usize = 12;

/// A key with its vector, as the derivation hands it out.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret {
    key: [u8; 16],
    vector: [u8; NONCE],
}

impl Secret {
    /// Bytes of both.
    pub(crate) const SIZE: usize = 16 + NONCE;

    pub(crate) fn new(bytes: &[u8; Self::SIZE]) -> Self {
        let mut secret = Self { key: [0; 16], vector: [0; NONCE] };
        secret.key.copy_from_slice(&bytes[..16]);
        secret.vector.copy_from_slice(&bytes[16..]);
        secret
    }

    fn cipher(&self) -> Aes128Enc {
        Aes128Enc::new(&self.key.into())
    }
}

/// It was altered, or is not the one that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

/// Seals and opens, with tags of `T` bytes.
#[derive(Clone)]
pub(crate) struct Gcm<T: TagSize> {
    aead: AesGcm<Aes128Enc, U12, T>,
    vector: [u8; NONCE],
}

impl<T: TagSize> Gcm<T> {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { aead: secret.cipher().into(), vector: secret.vector }
    }

    /// Encrypts the text and writes the tag, which covers what goes with it as well.
    pub(crate) fn seal(&self, number: u64, with: &[u8], text: &mut [u8], tag: &mut [u8]) {
        let nonce = nonce(&self.vector, number, false);
        let made = self.aead.encrypt_inout_detached(&nonce, with, InOutBuf::from(text));
        let made = made.unwrap_or_else(|_| unreachable!("a cell is shorter than what one nonce encrypts (64 GiB)"));
        tag.copy_from_slice(&made);
    }

    /// Checks the tag and decrypts the text, which stays as it is if the tag is wrong.
    pub(crate) fn open(&self, number: u64, with: &[u8], text: &mut [u8], tag: &[u8]) -> Result<(), Forged> {
        let nonce = nonce(&self.vector, number, false);
        let tag = tag.try_into().map_err(|_| Forged)?;
        self.aead.decrypt_inout_detached(&nonce, with, InOutBuf::from(text), tag).map_err(|_| Forged)
    }

    /// Writes what this key's holder appends to what it has opened.
    pub(crate) fn fill(&self, number: u64, filler: &mut [u8]) {
        filler.fill(0);
        let nonce = nonce(&self.vector, number, true);
        // The tag is of no use here: the filler is sealed by nothing but the next layer.
        let made = self.aead.encrypt_inout_detached(&nonce, &[], InOutBuf::from(filler));
        debug_assert!(made.is_ok(), "a filler is shorter than what one nonce encrypts (64 GiB)");
    }
}

/// The stream under which [`Gcm::seal`] encrypts, at any place: counter mode from the block that follows the one that
/// masks the tag (NIST SP 800-38D, section 7.1).
#[derive(Clone)]
pub(crate) struct Stream {
    cipher: Aes128Enc,
    vector: [u8; NONCE],
}

impl Stream {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self { cipher: secret.cipher(), vector: secret.vector }
    }

    /// Adds the stream from that place on to the bytes.
    pub(crate) fn add(&self, number: u64, place: usize, bytes: &mut [u8]) {
        let mut block = [0; 16];
        block[..NONCE].copy_from_slice(&nonce(&self.vector, number, false));
        block[15] = 2;
        let core = CtrCore::<_, Ctr32BE>::inner_iv_init(&self.cipher, &block.into());
        let mut stream = StreamCipherCoreWrapper::from_core(core);
        stream.seek(place);
        stream.apply_keystream(bytes);
    }
}

fn nonce(vector: &[u8; NONCE], number: u64, fills: bool) -> Nonce<U12> {
    let mut nonce = *vector;
    nonce[0] ^= u8::from(fills) << 7;
    nonce[4..].iter_mut().zip(number.to_be_bytes()).for_each(|(byte, its)| *byte ^= its);
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_what_the_cipher_adds_at_every_place() {
        let secret = Secret::new(&std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let (gcm, stream) = (Gcm::<U12>::new(&secret), Stream::new(&secret));
        for number in [0, 1, u64::MAX] {
            let mut sealed = [0; 1266];
            gcm.seal(number, &[], &mut sealed, &mut [0; 12]);
            for place in [0, 1, 15, 16, 17, 1218, 1265] {
                let mut added = vec![0; sealed.len() - place];
                stream.add(number, place, &mut added);
                assert_eq!(added, sealed[place..], "from {place}");
            }
        }
    }

    #[test]
    fn fillers_and_cells_have_nonces_of_their_own() {
        let vector = [0x5a; NONCE];
        let mut seen = std::collections::BTreeSet::new();
        for number in (0..1000).chain([u64::MAX, 1 << 63]) {
            assert!(seen.insert(nonce(&vector, number, false)));
            assert!(seen.insert(nonce(&vector, number, true)));
        }
    }
}
