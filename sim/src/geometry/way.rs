//! The shortest ways between two cells.

use grid::cell::{Axis, Cell, MAX_DIMS};

use super::network::Occupancy;

/// What there is between two cells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Coordinates that differ, so hops on a shortest way.
    pub(super) hops: u8,
    /// Whether a hop that corrects a coordinate leads to a node.
    pub(super) has_first_hop: bool,
    /// Whether a way of so many hops leads over cells that all have nodes.
    pub(super) is_open: bool,
}

impl Way {
    /// Looks at all shortest ways at once: each is an order in which the `k` axes are corrected, so that it leads over
    /// subsets of them; a subset can be reached if its cell has a node and it could be reached without one of its axes.
    pub(super) fn between(network: &Occupancy, from: Cell, to: Cell) -> Self {
        let differing: Vec<Axis> = from.differing_axes(&to).collect();
        let subsets = 1_usize << differing.len();
        let mut reached = [false; 1 << MAX_DIMS];
        reached[0] = true;
        for subset in 1..subsets {
            let axes = || differing.iter().enumerate().filter(|&(bit, _)| subset & 1 << bit != 0);
            if axes().any(|(bit, _)| reached[subset ^ 1 << bit]) {
                let cell = axes().fold(from, |cell, (_, &axis)| cell.with(axis, to.coordinate(axis)));
                reached[subset] = network.is_occupied(cell);
            }
        }
        let has_first_hop = differing.is_empty() || (0..differing.len()).any(|bit| reached[1 << bit]);
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_DIMS axes")]
        Self { hops: differing.len() as u8, has_first_hop, is_open: reached[subsets - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::of_cells;
    use super::*;

    fn way(dims: u8, cells: &[&[u16]], from: &[u16], to: &[u16]) -> Way {
        let network = of_cells(dims, 3, cells);
        let shape = network.shape();
        Way::between(&network, shape.cell(from).unwrap(), shape.cell(to).unwrap())
    }

    #[test]
    fn to_oneself_and_along_a_line_there_is_always_a_way() {
        let here = Way { hops: 0, has_first_hop: true, is_open: true };
        assert_eq!(way(2, &[&[0, 0]], &[0, 0], &[0, 0]), here);
        assert_eq!(way(2, &[&[0, 0], &[0, 2]], &[0, 0], &[0, 2]), Way { hops: 1, ..here });
    }

    #[test]
    fn a_corner_is_turned_where_there_is_a_node() {
        let (from, to): (&[u16], &[u16]) = (&[0, 0], &[1, 2]);
        let closed = Way { hops: 2, has_first_hop: false, is_open: false };
        assert_eq!(way(2, &[from, to], from, to), closed);
        assert_eq!(way(2, &[from, to, &[2, 2]], from, to), closed);
        let open = Way { hops: 2, has_first_hop: true, is_open: true };
        assert_eq!(way(2, &[from, to, &[1, 0]], from, to), open);
        assert_eq!(way(2, &[from, to, &[0, 2]], from, to), open);
    }

    #[test]
    fn a_first_hop_may_lead_nowhere() {
        let (from, to): (&[u16], &[u16]) = (&[0, 0, 0], &[1, 1, 1]);
        let stuck = Way { hops: 3, has_first_hop: true, is_open: false };
        assert_eq!(way(3, &[from, to, &[1, 0, 0], &[0, 1, 1]], from, to), stuck);
        let open = Way { is_open: true, ..stuck };
        assert_eq!(way(3, &[from, to, &[1, 0, 0], &[1, 0, 1]], from, to), open);
    }
}
