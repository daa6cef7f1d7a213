#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The Grid of Trust protocol as a state machine: no input, no output, no clock, no randomness of its own.
//!
//! A shell gives [`overlay::Overlay::handle`] one [`input::Input`] after another, each with the time, and carries out
//! the [`output::Output`]s. The daemon does so on sockets and disks, the simulator in a network that it makes up; both
//! run this code, so what is measured in one is what ships in the other, and every fault replays from a seed.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`cell`] | the grid's geometry: axes, cells, lines, a rook's distance |
//! | [`parameters`] | what the nodes of one grid agree on, and the grid's name |
//! | [`placement`] | which cells keep a record |
//! | [`density`], [`odds`] | how many nodes a line is believed to have; the exact chances behind such bounds |
//! | [`certified`] | rosters that the members of a line have signed, for strangers |
//! | [`id`], [`peer`], [`record`], [`provider`] | names; nodes, values and offers that somebody has checked |
//! | [`neighbours`], [`route`] | the routing table, and the choice of the next hop |
//! | [`latency`], [`ways`], [`load`], [`quantile`] | how fast others answer, how far it is from them, how busy they are, how long answers usually take |
//! | [`queue`] | in which order a node serves what waits for it |
//! | [`message`] | what nodes say to each other |
//! | [`ledger`] | what neighbours did for us and we for them, and whom that puts last |
//! | [`postage`], [`effort`] | what requests pay to a node under load, and how much it asks for |
//! | [`mimics`] | through whom a tunnel may go, so that others can check it |
//! | [`trust`] | which dataset servers are asked, checked and believed |
//! | [`input`], [`output`], [`overlay`] | the state machine's doors |
//! | [`config`], [`time`] | what a node decides for itself; the time it is told |
//!
//! # Example
//!
//! Geometry needs no node. A rook's way in a grid of 8 x 8 x 8 cells:
//!
//! ```
//! use grid::cell::Shape;
//!
//! let shape = Shape::new(3, 8)?;
//! let (here, there) = (shape.cell(&[1, 2, 3])?, shape.cell(&[1, 7, 0])?);
//! assert_eq!(here.distance(&there), 2);
//! assert_eq!(shape.neighbour_cells(), 3 * 7 + 1);
//! # Ok::<(), grid::cell::GeometryError>(())
//! ```
//!
//! ```text
//!   7 . . . T . . . .      S  the cell of who asks
//!   6 . . . | . . . .      T  the cell that is asked
//!   5 . . . | . . . .      *  one of the two cells that correct a coordinate
//!   4 . . . | . . . .
//!   3 . S---* . . . .      every node of * is a candidate, and so is every node of
//!   2 . . . . . . . .      the other corner; with d axes and distance k there are k
//!   1 . . . . . . . .      such cells, and at most d moves.
//!   0 . . . . . . . .
//!     0 1 2 3 4 5 6 7
//! ```

extern crate alloc;

mod chance;
mod protocol;

pub mod cell;
pub mod certified;
pub mod config;
pub mod density;
pub mod effort;
pub mod id;
pub mod input;
pub mod latency;
pub mod ledger;
pub mod level;
pub mod load;
pub mod message;
pub mod mimics;
pub mod neighbours;
pub mod odds;
pub mod output;
pub mod overlay;
pub mod parameters;
pub mod peer;
pub mod placement;
pub mod postage;
pub mod provider;
pub mod quantile;
pub mod queue;
pub mod ranges;
pub mod reach;
pub mod record;
pub mod route;
pub mod time;
pub mod trust;
pub mod ways;
