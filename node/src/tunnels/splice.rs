//! Two streams made one, and a stream that nobody between its ends can read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use grid::id::GridId;
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use libp2p::identity::{Keypair, PeerId};
use libp2p::noise;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::service::ServiceKey;

/// Bytes taken at a time.
const CHUNK: usize = 32 << 10;

/// Carries bytes both ways until both sides have ended. What one side ends, the other goes on with; a failure ends both
/// ways, and dropping a stream that was not closed resets it.
///
/// # Errors
/// The first failure of either stream.
pub(super) async fn splice<A, B>(a: A, b: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let ((from_a, to_a), (from_b, to_b)) = (a.split(), b.split());
    futures::future::try_join(carry(from_a, to_b), carry(from_b, to_a)).await.map(|_| ())
}

/// Nothing is read before what was read is written, so that who reads slowly is written to slowly.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer).await? {
            0 => return to.close().await,
            read => to.write_all(&buffer[..read]).await?,
        }
        to.flush().await?;
    }
}

/// The ends agree on what they are there for, or they do not understand each other.
fn prologue(grid: &GridId, key: &ServiceKey) -> Vec<u8> {
    [&b"rook service v1"[..], grid.as_bytes(), &key.0].concat()
}

fn config(keypair: &Keypair, grid: &GridId, key: &ServiceKey) -> io::Result<noise::Config> {
    let config = noise::Config::new(keypair).map_err(io::Error::other)?;
    Ok(config.with_prologue(prologue(grid, key)))
}

/// A stream that only the ends can read, as the service.
///
/// # Errors
/// If the other side does not do its part.
pub(super) async fn as_service<S>(
    stream: S,
    keypair: &Keypair,
    grid: &GridId,
    key: &ServiceKey,
) -> io::Result<noise::Output<S>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let upgraded = config(keypair, grid, key)?.upgrade_inbound(stream, "/noise").await;
    // With what key the other side shows itself means nothing: it is a new one each time.
    Ok(upgraded.map_err(io::Error::other)?.1)
}

/// The same, as somebody who shows nothing of oneself and has to see that it is the service.
///
/// # Errors
/// If the other side does not do its part, or has another key.
pub(super) async fn as_visitor<S>(stream: S, grid: &GridId, key: &ServiceKey) -> io::Result<noise::Output<S>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let nobody = Keypair::generate_ed25519();
    let upgraded = config(&nobody, grid, key)?.upgrade_outbound(stream, "/noise").await;
    let (peer, stream): (PeerId, _) = upgraded.map_err(io::Error::other)?;
    match key.peer() == Some(peer) {
        true => Ok(stream),
        false => Err(io::Error::new(io::ErrorKind::PermissionDenied, "somebody else answers in the service's place")),
    }
}

/// A local connection, as the streams of tunnels are read and written.
#[derive(Debug)]
pub(super) struct Local(pub(super) TcpStream);

impl AsyncRead for Local {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut to = ReadBuf::new(to);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut to))?;
        Poll::Ready(Ok(to.filled().len()))
    }
}

impl AsyncWrite for Local {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
