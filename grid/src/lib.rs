#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
//! The Grid of Trust protocol as a state machine: no input, no output, no clock, no randomness of its own.

extern crate alloc;

pub mod cell;
pub mod config;
pub mod id;
pub mod input;
pub mod message;
pub mod output;
pub mod overlay;
pub mod parameters;
pub mod peer;
pub mod record;
pub mod time;
