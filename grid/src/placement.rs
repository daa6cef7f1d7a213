//! Which cells keep a record: a sequence of distinct cells drawn from its routing key.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::cell::{Cell, Shape};
use crate::id::{RoutingKey, leading_number};

/// The cells of a sequence at most. The first `R` occupied ones keep the record; the others stand in for vacant ones.
/// In a grid with four nodes a cell (1.8 % vacant) hardly more than `R` are ever asked; in a nearly empty one they are
/// what a put and a get can agree on, and 64 are all cells of the small grids that people begin with.
pub const SEQUENCE: usize = 64;

/// The record's cells, in the order in which they are responsible: cell `i` has the number that the first eight bytes
/// of `SHA-256("rook replica v1" ‖ routing key ‖ i)` give modulo the number of cells, repetitions left out. As many as
/// [`SEQUENCE`], or all cells of a smaller grid.
///
/// The modulo's bias is below `cells / 2^64`.
pub fn replica_cells(shape: Shape, key: &RoutingKey) -> Vec<Cell> {
    first_cells(shape, key, SEQUENCE)
}

/// The first `count` cells of [`replica_cells`], for a hash each.
pub fn first_cells(shape: Shape, key: &RoutingKey, count: usize) -> Vec<Cell> {
    let wanted = usize::try_from(shape.cells()).map_or(count, |cells| cells.min(count)).min(SEQUENCE);
    let mut cells = Vec::with_capacity(wanted);
    for cell in drawn_cells(shape, key) {
        if cells.len() == wanted {
            break;
        }
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// The cells as they are drawn, with repetitions and without end: for who looks for the first that has something and
/// wants no list.
pub fn drawn_cells(shape: Shape, key: &RoutingKey) -> impl Iterator<Item = Cell> {
    (0_u32..).map(move |index| shape.cell_at(draw(key, index)))
}

fn draw(key: &RoutingKey, index: u32) -> u64 {
    let hash = Sha256::new().chain_update(b"rook replica v1").chain_update(key.as_bytes());
    let digest = hash.chain_update(index.to_be_bytes()).finalize();
    leading_number(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_are_distinct_and_all_of_a_small_grid(dims in 1..4_u8, side in 2..6_u16, key: [u8; 32]) {
            let shape = Shape::new(dims, side).unwrap();
            let cells = replica_cells(shape, &RoutingKey::from_bytes(key));
            prop_assert_eq!(cells.len() as u64, shape.cells().min(SEQUENCE as u64));
            let distinct: alloc::collections::BTreeSet<_> = cells.iter().collect();
            prop_assert_eq!(distinct.len(), cells.len());
        }
    }

    #[test]
    fn first_cells_are_uniform() {
        // Chi-square with 15 degrees of freedom: 37.7 is the 0.1 % point (NIST/SEMATECH handbook, table 1.3.6.7.4).
        let shape = Shape::new(2, 4).unwrap();
        let mut counts = [0_u32; 16];
        for number in 0..16_000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            let first = replica_cells(shape, &RoutingKey::from_bytes(key))[0];
            counts[usize::try_from(shape.index(first)).unwrap()] += 1;
        }
        let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 37.7, "chi-square {chi}");
    }
}
