//! Classic files: their values are in canonical form already, only the records of an unlimited dimension are apart.

use std::ops::Range;

use hdf5_reader::error::Error as ReadError;
use netcdf_reader::classic::data::compute_record_stride;
use netcdf_reader::classic::header::{ClassicHeader, parse_header};
use netcdf_reader::{Error, NcFormat, NcGroup, NcVariable};

use crate::source::SourceError;
use crate::storage::{self, DynStorage};

/// Bytes of the header that are read at first; more if it turns out to be longer.
const HEADER: usize = 64 << 10;
/// The longest header, in bytes.
const MAX_HEADER: usize = 64 << 20;
/// What stands for the number of records in a file that was written as a stream, in CDF-1 and CDF-2.
const STREAMED: [u8; 4] = [255; 4];
/// Bytes that are read at once.
const READ: u64 = 4 << 20;
/// Bytes between two runs that are read because one large read costs less than two small ones.
const GAP: u64 = 4096;
/// How many runs are read at once.
const RUNS: usize = 1 << 16;

/// The format of a classic file; `None` if it must be NetCDF-4 or nothing.
pub(super) fn format(name: &str, storage: &DynStorage) -> Result<Option<NcFormat>, SourceError> {
    let damaged = |what: String| SourceError::Damaged { name: name.into(), what };
    if storage.len() < 8 {
        return Err(damaged(format!("it has {} bytes, and no NetCDF file has less than 8", storage.len())));
    }
    let magic = storage.read_range(0, 4).map_err(|error| storage::meaning(name, &error))?;
    match magic.as_ref() {
        [b'C', b'D', b'F', 1] => Ok(Some(NcFormat::Classic)),
        [b'C', b'D', b'F', 2] => Ok(Some(NcFormat::Offset64)),
        [b'C', b'D', b'F', 5] => Ok(Some(NcFormat::Cdf5)),
        [b'C', b'D', b'F', version] => Err(damaged(format!("there is no version {version} of classic NetCDF"))),
        _ => Ok(None),
    }
}

/// A classic file.
pub(super) struct File {
    /// All that it says of itself.
    pub(super) root: NcGroup,
    /// Bytes from one record to the next.
    stride: u64,
    records: u64,
}

pub(super) fn open(name: &str, storage: &DynStorage, format: NcFormat) -> Result<File, SourceError> {
    let meaning = |error: Error| storage::meaning(name, &error);
    let (header, is_streamed) = header(storage, format).map_err(meaning)?;
    let stride = compute_record_stride(&header.variables).map_err(meaning)?;
    let first = header.variables.iter().filter(|variable| variable.is_record_var).map(|variable| variable.data_offset);
    let records = match first.min() {
        Some(first) if is_streamed => storage.len().saturating_sub(first).checked_div(stride).unwrap_or(0),
        Some(_) | None => header.numrecs,
    };
    let mut root = NcGroup {
        name: "/".into(),
        dimensions: header.dimensions,
        variables: header.variables,
        attributes: header.global_attributes,
        groups: Vec::new(),
    };
    let variables = root.variables.iter_mut().flat_map(|variable| variable.dimensions.iter_mut());
    for dimension in root.dimensions.iter_mut().chain(variables).filter(|dimension| dimension.is_unlimited) {
        dimension.size = records;
    }
    Ok(File { root, stride, records })
}

/// Reads the header, with more of the file until there is enough of it.
fn header(storage: &DynStorage, format: NcFormat) -> Result<(ClassicHeader, bool), Error> {
    let most = usize::try_from(storage.len()).unwrap_or(MAX_HEADER).min(MAX_HEADER);
    let mut length = HEADER.min(most);
    loop {
        let start = storage.read_range(0, length)?;
        match parse_header(&start, format) {
            Ok(header) => return Ok((header, format != NcFormat::Cdf5 && start.get(4..8) == Some(&STREAMED[..]))),
            Err(error) if length == most => return Err(error),
            Err(_) => length = length.saturating_mul(4).min(most),
        }
    }
}

impl File {
    /// Where a variable's values are.
    pub(super) fn values(
        &self,
        name: &str,
        storage: &DynStorage,
        variable: &NcVariable,
    ) -> Result<Classic, SourceError> {
        let damaged =
            |what: &str| SourceError::Damaged { name: format!("{name} ({})", variable.name), what: what.into() };
        let width = variable.dtype.size().ok().and_then(|width| u64::try_from(width).ok());
        let width = width.ok_or_else(|| damaged("its type has no size"))?;
        let inner = usize::from(variable.is_record_var);
        let mut sizes = variable.dimensions.iter().skip(inner).map(|dimension| dimension.size);
        let record = sizes.try_fold(width, u64::checked_mul);
        let record = record.ok_or_else(|| damaged("it is larger than any file"))?;
        let (stride, records) = if variable.is_record_var { (self.stride, self.records) } else { (0, 1) };
        let last = records.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(record));
        let end = last.and_then(|last| last.checked_add(variable.data_offset));
        if end.is_none_or(|end| end > storage.len()) {
            return Err(damaged(&format!("the file ends at byte {}, before the end of the variable", storage.len())));
        }
        // An empty record has no place in the file, and none is asked for.
        let record = record.max(1);
        Ok(Classic { storage: storage.clone(), offset: variable.data_offset, width, record, stride })
    }
}

/// A variable of a classic file.
pub(super) struct Classic {
    storage: DynStorage,
    /// Where its first value is in the file.
    offset: u64,
    /// Bytes of a value.
    width: u64,
    /// Bytes of a record; of a variable without records, all of its bytes.
    record: u64,
    /// Bytes from one record to the next.
    stride: u64,
}

impl Classic {
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
