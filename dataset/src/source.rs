//! Where values come from: a file here, or servers elsewhere.

use std::ops::Range;

use crate::model::Description;
use crate::slab::Slab;

/// Values of one file in canonical form: row-major and big-endian; a `char` is one byte. An array of n strings is n + 1
/// big-endian offsets of 8 bytes, from 0, then the UTF-8 of all strings; so is a slab of them.
pub trait Source: Send + Sync {
    /// What is in the file.
    fn description(&self) -> &Description;

    /// Bytes of a variable's canonical stream. Of strings this takes a look at all of them.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read.
    fn length(&self, variable: usize) -> Result<u64, SourceError>;

    /// Appends a hyperslab of a variable in canonical form. The slab is canonical and fits the variable.
    ///
    /// # Errors
    /// [`SourceError`] if the file cannot be read; what was appended by then is worthless.
    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError>;

    /// Appends a range of a variable's canonical stream, which must lie within its length.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn read_range(&self, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError>;
}

/// Why values cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file is not what it claims to be, or is cut.
    #[error("{name} is damaged: {what}. Restore it from a copy, or add the dataset anew")]
    Damaged {
        /// Which file.
        name: String,
        /// What does not fit.
        what: String,
    },
    /// The file, or the store that it lies in, cannot be reached.
    #[error("{name} cannot be read: {what}")]
    Gone {
        /// Which file.
        name: String,
        /// What the system or the store says.
        what: String,
    },
    /// The file uses something that we cannot read.
    #[error("{name} cannot be served: {what}")]
    Unsupported {
        /// Which file.
        name: String,
        /// What it uses.
        what: String,
    },
}
