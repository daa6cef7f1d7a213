//! A file that is being fetched: its bytes in `FILE.rook-part`, and beside it which chunks are there.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ::grid::record::{Cut, Pointer, Subject};

use crate::cli::Failure;
use crate::cli::files::refuse;
use crate::pointer::PointerText;

/// A part of a file, and what is known of it.
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    list: PathBuf,
    pointer: Pointer,
    file: File,
    noted: File,
    done: BTreeSet<u32>,
}

impl Part {
    /// Goes on with what an earlier get of the same pointer has left, or begins.
    pub(super) fn open(target: &Path, text: &PointerText, pointer: Pointer) -> Result<Self, Failure> {
        if target.is_dir() {
            return Err(Failure::new(format!("{} is a folder: name a file in it", target.display())));
        }
        let beside = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (path, list) = (beside(".rook-part"), beside(".rook-chunks"));
        let text = text.to_string();
        let known = std::fs::read_to_string(&list).ok().filter(|known| known.lines().next() == Some(&text));
        let known = known.filter(|_| path.exists());
        let mut done: Vec<u32> =
            known.iter().flat_map(|known| known.lines().skip(1)).filter_map(|line| line.parse().ok()).collect();
        if known.as_ref().is_some_and(|known| !known.ends_with('\n')) {
            // A crash may have cut the last line short.
            done.pop();
        }
        let begin = known.is_none();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(begin).open(&path);
        let file = file.map_err(refuse(&path))?;
        let mut noted = OpenOptions::new()
            .append(!begin)
            .write(true)
            .create(true)
            .truncate(begin)
            .open(&list)
            .map_err(refuse(&list))?;
        let head = if begin { format!("{text}\n") } else { String::new() };
        noted.write_all(head.as_bytes()).map_err(refuse(&list))?;
        if known.as_ref().is_some_and(|known| !known.ends_with('\n')) {
            noted.write_all(b"\n").map_err(refuse(&list))?;
        }
        // At its full length, chunks may come in any order.
        file.set_len(pointer.terms().size).map_err(refuse(&path))?;
        Ok(Self { target: target.to_path_buf(), path, list, pointer, file, noted, done: done.into_iter().collect() })
    }

    pub(super) fn cut(&self) -> Cut {
        self.pointer.cut()
    }

    /// The chunks that are not there yet.
    pub(super) fn lacking(&self) -> Vec<u32> {
        let all = u32::try_from(self.cut().chunks()).unwrap_or(u32::MAX);
        (0..all).filter(|number| !self.done.contains(number)).collect()
    }

    /// A chunk has come.
    pub(super) fn write(&mut self, number: u32, value: &[u8]) -> Result<(), Failure> {
        self.file.write_all_at(value, self.cut().start(number)).map_err(refuse(&self.path))?;
        writeln!(self.noted, "{number}").map_err(refuse(&self.list))
    }

    /// All are there: checks the whole file once more, as it lies on the disk, and gives it its name.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(refuse(&self.path))?;
        let mut hash = blake3::Hasher::new();
        let mut file = File::open(&self.path).map_err(refuse(&self.path))?;
        io::copy(&mut file, &mut hash).map_err(refuse(&self.path))?;
        let root = match self.pointer.terms().subject {
            Subject::Immutable { root } => root,
            Subject::Mutable { .. } => return Err(Failure::new("a mutable record has no parts")),
        };
        if *hash.finalize().as_bytes() != root {
            let _ = std::fs::remove_file(&self.list);
            return Err(Failure::new(format!(
                "{} is not what was fetched: the disk, or another program, has changed it. Get it again",
                self.path.display()
            )));
        }
        std::fs::rename(&self.path, &self.target).map_err(refuse(&self.target))?;
        std::fs::remove_file(&self.list).map_err(refuse(&self.list))
    }
}
