//! The pieces of an answer, on their way from the thread that makes them to the task that sends them.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::data::fault::Prank;
use crate::data::wire::Refusal;

/// Bytes of a piece, unless it is the last.
pub(crate) const PIECE: usize = 256 << 10;
/// Bytes of the length before a frame: it is written into the same buffer, so that both leave at once.
pub(crate) const PREFIX: usize = 4;

/// What a sender is handed.
#[derive(Debug)]
pub(crate) enum Part {
    /// The answer will have so many bytes.
    Begin(u64),
    /// A whole frame, its length before it.
    Piece(Bytes),
}

/// Why an answer is not made, or not to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It cannot be.
    Refused(Refusal),
    /// Nobody takes it any more.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where an answer's pieces go. It waits while the reader is slow.
#[derive(Debug)]
pub(crate) struct Pieces {
    parts: mpsc::Sender<Part>,
    buffer: Vec<u8>,
    prank: Prank,
    length: u64,
    sent: u64,
}

impl Pieces {
    pub(crate) fn new(parts: mpsc::Sender<Part>, prank: Prank) -> Self {
        Self { parts, buffer: Vec::new(), prank, length: 0, sent: 0 }
    }

    /// Says how long the answer will be.
    pub(crate) fn begin(&mut self, length: u64) -> Result<(), Stop> {
        self.length = length;
        self.parts.blocking_send(Part::Begin(length)).map_err(|_| Stop::Gone)
    }

    /// An empty buffer with room for a length before the bytes.
    pub(crate) fn fresh() -> Vec<u8> {
        let mut buffer = Vec::with_capacity(PREFIX + PIECE);
        buffer.resize(PREFIX, 0);
        buffer
    }

    /// Sends the bytes of a buffer as a frame.
    pub(crate) fn send(&mut self, mut buffer: Vec<u8>) -> Result<(), Stop> {
        let length = buffer.len().saturating_sub(PREFIX);
        if length == 0 {
            return Ok(());
        }
        let prefix = u32::try_from(length).map_err(|_| Refusal::source_failed("a piece of 4 GiB"))?;
        buffer[..PREFIX].copy_from_slice(&prefix.to_be_bytes());
        self.sent += length as u64;
        self.parts.blocking_send(Part::Piece(buffer.into())).map_err(|_| Stop::Gone)
    }

    /// Does to some bytes what the fault of this server wants, before they are hashed; `offset` is their place.
    pub(crate) fn spoil(&self, bytes: &mut [u8], offset: u64) {
        self.prank.spoil(bytes, offset, self.length);
    }

    /// Sends what was written and is not sent yet.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        // What proves the bytes is not counted in the length, so the last byte is only known now.
        self.length = self.length.max(self.sent + self.written());
        self.send_written()
    }

    fn send_written(&mut self) -> Result<(), Stop> {
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(bytes) = buffer.get_mut(PREFIX..) {
            self.spoil(bytes, self.sent);
        }
        self.send(buffer)
    }

    fn written(&self) -> u64 {
        self.buffer.len().saturating_sub(PREFIX) as u64
    }
}

/// For encoders, whose bytes are collected into pieces.
impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > PREFIX + PIECE {
            self.send_written().map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        if self.buffer.is_empty() {
            self.buffer = Self::fresh();
        }
        let taken = bytes.len().min(PREFIX + PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
