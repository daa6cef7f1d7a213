//! What nodes say to each other, in bytes.
//!
//! A link is a stream each way. It begins with frames ([`mod@frame`]), the first of which is a [`Hello`]; then come
//! [`Message`](grid::message::Message)s in pieces ([`mod@piece`]). All bytes come from strangers or from neighbours that may be hostile: nothing is
//! believed about a length, and a message reaches the core only after its cells, records and cards have been checked.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`mod@frame`] | tells greetings apart in a stream |
//! | [`mod@piece`] | messages of three lanes on one stream |
//! | [`codec`] | values to bytes and back |
//! | [`card`], [`hello`] | how a node presents itself |
//! | `record`, `offer`, `roster` | records, offers and certified rosters, and how they are checked |
//! | [`message`] | everything that is said afterwards |
//! | [`error`] | why bytes are no message |

pub mod card;
pub mod codec;
pub mod error;
pub mod frame;
pub mod greeting;
pub mod hello;
pub mod message;
pub mod piece;

pub(crate) mod bounded;
mod offer;
mod record;
mod roster;

pub use card::{Contact, WireCard};
pub use error::WireError;
pub use hello::{Hello, WireLevel};
pub use message::{Decoded, decode_message, encode_message};
pub(crate) use record::WireRecord;
pub(crate) use roster::{WireBrief, WireCertificate};
