//! Who checks whom, by lot: nobody chooses, not even the gateway after it has drawn the nonce.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::cell::Cell;
use crate::chance;
use crate::id::{Nonce, RequestDigest, leading_number};
use crate::trust::Server;

/// The numbers `SHA-256("rook checker v1" ‖ nonce ‖ request ‖ i)`, `i` = 0, 1, 2 ..
#[derive(Clone, Debug)]
pub(super) struct Lot {
    nonce: Nonce,
    request: RequestDigest,
    drawn: u32,
}

impl Lot {
    pub(super) const fn new(nonce: Nonce, request: RequestDigest) -> Self {
        Self { nonce, request, drawn: 0 }
    }

    /// One of these servers: first a cell, each with the same chance, so that many identities in one cell are no more
    /// likely to check than one; then a server in it.
    pub(super) fn draw(&mut self, servers: &[Server]) -> Option<Server> {
        let cells: BTreeSet<Cell> = servers.iter().map(|server| server.cell).collect();
        let cell = cells.iter().nth(self.index(cells.len())).copied()?;
        let there: Vec<Server> = servers.iter().filter(|server| server.cell == cell).copied().collect();
        there.get(self.index(there.len())).copied()
    }

    fn index(&mut self, count: usize) -> usize {
        let hash = Sha256::new().chain_update(b"rook checker v1").chain_update(self.nonce.as_bytes());
        let hash = hash.chain_update(self.request.as_bytes()).chain_update(self.drawn.to_be_bytes()).finalize();
        self.drawn = self.drawn.wrapping_add(1);
        // Below a count that is a usize.
        usize::try_from(chance::scale(leading_number(&hash), count as u64)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;
    use crate::id::NodeId;

    #[test]
    fn cells_are_drawn_evenly_however_many_servers_are_in_them() {
        let shape = Shape::new(2, 8).unwrap();
        // Three cells with 1, 2 and 17 servers.
        let server = |n: u8| Server { id: NodeId::from_bytes([n; 32]), cell: shape.cell_at(u64::from(n.min(3) / 2)) };
        let servers: Vec<Server> = (1..=20).map(server).collect();
        let mut drawn = [0_u32; 3];
        for number in 0..3000_u16 {
            let mut nonce = [0; 32];
            nonce[..2].copy_from_slice(&number.to_be_bytes());
            let mut lot = Lot::new(Nonce::from_bytes(nonce), RequestDigest::from_bytes([1; 32]));
            let cell = lot.draw(&servers).unwrap().cell;
            drawn[usize::try_from(shape.index(cell)).unwrap()] += 1;
        }
        let cells = servers.iter().map(|server| server.cell).collect::<BTreeSet<_>>().len();
        // Five standard deviations of a binomial.
        let expected = 3000.0 / f64::from(u32::try_from(cells).unwrap());
        assert!(drawn[..cells].iter().all(|&count| (f64::from(count) - expected).abs() < 5.0 * 28.0), "{drawn:?}");
        assert!(Lot::new(Nonce::from_bytes([0; 32]), RequestDigest::from_bytes([0; 32])).draw(&[]).is_none());
    }
}
