//! Writing netCDF classic files: the header, and where each variable's values go. The values are their canonical form, so
//! a file is written as its values come, in any order, and an interrupted one can be gone on with.
//!
//! The format is that of the *NetCDF Classic Format Specification* (Unidata): CDF-2 where its types and sizes suffice,
//! CDF-5 elsewhere. Unlimited dimensions become fixed ones of their present length: what is written does not grow.

mod header;

use crate::model::{Description, Kind};
use crate::slab::{Slab, SlabError};

pub use header::Version;

/// Why a selection cannot be a netCDF classic file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassicError {
    /// There is no such type in the format.
    #[error("variable {0} has texts of any length, which a netCDF classic file cannot hold: leave it out")]
    Strings(String),
    /// The format has no groups, and names that differ only in them are the same.
    #[error("two names in the file would be {0:?}: leave one of them out")]
    SameName(String),
    /// A dimension is selected in two ways.
    #[error("{first} and {second} take different parts of dimension {dimension}: get them into two files")]
    TwoLengths {
        /// The dimension.
        dimension: String,
        /// A variable that takes one part.
        first: String,
        /// One that takes another.
        second: String,
    },
    /// A slab does not fit its variable.
    #[error("{variable}: {why}")]
    Slab {
        /// Which variable.
        variable: String,
        /// Why.
        why: SlabError,
    },
}

/// Values that a file holds: a part of a variable, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The variable, as a place in the description.
    pub variable: usize,
    /// Which part of it.
    pub slab: Slab,
    /// Where its values begin in the file, in bytes.
    pub begin: u64,
    /// Bytes of its values, without the padding to a multiple of 4.
    pub length: u64,
}

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Which of the formats it is.
    pub version: Version,
    /// What it begins with.
    pub header: Vec<u8>,
    /// Its values, in order; between them, and at the end, zeros up to a multiple of 4.
    pub places: Vec<Place>,
    /// Bytes of the whole file.
    pub length: u64,
}

impl Layout {
    /// Lays out a file with parts of some variables of a description.
    ///
    /// # Errors
    /// [`ClassicError`] if the format cannot hold it.
    pub fn new(description: &Description, wanted: &[(usize, Slab)]) -> Result<Self, ClassicError> {
        let mut places = Vec::with_capacity(wanted.len());
        for (variable, slab) in wanted {
            let name = &description.variables[*variable].name;
            let slab = slab.canonical(&description.shape(*variable));
            let slab = slab.map_err(|why| ClassicError::Slab { variable: name.clone(), why })?;
            let Some(width) = description.variables[*variable].kind.width() else {
                return Err(ClassicError::Strings(name.clone()));
            };
            let length = slab.elements() * width;
            places.push(Place { variable: *variable, slab, begin: 0, length });
        }
        let version = version_for(description, &places);
        // The header has the same length whatever the places in it say.
        let mut at = header::encode(version, description, &places)?.len() as u64;
        for place in &mut places {
            place.begin = at;
            at += place.length.next_multiple_of(4);
        }
        let header = header::encode(version, description, &places)?;
        Ok(Self { version, header, places, length: at })
    }
}

fn version_for(description: &Description, places: &[Place]) -> Version {
    use crate::model::Values;
    let old = |kind| matches!(kind, Kind::I8 | Kind::Char | Kind::I16 | Kind::I32 | Kind::F32 | Kind::F64);
    let old_values = |values: &Values| match values {
        Values::I8(_) | Values::I16(_) | Values::I32(_) | Values::F32(_) | Values::F64(_) => true,
        Values::Text(_) | Values::Strings(_) => true,
        Values::U8(_) | Values::U16(_) | Values::U32(_) | Values::I64(_) | Values::U64(_) => false,
    };
    let small = places.iter().all(|place| {
        let variable = &description.variables[place.variable];
        let sizes = place.slab.0.iter().all(|span| span.count < 1 << 31);
        let attributes = variable.attributes.iter().all(|attribute| old_values(&attribute.values));
        old(variable.kind) && sizes && attributes && place.length < (1 << 32) - 4
    });
    let attributes = description.attributes.iter().all(|attribute| old_values(&attribute.values));
    if small && attributes { Version::Cdf2 } else { Version::Cdf5 }
}
