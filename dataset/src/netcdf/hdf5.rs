//! The values of a NetCDF-4 file: read as they are stored, in one piece or chunk by chunk, and turned into canonical
//! form.

use std::ops::Range;

use hdf5_reader::error::Error;
use hdf5_reader::filters::FilterRegistry;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::datatype::Datatype;
use hdf5_reader::messages::layout::{DataLayout, DataLayoutMessage};
use hdf5_reader::{ByteOrder, DEFAULT_MAX_CHUNK_BYTES, Dataset, H5Type, Hdf5File, OpenOptions};
use hdf5_reader::{SliceInfo, SliceInfoElem};
use netcdf_reader::NcGroup;

use super::describe::{self, Found};
use super::flat::Flat;
use super::{boxes, filters, nesting};
use crate::slab::{Slab, Span};
use crate::source::SourceError;
use crate::storage::{self, DynStorage};

/// Bytes of decoded chunks that are kept for one file: whoever reads row after row needs the chunks under a row again
/// and again, and each is decoded once if all of them fit.
const CACHE: usize = 48 << 20;
/// How many decoded chunks are kept.
const SLOTS: usize = 8192;
/// Bytes of chunks that are read at once: the more of a chunk is read, the less often it is needed again.
const PIECE: u64 = 16 << 20;
/// Values from which on chunks are decoded on all processors.
const PARALLEL: u64 = 1 << 16;

/// Opens the file for its values.
pub(super) fn open(name: &str, storage: DynStorage, root: &NcGroup) -> Result<Hdf5File, SourceError> {
    let file = open_with(name, storage.clone(), CACHE)?;
    let mut largest = 0;
    for found in describe::describe(root).found {
        let dataset = file.dataset(&found.path).map_err(|error| storage::meaning(name, &error))?;
        let chunk = dataset.chunks().unwrap_or_default();
        let elements = chunk.iter().try_fold(1_usize, |all, &size| all.checked_mul(usize::try_from(size).ok()?));
        let width = usize::try_from(found.kind.width().unwrap_or(16)).unwrap_or(16);
        largest = largest.max(elements.and_then(|elements| elements.checked_mul(width)).unwrap_or(usize::MAX));
    }
    // A chunk that does not fit the cache would be decoded for every piece of it that is read.
    if largest <= CACHE { Ok(file) } else { open_with(name, storage, largest.min(DEFAULT_MAX_CHUNK_BYTES)) }
}

/// Looks at how the file's groups lie within each other, before anybody follows them.
pub(super) fn check_groups(name: &str, storage: DynStorage) -> Result<(), SourceError> {
    let root = open_with(name, storage, 0)?.root_group().map_err(|error| storage::meaning(name, &error))?;
    nesting::check(name, root)
}

fn open_with(name: &str, storage: DynStorage, cache: usize) -> Result<Hdf5File, SourceError> {
    let registry: FilterRegistry = filters::registry();
    let options = OpenOptions::default()
        .with_chunk_cache_bytes(cache)
        .with_chunk_cache_slots(SLOTS)
        .with_filter_registry(registry);
    Hdf5File::from_storage_with_options(storage, options).map_err(|error| storage::meaning(name, &error))
}

/// A variable's dataset, with the length that its dimensions have: those that were written less far are filled up.
pub(super) fn dataset(name: &str, file: &Hdf5File, found: &Found<'_>) -> Result<Dataset, SourceError> {
    let name = format!("{name} ({})", found.path);
    let shape: Vec<u64> = found.variable.dimensions.iter().map(|dimension| dimension.size).collect();
    let dataset = file.dataset(&found.path).and_then(|dataset| dataset.with_padded_shape(&shape));
    dataset.map_err(|error| storage::meaning(&name, &error))
}

/// A variable of numbers or characters.
pub(super) struct Stored {
    place: Place,
    width: u64,
    is_swapped: bool,
}

/// Where its values are.
enum Place {
    /// In one piece, which is read past the reader.
    Flat(Flat),
    /// In chunks, or nowhere, as those that were never written.
    Cut(Box<Dataset>),
}

impl Stored {
    pub(super) fn new(file: &Hdf5File, storage: &DynStorage, dataset: Dataset, width: u64) -> Result<Self, Error> {
        let is_swapped = width > 1 && order(dataset.dtype()) == ByteOrder::LittleEndian;
        let place = match piece(file, &dataset, width)? {
            Some(range) if range.end <= storage.len() => {
                let record = (range.end - range.start).max(1);
                Place::Flat(Flat { storage: storage.clone(), offset: range.start, width, record, stride: 0 })
            }
            Some(_) | None => Place::Cut(Box::new(dataset)),
        };
        Ok(Self { place, width, is_swapped })
    }

    pub(super) fn read(&self, slab: &Slab, shape: &[u64], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        match &self.place {
            Place::Flat(flat) => {
                flat.read(slab.runs(shape), out)?;
                self.turn(&mut out[start..]);
                Ok(())
            }
            Place::Cut(dataset) => {
                boxes::split(slab, PIECE / self.width, &mut |piece| self.read_piece(dataset, piece, out))
            }
        }
    }

    /// Bytes of the stream; the values that they begin and end within are read whole.
    pub(super) fn read_range(&self, shape: &[u64], range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        let values = range.start / self.width..range.end.div_ceil(self.width);
        match &self.place {
            Place::Flat(flat) => {
                flat.read_range(values.start * self.width..values.end * self.width, out)?;
                self.turn(&mut out[start..]);
            }
            Place::Cut(_) => {
                boxes::under(shape, values).iter().try_for_each(|slab| self.read(slab, shape, out))?;
            }
        }
        let before = usize::try_from(range.start % self.width).unwrap_or(0);
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if before > 0 {
            out.drain(start..start + before);
        }
        out.truncate(start.saturating_add(wanted));
        Ok(())
    }

    fn read_piece(&self, dataset: &Dataset, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        match self.width {
            1 => read_values::<1>(dataset, slab, out)?,
            2 => read_values::<2>(dataset, slab, out)?,
            4 => read_values::<4>(dataset, slab, out)?,
            _ => read_values::<8>(dataset, slab, out)?,
        }
        self.turn(&mut out[start..]);
        Ok(())
    }

    /// Puts the bytes of values into canonical order.
    fn turn(&self, bytes: &mut [u8]) {
        match self.width {
            2 if self.is_swapped => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|value| value.reverse()),
            4 if self.is_swapped => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|value| value.reverse()),
            8 if self.is_swapped => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|value| value.reverse()),
            _ => {}
        }
    }
}

/// Appends values as they are stored.
fn read_values<const N: usize>(dataset: &Dataset, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
    if slab.elements() == 0 {
        return Ok(());
    }
    let axis = |span: &Span| SliceInfoElem::Slice { start: span.start, end: span.last() + 1, step: span.stride };
    let selection = SliceInfo { selections: slab.0.iter().map(axis).collect() };
    let values = if slab.elements() >= PARALLEL {
        dataset.read_slice_parallel::<Raw<N>>(&selection)?
    } else {
        dataset.read_slice::<Raw<N>>(&selection)?
    };
    out.reserve(values.len() * N);
    match values.as_slice() {
        Some(values) => values.iter().for_each(|value| out.extend_from_slice(&value.0)),
        // The same, slower: values that do not lie in their order.
        None => values.iter().for_each(|value| out.extend_from_slice(&value.0)),
    }
    Ok(())
}

/// The bytes of the file that are all of a variable's values; `None` if they are not in one piece.
fn piece(file: &Hdf5File, dataset: &Dataset, width: u64) -> Result<Option<Range<u64>>, Error> {
    let header = file.get_or_parse_header(dataset.address())?;
    let is_elsewhere = header.messages.iter().any(|message| matches!(message, HdfMessage::ExternalFiles(_)));
    let layout = header.messages.iter().find_map(|message| {
        if let HdfMessage::DataLayout(DataLayoutMessage { layout: DataLayout::Contiguous { address, size } }) = message
        {
            Some((*address, *size))
        } else {
            None
        }
    });
    let Some((address, size)) = layout.filter(|_| !is_elsewhere) else { return Ok(None) };
    let start = file.superblock().base_address.checked_add(address);
    let is_whole = dataset.num_elements()?.checked_mul(width) == Some(size);
    Ok(start.filter(|_| is_whole).and_then(|start| Some(start..start.checked_add(size)?)))
}

/// In which order a value's bytes are stored.
fn order(stored: &Datatype) -> ByteOrder {
    if let Datatype::FixedPoint { byte_order, .. } | Datatype::FloatingPoint { byte_order, .. } = stored {
        *byte_order
    } else if let Datatype::Enum { base, .. } = stored {
        order(base)
    } else {
        ByteOrder::BigEndian
    }
}

/// A value of N bytes as it is stored, whatever it means: the reader copies it and decodes nothing.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Raw<const N: usize>([u8; N]);

impl<const N: usize> H5Type for Raw<N> {
    fn hdf5_type() -> Datatype {
        Datatype::Opaque { size: u32::try_from(N).unwrap_or(u32::MAX), tag: String::new() }
    }

    fn from_bytes(bytes: &[u8], _: &Datatype) -> Result<Self, Error> {
        let short = || Error::InvalidData(format!("a value has {} bytes, not {N}", bytes.len()));
        bytes.first_chunk().copied().map(Self).ok_or_else(short)
    }

    fn element_size(_: &Datatype) -> usize {
        N
    }

    fn decode_vec(raw: &[u8], _: &Datatype, count: usize) -> Option<Result<Vec<Self>, Error>> {
        let (values, _) = raw.as_chunks::<N>();
        values.get(..count).map(|values| Ok(values.iter().copied().map(Self).collect()))
    }

    fn native_copy_compatible(_: &Datatype) -> bool {
        // The reader compares the sizes itself.
        true
    }
}
