//! One end of a tunnel as a stream of bytes.
//!
//! Cells arrive in order or the tunnel ends, so that their bytes are a reliable stream already. What is added here is how
//! much may be under way: a window by delay, the one of bulk on links ([`Window`]), so that a tunnel fills its slowest link
//! and hardly ever stands in a relay's queue. Fixed windows made Tor's circuits slow for years (proposal 324).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use grid::time::Time;
use tokio::sync::mpsc;
use tunnel::cell::CELL;
use tunnel::payload::{Command, MOST, Payload};
use tunnel::table::TunnelId;

use crate::transport::{Flight, Window};
use crate::wire::piece::Reached;

/// Cells that may wait for the window; a writer waits when there are more.
const WAITING: usize = 64;
/// A mark follows on this part of the window.
const MARKS: u64 = 8;
/// What may have arrived without being read: twice the largest window. Who sends more breaks the rules.
const UNREAD: usize = 8 << 20;

/// Round trips after which an end that says nothing is called silent.
const QUIET_ROUNDS: u32 = 3;

/// Why a tunnel's end is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PipeError {
    #[error("more was sent than the window allows")]
    Flood,
    #[error("what was sent breaks the tunnel's rules")]
    Malformed,
}

#[derive(Debug)]
struct State {
    received: VecDeque<Vec<u8>>,
    /// How much of the first of them was read already.
    taken: usize,
    unread: usize,
    /// Nothing more will be received: the other side has said so.
    ended: bool,
    /// The tunnel is gone.
    broken: bool,
    waiting: VecDeque<Vec<u8>>,
    /// Nothing more will be written.
    closed: bool,
    told: bool,
    flight: Flight,
    window: Window,
    round_trip: Option<Duration>,
    /// How long the tunnel took to lay, which is one round trip as well.
    laid_in: Option<Duration>,
    marks: u64,
    answer: Option<Reached>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The task of the tunnels will look at it.
    noticed: bool,
}

#[derive(Debug)]
struct Shared {
    key: TunnelId,
    state: Mutex<State>,
    /// At most one message for each pipe waits in it.
    notices: mpsc::UnboundedSender<TunnelId>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the task of the tunnels look at it.
    fn notice(&self, state: &mut State) {
        if !std::mem::replace(&mut state.noticed, true) {
            // Without that task there are no tunnels.
            _ = self.notices.send(self.key);
        }
    }
}

/// The user's end.
#[derive(Debug)]
pub(super) struct Pipe(Arc<Shared>);

/// Shows whether the other side still answers, as long as there is an end.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Weak<Shared>);

impl Pulse {
    /// Whether the other side has not said for so long that it has what was sent, nor for [`QUIET_ROUNDS`] round trips, or as many times
    /// what the tunnel took to lay. Where neither is known nobody is called silent.
    pub(super) fn is_silent(&self, now: Time, least: Duration) -> bool {
        self.0.upgrade().is_some_and(|shared| {
            let state = shared.lock();
            let patience = state.round().map(|round_trip| least.max(round_trip * QUIET_ROUNDS));
            patience.is_some_and(|patience| state.flight.waited(now) >= patience)
        })
    }

    /// The shortest time from a mark to the answer, if there was one.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.0.upgrade()?.lock().round_trip
    }

    /// Sends an empty cell, which is answered as others are, unless there is something under way already.
    pub(super) fn beat(&self) {
        if let Some(shared) = self.0.upgrade() {
            let mut state = shared.lock();
            if state.waiting.is_empty() && state.flight.bytes() == 0 && !state.closed {
                state.waiting.push_back(Vec::new());
                shared.notice(&mut state);
            }
        }
    }
}

impl Pipe {
    /// What shows whether the other side answers.
    pub(super) fn pulse(&self) -> Pulse {
        Pulse(Arc::downgrade(&self.0))
    }

    /// The tunnel took so long to lay.
    pub(super) fn laid_in(&self, took: Duration) {
        self.0.lock().laid_in = Some(took);
    }
}

/// The end of the task of the tunnels.
#[derive(Debug)]
pub(super) struct Feed(Arc<Shared>);

/// Both ends.
pub(super) fn pipe(key: TunnelId, now: Time, notices: mpsc::UnboundedSender<TunnelId>) -> (Pipe, Feed) {
    let state = State {
        received: VecDeque::new(),
        taken: 0,
        unread: 0,
        ended: false,
        broken: false,
        waiting: VecDeque::new(),
        closed: false,
        told: false,
        flight: Flight::default(),
        window: Window::new(now),
        round_trip: None,
        laid_in: None,
        marks: 0,
        answer: None,
        reader: None,
        writer: None,
        noticed: false,
    };
    let shared = Arc::new(Shared { key, state: Mutex::new(state), notices });
    (Pipe(shared.clone()), Feed(shared))
}

impl Feed {
    /// What is to be sent now, if anything is.
    pub(super) fn next(&self, now: Time) -> Option<Payload> {
        let mut state = self.0.lock();
        state.noticed = false;
        if let Some(Reached { marks, at }) = state.answer.take() {
            let bytes = [marks.to_be_bytes(), at.to_be_bytes()].concat();
            return Some(Payload { command: Command::Reached, bytes });
        }
        if state.flight.bytes() == 0 {
            state.window.begin(now);
        }
        if state.is_open()
            && let Some(bytes) = state.waiting.pop_front()
        {
            state.flight.wrote(CELL);
            // The last cell before a pause is marked in any case: nothing else would open the window again.
            let pause = state.waiting.is_empty() || !state.is_open();
            let marked = pause || state.flight.unmarked() >= state.window.bytes() / MARKS;
            if marked {
                state.flight.mark(now);
            }
            if let Some(writer) = state.writer.take() {
                writer.wake();
            }
            return Some(Payload { command: if marked { Command::Marked } else { Command::Data }, bytes });
        }
        let ends = state.closed && state.waiting.is_empty() && !state.told;
        state.told |= ends;
        ends.then(|| Payload { command: Command::End, bytes: Vec::new() })
    }

    /// Something has come out of the tunnel.
    ///
    /// # Errors
    /// If the other end breaks a rule: the tunnel is to be given up.
    pub(super) fn received(&self, now: Time, Payload { command, bytes }: Payload) -> Result<(), PipeError> {
        let mut state = self.0.lock();
        match command {
            Command::Data | Command::Marked => {
                state.unread += bytes.len();
                if state.unread > UNREAD {
                    return Err(PipeError::Flood);
                }
                if !bytes.is_empty() {
                    state.received.push_back(bytes);
                }
                if command == Command::Marked {
                    state.marks += 1;
                    state.answer = Some(Reached { marks: state.marks, at: now.as_micros() });
                }
            }
            Command::Reached => {
                let reached = reached(&bytes).ok_or(PipeError::Malformed)?;
                let sample = state.flight.reached(now, reached).map_err(|_| PipeError::Malformed)?;
                state.window.reached(now, &sample);
                state.round_trip = Some(state.round_trip.map_or(sample.round, |least| least.min(sample.round)));
            }
            Command::End => state.ended = true,
            // Pings are answered by the table.
            Command::Padding | Command::Ping | Command::Pong => {}
        }
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        Ok(())
    }

    /// The tunnel is gone.
    pub(super) fn broke(&self) {
        let mut state = self.0.lock();
        state.broken = true;
        let wakers = [state.reader.take(), state.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether both sides have said that there is no more to come, or nobody holds the other end any more.
    pub(super) fn is_done(&self) -> bool {
        let state = self.0.lock();
        state.told && (state.ended || Arc::strong_count(&self.0) == 1)
    }

    /// Has the task look at it again.
    pub(super) fn notice(&self) {
        self.0.notice(&mut self.0.lock());
    }

    /// The shortest time from a mark to the answer, or else that in which the tunnel was laid.
    pub(super) fn round_trip(&self) -> Duration {
        self.0.lock().round().unwrap_or_default()
    }

    /// For how long the other side has not said that it has what was marked.
    pub(super) fn waited(&self, now: Time) -> Duration {
        self.0.lock().flight.waited(now)
    }
}

fn reached(bytes: &[u8]) -> Option<Reached> {
    let (marks, at) = bytes.split_first_chunk()?;
    Some(Reached { marks: u64::from_be_bytes(*marks), at: u64::from_be_bytes(at.try_into().ok()?) })
}

impl State {
    /// How long a cell and its answer take, where that is known.
    fn round(&self) -> Option<Duration> {
        self.round_trip.or(self.laid_in)
    }

    /// Whether one more cell may be under way.
    fn is_open(&self) -> bool {
        let under_way = self.flight.bytes();
        under_way == 0 || under_way + CELL as u64 <= self.window.bytes()
    }

    fn append(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        if let Some(last) = self.waiting.back_mut() {
            written = bytes.len().min(MOST - last.len());
            last.extend_from_slice(&bytes[..written]);
        }
        let room = WAITING.saturating_sub(self.waiting.len());
        for chunk in bytes[written..].chunks(MOST).take(room) {
            self.waiting.push_back(chunk.to_vec());
            written += chunk.len();
        }
        written
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        let state = &mut *state;
        let Some(first) = state.received.front() else {
            return match (state.ended, state.broken) {
                (true, _) => Poll::Ready(Ok(0)),
                (false, true) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                (false, false) => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        };
        let rest = &first[state.taken..];
        let length = rest.len().min(to.len());
        to[..length].copy_from_slice(&rest[..length]);
        state.taken += length;
        state.unread -= length;
        if state.taken == first.len() {
            state.received.pop_front();
            state.taken = 0;
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if state.broken || state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = state.append(bytes);
        if written == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.0.notice(&mut state);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What waits goes when the window lets it.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

impl Shared {
    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.notice(&mut state);
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]
mod tests;
