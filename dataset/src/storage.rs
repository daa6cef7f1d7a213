//! Where the bytes of a file lie: a local file, or whatever implements the readers' [`Storage`].

use std::path::Path;
use std::sync::Arc;

use hdf5_reader::FileStorage;
pub use hdf5_reader::Storage;
pub use hdf5_reader::storage::DynStorage;

use crate::source::SourceError;

/// Opens a local file, which is read by place. It is never mapped into memory, where a file that somebody cuts while we
/// read it would end the process (SIGBUS) instead of the one request.
///
/// # Errors
/// [`SourceError::Gone`] if it cannot be opened.
pub fn local(path: &Path) -> Result<DynStorage, SourceError> {
    let gone = |what: String| SourceError::Gone { name: path.display().to_string(), what };
    let metadata = path.metadata().map_err(|error| gone(error.to_string()))?;
    if !metadata.is_file() {
        return Err(gone("it is not a file".into()));
    }
    match FileStorage::open(path) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(error) => Err(gone(error.to_string())),
    }
}

/// What an error of the readers means for the file of this name.
pub(crate) fn meaning(name: &str, error: &(dyn std::error::Error + 'static)) -> SourceError {
    let (name, what) = (name.to_owned(), error.to_string());
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            // A file that ends too early has been cut; of all else the disk or the store is to blame.
            return if error.kind() == std::io::ErrorKind::UnexpectedEof {
                SourceError::Damaged { name, what }
            } else {
                SourceError::Gone { name, what }
            };
        }
        cause = error.source();
    }
    // The readers have some fifty variants for what they cannot read; the text of each says so.
    if what.contains("unsupported") || what.contains("resource limit") {
        SourceError::Unsupported { name, what }
    } else {
        SourceError::Damaged { name, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_a_cut_one_and_a_foreign_one_are_told_apart() {
        assert!(matches!(local(Path::new("/nowhere/at all.nc")), Err(SourceError::Gone { .. })));
        assert!(matches!(local(Path::new("/")), Err(SourceError::Gone { .. })));
        let cut = hdf5_reader::error::Error::Io(std::io::ErrorKind::UnexpectedEof.into()).with_context("sst");
        assert!(matches!(meaning("a.nc", &cut), SourceError::Damaged { .. }));
        let gone = netcdf_reader::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(meaning("a.nc", &gone), SourceError::Gone { .. }));
        let foreign = hdf5_reader::error::Error::UnsupportedFilter("filter id 32001".into()).with_context("sst");
        assert!(matches!(meaning("a.nc", &foreign), SourceError::Unsupported { .. }));
    }
}
