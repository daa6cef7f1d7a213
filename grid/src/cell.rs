//! The grid's geometry: `d` axes with `g` coordinates each make `g^d` cells; a rook moves along one axis at a time.

mod line;

use core::fmt;

pub use line::Line;

/// The most axes a grid may have; the design's largest example has 6.
pub const MAX_DIMS: u8 = 8;

/// One of the `d` axes, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Axis(u8);

impl Axis {
    /// The one that every grid has.
    pub const FIRST: Self = Self(0);

    /// The axis' number, `0..d`.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The axis of a number that a grid's axis may have; `None` from [`MAX_DIMS`] on.
    pub(crate) fn of_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|&index| index < MAX_DIMS).map(Self)
    }
}

/// A place on one axis, `0..g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinate(u16);

impl Coordinate {
    /// The coordinate's number, `0..g`.
    pub const fn index(self) -> u16 {
        self.0
    }
}

/// Why a shape or a cell cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// `d` is outside `1..=MAX_DIMS`.
    #[error("a grid has 1 to {MAX_DIMS} dimensions, not {0}")]
    Dims(u8),
    /// `g` is below 2.
    #[error("a grid needs a side of at least 2, not {0}")]
    Side(u16),
    /// `g^d` does not fit 63 bits.
    #[error("{side}^{dims} cells are more than 2^63: take a smaller side or fewer dimensions")]
    TooManyCells {
        /// `d`
        dims: u8,
        /// `g`
        side: u16,
    },
    /// A cell with a number of coordinates that is not `d`.
    #[error("a cell of this grid has {expected} coordinates, not {found}")]
    CellDims {
        /// `d`
        expected: u8,
        /// How many there were.
        found: usize,
    },
    /// A coordinate that is not below `g`.
    #[error("coordinate {found} is not below the grid's side {side}")]
    CellCoordinate {
        /// `g`
        side: u16,
        /// The coordinate.
        found: u64,
    },
}

/// The grid's measure: `d` axes, `g` coordinates on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    dims: u8,
    side: u16,
}

impl Shape {
    /// A grid of `side^dims` cells.
    ///
    /// # Errors
    /// [`GeometryError`] if `dims` is not in `1..=MAX_DIMS`, `side < 2`, or the cells would be more than 2^63.
    pub const fn new(dims: u8, side: u16) -> Result<Self, GeometryError> {
        if dims == 0 || dims > MAX_DIMS {
            return Err(GeometryError::Dims(dims));
        }
        if side < 2 {
            return Err(GeometryError::Side(side));
        }
        match (side as u64).checked_pow(dims as u32) {
            Some(cells) if cells <= 1 << 63 => Ok(Self { dims, side }),
            Some(_) | None => Err(GeometryError::TooManyCells { dims, side }),
        }
    }

    /// `d`, the number of axes.
    pub const fn dims(self) -> u8 {
        self.dims
    }

    /// `g`, the number of coordinates on an axis.
    pub const fn side(self) -> u16 {
        self.side
    }

    /// `g^d`.
    pub const fn cells(self) -> u64 {
        (self.side as u64).pow(self.dims as u32)
    }

    /// The cells in which a node's neighbours can be, its own included: `d(g-1) + 1`.
    pub const fn neighbour_cells(self) -> u64 {
        self.dims as u64 * (self.side as u64 - 1) + 1
    }

    /// The axes, in order.
    pub fn axes(self) -> impl Iterator<Item = Axis> + Clone {
        (0..self.dims).map(Axis)
    }

    /// The coordinates of an axis, in order.
    pub fn coordinates(self) -> impl Iterator<Item = Coordinate> + Clone {
        (0..self.side).map(Coordinate)
    }

    /// A cell from its coordinates.
    ///
    /// # Errors
    /// [`GeometryError`] if there are not `d` of them or one is not below `g`.
    pub fn cell(self, coordinates: &[u16]) -> Result<Cell, GeometryError> {
        if coordinates.len() != usize::from(self.dims) {
            return Err(GeometryError::CellDims { expected: self.dims, found: coordinates.len() });
        }
        if let Some(&found) = coordinates.iter().find(|&&c| c >= self.side) {
            return Err(GeometryError::CellCoordinate { side: self.side, found: found.into() });
        }
        let mut cell = Cell { dims: self.dims, coordinates: [0; MAX_DIMS as usize] };
        cell.coordinates[..coordinates.len()].copy_from_slice(coordinates);
        Ok(cell)
    }

    /// The cell that residues (one an axis, see the design's section 3) place a node in: each modulo `g`.
    ///
    /// # Errors
    /// [`GeometryError::CellDims`] if there are not `d` of them.
    pub fn place(self, residues: &[u64]) -> Result<Cell, GeometryError> {
        if residues.len() != usize::from(self.dims) {
            return Err(GeometryError::CellDims { expected: self.dims, found: residues.len() });
        }
        let mut cell = Cell { dims: self.dims, coordinates: [0; MAX_DIMS as usize] };
        for (coordinate, residue) in cell.coordinates.iter_mut().zip(residues) {
            *coordinate = remainder(*residue, self.side);
        }
        Ok(cell)
    }

    /// The cell with number `index`, counted with axis 0 fastest; taken modulo the number of cells, so that a random
    /// 64-bit number chooses a cell.
    pub fn cell_at(self, index: u64) -> Cell {
        let mut rest = index % self.cells();
        let mut cell = Cell { dims: self.dims, coordinates: [0; MAX_DIMS as usize] };
        for coordinate in &mut cell.coordinates[..usize::from(self.dims)] {
            *coordinate = remainder(rest, self.side);
            rest /= u64::from(self.side);
        }
        cell
    }

    /// The number of a cell: the inverse of [`Shape::cell_at`].
    pub fn index(self, cell: Cell) -> u64 {
        let side = u64::from(self.side);
        cell.coordinates().iter().rev().fold(0, |sum, &c| sum * side + u64::from(c))
    }

    /// The `g` cells of the line through `cell` along `axis`, `cell` included.
    pub fn line(self, cell: Cell, axis: Axis) -> impl Iterator<Item = Cell> + Clone {
        self.coordinates().map(move |coordinate| cell.with(axis, coordinate))
    }

    /// Every cell that differs from `cell` in at most one coordinate; `cell` itself first.
    pub fn neighbourhood(self, cell: Cell) -> impl Iterator<Item = Cell> {
        let others = move |axis| self.line(cell, axis).filter(move |&other| other != cell);
        core::iter::once(cell).chain(self.axes().flat_map(others))
    }
}

/// `value mod side` as a coordinate.
fn remainder(value: u64, side: u16) -> u16 {
    // A remainder of a division by a u16 fits a u16.
    #[expect(clippy::cast_possible_truncation, reason = "below side, which is a u16")]
    let small = (value % u64::from(side)) as u16;
    small
}

/// One place in the grid, `[c_1 .. c_d]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    dims: u8,
    /// Those beyond `dims` are 0, so that the derived comparisons hold.
    coordinates: [u16; MAX_DIMS as usize],
}

impl Cell {
    /// The coordinates as numbers, one an axis.
    pub fn coordinates(&self) -> &[u16] {
        &self.coordinates[..usize::from(self.dims)]
    }

    /// The coordinates, followed by zeros where the grid has fewer axes than a grid may have.
    pub const fn padded_coordinates(&self) -> &[u16; MAX_DIMS as usize] {
        &self.coordinates
    }

    /// Where the cell lies on one axis.
    pub fn coordinate(&self, axis: Axis) -> Coordinate {
        Coordinate(self.coordinates[axis.index()])
    }

    /// The cell that a move along `axis` to `coordinate` reaches.
    pub fn with(mut self, axis: Axis, coordinate: Coordinate) -> Self {
        self.coordinates[axis.index()] = coordinate.0;
        self
    }

    /// How many coordinates differ: the moves a rook needs.
    pub fn distance(&self, other: &Self) -> u8 {
        self.coordinates.iter().zip(&other.coordinates).map(|(a, b)| u8::from(a != b)).sum()
    }

    /// The axes on which the two cells differ: the moves that bring one nearer to the other.
    pub fn differing_axes(&self, other: &Self) -> impl Iterator<Item = Axis> + Clone {
        let (a, b) = (*self, *other);
        (0..self.dims).map(Axis).filter(move |&axis| a.coordinate(axis) != b.coordinate(axis))
    }

    /// Whether nodes of the two cells are neighbours: at most one coordinate differs.
    pub fn is_neighbour(&self, other: &Self) -> bool {
        self.distance(other) <= 1
    }

    /// The one axis along which a neighbouring cell lies; `None` for the same cell or one that is further away.
    pub fn shared_line(&self, other: &Self) -> Option<Axis> {
        let mut axes = self.differing_axes(other);
        let first = axes.next()?;
        axes.next().is_none().then_some(first)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.coordinates()).finish()
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
