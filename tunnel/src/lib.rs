#![forbid(unsafe_code)]
//! Layered tunnels over neighbours: who asks is nobody's business.
//!
//! A tunnel leads over a few relays to a last node. Each of them knows the one before it and the one after it, and
//! nothing else; all that travels are [`cell::Cell`]s of one size. Like `grid` this is a state machine: a shell tells
//! [`table::Table`] what came over which link and when, and carries out the [`table::Output`]s. There is no clock, no
//! input, no output and no randomness of its own.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`cell`] | the one thing that travels: 1,280 bytes |
//! | [`setup`] | one cell that lays a tunnel on its way out, and one that brings the keys on its way back |
//! | [`layer`] | cells with payload: who adds which layer, who checks what |
//! | [`initiator`], [`endpoint`] | the two ends of a tunnel |
//! | [`table`] | what a node keeps of the tunnels that begin at, lead over and end at it |
//! | [`replay`] | set-ups that were seen already |
//! | [`slots`] | when a link sends, whatever there is to be sent |
//! | [`spares`] | when tunnels are built, kept in reserve and given up |
//! | [`keys`], [`moment`], [`name`], [`payload`] | onion keys; the time; names of nodes; what the ends say to each other |

pub mod bucket;
mod gcm;
mod onion;

pub mod cell;
pub mod endpoint;
pub mod initiator;
pub mod keys;
pub mod layer;
pub mod moment;
pub mod name;
pub mod payload;
pub mod replay;
pub mod setup;
pub mod slots;
pub mod spares;
pub mod table;
