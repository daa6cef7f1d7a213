//! Closes a connection so that its client reads the last answer.
//!
//! Whoever is refused before all was sent, for a body that is too large or a head that makes no sense, goes on sending. A
//! socket that is closed with octets unread answers with a reset (RFC 1122, section 4.2.2.13), and a client that meets one
//! may lose what it was told just before: it sees "connection reset" instead of why. So a server shuts down what it sends
//! first and reads on for a while, to nowhere (RFC 9112, section 9.6).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long a client may go on sending after its last answer: enough for the answer to arrive over a line of half a second.
const LINGERS: Duration = Duration::from_secs(2);
/// How much is read to nowhere at a time, in bytes.
const SCRATCH: usize = 8 << 10;

/// A connection that reads to nowhere, when it is shut down, until the other side has closed or time is over.
#[derive(Debug)]
pub(crate) struct Lingering<T> {
    io: T,
    /// Runs from when nothing more is sent.
    until: Option<Pin<Box<Sleep>>>,
}

impl<T> Lingering<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, until: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lingering<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, until } = self.get_mut();
        let until = match until {
            Some(until) => until,
            None => {
                ready!(Pin::new(&mut *io).poll_shutdown(context))?;
                until.insert(Box::pin(tokio::time::sleep(LINGERS)))
            }
        };
        let mut scratch = [0; SCRATCH];
        loop {
            if until.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut *io).poll_read(context, &mut buffer)) {
                // A client that has gone needs no answer.
                Err(_) => return Poll::Ready(Ok(())),
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    use super::*;

    /// A client that is answered before it has sent all, and what it reads when it has.
    async fn answered_early(sends: usize, lingers: bool) -> (io::Result<()>, io::Result<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let server = tokio::spawn(async move {
            server.read_exact(&mut [0; 1]).await.unwrap();
            server.write_all(b"too large").await.unwrap();
            if lingers {
                Lingering::new(server).shutdown().await.unwrap();
            }
        });
        let sent = client.write_all(&vec![0; sends]).await;
        let mut answer = Vec::new();
        let read = client.read_to_end(&mut answer).await.map(|_| answer);
        drop(client);
        server.await.unwrap();
        (sent, read)
    }

    #[tokio::test]
    async fn a_client_that_goes_on_sending_reads_its_answer() {
        // More than both ends' buffers hold.
        let sends = 32 << 20;
        let (sent, read) = answered_early(sends, true).await;
        sent.unwrap();
        assert_eq!(read.unwrap(), b"too large");
        // Without, the client is told that the connection is broken.
        let (sent, read) = answered_early(sends, false).await;
        assert!(sent.is_err() || read.is_err(), "{sent:?} {read:?}");
    }

    #[tokio::test]
    async fn who_sends_for_ever_is_not_read_for_ever() {
        let (here, mut there) = tokio::io::duplex(1 << 10);
        tokio::spawn(async move {
            while there.write_all(b"and on").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let before = Instant::now();
        Lingering::new(here).shutdown().await.unwrap();
        assert!(before.elapsed() >= LINGERS);
    }
}
