//! The BLAKE3 tree of a canonical stream, cut off above groups of 16 KiB: what proves a piece of it.
//!
//! The encoding is that of crate `bao-tree`, a Bao encoding (J. O'Connor, <https://github.com/oconnor663/bao>) with
//! larger leaves: for the groups that were asked for, the pairs of hashes above them and the groups themselves, in
//! pre-order, without a length before it. Whoever knows length and root finds the first wrong byte as soon as its group
//! has arrived.

use std::io::Write;
use std::ops::Range;

use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync;
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};

use crate::manifest::Stream;
use crate::source::{Source, SourceError};

mod ahead;

use ahead::{Ahead, InOrder, source_error};

/// Bytes of a group: the smallest piece that is proved by itself. A parent of the tree is 64 bytes, so proofs add 0.4 %.
pub const GROUP: u64 = 16 << 10;

/// [`GROUP`] as a power of two of BLAKE3's chunks of 1 KiB.
const BLOCK: BlockSize = BlockSize::from_chunk_log(4);
/// BLAKE3's chunks in a group.
const CHUNKS: u64 = 16;
/// Bytes of what stands before the parents in [`Outboard::to_bytes`].
const HEADER: usize = 8 + 32;

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

/// Why a piece of a stream was not encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The values cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The values are others than when the tree was made.
    #[error("group {group} is not what it was when the file was added: restore the file, or add the dataset anew")]
    Changed {
        /// The first group that is different.
        group: u64,
    },
    /// The hashes contradict each other.
    #[error("the kept hashes are damaged: add the dataset anew")]
    Hashes,
    /// What was asked for is not there.
    #[error("groups {} to {} were asked for, in this order, of a stream of {groups}", range.start, range.end)]
    Range {
        /// What was asked for.
        range: Range<u64>,
        /// How many groups there are.
        groups: u64,
    },
    /// Nobody takes the encoding any more.
    #[error("the encoding cannot be written: {0}")]
    Write(std::io::Error),
}

/// The tree of a stream of so many bytes.
pub fn tree(length: u64) -> BaoTree {
    BaoTree::new(length, BLOCK)
}

/// Ascending, disjoint ranges of groups in bao-tree's unit; none if they are not in order.
pub fn chunk_ranges(groups: &[Range<u64>]) -> ChunkRanges {
    let chunks = |group: u64| ChunkNum(group.saturating_mul(CHUNKS));
    let mut boundaries: Vec<ChunkNum> = Vec::with_capacity(groups.len() * 2);
    for range in groups.iter().filter(|range| !range.is_empty()) {
        if boundaries.last() == Some(&chunks(range.start)) {
            boundaries.pop();
        } else {
            boundaries.push(chunks(range.start));
        }
        boundaries.push(chunks(range.end));
    }
    ChunkRanges::new(boundaries.into()).unwrap_or_else(ChunkRanges::empty)
}

/// The groups under ascending ranges of bytes of a stream, neighbours and overlaps put together.
pub fn groups_under(runs: impl IntoIterator<Item = Range<u64>>, length: u64) -> Vec<Range<u64>> {
    let mut groups: Vec<Range<u64>> = Vec::new();
    for run in runs {
        let end = run.end.min(length).div_ceil(GROUP);
        let start = run.start / GROUP;
        match groups.last_mut() {
            _ if run.start >= run.end.min(length) => {}
            Some(last) if start <= last.end => last.end = last.end.max(end),
            Some(_) | None => groups.push(start..end),
        }
    }
    groups
}

impl Outboard {
    /// Hashes a variable's stream, in pieces; only the hashes are kept in memory.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read.
    pub fn of(source: &dyn Source, variable: usize) -> Result<Self, SourceError> {
        let length = source.length(variable)?;
        let mut made = PreOrderOutboard { root: blake3::Hash::from([0; 32]), tree: tree(length), data: Vec::new() };
        let reader = InOrder::new(source, variable, length);
        let root = sync::outboard(reader, made.tree, &mut made)
            .map_err(|error| source_error(error).unwrap_or_else(impossible))?;
        Ok(Self { length, root: *root.as_bytes(), parents: made.data })
    }

    /// What a manifest says of the stream.
    pub fn stream(&self) -> Stream {
        Stream { length: self.length, root: self.root }
    }

    /// How many groups the stream has.
    pub fn groups(&self) -> u64 {
        self.length.div_ceil(GROUP)
    }

    /// As bytes, to be kept: the length (8 bytes, big-endian), the root, the parents.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.parents.len());
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.root);
        bytes.extend_from_slice(&self.parents);
        bytes
    }

    /// From kept bytes; `None` if they are none of [`Outboard::to_bytes`]. A wrong hash among them shows when it is
    /// used.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (root, parents) = rest.split_first_chunk::<32>()?;
        let length = u64::from_be_bytes(*length);
        let expected = length.div_ceil(GROUP).max(1).checked_sub(1)?.checked_mul(64)?;
        let fits = u64::try_from(parents.len()).is_ok_and(|parents| parents == expected);
        fits.then(|| Self { length, root: *root, parents: parents.to_vec() })
    }

    fn check(&self, groups: &[Range<u64>]) -> Result<(), EncodeError> {
        let mut end = 0;
        for range in groups {
            if range.start < end || range.is_empty() || range.end > self.groups() {
                return Err(EncodeError::Range { range: range.clone(), groups: self.groups() });
            }
            end = range.end;
        }
        Ok(())
    }
}

/// Writes the encoding of ascending, disjoint ranges of groups, reading about 1 MiB ahead.
///
/// Every group is compared with its hash before it is written, so that a server whose disk has failed says so instead
/// of being taken for a liar.
///
/// # Errors
/// [`EncodeError`]; what was written by then is a true beginning of the encoding.
pub fn encode(
    source: &dyn Source,
    variable: usize,
    outboard: &Outboard,
    groups: &[Range<u64>],
    out: &mut impl Write,
) -> Result<(), EncodeError> {
    outboard.check(groups)?;
    if groups.is_empty() {
        return Ok(());
    }
    let data = Ahead::new(source, variable, outboard.length, groups);
    let hashes = PreOrderOutboard {
        root: blake3::Hash::from(outboard.root),
        tree: tree(outboard.length),
        data: outboard.parents.as_slice(),
    };
    sync::encode_ranges_validated(data, hashes, &chunk_ranges(groups), out).map_err(encode_error)
}

/// The only errors of hashing to memory are the source's own; whatever else is said is passed on.
fn impossible(error: std::io::Error) -> SourceError {
    SourceError::Gone { name: "the stream".into(), what: error.to_string() }
}

fn encode_error(error: bao_tree::io::EncodeError) -> EncodeError {
    use bao_tree::io::EncodeError as Bao;
    match error {
        Bao::LeafHashMismatch(chunk) => EncodeError::Changed { group: chunk.0 / CHUNKS },
        Bao::ParentHashMismatch(_) | Bao::SizeMismatch => EncodeError::Hashes,
        Bao::ParentWrite(_) | Bao::LeafWrite(_) => EncodeError::Write(std::io::ErrorKind::ConnectionReset.into()),
        Bao::Io(error) => match source_error(error) {
            Ok(error) => EncodeError::Source(error),
            Err(error) => EncodeError::Write(error),
        },
    }
}

#[cfg(test)]
mod tests;
