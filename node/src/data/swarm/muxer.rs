//! Yamux with windows and frames for bulk.
//!
//! libp2p's own wrapper sets the number of streams only: it leaves a connection's window at 1 GiB, which a reader that
//! is fast first and then slow would keep in memory, and frames at 16 KiB.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{AsyncRead, AsyncWrite, ready};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use yamux::{Connection, Mode, Stream};

use super::MAX_STREAMS;

/// Bytes of a connection that may wait to be read: every stream's first 256 KiB, and what 1 Gbit/s at 100 ms has under
/// way.
const WINDOW: usize = MAX_STREAMS as usize * (256 << 10) + (12 << 20);
/// Bytes of the largest frame. Noise cuts them at 64 KiB again.
const FRAME: usize = 64 << 10;

/// Makes connections of byte streams.
#[derive(Clone, Debug)]
pub(crate) struct Config(yamux::Config);

impl Default for Config {
    fn default() -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS as usize);
        config.set_max_connection_receive_window(Some(WINDOW));
        config.set_split_send_size(FRAME);
        Self(config)
    }
}

impl UpgradeInfo for Config {
    type Info = &'static str;
    type InfoIter = iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> InboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, self.0, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> OutboundConnectionUpgrade<C> for Config {
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<io::Result<Muxer<C>>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(socket, self.0, Mode::Client)))
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Muxer<C> {
    connection: Connection<C>,
    /// Streams of the other side that arrived while the connection was driven for something else. Yamux itself bounds
    /// them by the number of streams.
    arrived: VecDeque<Stream>,
    /// Who waits for such a stream.
    waker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(socket: C, config: yamux::Config, mode: Mode) -> Self {
        Self { connection: Connection::new(socket, config, mode), arrived: VecDeque::new(), waker: None }
    }

    /// Drives the connection until the other side opens a stream.
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        let next = ready!(self.connection.poll_next_inbound(cx));
        Poll::Ready(next.unwrap_or(Err(yamux::ConnectionError::Closed)).map_err(into_io))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = Stream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let arrival = self.poll_arrival(cx);
        if arrival.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        arrival
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        self.connection.poll_new_outbound(cx).map_err(into_io)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.poll_close(cx).map_err(into_io)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        let stream = ready!(self.poll_arrival(cx))?;
        self.arrived.push_back(stream);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        // There may be more to do, but others come first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn into_io(error: yamux::ConnectionError) -> io::Error {
    io::Error::other(error)
}
