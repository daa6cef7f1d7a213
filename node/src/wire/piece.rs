//! Pieces: how the messages of three lanes share one stream, so that a large message does not keep a small one waiting.
//!
//! After the greeting a stream is a sequence of units, each begun by a byte that says what it is:
//!
//! ```text
//! 00 + lane | length 2 | so many bytes               a whole message
//! 10 + lane | length of all 4 | length 2 | bytes     the first piece of a longer one
//! 20 + lane | length 2 | bytes                       the next piece of the one that is begun on this lane
//! 30                                                 a mark: say when you have read up to here
//! 31        | marks 8 | microseconds 8               so many marks in all were read, the last at this time
//! 40        | 1,280 bytes                            a cell of a tunnel, on the bulk lane, but never cut
//! 50                                                 nothing
//! 51        | length 2 | so many bytes               nothing either: what fills a send slot
//! ff                                                 the last word: see the end of a link
//! ```
//!
//! Numbers are big-endian; a lane is that of a [`Class`]: 0 control, 1 interactive, 2 bulk. Within a lane messages keep their
//! order. On each lane at most one is begun, so a reader holds three unfinished messages at most, each no longer than a
//! message may be, and as much of each as has come.
//! A piece that is not the last has [`MIN_PIECE`] bytes at least: nobody is kept busy with crumbs.

use std::io;

use futures::io::{AsyncRead, AsyncReadExt, BufReader};
use grid::queue::Class;
use tunnel::cell::{CELL, Cell};

/// The longest piece: with what stands before it, it fills one frame of Yamux (16 KiB).
pub const MAX_PIECE: usize = (16 << 10) - 7;
/// The shortest piece of a message that is not its last: what stands before it is then 1 % at most, with that of the
/// layers below.
pub const MIN_PIECE: usize = 1 << 10;
/// Heads of units are read through a buffer of this size; what is longer goes past it.
const HEADS: usize = 512;

const WHOLE: u8 = 0x00;
const FIRST: u8 = 0x10;
const MORE: u8 = 0x20;
const MARK: u8 = 0x30;
const REACHED: u8 = 0x31;
const OF_TUNNEL: u8 = 0x40;
const IDLE: u8 = 0x50;
const PADDING: u8 = 0x51;
/// What is sent in a slot on a link that has them: as many bytes as a cell takes.
pub const SLOT: usize = 1 + CELL;
/// Nothing comes after it.
pub const LAST_WORD: u8 = 0xff;

/// How far a stream was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The marks that were read, in all.
    pub marks: u64,
    /// When the last of them was, in microseconds by the reader's clock, which begins when it likes.
    pub at: u64,
}

/// What a reader makes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A message, complete.
    Message(Vec<u8>),
    /// "Say when you have read up to here."
    Mark,
    /// The answer to marks.
    Reached(Reached),
    /// A cell of a tunnel.
    Cell(Cell),
    /// Nothing more is said.
    LastWord,
}

/// Why a stream is none of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PieceError {
    /// The other side closed the stream between messages: the orderly end.
    #[error("the other side closed the stream")]
    Closed,
    /// The stream ended within a message.
    #[error("the stream ended within a message")]
    Truncated,
    /// A message that is longer than it may be.
    #[error("a message of {length} bytes, and the most is {limit}")]
    TooLong {
        /// The length that was announced.
        length: usize,
        /// The most it may be.
        limit: usize,
    },
    /// A unit that does not exist.
    #[error("a unit of kind {0:#04x}, which does not exist")]
    UnknownKind(u8),
    /// A piece whose length is against the rules.
    #[error("a piece of {length} bytes on the {lane:?} lane, where {rest} are to come")]
    Piece {
        /// On which lane.
        lane: Class,
        /// Its length.
        length: usize,
        /// What is lacking of the message.
        rest: usize,
    },
    /// A further piece of a message that was never begun.
    #[error("a piece of a message that was not begun on the {0:?} lane")]
    NotBegun(Class),
    /// A message before the one before it was complete.
    #[error("a message on the {0:?} lane within another")]
    BegunTwice(Class),
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
}

/// A message of which some pieces have come.
#[derive(Debug)]
struct Begun {
    bytes: Vec<u8>,
    length: usize,
}

/// Reads units from a stream.
#[derive(Debug)]
pub struct Units<R> {
    from: BufReader<R>,
    limit: usize,
    begun: [Option<Begun>; 3],
}

impl<R: AsyncRead + Unpin> Units<R> {
    /// Reads messages of at most `limit` bytes.
    pub fn new(from: R, limit: usize) -> Self {
        Self { from: BufReader::with_capacity(HEADS, from), limit, begun: [None, None, None] }
    }

    /// The next unit that means something by itself: pieces are put together first.
    ///
    /// # Errors
    /// [`PieceError`] as soon as the stream breaks a rule, before room is made for what is announced. The stream is of no
    /// more use then.
    pub async fn next(&mut self) -> Result<Unit, PieceError> {
        loop {
            let mut kind = [0];
            if self.from.read(&mut kind).await? == 0 {
                let within = self.begun.iter().any(Option::is_some);
                return Err(if within { PieceError::Truncated } else { PieceError::Closed });
            }
            let [kind] = kind;
            match kind {
                MARK => return Ok(Unit::Mark),
                REACHED => {
                    let (marks, at) = (self.number().await?, self.number().await?);
                    return Ok(Unit::Reached(Reached { marks: u64::from_be_bytes(marks), at: u64::from_be_bytes(at) }));
                }
                LAST_WORD => return Ok(Unit::LastWord),
                IDLE => {}
                PADDING => {
                    let length = self.length().await?;
                    self.skip(length).await?;
                }
                OF_TUNNEL => {
                    let mut cell = Box::new([0; CELL]);
                    self.from.read_exact(&mut *cell).await.map_err(ended)?;
                    return Ok(Unit::Cell(Cell::from_bytes(cell)));
                }
                _ => {
                    if let Some(message) = self.piece(kind).await? {
                        return Ok(Unit::Message(message));
                    }
                }
            }
        }
    }

    /// Reads a piece; the message, if it is complete with it.
    async fn piece(&mut self, kind: u8) -> Result<Option<Vec<u8>>, PieceError> {
        let lane = *Class::ALL.get(usize::from(kind & 0x0f)).ok_or(PieceError::UnknownKind(kind))?;
        let begun = self.begun[lane.index()].take();
        let (mut message, piece) = match (kind & 0xf0, begun) {
            (WHOLE, None) => {
                let length = self.length().await?;
                (Begun { bytes: Vec::new(), length }, length)
            }
            (FIRST, None) => {
                let length = usize::try_from(u32::from_be_bytes(self.number().await?)).unwrap_or(usize::MAX);
                let piece = self.length().await?;
                if piece == length {
                    // That should have been a whole message: each message has one way of being cut at a place.
                    return Err(PieceError::Piece { lane, length: piece, rest: length });
                }
                (Begun { bytes: Vec::new(), length }, piece)
            }
            (MORE, Some(begun)) => (begun, self.length().await?),
            (MORE, None) => return Err(PieceError::NotBegun(lane)),
            (WHOLE | FIRST, Some(_)) => return Err(PieceError::BegunTwice(lane)),
            _ => return Err(PieceError::UnknownKind(kind)),
        };
        if message.length > self.limit {
            return Err(PieceError::TooLong { length: message.length, limit: self.limit });
        }
        let start = message.bytes.len();
        let rest = message.length - start;
        if piece < rest.clamp(1, MIN_PIECE) || piece > rest.min(MAX_PIECE) {
            return Err(PieceError::Piece { lane, length: piece, rest });
        }
        message.bytes.resize(start + piece, 0);
        self.from.read_exact(&mut message.bytes[start..]).await.map_err(ended)?;
        if piece == rest {
            return Ok(Some(message.bytes));
        }
        self.begun[lane.index()] = Some(message);
        Ok(None)
    }

    async fn skip(&mut self, mut length: usize) -> Result<(), PieceError> {
        let mut rest = [0; HEADS];
        while length > 0 {
            let next = &mut rest[..length.min(HEADS)];
            self.from.read_exact(next).await.map_err(ended)?;
            length -= next.len();
        }
        Ok(())
    }

    async fn length(&mut self) -> Result<usize, PieceError> {
        Ok(usize::from(u16::from_be_bytes(self.number().await?)))
    }

    async fn number<const N: usize>(&mut self) -> Result<[u8; N], PieceError> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).await.map_err(ended)?;
        Ok(bytes)
    }
}

fn ended(error: io::Error) -> PieceError {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => PieceError::Truncated,
        false => PieceError::Io(error),
    }
}

/// Appends the piece of a message that begins at `start` and has at most `most` bytes, of which [`MIN_PIECE`] to
/// [`MAX_PIECE`] count; returns its length. The message is not empty, shorter than 2^32 bytes, and goes on at `start`.
pub fn append_piece(to: &mut Vec<u8>, lane: Class, message: &[u8], start: usize, most: usize) -> usize {
    let number = match lane {
        Class::Control => 0,
        Class::Interactive => 1,
        Class::Bulk => 2,
    };
    let rest = &message[start..];
    let length = rest.len().min(most.clamp(MIN_PIECE, MAX_PIECE));
    if start > 0 {
        to.push(MORE | number);
    } else if length == message.len() {
        to.push(WHOLE | number);
    } else {
        to.push(FIRST | number);
        to.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    to.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    to.extend_from_slice(&rest[..length]);
    length
}

/// The units of a message, cut as rarely as may be.
pub fn whole_message(lane: Class, message: &[u8]) -> Vec<u8> {
    let (mut units, mut start) = (Vec::with_capacity(message.len() + 7), 0);
    while start < message.len() {
        start += append_piece(&mut units, lane, message, start, MAX_PIECE);
    }
    units
}

/// Appends a cell of a tunnel.
pub fn append_cell(to: &mut Vec<u8>, cell: &Cell) {
    to.push(OF_TUNNEL);
    to.extend_from_slice(cell.as_bytes());
}

/// Appends so many bytes that say nothing; not more than a slot.
pub fn append_padding(to: &mut Vec<u8>, length: usize) {
    match length.checked_sub(3).map(u16::try_from) {
        Some(Ok(rest)) => {
            to.push(PADDING);
            to.extend_from_slice(&rest.to_be_bytes());
            to.resize(to.len() + usize::from(rest), 0);
        }
        Some(Err(_)) | None => to.resize(to.len() + length, IDLE),
    }
}

/// What stands before the next piece of a message that was sent up to `start`, if it is the whole rest of it or not.
pub const fn head(start: usize, is_rest: bool) -> usize {
    if start > 0 || is_rest { 3 } else { 7 }
}

/// Appends a mark.
pub fn append_mark(to: &mut Vec<u8>) {
    to.push(MARK);
}

/// Appends how far the other side's stream was read.
pub fn append_reached(to: &mut Vec<u8>, reached: Reached) {
    to.push(REACHED);
    to.extend_from_slice(&reached.marks.to_be_bytes());
    to.extend_from_slice(&reached.at.to_be_bytes());
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]
mod tests;
