//! The canonical form of a slab, made tile by tile.

use std::ops::Range;

use dataset::slab::Slab;
use dataset::source::{Source, SourceError};

use super::pieces::{PIECE, PREFIX, Pieces, Stop};
use crate::data::tiles::Tiles;
use crate::data::wire::Refusal;

/// Strings of a tile: their texts are of any length.
const STRINGS: u64 = 1024;
/// Bytes of the offset that stands for each string.
const OFFSET: u64 = 8;

/// Takes the bytes of an answer, in order.
pub(super) trait Sink {
    /// Takes a buffer: [`PREFIX`] bytes that mean nothing, then bytes of the answer.
    fn take(&mut self, buffer: Vec<u8>) -> Result<(), Stop>;
}

/// A slab of a variable, to be read.
pub(super) struct Reading<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) variable: usize,
    pub(super) slab: &'a Slab,
    /// Bytes of an element; none if they are strings.
    pub(super) width: Option<u64>,
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Refused(Refusal::source_failed(&error.to_string()))
    }
}

impl Reading<'_> {
    /// Bytes of the canonical form. Strings are looked at for it.
    pub(super) fn length(&self) -> Result<u64, Stop> {
        let elements = self.slab.elements();
        match self.width {
            Some(width) => Ok(elements.saturating_mul(width)),
            None => Ok(elements.saturating_add(1).saturating_mul(OFFSET).saturating_add(self.text_length()?)),
        }
    }

    /// Reads what is needed for a range of bytes of the canonical form, and gives it to a sink: from the first of the
    /// bytes on exactly, and to the last of them. Strings are always read from the beginning.
    pub(super) fn run(&self, wanted: Range<u64>, sink: &mut impl Sink) -> Result<(), Stop> {
        match self.width {
            Some(width) => self.numbers(width, wanted, sink),
            None => self.strings(wanted, sink),
        }
    }

    fn numbers(&self, width: u64, wanted: Range<u64>, sink: &mut impl Sink) -> Result<(), Stop> {
        if wanted.is_empty() {
            return Ok(());
        }
        let tiles = Tiles::new(self.slab, PIECE as u64 / width);
        for number in tiles.of(wanted.start / width)..tiles.count() {
            let place = tiles.first(number).saturating_mul(width);
            if place >= wanted.end {
                break;
            }
            let mut window = Window { place, wanted: &wanted, sink };
            let mut buffer = Pieces::fresh();
            let tile = tiles.tile(number);
            self.source.read(self.variable, &tile, &mut buffer)?;
            if (buffer.len() - PREFIX) as u64 != tile.elements() * width {
                return Err(Refusal::source_failed("the file has other values than its description says").into());
            }
            window.take(buffer)?;
        }
        Ok(())
    }

    /// The offsets of all strings come before the first text, so that both are read by themselves, after the lengths.
    fn strings(&self, wanted: Range<u64>, sink: &mut impl Sink) -> Result<(), Stop> {
        let mut window = Window { place: 0, wanted: &wanted, sink };
        let mut end = 0_u64;
        let mut offsets = Pieces::fresh();
        offsets.extend_from_slice(&end.to_be_bytes());
        self.each_strings(|bytes, texts| {
            for place in bytes[..texts].as_chunks().0.iter().skip(1) {
                offsets.extend_from_slice(&(end + u64::from_be_bytes(*place)).to_be_bytes());
            }
            end += (bytes.len() - texts) as u64;
            window.take(std::mem::replace(&mut offsets, Pieces::fresh()))
        })?;
        window.take(offsets)?;
        self.each_strings(|bytes, texts| {
            for text in bytes[texts..].chunks(PIECE) {
                let mut buffer = Pieces::fresh();
                buffer.extend_from_slice(text);
                window.take(buffer)?;
            }
            Ok(())
        })
    }

    fn text_length(&self) -> Result<u64, Stop> {
        let mut length = 0_u64;
        self.each_strings(|bytes, texts| {
            length += (bytes.len() - texts) as u64;
            Ok(())
        })?;
        Ok(length)
    }

    /// Reads tiles of strings: the bytes of each, and where in them the texts begin.
    fn each_strings(&self, mut each: impl FnMut(&[u8], usize) -> Result<(), Stop>) -> Result<(), Stop> {
        let tiles = Tiles::new(self.slab, STRINGS);
        for number in 0..tiles.count() {
            let tile = tiles.tile(number);
            let mut bytes = Vec::new();
            self.source.read(self.variable, &tile, &mut bytes)?;
            let texts = usize::try_from((tile.elements() + 1) * OFFSET).unwrap_or(usize::MAX);
            if texts > bytes.len() {
                return Err(Refusal::source_failed("the file has other strings than its description says").into());
            }
            each(&bytes, texts)?;
        }
        Ok(())
    }
}

/// Passes on what lies within the wanted range.
struct Window<'a, S> {
    place: u64,
    wanted: &'a Range<u64>,
    sink: &'a mut S,
}

impl<S: Sink> Window<'_, S> {
    fn take(&mut self, mut buffer: Vec<u8>) -> Result<(), Stop> {
        let start = self.place;
        self.place += buffer.len().saturating_sub(PREFIX) as u64;
        let within = |place: u64| usize::try_from(place.clamp(start, self.place) - start).unwrap_or(usize::MAX);
        let (from, to) = (within(self.wanted.start), within(self.wanted.end));
        buffer.truncate(PREFIX + to);
        buffer.drain(PREFIX..PREFIX + from.min(to));
        if buffer.len() > PREFIX { self.sink.take(buffer) } else { Ok(()) }
    }
}
