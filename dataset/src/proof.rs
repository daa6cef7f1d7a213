//! Holds an encoding of some groups against the root of their stream, piece by piece as it arrives.
//!
//! The encoding is what [`crate::tree`] describes: in pre-order, the pair of hashes of each parent above a group that
//! was asked for (64 bytes), and the groups themselves. Every piece is held against a hash that was proved before, down
//! from the root, so nothing unproved is ever given out.

use std::ops::Range;

use bao_tree::ChunkRanges;
use bao_tree::io::sync::truncate_ranges;
use bao_tree::iter::{BaoChunk, ResponseIter};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::manifest::Stream;
use crate::tree::{GROUP, chunk_ranges, tree};

/// Bytes of a parent.
const PARENT: usize = 64;
/// Bytes of BLAKE3's chunks.
const CHUNK: u64 = 1024;

/// Decodes the encoding of some groups of a stream.
#[derive(Debug)]
pub struct Decoder {
    pieces: ResponseIter,
    next: Option<BaoChunk>,
    /// The hashes of the pieces that are still to come and whose parents are known, the next one last.
    expected: Vec<blake3::Hash>,
}

/// A piece is not what the publisher has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("group {group} (from byte {}) is not what the publisher has signed", group.saturating_mul(GROUP))]
pub struct ProofError {
    /// The group, or the first of those under the parent, that is wrong.
    pub group: u64,
}

impl Decoder {
    /// A decoder for ascending ranges of groups; what of them is past the stream's end is left out.
    pub fn new(stream: &Stream, groups: &[Range<u64>]) -> Self {
        // Of a list that is all past the end, Bao's readers take the last chunk. An empty stream has one that is empty.
        let end = stream.length.div_ceil(GROUP).max(1);
        let inside = groups.iter().map(|range| range.start..range.end.min(end)).filter(|range| !range.is_empty());
        let all = chunk_ranges(&inside.collect::<Vec<_>>());
        let boundaries = truncate_ranges(&all, stream.length).boundaries();
        // What is cut off a valid list of boundaries is at its end, so the rest is one.
        let ranges = ChunkRanges::new(boundaries.into()).unwrap_or_else(ChunkRanges::empty);
        let tree = tree(stream.length);
        let mut pieces = ResponseIter::new(tree, ranges);
        let next = pieces.next();
        Self { pieces, next, expected: vec![blake3::Hash::from(stream.root)] }
    }

    /// How many bytes the next piece has; `None` if nothing more is to come.
    pub fn wanted(&self) -> Option<usize> {
        self.next.as_ref().map(|piece| match piece {
            BaoChunk::Parent { .. } => PARENT,
            BaoChunk::Leaf { size, .. } => *size,
        })
    }

    /// Takes the next piece, of as many bytes as are wanted. If these are a group, tells its place in the stream.
    ///
    /// # Errors
    /// [`ProofError`] if it is not what the publisher has signed. Nothing more is wanted then.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<u64>, ProofError> {
        let Some(piece) = self.next.take() else { return Ok(None) };
        let expected = self.expected.pop();
        let place = match piece {
            BaoChunk::Parent { node, is_root, left, right, .. } => {
                let wrong = ProofError { group: node.chunk_range().start.0 * CHUNK / GROUP };
                let (first, second) = pair(bytes).ok_or(wrong)?;
                if expected != Some(parent(&first, &second, is_root)) {
                    return Err(wrong);
                }
                self.expected
                    .extend([(right, second), (left, first)].iter().filter(|(kept, _)| *kept).map(|kept| kept.1));
                None
            }
            BaoChunk::Leaf { start_chunk, size, is_root, .. } => {
                if bytes.len() != size || expected != Some(leaf(start_chunk.0, bytes, is_root)) {
                    return Err(ProofError { group: start_chunk.0 * CHUNK / GROUP });
                }
                Some(start_chunk.0 * CHUNK)
            }
        };
        self.next = self.pieces.next();
        Ok(place)
    }
}

fn pair(bytes: &[u8]) -> Option<(blake3::Hash, blake3::Hash)> {
    let (first, second) = bytes.split_first_chunk::<32>()?;
    Some(((*first).into(), <[u8; 32]>::try_from(second).ok()?.into()))
}

fn parent(first: &blake3::Hash, second: &blake3::Hash, is_root: bool) -> blake3::Hash {
    match is_root {
        true => merge_subtrees_root(first.as_bytes(), second.as_bytes(), Mode::Hash),
        false => merge_subtrees_non_root(first.as_bytes(), second.as_bytes(), Mode::Hash).into(),
    }
}

fn leaf(start: u64, bytes: &[u8], is_root: bool) -> blake3::Hash {
    if is_root {
        return blake3::hash(bytes);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(start * CHUNK).update(bytes);
    hasher.finalize_non_root().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::Memory;
    use crate::tree::{Outboard, encode};

    fn decode(stream: &Stream, groups: &[Range<u64>], mut encoded: &[u8]) -> (Vec<(u64, Vec<u8>)>, Option<ProofError>) {
        let (mut decoder, mut found) = (Decoder::new(stream, groups), Vec::new());
        while let Some(wanted) = decoder.wanted() {
            let (piece, rest) = encoded.split_at(wanted);
            encoded = rest;
            match decoder.take(piece) {
                Ok(place) => found.extend(place.map(|place| (place, piece.to_vec()))),
                Err(error) => {
                    assert_eq!(decoder.wanted(), None);
                    return (found, Some(error));
                }
            }
        }
        assert!(encoded.is_empty());
        (found, None)
    }

    fn groups(last: u64) -> impl Strategy<Value = Vec<Range<u64>>> {
        prop::collection::btree_set(0..=last, 2..8).prop_map(|bounds| {
            let bounds: Vec<u64> = bounds.into_iter().collect();
            bounds.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect()
        })
    }

    #[test]
    fn what_is_past_the_end_is_not_wanted() {
        let outboard = Outboard::of(&Memory::of_bytes(&[7; 20_000]), 0).unwrap();
        let wanted = |groups: &[Range<u64>]| Decoder::new(&outboard.stream(), groups).wanted();
        assert_eq!(wanted(&[2..3, 5..9]), None);
        assert_eq!(wanted(&[0..1, 1..9]), Some(PARENT));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn groups_are_found_and_every_flipped_bit_is(
            (length, groups) in (1_u64..40 * GROUP).prop_flat_map(|n| (Just(n), groups(n.div_ceil(GROUP)))),
            flipped: prop::sample::Index,
            bit in 0..8,
        ) {
            let bytes: Vec<u8> = (0..length).map(|n| (n.wrapping_mul(0x9e37_79b9) >> 7).to_le_bytes()[0]).collect();
            let source = Memory::of_bytes(&bytes);
            let outboard = Outboard::of(&source, 0).unwrap();
            let mut encoded = Vec::new();
            encode(&source, 0, &outboard, &groups, &mut encoded).unwrap();
            let (found, error) = decode(&outboard.stream(), &groups, &encoded);
            prop_assert_eq!(error, None);
            let wanted: Vec<u64> = groups.iter().cloned().flatten().collect();
            prop_assert_eq!(found.iter().map(|leaf| leaf.0 / GROUP).collect::<Vec<_>>(), wanted.clone());
            for (place, leaf) in &found {
                let place = usize::try_from(*place).unwrap();
                prop_assert_eq!(leaf.as_slice(), &bytes[place..bytes.len().min(place + usize::try_from(GROUP).unwrap())]);
            }
            let place = flipped.index(encoded.len());
            encoded[place] ^= 1_u8 << bit;
            let (before, error) = decode(&outboard.stream(), &groups, &encoded);
            let error = error.unwrap();
            prop_assert_eq!(&before, &found[..before.len()]);
            prop_assert!(before.len() < found.len());
            prop_assert!(error.group <= wanted[before.len()]);
        }
    }
}
