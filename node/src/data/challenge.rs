//! A keyed hash of each segment of an answer: what a checker is asked for, and what the asker computes of the answer
//! that it has.
//!
//! The key is `derive_key("rook 2026 dataset check v1", nonce ‖ canonical form of the values request)` (BLAKE3), so
//! nobody can know a hash before the nonce is drawn, nor take one over from another check. The number of the segment,
//! 8 bytes, big-endian, is hashed behind its bytes: equal segments have different hashes. By which function, the asker
//! says ([`Checksum`]).

use super::checksum::{Checksum, Hasher};
use super::wire::{Request, Selection};

/// What BLAKE3 derives the keys of checks for.
const CONTEXT: &str = "rook 2026 dataset check v1";
/// Bytes of a segment if nobody says otherwise.
pub const SEGMENT: u32 = 1 << 20;

/// Hashes an answer, which may come in pieces of any size.
#[derive(Clone, Debug)]
pub struct Segments {
    hasher: Hasher,
    segment: u64,
    number: u64,
    filled: u64,
}

impl Segments {
    /// Hashes an answer to this request from the start of its segment `first`. A segment has at least one byte.
    pub fn new(of: &Selection, nonce: &[u8; 32], checksum: Checksum, segment_bytes: u32, first: u64) -> Self {
        let material = [nonce.as_slice(), &Request::Values(of.clone()).encode()].concat();
        let hasher = checksum.keyed(&blake3::derive_key(CONTEXT, &material));
        Self { hasher, segment: u64::from(segment_bytes.max(1)), number: first, filled: 0 }
    }

    /// Takes the next bytes, and appends the hashes of the segments that are complete with them.
    pub fn update(&mut self, mut bytes: &[u8], hashes: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.segment - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.filled += now.len() as u64;
            bytes = later;
            if self.filled == self.segment {
                self.close(hashes);
            }
        }
    }

    /// Appends the hash of the last segment, if it is shorter than the others.
    pub fn finish(mut self, hashes: &mut Vec<u8>) {
        if self.filled > 0 {
            self.close(hashes);
        }
    }

    fn close(&mut self, hashes: &mut Vec<u8>) {
        self.hasher.update(&self.number.to_be_bytes());
        self.hasher.close(hashes);
        (self.number, self.filled) = (self.number + 1, 0);
    }
}
