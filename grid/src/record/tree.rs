//! Values larger than one record: the chunks of a file, each of which proves by itself that it belongs to the file.
//!
//! The tree is that of BLAKE3 (J. O'Connor, J.-P. Aumasson, S. Neves, Z. Wilcox-O'Hearn, "BLAKE3: one function, fast
//! everywhere", 2020, section 2.1), cut off above chunks of a power of two bytes: the root is what `b3sum` prints of the
//! file, and a chunk's proof is the hashes beside its way to the root, the lowest first. So chunks can be verified in
//! any order, as they come, and no node of the tree is stored on its own.

use alloc::vec::Vec;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// A hash of the tree.
pub type TreeHash = [u8; 32];

/// The most hashes in a proof: a chunk has at least 2^10 bytes and a file at most 2^40.
pub const MAX_PROOF: usize = 30;

/// How a file is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of each chunk but the last; a power of two, at least 1024.
    pub chunk: u32,
}

/// Why a chunk is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The file has no such chunk.
    #[error("there is no chunk {number}: a value of this size has {chunks}")]
    Number {
        /// Which chunk it claims to be, counted from 0.
        number: u32,
        /// How many there are.
        chunks: u64,
    },
    /// The chunk is longer or shorter than its place.
    #[error("the chunk has {found} bytes, its terms say {expected}")]
    Length {
        /// Bytes at this place.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// The proof has too many or too few hashes.
    #[error("the proof has {found} hashes, at this place it takes {expected}")]
    Proof {
        /// Hashes that it takes.
        expected: usize,
        /// Hashes that came.
        found: usize,
    },
    /// The bytes are not those of the file.
    #[error("the bytes do not hash to what the pointer says: they are not what was put")]
    Hash,
}

impl Cut {
    /// How many chunks there are; an empty file is one empty chunk.
    pub fn chunks(&self) -> u64 {
        self.size.div_ceil(self.chunk.into()).max(1)
    }

    /// How many bytes a chunk has, if there is such a chunk.
    pub fn length(&self, number: u32) -> Option<u64> {
        let left = self.size.checked_sub(self.start(number))?;
        (u64::from(number) < self.chunks()).then(|| left.min(self.chunk.into()))
    }

    /// Where a chunk begins in the file.
    pub fn start(&self, number: u32) -> u64 {
        u64::from(number) * u64::from(self.chunk)
    }

    /// The hash of one chunk as a part of the tree; of the only chunk, the root.
    pub fn hash(&self, number: u32, bytes: &[u8]) -> TreeHash {
        if self.chunks() == 1 {
            return *blake3::hash(bytes).as_bytes();
        }
        blake3::Hasher::new().set_input_offset(self.start(number)).update(bytes).finalize_non_root()
    }

    /// Checks that a chunk belongs to the file with that root.
    ///
    /// # Errors
    /// [`ChunkError`] says what does not fit.
    pub fn verify(&self, root: &TreeHash, number: u32, bytes: &[u8], proof: &[TreeHash]) -> Result<(), ChunkError> {
        let expected = self.length(number).ok_or(ChunkError::Number { number, chunks: self.chunks() })?;
        if bytes.len() as u64 != expected {
            return Err(ChunkError::Length { expected, found: bytes.len() as u64 });
        }
        let steps: Vec<Step> = self.steps(number).collect();
        let siblings = steps.iter().filter(|step| step.sibling.is_some()).count();
        if proof.len() != siblings {
            return Err(ChunkError::Proof { expected: siblings, found: proof.len() });
        }
        let mut hash = self.hash(number, bytes);
        let mut proof = proof.iter();
        for step in steps.iter().filter(|step| step.sibling.is_some()) {
            // As many hashes as there are such steps, so none is missing.
            let Some(sibling) = proof.next() else { break };
            let (left, right) = if step.is_left { (&hash, sibling) } else { (sibling, &hash) };
            hash = merge(left, right, step.is_top);
        }
        // Whoever makes a wrong chunk knows the root as well: nothing is learned from how long the comparison takes.
        if hash == *root { Ok(()) } else { Err(ChunkError::Hash) }
    }

    /// The way from a chunk up to the root.
    fn steps(&self, number: u32) -> impl Iterator<Item = Step> {
        let (mut index, mut nodes) = (u64::from(number), self.chunks());
        core::iter::from_fn(move || {
            if nodes <= 1 {
                return None;
            }
            let other = index ^ 1;
            let sibling = (other < nodes).then_some(other);
            let step = Step { sibling, is_left: index.is_multiple_of(2), is_top: nodes == 2 };
            (index, nodes) = (index / 2, nodes.div_ceil(2));
            Some(step)
        })
    }
}

/// One level of the tree on the way up. Where there is no sibling the node itself stands on the next level too.
struct Step {
    sibling: Option<u64>,
    is_left: bool,
    is_top: bool,
}

fn merge(left: &ChainingValue, right: &ChainingValue, is_top: bool) -> TreeHash {
    match is_top {
        true => *merge_subtrees_root(left, right, Mode::Hash).as_bytes(),
        false => merge_subtrees_non_root(left, right, Mode::Hash),
    }
}

/// All hashes of a file's tree, from which the chunks' proofs are taken: 64 bytes for each chunk.
#[derive(Clone, Debug)]
pub struct Tree {
    cut: Cut,
    /// From the chunks up to the root.
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// The tree over the hashes of all chunks, in order, each made by [`Cut::hash`]; `None` if they are not as many as
    /// there are chunks.
    pub fn new(cut: Cut, chunks: Vec<TreeHash>) -> Option<Self> {
        if chunks.len() as u64 != cut.chunks() {
            return None;
        }
        let mut levels = Vec::from([chunks]);
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let is_top = below.len() == 2;
            let above = below.chunks(2).map(|pair| match pair {
                [left, right] => merge(left, right, is_top),
                // Of an odd number the last one moves up as it is.
                alone => alone[0],
            });
            let above = above.collect();
            levels.push(above);
        }
        Some(Self { cut, levels })
    }

    /// The tree of a value in memory.
    pub fn of(value: &[u8], chunk: u32) -> Self {
        let cut = Cut { size: value.len() as u64, chunk };
        let step = usize::try_from(chunk).unwrap_or(usize::MAX);
        let mut hashes: Vec<TreeHash> =
            (0..).zip(value.chunks(step)).map(|(number, bytes)| cut.hash(number, bytes)).collect();
        if hashes.is_empty() {
            hashes.push(cut.hash(0, &[]));
        }
        Self::new(cut, hashes.clone()).unwrap_or(Self { cut, levels: Vec::from([hashes]) })
    }

    /// How the file is cut.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// The file's hash, as `b3sum` prints it.
    pub fn root(&self) -> TreeHash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// The hashes that prove that a chunk belongs to the file.
    pub fn proof(&self, number: u32) -> Vec<TreeHash> {
        let steps = self.cut.steps(number).zip(&self.levels);
        let sibling = |(step, level): (Step, &Vec<TreeHash>)| level.get(usize::try_from(step.sibling?).ok()?).copied();
        steps.filter_map(sibling).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(length: usize) -> Vec<u8> {
        (0..length).map(|i| u8::try_from((i * 31 + i / 251) % 256).unwrap()).collect()
    }

    fn piece(value: &[u8], cut: Cut, number: u32) -> &[u8] {
        let start = usize::try_from(cut.start(number)).unwrap();
        &value[start..start + usize::try_from(cut.length(number).unwrap()).unwrap()]
    }

    #[test]
    fn the_root_is_blake3s() {
        for chunk in [1024, 2048, 8192] {
            for length in [0, 1, 1023, 1024, 1025, 2048, 3000, 8192, 10_000, 65_536, 100_001] {
                let value = value(length);
                assert_eq!(Tree::of(&value, chunk).root(), *blake3::hash(&value).as_bytes(), "{length} by {chunk}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_chunk_proves_itself_and_no_other(length in 0..40_000_usize, power in 10..14_u32, flip in any::<usize>()) {
            let value = value(length);
            let tree = Tree::of(&value, 1 << power);
            let (cut, root) = (tree.cut(), tree.root());
            for number in 0..u32::try_from(cut.chunks()).unwrap() {
                let (bytes, proof) = (piece(&value, cut, number), tree.proof(number));
                prop_assert!(proof.len() <= MAX_PROOF);
                prop_assert_eq!(cut.verify(&root, number, bytes, &proof), Ok(()));
                if !bytes.is_empty() {
                    let mut wrong = bytes.to_vec();
                    wrong[flip % bytes.len()] ^= 1;
                    prop_assert_eq!(cut.verify(&root, number, &wrong, &proof), Err(ChunkError::Hash));
                }
                if !proof.is_empty() {
                    let mut wrong = proof.clone();
                    wrong[flip % proof.len()][0] ^= 1;
                    prop_assert_eq!(cut.verify(&root, number, bytes, &wrong), Err(ChunkError::Hash));
                    let fewer = cut.verify(&root, number, bytes, &proof[1..]);
                    prop_assert_eq!(fewer, Err(ChunkError::Proof { expected: proof.len(), found: proof.len() - 1 }));
                }
                let other = number ^ 1;
                if cut.length(other) == cut.length(number) {
                    prop_assert!(cut.verify(&root, other, bytes, &proof).is_err());
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let tree = Tree::of(&value(5000), 1024);
        let cut = tree.cut();
        let verify = |number, bytes: &[u8]| cut.verify(&tree.root(), number, bytes, &tree.proof(number));
        assert_eq!(verify(5, &[]), Err(ChunkError::Number { number: 5, chunks: 5 }));
        assert_eq!(verify(u32::MAX, &[]), Err(ChunkError::Number { number: u32::MAX, chunks: 5 }));
        assert_eq!(verify(4, &[0; 1024]), Err(ChunkError::Length { expected: 904, found: 1024 }));
        assert!(Tree::new(cut, Vec::new()).is_none());
    }
}
