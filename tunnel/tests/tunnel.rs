//! Tunnels through the public interface.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for what it is about")]

#[path = "tunnel/hostile.rs"]
mod hostile;
#[path = "tunnel/net.rs"]
mod net;
#[path = "tunnel/passing.rs"]
mod passing;
#[path = "tunnel/set_ups.rs"]
mod set_ups;
