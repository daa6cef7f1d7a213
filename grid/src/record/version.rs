//! The values of a mutable record: signed, numbered, and no more of them than the terms allow.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::{GridId, RecordKey, leading_number};
use crate::record::tree::TreeHash;

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// What a writer signs of a version: its number, its time, and the hash of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counts the versions, from 0.
    pub sequence: u64,
    /// When it was written, in seconds of Unix time by the writer's clock.
    pub written: u64,
    /// BLAKE3 of the value.
    pub hash: TreeHash,
    /// The writer's signature over [`Head::signed_bytes`].
    pub signature: Signature,
}

impl Head {
    /// What is signed: `"rook version v1" ‖ grid id ‖ record key ‖ sequence 8 ‖ written 8 ‖ hash of the value`, numbers
    /// big-endian.
    pub fn signed_bytes(grid: &GridId, key: &RecordKey, sequence: u64, written: u64, hash: &TreeHash) -> Vec<u8> {
        let mut bytes = Vec::from(*b"rook version v1");
        bytes.extend(grid.as_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(written.to_be_bytes());
        bytes.extend(hash);
        bytes
    }
}

/// One value of a mutable record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What the writer signed of it.
    pub head: Head,
    /// The value.
    pub value: Arc<[u8]>,
    /// Another value that the writer has signed under the same number: with it, proof that the writer equivocates.
    pub twin: Option<Head>,
}

/// Which state of a record somebody has, in 16 bytes: greater ones follow lesser ones, and equal ones are equal but for
/// a chance of 2^-64. An immutable record has only one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The version's number.
    pub sequence: u64,
    /// Of the values under this number, a hash.
    pub tag: u64,
}

impl Version {
    /// Which state of the record this is.
    pub fn mark(&self) -> Mark {
        let twin = self.twin.as_ref().map_or(0, |twin| leading_number(&twin.hash));
        Mark { sequence: self.head.sequence, tag: leading_number(&self.head.hash) ^ twin.rotate_left(1) }
    }

    /// What is known when both versions are: the later one, or of two under one number the one with the greater hash,
    /// with the greatest other as its twin. Whoever has heard of the same versions, in whatever order, ends with the
    /// same.
    pub fn merge(&self, other: &Self) -> Self {
        if self.head.sequence != other.head.sequence {
            return if self.head.sequence > other.head.sequence { self.clone() } else { other.clone() };
        }
        let (greater, lesser) = if self.head.hash >= other.head.hash { (self, other) } else { (other, self) };
        let others = [Some(lesser.head), greater.twin, lesser.twin];
        let different = others.into_iter().flatten().filter(|head| head.hash != greater.head.hash);
        Self { twin: different.max_by_key(|head| head.hash), ..greater.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(sequence: u64, byte: u8) -> Version {
        let head = Head { sequence, written: 0, hash: [byte; 32], signature: [byte; 64] };
        Version { head, value: [byte].into(), twin: None }
    }

    proptest! {
        /// A join-semilattice: nodes that tell each other what they have come to the same, in any order.
        #[test]
        fn merging_does_not_depend_on_order(pairs in prop::collection::vec((0..3_u64, 0..4_u8), 1..8), seed: u64) {
            let versions: Vec<Version> = pairs.iter().map(|&(sequence, byte)| version(sequence, byte)).collect();
            let merged = |versions: &[Version]| versions.iter().skip(1).fold(versions[0].clone(), |all, one| all.merge(one));
            let mut shuffled = versions.clone();
            let length = shuffled.len();
            shuffled.rotate_left(usize::try_from(seed % length as u64).unwrap());
            shuffled.reverse();
            prop_assert_eq!(merged(&versions), merged(&shuffled));
            let (left, right) = versions.split_at(length / 2);
            if !left.is_empty() && !right.is_empty() {
                prop_assert_eq!(merged(left).merge(&merged(right)), merged(&versions));
            }
        }
    }

    #[test]
    fn two_values_under_one_number_are_told_together() {
        let both = version(3, 1).merge(&version(3, 2));
        assert_eq!((both.head.hash, both.twin.map(|twin| twin.hash)), ([2; 32], Some([1; 32])));
        assert_eq!(both.merge(&version(3, 1)), both);
        assert_ne!(both.mark(), version(3, 2).mark());
        assert_eq!(both.merge(&version(4, 0)), version(4, 0), "a later version stands for itself");
    }
}
