//! The roster of one line, in the one form in which it is hashed.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::merkle::{self, Hash};
use crate::cell::{Axis, Cell, Coordinate, Line};
use crate::id::NodeId;

/// The most members of a roster: a certificate for so many, with the cards of half of them, fits a message of 1 MiB. The
/// design's largest line has 64.
pub const MAX_MEMBERS: usize = 1024;
/// The most hashes in a proof: `log2` of [`MAX_MEMBERS`].
pub const MAX_PROOF: usize = MAX_MEMBERS.ilog2() as usize;

/// Who is on a line: names, in ascending order, and where on the line each is.
///
/// Nothing else is hashed. A card may be renewed at any time, and shows by itself that it belongs to its name: the name is
/// the hash of the identity, and the identity has signed the transport key and the onion key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    line: Line,
    members: Vec<(NodeId, Coordinate)>,
    root: Hash,
}

/// Why a list is no roster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RosterError {
    /// Nobody is named.
    #[error("a roster names somebody")]
    Empty,
    /// Too many are named.
    #[error("a roster names at most {MAX_MEMBERS} nodes, not {0}")]
    TooMany(usize),
    /// Somebody is named twice.
    #[error("node {0} is named twice")]
    Twice(NodeId),
    /// A cell that is not on the line.
    #[error("cell {cell} is not on line {line}")]
    Elsewhere {
        /// The line.
        line: Line,
        /// The cell.
        cell: Cell,
    },
}

/// That a node is in a roster: where it stands there, and the hashes beside its way up to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its place in the roster, counted from 0.
    pub index: u32,
    /// The hashes, the lowest first; at most [`MAX_PROOF`].
    pub hashes: Vec<Hash>,
}

impl Roster {
    /// The roster of a line, of its members in any order.
    ///
    /// # Errors
    /// [`RosterError`] for the first thing that is wrong.
    pub fn new(line: Line, members: impl IntoIterator<Item = (NodeId, Cell)>) -> Result<Self, RosterError> {
        let mut placed = Vec::new();
        for (id, cell) in members {
            if !line.contains(&cell) {
                return Err(RosterError::Elsewhere { line, cell });
            }
            placed.push((id, cell.coordinate(line.axis())));
        }
        if placed.is_empty() {
            return Err(RosterError::Empty);
        }
        if placed.len() > MAX_MEMBERS {
            return Err(RosterError::TooMany(placed.len()));
        }
        placed.sort_unstable();
        if let Some(pair) = placed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(RosterError::Twice(pair[0].0));
        }
        let root = merkle::root(leaves(&placed));
        Ok(Self(Arc::new(Inner { line, members: placed, root })))
    }

    /// The line.
    pub fn line(&self) -> Line {
        self.0.line
    }

    /// The axis along which the line runs.
    pub fn axis(&self) -> Axis {
        self.0.line.axis()
    }

    /// The hash over all of it.
    pub fn root(&self) -> Hash {
        self.0.root
    }

    /// How many are on it; at least one.
    pub fn count(&self) -> u32 {
        // MAX_MEMBERS is far below.
        u32::try_from(self.0.members.len()).unwrap_or(u32::MAX)
    }

    /// The members and their cells, in the order of their names.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (NodeId, Cell)> + '_ {
        self.0.members.iter().map(|&(id, place)| (id, self.0.line.cell(place)))
    }

    /// The cell of a member.
    pub fn cell_of(&self, id: NodeId) -> Option<Cell> {
        self.find(id).map(|index| self.0.line.cell(self.0.members[index].1))
    }

    /// The proof that a node is in it; `None` if it is not.
    pub fn proof(&self, id: NodeId) -> Option<Proof> {
        let index = self.find(id)?;
        let hashes = merkle::path(leaves(&self.0.members), index);
        Some(Proof { index: u32::try_from(index).ok()?, hashes })
    }

    fn find(&self, id: NodeId) -> Option<usize> {
        self.0.members.binary_search_by_key(&id, |&(id, _)| id).ok()
    }
}

fn leaves(members: &[(NodeId, Coordinate)]) -> Vec<Hash> {
    members.iter().map(|&(id, place)| leaf(id, place)).collect()
}

/// A member as it is hashed: name 32, place on the line 2, big-endian. The line stands in what is signed.
pub(super) fn leaf(id: NodeId, place: Coordinate) -> Hash {
    let mut bytes = [0; 34];
    bytes[..32].copy_from_slice(id.as_bytes());
    bytes[32..].copy_from_slice(&place.index().to_be_bytes());
    merkle::leaf(&bytes)
}
