//! Takes URLs as people write them: `curl 'http://../table?depth>3'`.
//!
//! A URL's `<`, `>` and `"` ought to come as `%3C`, `%3E` and `%22`, and hyper refuses a request in which they do not,
//! before anybody can say why. The conditions of DAP2 are made of these octets, and not every client encodes them. So this
//! stands between the socket and hyper, follows the requests, and encodes what is refused, in request lines only. Nothing is
//! held but what one read has brought. Where it can follow no further, after a request with a body or one that is neither GET
//! nor HEAD, it lets everything through as it is, to the connection's end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection, whose requests are read with their lines encoded.
#[derive(Debug)]
pub(super) struct Requests<T> {
    io: T,
    follower: Follower,
    /// Encoded, and not taken yet: at most three times what one read has brought.
    pending: Bytes,
}

impl<T> Requests<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, follower: Follower::default(), pending: Bytes::new() }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Requests<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.pending.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
            let Some(encoded) = this.follower.encode(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
            buffer.set_filled(before);
            this.pending = encoded.into();
        }
        let now = this.pending.len().min(buffer.remaining());
        buffer.put_slice(&this.pending[..now]);
        this.pending.advance(now);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Requests<T> {
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

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

/// Where in a request the next octet stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In its first line, or before it.
    #[default]
    RequestLine,
    /// In a line of its head.
    Header { has_body: bool },
    /// Not known any more.
    Anywhere,
}

/// The headers that announce a body.
const BODIES: [&[u8]; 2] = [b"content-length:", b"transfer-encoding:"];
/// The methods that are followed.
const METHODS: [&[u8]; 2] = [b"GET ", b"HEAD "];
/// The octets of a line by which it is known.
const KNOWN_BY: usize = 18;

/// Follows the requests of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follower {
    place: Place,
    /// The first octets of the line, and how many there are.
    line: [u8; KNOWN_BY],
    length: usize,
}

impl Follower {
    /// The octets, encoded where they must be; `None` if all can stay as they are.
    pub(crate) fn encode(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let mut encoded = None;
        for (place, &octet) in octets.iter().enumerate() {
            if self.must_be_encoded(octet) {
                let encoded = encoded.get_or_insert_with(|| octets[..place].to_vec());
                encoded.extend_from_slice(format!("%{octet:02X}").as_bytes());
            } else if let Some(encoded) = &mut encoded {
                encoded.push(octet);
            }
        }
        encoded
    }

    /// Takes the next octet.
    fn must_be_encoded(&mut self, octet: u8) -> bool {
        match (self.place, octet) {
            (Place::Anywhere, _) | (_, b'\r') => return false,
            (_, b'\n') => self.end_line(),
            (Place::RequestLine, _) => {
                self.remember(octet);
                let begun = &self.line[..self.length];
                if !METHODS.iter().any(|method| begun.starts_with(method) || method.starts_with(begun)) {
                    self.place = Place::Anywhere;
                    return false;
                }
                return matches!(octet, b'"' | b'<' | b'>' | b'`');
            }
            (Place::Header { .. }, _) => self.remember(octet.to_ascii_lowercase()),
        }
        false
    }

    fn remember(&mut self, octet: u8) {
        if let Some(free) = self.line.get_mut(self.length) {
            *free = octet;
            self.length += 1;
        }
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.length];
        self.place = match self.place {
            // Empty lines before a request are skipped, as hyper does.
            Place::RequestLine if line.is_empty() => Place::RequestLine,
            Place::RequestLine => Place::Header { has_body: false },
            Place::Header { has_body: false } if line.is_empty() => Place::RequestLine,
            Place::Header { has_body: true } if line.is_empty() => Place::Anywhere,
            Place::Header { has_body } => {
                Place::Header { has_body: has_body || BODIES.iter().any(|name| line.starts_with(name)) }
            }
            Place::Anywhere => Place::Anywhere,
        };
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What hyper reads if that much comes at a time.
    async fn read(pieces: &[&[u8]], room: usize) -> String {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut requests = Requests::new(server);
        let mut all = Vec::new();
        for piece in pieces {
            client.write_all(piece).await.unwrap();
        }
        drop(client);
        loop {
            let mut buffer = vec![0; room];
            match requests.read(&mut buffer).await.unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }

    const PIPELINED: &str = "GET /a?x>\"3\"&y<4 HTTP/1.1\r\nHost: <h>\r\n\r\n\r\nHEAD /b?<\" HTTP/1.1\nX: \"\n\nGET /c?> HTTP/1.1\r\n\
                             Content-Length: 3\r\n\r\n<\">GET /d?> HTTP/1.1\r\n\r\n";
    const ENCODED: &str = "GET /a?x%3E%223%22&y%3C4 HTTP/1.1\r\nHost: <h>\r\n\r\n\r\nHEAD /b?%3C%22 HTTP/1.1\nX: \"\n\nGET /c?%3E \
                           HTTP/1.1\r\nContent-Length: 3\r\n\r\n<\">GET /d?> HTTP/1.1\r\n\r\n";

    #[tokio::test]
    async fn request_lines_are_encoded_and_nothing_else() {
        assert_eq!(read(&[PIPELINED.as_bytes()], 1 << 16).await, ENCODED);
        for unknown in
            ["POST /a?<> HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n<>", "get /<> HTTP/1.1\r\n\r\n", "<<<\r\n\">"]
        {
            assert_eq!(read(&[unknown.as_bytes()], 100).await, unknown);
        }
        let chunked = "GET /? HTTP/1.1\r\ntransfer-ENCODING: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\nGET /<\r\n\r\n";
        assert_eq!(read(&[chunked.as_bytes()], 100).await, chunked);
    }

    #[tokio::test]
    async fn a_line_without_an_end_takes_no_room() {
        let line = format!("GET /?{}", "<".repeat(500_000));
        let read = read(&[line.as_bytes()], 4096).await;
        assert_eq!(read.len(), 6 + 3 * 500_000);
    }

    #[test]
    fn what_comes_out_hyper_takes() {
        for octet in (b'!'..=b'~').filter(|octet| *octet != b'#') {
            for before in ["/table", "/table?x"] {
                let line = format!("GET {before}{}3", octet as char);
                let encoded = Follower::default().encode(line.as_bytes()).unwrap_or(line.into_bytes());
                let encoded = String::from_utf8(encoded).unwrap();
                let uri = encoded.trim_start_matches("GET ").parse::<Uri>();
                assert!(uri.is_ok(), "{encoded}: {uri:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_all_the_same_where_reads_end(cuts in prop::collection::vec(0..PIPELINED.len(), 0..9), room in 1..60_usize) {
            let mut cuts = cuts;
            cuts.extend([0, PIPELINED.len()]);
            cuts.sort_unstable();
            let mut follower = Follower::default();
            let pieces = cuts.windows(2).flat_map(|cut| {
                let piece = &PIPELINED.as_bytes()[cut[0]..cut[1]];
                follower.encode(piece).unwrap_or(piece.to_vec())
            });
            prop_assert_eq!(String::from_utf8(pieces.collect()).unwrap(), ENCODED);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(read(&[PIPELINED.as_bytes()], room)), ENCODED);
        }
    }
}
