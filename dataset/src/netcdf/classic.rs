//! Classic files: their values are in canonical form already, only the records of an unlimited dimension are apart.

use netcdf_reader::classic::data::compute_record_stride;
use netcdf_reader::classic::header::{ClassicHeader, parse_header};
use netcdf_reader::{Error, NcFormat, NcGroup, NcVariable};

use super::flat::Flat;
use crate::source::SourceError;
use crate::storage::{self, DynStorage};

/// Bytes of the header that are read at first; more if it turns out to be longer.
const HEADER: usize = 64 << 10;
/// The longest header, in bytes.
const MAX_HEADER: usize = 64 << 20;
/// What stands for the number of records in a file that was written as a stream, in CDF-1 and CDF-2.
const STREAMED: [u8; 4] = [255; 4];

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
    pub(super) fn values(&self, name: &str, storage: &DynStorage, variable: &NcVariable) -> Result<Flat, SourceError> {
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
        Ok(Flat { storage: storage.clone(), offset: variable.data_offset, width, record, stride })
    }
}
