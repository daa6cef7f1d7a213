//! Merkle trees as RFC 9162 (Certificate Transparency, section 2.1) has them: a leaf is hashed behind a zero, two hashes
//! behind a one, so that no leaf can pass for an inner node; a tree of `n` leaves is cut at the largest power of two below
//! `n`, so that each list has one root and no leaf is counted twice.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of a leaf: `SHA-256(00 | leaf)`.
pub(super) fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update(LEAF).chain_update(bytes).finalize().into()
}

/// The hash over two others: `SHA-256(01 | left | right)`.
fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update(NODE).chain_update(left).chain_update(right).finalize().into()
}

/// The hashes of the next level. One that stands alone at the end moves up as it is: pairs from the left are what cutting
/// at powers of two comes to.
fn above(level: &[Hash]) -> Vec<Hash> {
    let parents = level.chunks(2).map(|pair| match pair {
        [left, right] => node(left, right),
        alone => alone[0],
    });
    parents.collect()
}

/// The root over leaves, which are hashed already; of nothing `SHA-256()`.
pub(super) fn root(leaves: Vec<Hash>) -> Hash {
    let mut level = leaves;
    while level.len() > 1 {
        level = above(&level);
    }
    level.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

/// The hashes beside the way from a leaf up to the root, the lowest first.
pub(super) fn path(leaves: Vec<Hash>, index: usize) -> Vec<Hash> {
    let (mut level, mut index, mut path) = (leaves, index, Vec::new());
    while level.len() > 1 {
        path.extend(level.get(index ^ 1));
        (level, index) = (above(&level), index / 2);
    }
    path
}

/// The root that a leaf and the hashes beside its way lead to in a tree of `count` leaves; `None` if the tree has no such
/// leaf, or the way another length.
pub(super) fn root_from(leaf: Hash, index: u32, count: u32, path: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut hash, mut index, mut last, mut path) = (leaf, index, count - 1, path.iter());
    while last > 0 {
        if !index.is_multiple_of(2) {
            hash = node(path.next()?, &hash);
        } else if index < last {
            hash = node(&hash, path.next()?);
        }
        (index, last) = (index / 2, last / 2);
    }
    path.next().is_none().then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of RFC 9162, word by word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let cut = more.len().next_power_of_two() / 2;
                node(&by_definition(&more[..cut]), &by_definition(&more[cut..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    #[test]
    fn empty_and_single_trees_have_the_roots_of_the_rfc() {
        // Of the test vectors that Certificate Transparency's implementations share: no leaf, and one empty leaf.
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(root(vec![])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(root(vec![leaf(&[])])), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let two = vec![leaf(&[]), leaf(&[0])];
        assert_eq!(hex(root(two)), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_the_definition(count in 0..200_usize) {
            prop_assert_eq!(root(leaves(count)), by_definition(&leaves(count)));
        }

        #[test]
        fn every_leaf_proves_itself_and_no_other(count in 1..130_usize, at in any::<prop::sample::Index>(), flip in any::<usize>()) {
            let (leaves, index) = (leaves(count), at.index(count));
            let (root, path) = (root(leaves.clone()), path(leaves.clone(), index));
            let (place, all) = (u32::try_from(index).unwrap(), u32::try_from(count).unwrap());
            prop_assert!(path.len() <= count.next_power_of_two().ilog2() as usize);
            prop_assert_eq!(root_from(leaves[index], place, all, &path), Some(root));
            prop_assert_ne!(root_from(leaf(b"another"), place, all, &path), Some(root));
            for other in (0..all).filter(|&other| other != place) {
                prop_assert_ne!(root_from(leaves[index], other, all, &path), Some(root));
            }
            prop_assert_eq!(root_from(leaves[index], all, all, &path), None);
            let mut longer = path.clone();
            longer.push(root);
            prop_assert_eq!(root_from(leaves[index], place, all, &longer), None);
            if !path.is_empty() {
                prop_assert_eq!(root_from(leaves[index], place, all, &path[1..]), None);
                let mut wrong = path.clone();
                let which = flip % wrong.len();
                wrong[which][flip % 32] ^= 1;
                prop_assert_ne!(root_from(leaves[index], place, all, &wrong), Some(root));
            }
        }
    }
}
