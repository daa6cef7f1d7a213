//! The laws of the grid's geometry.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use grid::cell::{Cell, GeometryError, MAX_DIMS, Shape};
use proptest::prelude::*;

fn shapes() -> impl Strategy<Value = Shape> {
    (1..=MAX_DIMS, 2..=20_u16).prop_map(|(dims, side)| Shape::new(dims, side).unwrap())
}

fn shape_and_cells() -> impl Strategy<Value = (Shape, Cell, Cell, Cell)> {
    (shapes(), any::<[u64; 3]>())
        .prop_map(|(shape, [a, b, c])| (shape, shape.cell_at(a), shape.cell_at(b), shape.cell_at(c)))
}

proptest! {
    #[test]
    fn a_number_names_one_cell(shape in shapes(), index: u64) {
        let cell = shape.cell_at(index);
        prop_assert_eq!(shape.index(cell), index % shape.cells());
        prop_assert_eq!(shape.cell(cell.coordinates()), Ok(cell));
    }

    #[test]
    fn distance_is_a_metric((shape, a, b, c) in shape_and_cells()) {
        prop_assert_eq!(a.distance(&a), 0);
        prop_assert_eq!(a.distance(&b), b.distance(&a));
        prop_assert_eq!(a.distance(&b) == 0, a == b);
        prop_assert!(a.distance(&c) <= a.distance(&b) + b.distance(&c));
        prop_assert!(a.distance(&b) <= shape.dims());
    }

    #[test]
    fn every_rook_move_on_a_wrong_axis_comes_one_nearer((_, a, b, _) in shape_and_cells()) {
        for axis in a.differing_axes(&b) {
            let next = a.with(axis, b.coordinate(axis));
            prop_assert_eq!(next.distance(&b) + 1, a.distance(&b));
            prop_assert_eq!(a.shared_line(&next), Some(axis));
        }
        prop_assert_eq!(a.differing_axes(&b).count(), usize::from(a.distance(&b)));
    }

    #[test]
    fn the_neighbourhood_is_the_lines(shape in shapes(), index: u64) {
        let home = shape.cell_at(index);
        let cells: Vec<Cell> = shape.neighbourhood(home).collect();
        prop_assert_eq!(cells.len() as u64, shape.neighbour_cells());
        prop_assert_eq!(cells[0], home);
        prop_assert!(cells.iter().all(|cell| cell.is_neighbour(&home) && home.is_neighbour(cell)));
        let distinct: std::collections::BTreeSet<_> = cells.iter().collect();
        prop_assert_eq!(distinct.len(), cells.len());
    }

    /// The grid can grow: with residues kept modulo `g·2^32`, twice the side refines every cell, and who was no
    /// neighbour before is none afterwards.
    #[test]
    fn a_doubled_side_refines_every_cell(dims in 1..=4_u8, side in 2..=10_u16, a: [u64; 4], b: [u64; 4]) {
        let (coarse, fine) = (Shape::new(dims, side).unwrap(), Shape::new(dims, side * 2).unwrap());
        let residue = |value: u64| value % (u64::from(side) << 32);
        let residues = |values: [u64; 4]| values.map(residue)[..usize::from(dims)].to_vec();
        let place = |shape: Shape, values| shape.place(&residues(values)).unwrap();
        let (coarse_a, fine_a) = (place(coarse, a), place(fine, a));
        for (c, f) in coarse_a.coordinates().iter().zip(fine_a.coordinates()) {
            prop_assert_eq!(f % side, *c);
        }
        if fine_a.is_neighbour(&place(fine, b)) {
            prop_assert!(coarse_a.is_neighbour(&place(coarse, b)));
        }
    }
}

#[test]
fn two_cells_that_differ_in_two_axes_share_two_cells() {
    let shape = Shape::new(4, 8).unwrap();
    let (a, b) = (shape.cell(&[0, 0, 0, 0]).unwrap(), shape.cell(&[1, 1, 0, 0]).unwrap());
    assert_eq!(shape.neighbourhood(a).filter(|cell| cell.is_neighbour(&b)).count(), 2);
}

#[test]
fn the_designs_own_table() {
    // Neighbours m = x(d(g-1)+1) at x = 4.
    assert_eq!(Shape::new(2, 8).unwrap().neighbour_cells() * 4, 60);
    assert_eq!(Shape::new(6, 10).unwrap().neighbour_cells() * 4, 220);
    assert_eq!(Shape::new(6, 10).unwrap().cells() * 4, 4_000_000);
}

#[test]
fn impossible_shapes_and_cells_are_refused() {
    assert_eq!(Shape::new(0, 2), Err(GeometryError::Dims(0)));
    assert_eq!(Shape::new(9, 2), Err(GeometryError::Dims(9)));
    assert_eq!(Shape::new(2, 1), Err(GeometryError::Side(1)));
    assert_eq!(Shape::new(8, 65_535), Err(GeometryError::TooManyCells { dims: 8, side: 65_535 }));
    let shape = Shape::new(2, 3).unwrap();
    assert_eq!(shape.cell(&[1]), Err(GeometryError::CellDims { expected: 2, found: 1 }));
    assert_eq!(shape.cell(&[1, 3]), Err(GeometryError::CellCoordinate { side: 3, found: 3 }));
    assert_eq!(shape.place(&[1]), Err(GeometryError::CellDims { expected: 2, found: 1 }));
}
