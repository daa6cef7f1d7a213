//! Messages between verified nodes, in bytes.
//!
//! A message is the number of its kind and its fields in the order in which [`Message`] lists them:
//!
//! ```text
//! kind | field | field | ..
//! ```
//!
//! Cells are lists of coordinates, axes one byte, names and keys their bytes, a node its [card](super::card), records and
//! offers as their own modules say. Who reads a message checks what can be checked without knowing the sender: cells and
//! axes against the grid's shape, records against their terms, stamps and signatures, cards by the verifier, offers
//! against their cards.

use grid::cell::{Cell, Shape};
use grid::id::RequestId;
use grid::message::Message;
use grid::peer::{Card, Peer};
use grid::postage::{Paid, Postage};
use grid::record::Rules;

use self::mirror::WireMessage;
use self::read::Reader;
use super::codec;
use super::error::WireError;

mod mirror;
mod read;
mod write;

/// The most cards in one message.
pub const MAX_CARDS: usize = 1024;
/// The most names in one message.
pub const MAX_NAMES: usize = 4096;
/// The longest payload of an echo.
pub const MAX_ECHO: usize = 64 << 10;
/// The longest sealed welcome.
pub const MAX_WELCOME: usize = 16 << 10;

/// A message that was read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What was said.
    pub message: Message,
    /// How many cards of its list were refused, and are missing from it.
    pub refused_cards: usize,
}

/// The bytes of a message.
///
/// The bounds on lists and payloads are the reader's; the core keeps within them.
pub fn encode_message(message: &Message) -> Vec<u8> {
    codec::encode(&WireMessage::from(message))
}

/// The message of some bytes, for a grid of this shape.
///
/// `check` verifies a card, or refuses it. In a list of cards those that it refuses are left out and counted. `toll` checks
/// what was paid for a request before anything else of it is looked at; one whose postage is void counts as unpaid.
///
/// # Errors
/// [`WireError`] for the first thing that is wrong; [`WireError::RefusedCard`] if it is the card of an announcement or
/// a join.
pub fn decode_message(
    bytes: &[u8],
    shape: Shape,
    rules: &Rules,
    check: &mut dyn FnMut(Card) -> Option<Peer>,
    toll: &dyn Fn(Cell, RequestId, Postage) -> Option<Paid>,
) -> Result<Decoded, WireError> {
    let mut reader = Reader { shape, rules, check, toll, refused_cards: 0 };
    let message = reader.message(codec::decode(bytes)?)?;
    Ok(Decoded { message, refused_cards: reader.refused_cards })
}
