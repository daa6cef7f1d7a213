//! How a link begins: each side shows its card, and says whether it takes the other's.

use grid::level::Level;
use serde::{Deserialize, Serialize};

use super::bounded::{bytes, write_bytes};
use super::card::{MAX_ADDRESS, WireCard};
use super::codec;
use super::error::WireError;
use super::hello::Hello;

/// The frames before the first message. Each side sends a hello; then, having verified the other's, either word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Greeting {
    /// "This is who I am."
    Hello(Hello),
    /// "You are who you say", and where you come from. Messages may follow.
    Accepted(Seen),
    /// "I do not take you", and why, for a person. Nothing follows.
    Refused(String),
}

/// Where a node that was dialled sees the one that dialled it: behind an address translator that cannot know it itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// A binary multiaddr of at most [`MAX_ADDRESS`] bytes; empty from who has dialled, and over a relay.
    #[serde(serialize_with = "write_bytes", deserialize_with = "bytes::<MAX_ADDRESS, _, _>")]
    pub address: Vec<u8>,
}

/// The most bytes of a refusal's text.
const MAX_REASON: usize = 400;

impl Greeting {
    /// A hello with this card, of a node that does so much for others.
    pub fn hello(card: WireCard, level: Level) -> Self {
        Self::Hello(Hello { card, level: level.into() })
    }

    /// A refusal, its text cut to what may travel.
    pub fn refused(why: &str) -> Self {
        let mut end = why.len().min(MAX_REASON);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        Self::Refused(why[..end].to_owned())
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The greeting of some bytes. A refusal's text loses what could confuse a terminal.
    ///
    /// # Errors
    /// [`WireError`] if they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        match codec::decode(bytes)? {
            Self::Refused(why) => Ok(Self::refused(&why.replace(char::is_control, " "))),
            greeting @ (Self::Hello(_) | Self::Accepted(_)) => Ok(greeting),
        }
    }
}
