//! What nodes say to each other, in bytes.
//!
//! A link is a stream of frames each way ([`mod@frame`]). The first frame is a [`Hello`], each later one a
//! [`Message`](grid::message::Message). All bytes come from strangers or from neighbours that may be hostile: nothing is
//! believed about a length, and a message reaches the core only after its cells, records and cards have been checked.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`mod@frame`] | tells messages apart in a stream |
//! | [`codec`] | values to bytes and back |
//! | [`card`], [`hello`] | how a node presents itself |
//! | `record`, `offer` | records and offers, and how they are checked |
//! | [`message`] | everything that is said afterwards |
//! | [`error`] | why bytes are no message |

pub mod card;
pub mod codec;
pub mod error;
pub mod frame;
pub mod greeting;
pub mod hello;
pub mod message;

pub(crate) mod bounded;
mod offer;
mod record;

pub use card::{Contact, WireCard};
pub use error::WireError;
pub use hello::Hello;
pub use message::{Decoded, decode_message, encode_message};
pub(crate) use record::WireRecord;
