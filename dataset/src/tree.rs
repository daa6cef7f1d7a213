//! The BLAKE3 tree of a canonical stream, cut off above groups of 16 KiB: what proves a piece of it.

/// Bytes of a group: the smallest piece that is proved by itself. A parent of the tree is 64 bytes, so proofs add 0.4 %.
pub const GROUP: u64 = 16 << 10;

/// A stream's root and the hashes above its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outboard {
    /// Bytes of the stream.
    pub length: u64,
    /// Its BLAKE3 hash.
    pub root: [u8; 32],
    /// The pairs of hashes of all parents, in pre-order; 64 bytes each.
    pub parents: Vec<u8>,
}
