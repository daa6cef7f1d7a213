//! When a link sends, whatever there is to be sent.
//!
//! A [`Clock`] gives a link its send slots. It knows its rate and its draws and nothing of the traffic, so an observer of
//! the link learns nothing from when something is sent; and every slot is filled, with what [`Outgoing`] finds first:
//! tunnel cells, then other messages, then cover.

mod clock;
mod outgoing;

pub use clock::{Clock, Pace, cost_kbit_per_second};
pub use outgoing::{Filling, NoRoom, Outgoing, Room};
