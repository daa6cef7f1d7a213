//! The daemon and the command line of Grid of Trust: carries out on libp2p, on disk and towards people what `grid`
//! decides.

pub mod config;
pub mod pointer;
pub mod private;
pub mod storage;
