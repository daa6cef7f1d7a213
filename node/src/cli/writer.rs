//! The keys with which mutable records are rewritten: one file each, readable by its owner alone.

use std::path::{Path, PathBuf};

use ::grid::record::{Pointer, Subject};

use super::Failure;
use super::files::{refuse, user_folder};
use crate::pointer::PointerText;
use crate::private;
use crate::stamps::WriterKey;

/// The first line of a key file.
const HEAD: &str = "rook writer key v1";

/// Where keys are kept unless told otherwise: named after the writer's public key, so that a pointer leads to it.
fn usual_file(writer: &[u8; 32]) -> Result<PathBuf, Failure> {
    let data = user_folder("XDG_DATA_HOME", ".local/share")
        .ok_or_else(|| Failure::new("neither XDG_DATA_HOME nor HOME is set: say --key FILE"))?;
    Ok(data.join("rook/writers").join(format!("{}.key", blake3::Hash::from(*writer))))
}

/// A key for a new record: that of the file, if it is there, else a new one, which is written to it.
pub(super) fn for_new_record(file: Option<&Path>) -> Result<(WriterKey, PathBuf), Failure> {
    if let Some(file) = file
        && file.exists()
    {
        return Ok((read(file)?, file.to_path_buf()));
    }
    let key = WriterKey::random();
    let file = match file {
        Some(file) => file.to_path_buf(),
        None => usual_file(&key.public())?,
    };
    if let Some(folder) = file.parent() {
        private::create_folder(folder).map_err(refuse(folder))?;
    }
    let hex = blake3::Hash::from(key.to_bytes());
    private::replace(&file, format!("{HEAD}\n{hex}\n").as_bytes()).map_err(refuse(&file))?;
    Ok((key, file))
}

/// The key of a record's writer.
pub(super) fn of_record(pointer: &Pointer, file: Option<&Path>) -> Result<WriterKey, Failure> {
    let Subject::Mutable { writer, .. } = pointer.terms().subject else {
        let text = PointerText::from(pointer);
        return Err(Failure::new(format!("the record cannot be rewritten, it was put without --mutable\n  {text}")));
    };
    let file = match file {
        Some(file) => file.to_path_buf(),
        None => usual_file(&writer)?,
    };
    let key = read(&file)?;
    match key.public() == writer {
        true => Ok(key),
        false => Err(Failure::new(format!("{} holds the key of another writer than the record's", file.display()))),
    }
}

fn read(file: &Path) -> Result<WriterKey, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(format!(
            "{}: {error}; only who has the writer's key can rewrite a record (--key FILE)",
            file.display()
        ))
    })?;
    let hex = text.strip_prefix(HEAD).map(str::trim).and_then(|hex| blake3::Hash::from_hex(hex).ok());
    let hash = hex.ok_or_else(|| Failure::new(format!("{} is no writer's key", file.display())))?;
    Ok(WriterKey::from_bytes(hash.as_bytes()))
}

/// The file beside a key that says which version of a record was signed last.
fn last_file(pointer: &Pointer, file: Option<&Path>) -> Result<PathBuf, Failure> {
    let Subject::Mutable { writer, .. } = pointer.terms().subject else {
        return Err(Failure::new("an immutable record has no versions"));
    };
    let key = match file {
        Some(file) => file.to_path_buf(),
        None => usual_file(&writer)?,
    };
    let mut name = key.into_os_string();
    name.push(format!(".{}.last", pointer.key()));
    Ok(name.into())
}

/// The number of the version that was signed last with this key, as far as this machine knows. A version that came to too
/// few cells may not be found by a get, and its number must not be signed again.
fn last_signed(pointer: &Pointer, file: Option<&Path>) -> Result<Option<u64>, Failure> {
    let last = last_file(pointer, file)?;
    match std::fs::read_to_string(&last) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refuse(&last)(error)),
    }
}

/// The number that the version after the one that was found gets, and after all that this machine has signed.
pub(super) fn next_number(pointer: &Pointer, file: Option<&Path>, there: Option<u64>) -> Result<u64, Failure> {
    Ok(there.max(last_signed(pointer, file)?).map_or(0, |last| last.saturating_add(1)))
}

/// Notes that a version is about to be signed.
pub(super) fn note_signed(pointer: &Pointer, file: Option<&Path>, sequence: u64) -> Result<(), Failure> {
    let known = last_signed(pointer, file)?.unwrap_or_default();
    let last = last_file(pointer, file)?;
    private::replace(&last, format!("{}\n", known.max(sequence)).as_bytes()).map_err(refuse(&last))
}
