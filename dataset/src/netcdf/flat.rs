//! Values that lie in a file as they are in canonical form, but for the order of the bytes of each: in one piece, or in
//! records at equal distances.

use std::ops::Range;

use hdf5_reader::error::Error as ReadError;

use crate::storage::DynStorage;

/// Bytes that are read at once.
const READ: u64 = 4 << 20;
/// Bytes between two runs that are read because one large read costs less than two small ones.
const GAP: u64 = 4096;
/// How many runs are read at once.
const RUNS: usize = 1 << 16;

/// Where the values of a variable are.
pub(super) struct Flat {
    pub(super) storage: DynStorage,
    /// Where its first value is in the file.
    pub(super) offset: u64,
    /// Bytes of a value.
    pub(super) width: u64,
    /// Bytes of a record; of a variable without records, all of its bytes.
    pub(super) record: u64,
    /// Bytes from one record to the next.
    pub(super) stride: u64,
}

impl Flat {
    /// Appends runs of values, in order: first and number.
    pub(super) fn read(&self, runs: impl Iterator<Item = (u64, u64)>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut gather = Gather { storage: &self.storage, out, pieces: Vec::new() };
        for (first, count) in runs {
            self.pieces(first * self.width..(first + count) * self.width, &mut gather)?;
        }
        gather.flush()
    }

    pub(super) fn read_range(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut gather = Gather { storage: &self.storage, out, pieces: Vec::new() };
        self.pieces(range, &mut gather)?;
        gather.flush()
    }

    /// The places in the file of a range of the stream.
    fn pieces(&self, range: Range<u64>, gather: &mut Gather<'_>) -> Result<(), ReadError> {
        let mut next = range.start;
        while next < range.end {
            let (record, within) = (next / self.record, next % self.record);
            let bytes = (self.record - within).min(range.end - next).min(READ);
            let place = self.offset + record * self.stride + within;
            gather.push(place..place + bytes)?;
            next += bytes;
        }
        Ok(())
    }
}

/// Puts reads together that are near each other.
struct Gather<'a> {
    storage: &'a DynStorage,
    out: &'a mut Vec<u8>,
    pieces: Vec<Range<u64>>,
}

impl Gather<'_> {
    fn push(&mut self, piece: Range<u64>) -> Result<(), ReadError> {
        let start = self.pieces.first().map_or(piece.start, |first| first.start);
        let end = self.pieces.last().map_or(piece.start, |last| last.end);
        let is_near = piece.start >= end && piece.start - end <= GAP && piece.end - start <= READ;
        if !is_near {
            self.flush()?;
        } else if let Some(last) = self.pieces.last_mut().filter(|_| piece.start == end) {
            last.end = piece.end;
            return Ok(());
        }
        if self.pieces.len() == RUNS {
            self.flush()?;
        }
        self.pieces.push(piece);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReadError> {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else { return Ok(()) };
        let start = first.start;
        let place = |place: u64| usize::try_from(place - start).unwrap_or(usize::MAX);
        let bytes = self.storage.read_range(start, place(last.end))?;
        for piece in &self.pieces {
            self.out.extend_from_slice(&bytes[place(piece.start)..place(piece.end)]);
        }
        self.pieces.clear();
        Ok(())
    }
}
