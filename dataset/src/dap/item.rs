//! Pieces of a query with the columns where their characters stand, and the brackets behind a name.

use super::DapError;
use super::name::escaped_at;

/// Brackets behind one name that are looked at; netCDF's library has no variables of more dimensions.
const MAX_RANK: usize = 1024;

/// One byte of a query, decoded or not.
#[derive(Clone, Copy, Debug)]
struct Spot {
    byte: u8,
    column: usize,
}

/// A piece of a query.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    spots: Vec<Spot>,
    /// Where it would begin if it is empty.
    column: usize,
}

/// What stands in one pair of brackets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The first index.
    pub(super) start: u64,
    /// The distance from one index to the next.
    pub(super) stride: u64,
    /// The last index; none if it is the dimension's.
    pub(super) stop: Option<u64>,
    /// Where it stands in the query.
    pub(super) column: usize,
}

impl Piece {
    /// A whole query.
    pub(super) fn of(query: &str) -> Self {
        let spot = |(place, byte)| Spot { byte, column: place + 1 };
        Self { spots: query.bytes().enumerate().map(spot).collect(), column: 1 }
    }

    /// Where it begins in the query, counted from 1.
    pub(super) fn column(&self) -> usize {
        self.spots.first().map_or(self.column, |spot| spot.column)
    }

    /// Its text; what is not UTF-8 becomes `U+FFFD`.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn bytes(&self) -> Vec<u8> {
        self.spots.iter().map(|spot| spot.byte).collect()
    }

    /// Whether nothing stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.spots.is_empty()
    }

    /// Whether that character occurs.
    pub(super) fn has(&self, byte: u8) -> bool {
        self.spots.iter().any(|spot| spot.byte == byte)
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        self.spots.len()
    }

    /// Where a name may end: behind everything, or before the last brackets, one after the other.
    pub(super) fn heads(&self) -> Vec<usize> {
        let (mut heads, mut end) = (vec![self.spots.len()], self.spots.len());
        while end > 0 && heads.len() <= MAX_RANK && self.spots[end - 1].byte == b']' {
            let open = self.spots[..end - 1].iter().rposition(|spot| matches!(spot.byte, b'[' | b']'));
            match open.filter(|&open| self.spots[open].byte == b'[') {
                Some(open) => end = open,
                None => break,
            }
            heads.push(end);
        }
        heads
    }

    /// What of it stands before that column of the query.
    pub(super) fn before(&self, column: usize) -> Self {
        let end = self.spots.iter().position(|spot| spot.column >= column).unwrap_or(self.spots.len());
        self.part(0..end)
    }

    /// A part of it, without blanks around.
    pub(super) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let column = self.spots.get(range.start).map_or(self.column + self.spots.len(), |spot| spot.column);
        let part = self.spots.get(range).unwrap_or_default();
        let first = part.iter().position(|spot| spot.byte != b' ').unwrap_or(part.len());
        let last = part.iter().rposition(|spot| spot.byte != b' ').map_or(first, |last| last + 1);
        Self { spots: part[first..last].to_vec(), column }
    }

    /// The parts between a character.
    pub(super) fn split(&self, separator: u8) -> Vec<Self> {
        let mut ends: Vec<usize> = (0..self.spots.len()).filter(|&at| self.spots[at].byte == separator).collect();
        ends.push(self.spots.len());
        let mut start = 0;
        ends.into_iter().map(|end| self.part(std::mem::replace(&mut start, end + 1)..end)).collect()
    }

    /// Itself with `%HH` replaced by the byte.
    pub(super) fn decode(&self) -> Self {
        let (bytes, mut spots, mut place) = (self.bytes(), Vec::with_capacity(self.spots.len()), 0);
        while let Some(spot) = self.spots.get(place) {
            let escaped = escaped_at(&bytes, place);
            spots.push(Spot { byte: escaped.unwrap_or(spot.byte), column: spot.column });
            place += if escaped.is_some() { 3 } else { 1 };
        }
        Self { spots, column: self.column }
    }

    /// Takes the brackets out: what remains is a name, of which they are in order.
    pub(super) fn brackets(&self) -> Result<(Self, Vec<Bounds>), DapError> {
        let (mut name, mut bounds, mut open) = (Vec::new(), Vec::new(), None);
        for (place, spot) in self.spots.iter().enumerate() {
            match (spot.byte, open) {
                (b'[', None) => open = Some(place),
                (b']', Some(start)) => {
                    bounds.push(self.part(start + 1..place).bounds()?);
                    open = None;
                }
                (b'[', Some(_)) => {
                    return Err(malformed(spot.column, "a bracket within brackets; write [start:stride:stop]"));
                }
                (b']', None) => return Err(malformed(spot.column, "a closing bracket with no opening one")),
                (_, Some(_)) => {}
                (_, None) => name.push(*spot),
            }
        }
        match open {
            Some(place) => Err(malformed(self.spots[place].column, "a bracket that is not closed")),
            None => Ok((Self { spots: name, column: self.column }, bounds)),
        }
    }

    /// Reads `a`, `a:b`, `a:s:b`; DAP4 leaves out the end, or all.
    fn bounds(&self) -> Result<Bounds, DapError> {
        let column = self.column();
        let parts = self.split(b':');
        let bounds = |start, stride, stop| Bounds { start, stride, stop, column };
        match parts.as_slice() {
            [all] if all.is_empty() => Ok(bounds(0, 1, None)),
            [index] => index.index().map(|index| bounds(index, 1, Some(index))),
            [start, stop] => Ok(bounds(start.index()?, 1, stop.end()?)),
            [start, stride, stop] => Ok(bounds(start.index()?, stride.index()?, stop.end()?)),
            _ => Err(malformed(column, "too many colons; write [start:stride:stop]")),
        }
    }

    fn end(&self) -> Result<Option<u64>, DapError> {
        if self.is_empty() { Ok(None) } else { self.index().map(Some) }
    }

    fn index(&self) -> Result<u64, DapError> {
        let text = self.text();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let what = || match text.strip_prefix('-') {
            Some(_) => format!("{text} is negative; indices count from 0, strides from 1"),
            None => format!("{text:?} is no index; write whole numbers, as in [0:2:10]"),
        };
        text.parse().ok().filter(|_| is_number).ok_or_else(|| malformed(self.column(), &what()))
    }
}

pub(super) fn malformed(column: usize, what: &str) -> DapError {
    DapError::Malformed { column, what: what.to_owned() }
}
