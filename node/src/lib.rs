//! The daemon and the command line of Grid of Trust: carries out on libp2p, on disk and towards people what `grid`
//! decides.

pub mod api;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod data;
pub mod datasets;
#[cfg(any(test, fuzzing))]
pub mod decoders;
pub mod demo;
pub mod gateway;
pub mod handle;
pub mod metrics;
pub mod minting;
pub mod pointer;
pub mod postage;
pub mod private;
pub mod services;
pub mod stamps;
pub mod storage;
pub mod verifier;
pub mod wire;

mod clock;
mod connections;
mod driver;
mod lingering;
mod own;
mod sealing;
mod shelf;
mod timers;
mod transport;
pub mod tunnels;
mod web;
