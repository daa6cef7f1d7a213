//! When a link sends, whatever there is to be sent.
//!
//! A [`Clock`] gives a link its send slots. It knows its rate and its draws and nothing of the traffic, so an observer of
//! the link learns nothing from when something is sent; and every slot is filled: with the tunnels' cells that wait in
//! [`Outgoing`], with other messages, or with a cell that says nothing.

mod clock;
mod outgoing;

pub use clock::{Clock, Pace, UnknownPace, cost_kbit_per_second, gap};
pub use outgoing::{Outgoing, Room};
