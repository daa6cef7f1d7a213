//! Tunnels through the public interface.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

#[path = "tunnel/net.rs"]
mod net;
#[path = "tunnel/passing.rs"]
mod passing;
