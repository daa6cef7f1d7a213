//! The local HTTP API: how the command line, and other programs of the same user, talk to a running node.
//!
//! It listens on loopback only and demands a token that only the same user can read ([`runtime`]); web pages of others get
//! nowhere (`gate`). Whatever fails is told as a problem of RFC 9457 (`problem`). The page that shows the node to its
//! owner (`web`), the description of the API and the figures for Prometheus need no token.

pub mod client;
mod datasets;
#[cfg(any(test, fuzzing))]
pub(crate) mod decoders;
mod figures;
mod gate;
mod handlers;
pub mod health;
mod live;
mod offers;
mod openapi;
mod problem;
mod reading;
mod records;
pub mod runtime;
mod server;
mod services;
mod tunnels;
pub mod types;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use server::{Api, Nodes, ServeError, Serving};
pub use services::{Service, ServiceList, Socks};
pub use tunnels::{CoverTraffic, OwnTunnel, Tunnels};

/// Where a node's API is unless told otherwise.
pub const DEFAULT_API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7117);

/// Header: links crossed to the node that answered.
const HOPS: &str = "rook-hops";
/// Header: the cell of the node that answered, as JSON.
const FROM_CELL: &str = "rook-from-cell";
/// Header: how long it took.
const MILLISECONDS: &str = "rook-milliseconds";
/// Header: cells that were heard before a version was believed to be the newest.
const CELLS: &str = "rook-cells";
/// Header: the version's number, of a mutable record.
const SEQUENCE: &str = "rook-sequence";
/// Header: when it was written, in seconds of Unix time.
const WRITTEN: &str = "rook-written";
/// Header: the BLAKE3 hash of another value that the writer has signed under the same number, in hex.
const TWIN: &str = "rook-twin";
