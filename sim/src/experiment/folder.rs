//! The folder of the results. A file in it is whole, or it has another name.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that can be written to.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if there is none, and tries whether it can be written to.
    ///
    /// # Errors
    /// It cannot.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("results cannot be written to {}: {error}", path.display());
        fs::create_dir_all(path).map_err(failed)?;
        let folder = Self(path.to_owned());
        let probe = folder.unfinished("probe");
        fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(failed)?;
        Ok(folder)
    }

    /// Writes a file under another name and gives it its own when it is whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf, String> {
        let (path, unfinished) = (self.0.join(name), self.unfinished(name));
        let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &path));
        written.map(|()| path.clone()).map_err(|error| {
            // What is left of it is of no use, and the first error is the one to tell.
            let _ = fs::remove_file(&unfinished);
            format!("{}: {error}", path.display())
        })
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.0.join(format!(".{name}.{}.unfinished", std::process::id()))
    }
}
