//! What is known of a put that was interrupted: its pointer, which was paid for, and the chunks that are there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use ::grid::record::{Pointer, Rules, Subject, Terms};

use crate::cli::Failure;
use crate::cli::files::{refuse, user_folder};
use crate::pointer::PointerText;
use crate::{clock, private};

/// A put of many chunks, written down as it goes: the pointer, then the number of each chunk that was stored, a line
/// each.
pub(super) struct Resume {
    pointer: Pointer,
    done: BTreeSet<u32>,
    path: PathBuf,
    file: File,
}

impl Resume {
    /// What an earlier put of the same value on the same terms has left, if its pointer is still good.
    pub(super) fn find(terms: &Terms, bits: u32, rules: &Rules) -> Result<Option<Self>, Failure> {
        let path = path_of(terms, bits, rules)?;
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(&path)(error)),
        };
        // A crash may have cut the last line short: then it names another chunk.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text[..whole].lines();
        let pointer = lines.next().and_then(|line| line.parse::<PointerText>().ok()?.check(rules).ok());
        let Some(pointer) = pointer.filter(is_fresh) else { return Ok(None) };
        let done = lines.filter_map(|line| line.parse().ok()).collect();
        let file = OpenOptions::new().append(true).open(&path).map_err(refuse(&path))?;
        file.set_len(whole as u64).map_err(refuse(&path))?;
        Ok(Some(Self { pointer, done, path, file }))
    }

    /// Writes down that a put begins.
    pub(super) fn begin(pointer: &Pointer, bits: u32, rules: &Rules) -> Result<Self, Failure> {
        let path = path_of(pointer.terms(), bits, rules)?;
        if let Some(folder) = path.parent() {
            private::create_folder(folder).map_err(refuse(folder))?;
        }
        let text = PointerText::from(pointer);
        private::replace(&path, format!("{text}\n").as_bytes()).map_err(refuse(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(refuse(&path))?;
        Ok(Self { pointer: pointer.clone(), done: BTreeSet::new(), path, file })
    }

    pub(super) fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    pub(super) fn is_done(&self, number: u32) -> bool {
        self.done.contains(&number)
    }

    /// A chunk was stored.
    pub(super) fn done(&mut self, number: u32) -> Result<(), Failure> {
        // One write: another put of the same value may append to the same file.
        self.file.write_all(format!("{number}\n").as_bytes()).map_err(refuse(&self.path))
    }

    /// All chunks were. Another put of the same value may have found that out before.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refuse(&self.path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Whether the record would be kept for nearly as long as if it were paid for anew: nine tenths of its days.
fn is_fresh(pointer: &Pointer) -> bool {
    let terms = pointer.terms();
    clock::today().days_since(terms.from) * 10 <= u32::from(terms.days)
}

/// One file for each value and its terms, whatever the day.
fn path_of(terms: &Terms, bits: u32, rules: &Rules) -> Result<PathBuf, Failure> {
    let state = user_folder("XDG_STATE_HOME", ".local/state").unwrap_or_else(std::env::temp_dir);
    let root = match terms.subject {
        Subject::Immutable { root } => root,
        Subject::Mutable { writer, .. } => writer,
    };
    let mut name = blake3::Hasher::new();
    name.update(rules.grid().as_bytes()).update(&root).update(&bits.to_be_bytes()).update(&[terms.priority]);
    name.update(&terms.days.to_be_bytes()).update(&terms.half_life.to_be_bytes()).update(&terms.application);
    Ok(state.join("rook/puts").join(name.finalize().to_hex().as_str()))
}
