//! NetCDF files as they are found on disk or in a store: classic (CDF-1, CDF-2, CDF-5) and NetCDF-4.
//!
//! What netCDF keeps for itself in a NetCDF-4 file (dimension scales and their lists, `_NCProperties`, ...) is not
//! shown. Of the types that users define, an enumeration is its integers; compounds, variable-length lists and opaque
//! values are left out, and named in [`NetCdf::skipped`], so that the rest of the file can be served.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use netcdf_reader::NcOpenOptions;

use crate::model::Description;
use crate::slab::Slab;
use crate::source::{Source, SourceError};
use crate::storage::{self, DynStorage};

mod boxes;
mod classic;
mod describe;
mod filters;
mod flat;
mod hdf5;
mod nesting;
mod texts;

pub use describe::Skipped;
use describe::{Described, Found};
use flat::Flat;
use hdf5::Stored;
use texts::Texts;

/// An open NetCDF file.
pub struct NetCdf {
    name: String,
    description: Description,
    skipped: Vec<Skipped>,
    values: Vec<Values>,
}

/// Where a variable's values are.
enum Values {
    Flat(Flat),
    Stored(Stored),
    Texts(Box<Texts>),
}

impl NetCdf {
    /// Opens a file that lies in a store; `name` is what errors call it.
    ///
    /// # Errors
    /// [`SourceError`] if it cannot be read, is no NetCDF file, or is damaged: cut, for example.
    pub fn open(name: &str, storage: DynStorage) -> Result<Self, SourceError> {
        guard(name, || match classic::format(name, &storage)? {
            Some(format) => {
                let file = classic::open(name, &storage, format)?;
                let values = |found: &Found<'_>| file.values(name, &storage, found.variable).map(Values::Flat);
                Self::new(name, &file.root, values)
            }
            None => Self::open_hdf5(name, storage),
        })
    }

    /// Opens a local file.
    ///
    /// # Errors
    /// As [`NetCdf::open`].
    pub fn open_path(path: &Path) -> Result<Self, SourceError> {
        Self::open(&path.display().to_string(), storage::local(path)?)
    }

    fn open_hdf5(name: &str, storage: DynStorage) -> Result<Self, SourceError> {
        hdf5::check_groups(name, storage.clone())?;
        let damaged = |error: netcdf_reader::Error| storage::meaning(name, &error);
        let described = netcdf_reader::NcFile::from_storage_with_options(storage.clone(), NcOpenOptions::default())
            .map_err(damaged)?;
        let root = described.root_group().map_err(damaged)?;
        let file = hdf5::open(name, storage.clone(), root)?;
        Self::new(name, root, |found| {
            let dataset = hdf5::dataset(name, &file, found)?;
            let Some(width) = found.kind.width() else { return Ok(Values::Texts(Box::new(Texts::new(dataset)))) };
            Stored::new(&file, &storage, dataset, width)
                .map(Values::Stored)
                .map_err(|error| storage::meaning(name, &error))
        })
    }

    fn new(
        name: &str,
        root: &netcdf_reader::NcGroup,
        values: impl Fn(&Found<'_>) -> Result<Values, SourceError>,
    ) -> Result<Self, SourceError> {
        let Described { description, found, skipped } = describe::describe(root);
        description.check().map_err(|what| SourceError::Damaged { name: name.into(), what })?;
        let values = found.iter().map(values).collect::<Result<_, _>>()?;
        Ok(Self { name: name.into(), description, skipped, values })
    }

    /// What is in the file and is not served, as no canonical form is defined for it.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Names the variable in an error of the readers.
    fn meaning(&self, variable: usize, error: &(dyn std::error::Error + 'static)) -> SourceError {
        storage::meaning(&format!("{} ({})", self.name, self.description.variables[variable].name), error)
    }
}

impl Source for NetCdf {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, variable: usize) -> Result<u64, SourceError> {
        let elements: u64 = self.description.shape(variable).iter().product();
        match &self.values[variable] {
            Values::Flat(_) | Values::Stored(_) => {
                Ok(elements * self.description.variables[variable].kind.width().unwrap_or(0))
            }
            Values::Texts(texts) => {
                guard(&self.name, || texts.length().map_err(|error| self.meaning(variable, &error)))
            }
        }
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let shape = self.description.shape(variable);
        guard(&self.name, || {
            match &self.values[variable] {
                Values::Flat(values) => values.read(slab.runs(&shape), out),
                Values::Stored(values) => values.read(slab, &shape, out),
                Values::Texts(texts) => texts.read(slab, &shape, out),
            }
            .map_err(|error| self.meaning(variable, &error))
        })
    }

    fn read_range(&self, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        guard(&self.name, || {
            match &self.values[variable] {
                Values::Flat(values) => values.read_range(range, out),
                Values::Stored(values) => values.read_range(&self.description.shape(variable), range, out),
                Values::Texts(texts) => texts.read_range(range, out),
            }
            .map_err(|error| self.meaning(variable, &error))
        })
    }
}

/// Does work in which the readers panic at some kinds of damage, as where a size overflows, and makes an error of that.
fn guard<T>(name: &str, work: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let what = format!("it cannot be made out ({})", text.unwrap_or("the reader gave up"));
        Err(SourceError::Damaged { name: name.into(), what })
    })
}

#[cfg(test)]
mod tests;
