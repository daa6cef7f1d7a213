//! A keyed hash of each segment of an answer: what a checker is asked for, and what the asker computes of the answer
//! that it has.
//!
//! The key is `derive_key("rook 2026 dataset check v1", nonce ‖ canonical form of the values request)` (BLAKE3), so
//! nobody can know a hash before the nonce is drawn, nor take one over from another check. The number of the segment,
//! 8 bytes, big-endian, is hashed behind its bytes: equal segments have different hashes.

use super::wire::{Request, Selection};

/// What BLAKE3 derives the keys of checks for.
const CONTEXT: &str = "rook 2026 dataset check v1";
/// Bytes of a segment if nobody says otherwise.
pub const SEGMENT: u32 = 1 << 20;

/// Hashes an answer, which may come in pieces of any size.
#[derive(Clone, Debug)]
pub struct Segments {
    key: [u8; 32],
    hasher: blake3::Hasher,
    segment: u64,
    number: u64,
    filled: u64,
}

impl Segments {
    /// Hashes an answer to this request from the start of its segment `first`. A segment has at least one byte.
    pub fn new(of: &Selection, nonce: &[u8; 32], segment_bytes: u32, first: u64) -> Self {
        let material = [nonce.as_slice(), &Request::Values(of.clone()).encode()].concat();
        let key = blake3::derive_key(CONTEXT, &material);
        let segment = u64::from(segment_bytes.max(1));
        Self { key, hasher: blake3::Hasher::new_keyed(&key), segment, number: first, filled: 0 }
    }

    /// Takes the next bytes, and appends the hashes of the segments that are complete with them.
    pub fn update(&mut self, mut bytes: &[u8], hashes: &mut Vec<[u8; 32]>) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.segment - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.filled += now.len() as u64;
            bytes = later;
            if self.filled == self.segment {
                hashes.push(self.close());
            }
        }
    }

    /// The hash of the last segment, if it is shorter than the others.
    pub fn finish(mut self) -> Option<[u8; 32]> {
        (self.filled > 0).then(|| self.close())
    }

    fn close(&mut self) -> [u8; 32] {
        self.hasher.update(&self.number.to_be_bytes());
        let hash = *self.hasher.finalize().as_bytes();
        self.hasher = blake3::Hasher::new_keyed(&self.key);
        (self.number, self.filled) = (self.number + 1, 0);
        hash
    }
}
