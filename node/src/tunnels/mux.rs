//! Many streams through one tunnel: yamux over its two ends.
//!
//! Yamux stops reading while it cannot write, so that two ends that both write bulk may wait for each other for ever
//! (rust-libp2p#5410). Not here: a [`Pipe`] takes in what arrives whether yamux reads or not, and lets it write again by what
//! the other pipe says of that.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use grid::time::Time;
use tokio::sync::{mpsc, oneshot};
use yamux::{Config, Connection, ConnectionError, Mode, Stream};

use super::pipe::{Pipe, Pulse};

/// Streams of one tunnel at a time.
pub(super) const STREAMS: usize = 64;
/// What all streams of a tunnel may have under way in one direction.
const WINDOW: usize = 16 << 20;

/// No stream can be opened: the tunnel is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tunnel is gone")]
pub(super) struct Gone;

/// Opens streams.
#[derive(Clone, Debug)]
pub(super) struct Mux {
    wishes: mpsc::Sender<oneshot::Sender<Stream>>,
    pulse: Pulse,
}

impl Mux {
    /// Streams over a tunnel, as the side that laid it or as the last node, and those that the other side opens. The
    /// tunnel ends, with its streams, when all handles are gone and nobody takes streams up, or with its pipe.
    pub(super) fn start(pipe: Pipe, mode: Mode) -> (Self, mpsc::Receiver<Stream>) {
        let mut config = Config::default();
        config.set_max_num_streams(STREAMS).set_max_connection_receive_window(Some(WINDOW));
        let (wishes, wished) = mpsc::channel(STREAMS);
        let (arrivals, arrived) = mpsc::channel(STREAMS);
        let pulse = pipe.pulse();
        let connection = Connection::new(pipe, config, mode);
        let task = Task { connection, wished, waiting: VecDeque::new(), arrivals };
        tokio::spawn(task.run());
        (Self { wishes, pulse }, arrived)
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// [`Gone`] if the tunnel is.
    pub(super) async fn open(&self) -> Result<Stream, Gone> {
        let (reply, opened) = oneshot::channel();
        self.wishes.send(reply).await.map_err(|_| Gone)?;
        opened.await.map_err(|_| Gone)
    }

    /// Whether the other side has said nothing for so long. One that works on an answer does say that it has the question.
    pub(super) fn is_silent(&self, now: Time, least: Duration) -> bool {
        self.pulse.is_silent(now, least)
    }

    /// The shortest time from a cell to the word that it has arrived; none before it was used.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.pulse.round_trip()
    }

    /// Asks the other side for a sign of life: one cell there, one back.
    pub(super) fn beat(&self) {
        self.pulse.beat();
    }

    /// Whether both are handles of one tunnel.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.wishes.same_channel(&other.wishes)
    }

    /// Whether the tunnel is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.wishes.is_closed()
    }
}

struct Task {
    connection: Connection<Pipe>,
    wished: mpsc::Receiver<oneshot::Sender<Stream>>,
    waiting: VecDeque<oneshot::Sender<Stream>>,
    arrivals: mpsc::Sender<Stream>,
}

impl Task {
    async fn run(mut self) {
        let outcome = poll_fn(|cx| self.poll(cx)).await;
        tracing::trace!(?outcome, "the streams of a tunnel end");
        // What streams have written is still sent, as long as the other side takes it.
        _ = poll_fn(|cx| self.connection.poll_close(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            match self.wished.poll_recv(cx) {
                Poll::Ready(Some(reply)) => {
                    self.waiting.push_back(reply);
                    continue;
                }
                Poll::Ready(None) if self.waiting.is_empty() && self.arrivals.is_closed() => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if !self.waiting.is_empty()
                && let Poll::Ready(stream) = self.connection.poll_new_outbound(cx)
            {
                let stream = stream?;
                if let Some(reply) = self.waiting.pop_front() {
                    // Who wished it may have given up; then the stream is dropped, which resets it.
                    _ = reply.send(stream);
                }
                continue;
            }
            match self.connection.poll_next_inbound(cx) {
                // Who does not take streams up gets no more.
                Poll::Ready(Some(stream)) => _ = self.arrivals.try_send(stream?),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
