//! Compressions of NetCDF-4 files beyond those that the reader knows (deflate, shuffle, fletcher32, szip, lz4, ...).

use std::io::Read;

use hdf5_reader::DEFAULT_MAX_CHUNK_BYTES;
use hdf5_reader::error::Error;
use hdf5_reader::filters::FilterRegistry;
use ruzstd::decoding::StreamingDecoder;

/// The number under which HDF5's registry of filters has Zstandard.
const ZSTD: u16 = 32_015;

/// Filters that files are found with and that we cannot undo.
const UNKNOWN: [(u16, &str); 5] =
    [(307, "bzip2"), (32_001, "blosc"), (32_008, "bitshuffle"), (32_013, "zfp"), (32_026, "blosc2")];

/// The reader's filters, and Zstandard.
pub(super) fn registry() -> FilterRegistry {
    let mut registry = FilterRegistry::new();
    registry.register(ZSTD, Box::new(|_, data, _| unzstd(data)));
    for (number, name) in UNKNOWN {
        let what = format!("{name} compression ({number}); rewrite the file with `nccopy -F none` or with zlib");
        registry.register(number, Box::new(move |_, _, _| Err(Error::UnsupportedFilter(what.clone()))));
    }
    registry
}

fn unzstd(data: &[u8]) -> Result<Vec<u8>, Error> {
    let broken = |error: String| Error::DecompressionError(format!("zstd: {error}"));
    let decoder = StreamingDecoder::new(data).map_err(|error| broken(error.to_string()))?;
    let limit = u64::try_from(DEFAULT_MAX_CHUNK_BYTES).unwrap_or(u64::MAX);
    let mut values = Vec::new();
    decoder.take(limit).read_to_end(&mut values).map_err(|error| broken(error.to_string()))?;
    Ok(values)
}
