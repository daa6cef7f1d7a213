//! Lines: the cells that differ along one axis only.

use alloc::vec::Vec;
use core::fmt;

use super::{Axis, Cell, Coordinate};

/// One line of the grid: an axis, and where it lies on all others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    axis: Axis,
    /// Its first cell, so that each line has one name.
    first: Cell,
}

impl Line {
    /// The line through a cell along an axis.
    pub fn through(cell: Cell, axis: Axis) -> Self {
        Self { axis, first: cell.with(axis, Coordinate(0)) }
    }

    /// The axis along which its cells lie.
    pub const fn axis(&self) -> Axis {
        self.axis
    }

    /// Its first cell.
    pub const fn first(&self) -> Cell {
        self.first
    }

    /// The cell at a place on it.
    pub fn cell(&self, place: Coordinate) -> Cell {
        self.first.with(self.axis, place)
    }

    /// Whether a cell lies on it.
    pub fn contains(&self, cell: &Cell) -> bool {
        self.first == cell.with(self.axis, Coordinate(0))
    }

    /// Appends it as hashes and signatures take it: axis 1, number of axes 1, coordinates of the first cell, 2 each,
    /// big-endian.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        // An axis is below MAX_DIMS.
        bytes.push(self.axis.0);
        bytes.push(self.first.dims);
        bytes.extend(self.first.coordinates().iter().flat_map(|coordinate| coordinate.to_be_bytes()));
    }
}

impl fmt::Display for Line {
    /// As a cell, with `*` where it runs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for (axis, coordinate) in self.first.coordinates().iter().enumerate() {
            match axis == self.axis.index() {
                true => list.entry(&format_args!("*")),
                false => list.entry(coordinate),
            };
        }
        list.finish()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
