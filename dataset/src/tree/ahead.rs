//! Reads a stream in large pieces for those who take it in small ones.

use std::cell::RefCell;
use std::io;
use std::ops::Range;

use bao_tree::io::sync::ReadAt;

use super::GROUP;
use crate::source::{Source, SourceError};

/// Bytes that are read at once of a stream that is read as a whole. Of chunked files it is the more work saved the
/// larger it is, for every chunk under a piece is decoded for it.
const IN_ORDER: u64 = 16 << 20;
/// Bytes that are read at once of a stream of which parts are read.
const AHEAD: u64 = 1 << 20;
/// Bytes that nobody asked for and that are read nevertheless, because one large read costs less than two small ones.
const GAP: u64 = 4 * GROUP;

/// A stream from its beginning to its end.
pub(super) struct InOrder<'a> {
    source: &'a dyn Source,
    variable: usize,
    length: u64,
    next: u64,
    piece: Vec<u8>,
    taken: usize,
}

impl<'a> InOrder<'a> {
    pub(super) fn new(source: &'a dyn Source, variable: usize, length: u64) -> Self {
        Self { source, variable, length, next: 0, piece: Vec::new(), taken: 0 }
    }
}

impl io::Read for InOrder<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() {
            let end = self.length.min(self.next + IN_ORDER);
            self.piece.clear();
            self.taken = 0;
            read(self.source, self.variable, self.next..end, &mut self.piece)?;
            self.next = end;
        }
        let bytes = to.len().min(self.piece.len() - self.taken);
        to[..bytes].copy_from_slice(&self.piece[self.taken..self.taken + bytes]);
        self.taken += bytes;
        Ok(bytes)
    }
}

/// A stream of which certain groups will be read, in order.
pub(super) struct Ahead<'a> {
    source: &'a dyn Source,
    variable: usize,
    length: u64,
    groups: &'a [Range<u64>],
    /// Where the piece begins in the stream, and the piece.
    piece: RefCell<(u64, Vec<u8>)>,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(source: &'a dyn Source, variable: usize, length: u64, groups: &'a [Range<u64>]) -> Self {
        Self { source, variable, length, groups, piece: RefCell::default() }
    }

    /// The bytes to read for whoever is at `offset`: to the end of what will be asked for, over small gaps, 1 MiB at
    /// most.
    fn window(&self, offset: u64) -> Range<u64> {
        let mut end = offset;
        let ahead = self.groups.partition_point(|range| range.end * GROUP <= offset);
        for range in &self.groups[ahead..] {
            if range.start * GROUP > end + GAP || end >= offset + AHEAD {
                break;
            }
            end = range.end * GROUP;
        }
        offset..end.min(offset + AHEAD).min(self.length)
    }
}

impl ReadAt for Ahead<'_> {
    fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.piece.borrow_mut();
        let (start, bytes) = &mut *piece;
        let mut from = offset.checked_sub(*start).and_then(|from| usize::try_from(from).ok());
        if from.is_none_or(|from| from >= bytes.len()) {
            bytes.clear();
            *start = offset;
            read(self.source, self.variable, self.window(offset), bytes)?;
            from = Some(0);
        }
        let here = from.and_then(|from| bytes.get(from..)).unwrap_or_default();
        let count = to.len().min(here.len());
        to[..count].copy_from_slice(&here[..count]);
        Ok(count)
    }
}

fn read(source: &dyn Source, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> io::Result<()> {
    if range.is_empty() { Ok(()) } else { source.read_range(variable, range, out).map_err(io::Error::other) }
}

/// The source's error that was wrapped to get through bao-tree, or the error itself if it is none.
pub(super) fn source_error(error: io::Error) -> Result<SourceError, io::Error> {
    error.downcast::<SourceError>()
}
