//! What the two ends of a tunnel say to each other: a command and up to [`MOST`] bytes.
//!
//! ```text
//! 0            2                        1218
//! | header     | bytes | zeros           |       header, big-endian: command in the upper 5 bits, length in the lower 11
//! ```
//!
//! Cells arrive in order or the tunnel ends, so that the bytes of [`Command::Data`] and
//! [`Command::Marked`] are a reliable stream.

use thiserror::Error;

use crate::cell::BODY;
use crate::layer::LAYERS;

/// Bytes of the header.
pub(crate) const HEADER: usize = 2;
/// Header and bytes: what is left of a body behind the tags of all layers.
pub(crate) const FRAME: usize = BODY - LAYERS;
/// The most bytes that one cell carries: 95 % of it.
pub const MOST: usize = FRAME - HEADER;

/// What the bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// The next bytes of the stream.
    Data,
    /// The same, and: "say when you have them".
    Marked,
    /// The answer to marks, in what form the ends agree on.
    Reached,
    /// There is no more to come from this side.
    End,
    /// Nothing; it looks like traffic.
    Padding,
    /// Say [`Command::Pong`] with the same bytes. The far end's table does so by itself.
    Ping,
    /// The answer to a [`Command::Ping`].
    Pong,
}

impl Command {
    const fn number(self) -> u16 {
        match self {
            Self::Padding => 0,
            Self::Data => 1,
            Self::End => 2,
            Self::Ping => 3,
            Self::Pong => 4,
            Self::Marked => 5,
            Self::Reached => 6,
        }
    }

    const fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Padding),
            1 => Some(Self::Data),
            2 => Some(Self::End),
            3 => Some(Self::Ping),
            4 => Some(Self::Pong),
            5 => Some(Self::Marked),
            6 => Some(Self::Reached),
            _ => None,
        }
    }
}

/// A command with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// What the bytes are for.
    pub command: Command,
    /// The bytes, at most [`MOST`].
    pub bytes: Vec<u8>,
}

/// More bytes than a cell carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a cell carries at most {MOST} bytes, not {0}")]
pub struct TooLong(pub usize);

/// Writes it to the start of a frame, and zeros behind it. The frame has room for [`MOST`] bytes and their header.
///
/// # Errors
/// [`TooLong`] for more than that; nothing is written then.
pub fn write(command: Command, bytes: &[u8], frame: &mut [u8]) -> Result<(), TooLong> {
    let too_long = TooLong(bytes.len());
    let length = u16::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MOST).ok_or(too_long)?;
    let (header, rest) = frame.split_at_mut(HEADER);
    header.copy_from_slice(&(command.number() << 11 | length).to_be_bytes());
    rest[..bytes.len()].copy_from_slice(bytes);
    rest[bytes.len()..].fill(0);
    Ok(())
}

/// Reads the frame; none if the command is unknown, or the frame or the length is not what it must be.
pub fn read(frame: &[u8]) -> Option<Payload> {
    let (header, rest) = frame.split_first_chunk::<HEADER>()?;
    let header = u16::from_be_bytes(*header);
    let command = Command::from_number(header >> 11)?;
    let bytes = rest.get(..MOST)?.get(..usize::from(header & 0x7ff))?;
    Some(Payload { command, bytes: bytes.to_vec() })
}
