//! Nodes for tests of the state machine: one for each cell, known by its number.

use grid::cell::{Cell, Shape};
use grid::id::NodeId;
use grid::peer::{Card, Facts, Peer, Verifier};
use sha2::{Digest, Sha256};

/// Cards whose identity is the number of a cell.
struct Numbers(Shape);

impl Verifier for Numbers {
    type Error = ();

    fn verify(&self, card: &Card) -> Result<Facts, ()> {
        let number = u64::from_be_bytes(card.identity.as_ref().try_into().map_err(drop)?);
        let id = NodeId::from_bytes(Sha256::digest(&card.identity).into());
        Ok(Facts { id, cell: self.0.cell_at(number), issued: 1, contact_version: 0 })
    }
}

/// The node of a cell.
pub(crate) fn peer(shape: Shape, cell: Cell) -> Peer {
    let identity = shape.index(cell).to_be_bytes();
    Peer::check(Card { identity: identity.into(), credential: [].into(), contact: None }, &Numbers(shape)).unwrap()
}
