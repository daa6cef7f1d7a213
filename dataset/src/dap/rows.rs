//! Turns the rows of a table into a DAP2 sequence, or into text.

use super::coder::{CoderError, pad, xdr};
use super::filter::{Filter, Value};
use super::text;
use crate::model::Kind;

/// What stands before each row of a sequence, and behind the last (DAP 2.0, section 7.3.2.3).
const START: [u8; 4] = [0x5a, 0, 0, 0];
const END: [u8; 4] = [0xa5, 0, 0, 0];

/// Codes windows of rows; it holds nothing between them.
#[derive(Clone, Debug)]
pub struct RowCoder {
    /// Kinds of all columns of a window.
    kinds: Vec<Kind>,
    /// How many of the first columns are shown.
    shown: usize,
    is_text: bool,
}

/// One row of a window.
pub(super) struct Row<'a> {
    coder: &'a RowCoder,
    window: &'a [&'a [u8]],
    rows: usize,
    row: usize,
}

impl RowCoder {
    pub(super) fn new(kinds: Vec<Kind>, shown: usize, is_text: bool) -> Self {
        Self { kinds, shown, is_text }
    }

    /// Takes the canonical bytes of the same rows of each column, in the order of the part's columns, and appends the
    /// rows that the filter holds of.
    ///
    /// # Errors
    /// [`CoderError`] if the bytes are not those of so many rows.
    pub fn push(&mut self, filter: &Filter, rows: u64, window: &[&[u8]], out: &mut Vec<u8>) -> Result<(), CoderError> {
        let rows = usize::try_from(rows).map_err(|_| CoderError("more rows than memory"))?;
        if window.len() != self.kinds.len() {
            return Err(CoderError("a column is missing"));
        }
        for (&kind, bytes) in self.kinds.iter().zip(window) {
            check(kind, rows, bytes)?;
        }
        for row in 0..rows {
            let row = Row { coder: self, window, rows, row };
            if filter.holds(&row) {
                row.write(out);
            }
        }
        Ok(())
    }

    /// Appends what stands behind the last row.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.is_text {
            out.extend_from_slice(&END);
        }
    }
}

/// Whether a column's bytes are those of so many rows.
fn check(kind: Kind, rows: usize, bytes: &[u8]) -> Result<(), CoderError> {
    let wrong = CoderError("a column has another number of rows");
    if let Some(width) = kind.width() {
        return if bytes.len() as u64 == width.saturating_mul(rows as u64) { Ok(()) } else { Err(wrong) };
    }
    let table =
        rows.checked_add(1).and_then(|offsets| offsets.checked_mul(8)).and_then(|end| bytes.get(..end)).ok_or(wrong)?;
    let mut before = 0;
    for (place, offset) in table.chunks_exact(8).enumerate() {
        let offset = u64::from_be_bytes(offset.try_into().unwrap_or_default());
        if offset < before || (place == 0 && offset != 0) {
            return Err(CoderError("their offsets are not in order"));
        }
        before = offset;
    }
    if before == (bytes.len() - table.len()) as u64 { Ok(()) } else { Err(wrong) }
}

impl Row<'_> {
    /// The canonical bytes of one value; the window was checked.
    fn bytes(&self, column: usize) -> &[u8] {
        let bytes = self.window[column];
        if let Some(width) = self.coder.kinds[column].width() {
            let width = usize::try_from(width).unwrap_or(8);
            return &bytes[self.row * width..(self.row + 1) * width];
        }
        let (table, strings) = bytes.split_at((self.rows + 1) * 8);
        let offset = |place: usize| {
            let offset = table[place * 8..place * 8 + 8].try_into().unwrap_or_default();
            usize::try_from(u64::from_be_bytes(offset)).unwrap_or(usize::MAX)
        };
        &strings[offset(self.row)..offset(self.row + 1)]
    }

    /// One value, to be compared.
    pub(super) fn value(&self, column: usize) -> Option<Value> {
        let (bytes, kind) = (self.bytes(column), *self.coder.kinds.get(column)?);
        Some(match kind {
            Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => Value::Whole(text::whole(bytes, true)),
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => Value::Whole(text::whole(bytes, false)),
            Kind::F32 => Value::Real(f32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::F64 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Char | Kind::String => Value::Text(bytes.to_vec()),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.coder.is_text {
            let value = |column| text::element(self.coder.kinds[column], self.bytes(column));
            let values: Vec<String> = (0..self.coder.shown).map(value).collect();
            out.extend_from_slice(values.join(", ").as_bytes());
            out.push(b'\n');
            return;
        }
        out.extend_from_slice(&START);
        for column in 0..self.coder.shown {
            let (kind, bytes) = (self.coder.kinds[column], self.bytes(column));
            match kind {
                // As `shape::column_type` says.
                Kind::I8 | Kind::U8 => {
                    let fill = if kind == Kind::I8 && bytes[0] & 0x80 != 0 { 0xff } else { 0 };
                    out.extend_from_slice(&[fill, fill, fill, bytes[0]]);
                }
                Kind::Char | Kind::String => {
                    // A string of more than 4 GiB does not fit a window.
                    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
                    out.extend_from_slice(bytes);
                    pad(bytes.len() as u64, out);
                }
                Kind::I16 | Kind::U16 | Kind::I32 | Kind::U32 | Kind::I64 | Kind::U64 | Kind::F32 | Kind::F64 => {
                    xdr(kind, true, bytes, out);
                }
            }
        }
    }
}
