//! The synthetic climate of rook: a small world whose weather is computed, for demonstrations and tests that need
//! nothing from outside.
//!
//! It has what real files have and what makes trouble: a packed variable, missing values and NaN, a table of stations
//! with names, a scalar variable, an unlimited dimension, attributes with spaces in their names. [`fields`] has the
//! formulas. Every value is computed with `libm`, so that all machines write the same bits.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use netcdf_writer::{NcWriteFormat, NcWriteOptions};

pub mod fields;
mod schema;

use schema::Schema;

/// How large the world is, and how long it is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climate {
    /// Days.
    pub days: u32,
    /// Parallels.
    pub latitudes: u32,
    /// Meridians.
    pub longitudes: u32,
}

/// In which form it is written; the canonical streams of its variables are the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// CDF-1, day by day: the file may be of any length, and one day at a time is in memory.
    Classic,
    /// CDF-2, day by day.
    Offset64,
    /// CDF-5, day by day.
    Cdf5,
    /// NetCDF-4, each variable in one piece. The whole file is in memory, twice, while it is written.
    Hdf5,
    /// NetCDF-4 in chunks. The whole file is in memory while it is written.
    Chunked(Chunks),
}

/// How the variables over time and place are cut and packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Days of a chunk.
    pub days: u32,
    /// Parallels of a chunk.
    pub latitudes: u32,
    /// Meridians of a chunk.
    pub longitudes: u32,
    /// Deflate's level, 0 to 9, if they are compressed.
    pub deflate: Option<u8>,
    /// Whether the bytes of all values are sorted by their place in the value before they are compressed.
    pub is_shuffled: bool,
}

/// Why it was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClimateError {
    /// The disk refused.
    #[error("the synthetic climate cannot be written: {0}")]
    Disk(#[from] std::io::Error),
    /// The file cannot be made like this.
    #[error("the synthetic climate cannot be made: {0}")]
    Made(#[from] netcdf_writer::Error),
}

impl Climate {
    /// A fortnight on a grid of 10 degrees: about 130 kB.
    pub const SMALL: Self = Self { days: 14, latitudes: 18, longitudes: 36 };

    /// About so many bytes: as many days as it takes on a grid of 5 degrees, or of 1 degree from 100 MB on.
    pub fn of_bytes(bytes: u64) -> Self {
        let (latitudes, longitudes) = if bytes < 100_000_000 { (36, 72) } else { (180, 360) };
        let world = Self { days: 1, latitudes, longitudes };
        let days = bytes.div_ceil(world.day_bytes()).max(1);
        Self { days: u32::try_from(days).unwrap_or(u32::MAX), ..world }
    }

    /// Bytes of the three variables over time and place on one day.
    fn day_bytes(&self) -> u64 {
        u64::from(self.latitudes) * u64::from(self.longitudes) * (4 + 8 + 2)
    }
}

/// Writes the synthetic climate to a new file.
///
/// # Errors
/// [`ClimateError`] if the disk is full, for example, or chunks are larger than the world.
pub fn write(path: &Path, climate: &Climate, layout: Layout) -> Result<(), ClimateError> {
    let mut file = BufWriter::new(File::create(path)?);
    match layout {
        Layout::Classic => write_classic(&mut file, climate, NcWriteFormat::Classic)?,
        Layout::Offset64 => write_classic(&mut file, climate, NcWriteFormat::Offset64)?,
        Layout::Cdf5 => write_classic(&mut file, climate, NcWriteFormat::Cdf5)?,
        Layout::Hdf5 => write_hdf5(&mut file, climate, None)?,
        Layout::Chunked(chunks) => write_hdf5(&mut file, climate, Some(&chunks))?,
    }
    Ok(file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}

fn write_hdf5(file: &mut impl Write, climate: &Climate, chunks: Option<&Chunks>) -> Result<(), ClimateError> {
    let mut schema = Schema::new(climate, chunks.is_some())?;
    if let Some(chunks) = chunks {
        schema.cut(chunks)?;
    }
    schema.fill(climate)?;
    schema.builder.write(file, NcWriteOptions { format: NcWriteFormat::Nc4 })?;
    Ok(())
}

/// Writes a file without records, and appends them: in a classic file one record after the other follows all else.
fn write_classic(file: &mut (impl Write + Seek), climate: &Climate, format: NcWriteFormat) -> Result<(), ClimateError> {
    let schema = Schema::new(climate, true)?;
    schema.builder.write(&mut *file, NcWriteOptions { format })?;
    for day in 0..climate.days {
        let record = fields::record(climate, day);
        file.write_all(&record)?;
    }
    // The number of records follows the four bytes that name the format.
    file.seek(SeekFrom::Start(4))?;
    if format == NcWriteFormat::Cdf5 {
        file.write_all(&u64::from(climate.days).to_be_bytes())?;
    } else {
        file.write_all(&climate.days.to_be_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
