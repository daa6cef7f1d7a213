//! Tunnels through the public interface.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for what it is about")]
#![allow(clippy::cast_precision_loss, reason = "counts of a test are small")]

#[path = "tunnel/alike.rs"]
mod alike;
#[path = "tunnel/hostile.rs"]
mod hostile;
#[path = "tunnel/net.rs"]
mod net;
#[path = "tunnel/passing.rs"]
mod passing;
#[path = "tunnel/set_ups.rs"]
mod set_ups;
#[path = "tunnel/slots.rs"]
mod slots;
#[path = "tunnel/spares.rs"]
mod spares;
#[path = "tunnel/vectors.rs"]
mod vectors;
