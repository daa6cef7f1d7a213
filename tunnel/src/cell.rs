//! The one thing that travels: a cell of 1,280 bytes.
//!
//! ```text
//! 0      2                                                             1280
//! | id   | body                                                        |
//! ```
//!
//! An id other than 0 names a circuit between the two neighbours, and the body is that circuit's. Id 0 is for what the
//! neighbours say to each other; the first byte of the body is then the [`Kind`]. All of it travels inside the link's
//! encryption, so that nobody but the two sees even the id; and what a neighbour learns from it, it knows anyway: it
//! holds the keys of its circuits, so it could tell whatever is not for one of them.

use std::fmt;

use crate::name::Name;

/// Bytes of a cell.
pub const CELL: usize = 1280;
/// Bytes of a circuit's id.
pub const ID: usize = 2;
/// Bytes of a cell behind the id.
pub const BODY: usize = CELL - ID;
/// Bytes of a set-up, see [`crate::setup`]: what is left of a body behind the kind and the new circuit's id.
pub const SET_UP: usize = BODY - 1 - ID;

/// A circuit between two neighbours, as one of them writes it in a cell to the other.
///
/// The top bit says that the writer of the cell opened the circuit. Thus both may choose numbers without asking, and
/// the answer to a cell bears its id with that bit turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(u16);

/// The bit of an id that says who opened the circuit.
const MINE: u16 = 0x8000;

impl CircuitId {
    /// How many circuits one side of a link can open at a time.
    pub const MOST: u16 = MINE - 1;
    /// The one before all others.
    pub(crate) const LEAST: Self = Self(1);

    /// The id in cells of the node that opens a circuit under this number, from 1 to [`Self::MOST`].
    pub const fn opened(number: u16) -> Option<Self> {
        match number {
            1..MINE => Some(Self(MINE | number)),
            _ => None,
        }
    }

    /// Reads one; none if it is not a circuit's.
    pub const fn from_wire(wire: u16) -> Option<Self> {
        if wire & !MINE == 0 { None } else { Some(Self(wire)) }
    }

    /// As it travels.
    pub const fn wire(self) -> u16 {
        self.0
    }

    /// Whether the writer of the cell opened the circuit.
    pub const fn is_writers(self) -> bool {
        self.0 & MINE != 0
    }

    /// The same circuit in cells of the other side.
    #[must_use]
    pub const fn turned(self) -> Self {
        Self(self.0 ^ MINE)
    }
}

/// A circuit on the link to a neighbour, named as that neighbour's cells name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joint {
    /// The neighbour.
    pub link: Name,
    /// The id in cells that come from it.
    pub id: CircuitId,
}

/// What a cell with id 0 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing: it fills a slot.
    Cover,
    /// A circuit ends.
    Destroy,
    /// A circuit begins.
    SetUp,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Cover => 0,
            Self::Destroy => 1,
            Self::SetUp => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Cover),
            1 => Some(Self::Destroy),
            2 => Some(Self::SetUp),
            _ => None,
        }
    }
}

/// What a cell says to the neighbour that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// For a circuit.
    Circuit(CircuitId),
    /// Nothing.
    Cover,
    /// The circuit ends.
    Destroy(CircuitId),
    /// The circuit begins.
    SetUp(CircuitId),
    /// It breaks a rule of this page.
    Malformed,
}

/// A cell.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell(Box<[u8; CELL]>);

impl Cell {
    /// Takes the bytes as they are.
    pub fn from_bytes(bytes: Box<[u8; CELL]>) -> Self {
        Self(bytes)
    }

    /// The bytes as they travel.
    pub fn as_bytes(&self) -> &[u8; CELL] {
        &self.0
    }

    /// The bytes as they travel.
    pub fn into_bytes(self) -> Box<[u8; CELL]> {
        self.0
    }

    /// A cell that says nothing. Its body is zeros: the link's encryption makes it look like any other.
    pub fn cover() -> Self {
        Self::of_kind(Kind::Cover)
    }

    /// Says that a circuit has ended.
    pub fn destroy(id: CircuitId) -> Self {
        let mut cell = Self::of_kind(Kind::Destroy);
        cell.0[3..5].copy_from_slice(&id.wire().to_be_bytes());
        cell
    }

    /// Begins a circuit.
    pub fn set_up(id: CircuitId, set_up: &[u8; SET_UP]) -> Self {
        let mut cell = Self::of_kind(Kind::SetUp);
        cell.0[3..5].copy_from_slice(&id.wire().to_be_bytes());
        cell.0[5..].copy_from_slice(set_up);
        cell
    }

    /// A circuit's cell with an empty body.
    pub(crate) fn of_circuit(id: CircuitId) -> Self {
        let mut cell = Self(Box::new([0; CELL]));
        cell.name(id);
        cell
    }

    /// What it says.
    pub fn read(&self) -> Reading {
        let number = |at: usize| u16::from_be_bytes([self.0[at], self.0[at + 1]]);
        if number(0) != 0 {
            return CircuitId::from_wire(number(0)).map_or(Reading::Malformed, Reading::Circuit);
        }
        let circuit = CircuitId::from_wire(number(3));
        match (Kind::from_byte(self.0[2]), circuit) {
            (Some(Kind::Cover), _) => Reading::Cover,
            (Some(Kind::Destroy), Some(id)) => Reading::Destroy(id),
            (Some(Kind::SetUp), Some(id)) if id.is_writers() => Reading::SetUp(id),
            (Some(Kind::Destroy | Kind::SetUp) | None, _) => Reading::Malformed,
        }
    }

    /// What is the circuit's.
    pub(crate) fn body_mut(&mut self) -> &mut [u8; BODY] {
        let (_, body) = self.0.split_last_chunk_mut().unwrap_or_else(|| unreachable!("a cell is longer than its body"));
        body
    }

    /// The set-up in a cell that begins a circuit.
    pub(crate) fn set_up_mut(&mut self) -> &mut [u8; SET_UP] {
        let (_, body) = self.0.split_last_chunk_mut().unwrap_or_else(|| unreachable!("a cell is longer than a set-up"));
        body
    }

    /// Writes another circuit's id into it.
    pub(crate) fn name(&mut self, id: CircuitId) {
        self.0[..ID].copy_from_slice(&id.wire().to_be_bytes());
    }

    /// Writes the id of the circuit that it begins.
    pub(crate) fn name_new(&mut self, id: CircuitId) {
        self.0[3..5].copy_from_slice(&id.wire().to_be_bytes());
    }

    fn of_kind(kind: Kind) -> Self {
        let mut cell = Self(Box::new([0; CELL]));
        cell.0[2] = kind.byte();
        cell
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read() {
            Reading::Circuit(id) => write!(f, "Cell({id:?})"),
            Reading::Cover => f.write_str("Cell(cover)"),
            Reading::Destroy(id) => write!(f, "Cell(destroy {id:?})"),
            Reading::SetUp(id) => write!(f, "Cell(set-up {id:?})"),
            Reading::Malformed => f.write_str("Cell(malformed)"),
        }
    }
}
