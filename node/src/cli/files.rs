//! Files that commands read and write.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::Failure;

/// A failure about a file.
pub(super) fn refuse(file: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(format!("{}: {error}", file.display()))
}

/// Reads the whole file, or standard input for `-`, but gives up as soon as it is too large.
pub(super) fn read_small(file: &Path, limit: u64, advice: &str) -> Result<Vec<u8>, Failure> {
    let mut value = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().lock().take(limit + 1).read_to_end(&mut value),
        false => std::fs::File::open(file).and_then(|file| file.take(limit + 1).read_to_end(&mut value)),
    };
    read.map_err(refuse(file))?;
    match value.len() as u64 > limit {
        true => Err(Failure::new(format!("{} has more than {limit} bytes: {advice}", file.display()))),
        false => Ok(value),
    }
}

/// Writes to standard output.
pub(super) fn write_out(value: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(value).and_then(|()| out.flush());
    written.map_err(|error| Failure::new(format!("standard output: {error}")))
}

/// A folder of the user's for one purpose: that of the XDG variable (XDG Base Directory Specification 0.8), or the usual one
/// in the home folder.
pub(super) fn user_folder(variable: &str, usual: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(usual)))
}

/// The folder that a file lies in.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Writes a file that was not there.
pub(super) fn write_new(file: &Path, text: &[u8]) -> Result<(), Failure> {
    let refuse = |error: io::Error| match error.kind() == std::io::ErrorKind::AlreadyExists {
        true => Failure::new(format!("{} is there already: name another file, or remove it", file.display())),
        false => Failure::new(format!("{}: {error}", file.display())),
    };
    std::fs::File::create_new(file).and_then(|mut file| file.write_all(text)).map_err(refuse)
}

/// Writes beside the file first, so that a reader sees all of it or what was there before.
pub(super) fn write_file(file: &Path, value: &[u8]) -> Result<(), Failure> {
    if file == Path::new("-") {
        return write_out(value);
    }
    if file.is_dir() {
        return Err(Failure::new(format!("{} is a folder: name a file in it", file.display())));
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder_of(file)).map_err(refuse(file))?;
    temporary.write_all(value).map_err(refuse(file))?;
    temporary.persist(file).map_err(|error| refuse(file)(error.error))?;
    Ok(())
}
