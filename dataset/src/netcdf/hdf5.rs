//! The values of a NetCDF-4 file: read as they are stored, chunk by chunk, and turned into canonical form.

use std::ops::Range;

use hdf5_reader::error::Error;
use hdf5_reader::filters::FilterRegistry;
use hdf5_reader::messages::datatype::Datatype;
use hdf5_reader::{ByteOrder, DEFAULT_MAX_CHUNK_BYTES, Dataset, H5Type, Hdf5File, OpenOptions};
use hdf5_reader::{SliceInfo, SliceInfoElem};
use netcdf_reader::NcGroup;

use super::describe::{self, Found};
use super::{boxes, filters};
use crate::slab::{Slab, Span};
use crate::source::SourceError;
use crate::storage::{self, DynStorage};

/// Bytes of decoded chunks that are kept for one file: whoever reads row after row needs the chunks under a row again
/// and again, and each is decoded once if all of them fit.
const CACHE: usize = 48 << 20;
/// How many decoded chunks are kept.
const SLOTS: usize = 8192;
/// Bytes that are read from the reader at once.
const PIECE: u64 = 16 << 20;
/// Bytes from one value to the next up to which what lies between is read too.
const DENSE: u64 = 4096;

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
    dataset: Dataset,
    width: u64,
    is_swapped: bool,
    is_chunked: bool,
}

impl Stored {
    pub(super) fn new(dataset: Dataset, width: u64) -> Self {
        let is_swapped = order(dataset.dtype()) == ByteOrder::LittleEndian;
        let is_chunked = dataset.chunks().is_some();
        Self { dataset, width, is_swapped, is_chunked }
    }

    pub(super) fn read(&self, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
        // Of what is stored in one piece the reader fetches every run by itself: with a stride, every value.
        let thin = slab.0.last().map_or(1, |span| span.stride);
        let is_dense = thin > 1 && !self.is_chunked && thin * self.width <= DENSE;
        let most = PIECE / self.width / if is_dense { thin } else { 1 };
        boxes::split(slab, most.max(1), &mut |piece| {
            if is_dense { self.read_thinned(piece, out) } else { self.read_piece(piece, out) }
        })
    }

    /// Bytes of the stream; the values that they begin and end within are read whole.
    pub(super) fn read_range(&self, shape: &[u64], range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        for slab in boxes::under(shape, range.start / self.width..range.end.div_ceil(self.width)) {
            self.read(&slab, out)?;
        }
        let before = usize::try_from(range.start % self.width).unwrap_or(0);
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if before > 0 {
            out.drain(start..start + before);
        }
        out.truncate(start.saturating_add(wanted));
        Ok(())
    }

    /// Reads all that lies between the values along the fastest axis, and leaves it out.
    fn read_thinned(&self, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut dense = slab.clone();
        let Some(last) = dense.0.last_mut() else { return self.read_piece(slab, out) };
        let (count, stride) = (last.count, last.stride);
        *last = Span { start: last.start, count: (count - 1) * stride + 1, stride: 1 };
        let bytes = |elements: u64| usize::try_from(elements * self.width).unwrap_or(usize::MAX);
        let mut all = Vec::with_capacity(bytes(dense.elements()));
        self.read_piece(&dense, &mut all)?;
        for row in all.chunks_exact(bytes((count - 1) * stride + 1)) {
            for value in row.chunks(bytes(stride)) {
                out.extend_from_slice(&value[..bytes(1)]);
            }
        }
        Ok(())
    }

    fn read_piece(&self, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.width {
            1 => self.read_values::<1>(slab, out),
            2 => self.read_values::<2>(slab, out),
            4 => self.read_values::<4>(slab, out),
            _ => self.read_values::<8>(slab, out),
        }
    }

    fn read_values<const N: usize>(&self, slab: &Slab, out: &mut Vec<u8>) -> Result<(), Error> {
        if slab.elements() == 0 {
            return Ok(());
        }
        let axis = |span: &Span| SliceInfoElem::Slice { start: span.start, end: span.last() + 1, step: span.stride };
        let selection = SliceInfo { selections: slab.0.iter().map(axis).collect() };
        let values = self.dataset.read_slice::<Raw<N>>(&selection)?;
        match values.as_slice() {
            Some(values) => self.append(values, out),
            None => values.iter().for_each(|value| self.append(&[*value], out)),
        }
        Ok(())
    }

    fn append<const N: usize>(&self, values: &[Raw<N>], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + values.len() * N, 0);
        let (places, _) = out[start..].as_chunks_mut::<N>();
        for (place, value) in places.iter_mut().zip(values) {
            *place = value.0;
            if self.is_swapped {
                place.reverse();
            }
        }
    }
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
