//! The wish to end: Ctrl-C, or SIGTERM.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// Listens for both from the moment it is made.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Does something until it is done or somebody wishes to end: who has listened once is not ended by the system any
/// more. `left` says what is left then.
pub(super) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
    left: &str,
) -> Result<T, Failure> {
    let mut signals = Signals::new()?;
    tokio::select! {
        outcome = work => outcome,
        () = signals.wait() => Err(Failure::interrupted(left)),
    }
}
