//! Takes connections of HTTP: so many at a time, and each has to say soon what it wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::lingering::Lingering;

/// How long to wait when the system takes no connection, as when too many files are open.
const BREATH: Duration = Duration::from_millis(100);

/// What clients are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Who serves them, for the log.
    pub(crate) server: &'static str,
    /// Connections at a time; more wait.
    pub(crate) connections: usize,
    /// How long a request's head may take, and how long a connection may be idle.
    pub(crate) head_time: Duration,
    /// The longest head of a request, in bytes.
    pub(crate) head_bytes: usize,
}

/// Serves until the task is ended, and its connections with it. Requests are read through `reader`, and answered by what
/// `router` says for the address of the client. What goes wrong with one of them is logged.
pub(crate) async fn serve<T>(
    listener: TcpListener,
    terms: Terms,
    reader: impl Fn(Lingering<TcpStream>) -> T,
    router: impl Fn(SocketAddr) -> Router,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Terms { server, .. } = terms;
    let room = Arc::new(Semaphore::new(terms.connections));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(server, %error, "a connection cannot be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // Answers are small and follow each other: none should wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(server, %error, "a client's answers may be delayed");
        }
        let (io, service) = (reader(Lingering::new(stream)), TowerToHyperService::new(router(client)));
        connections.spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(terms.head_time)
                .max_buf_size(terms.head_bytes)
                .serve_connection(TokioIo::new(io), service);
            if let Err(error) = served.await {
                tracing::debug!(server, %error, "a connection ended");
            }
            drop(permit);
        });
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    async fn started(connections: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let terms = Terms { server: "test", connections, head_time: Duration::from_millis(300), head_bytes: 8192 };
        tokio::spawn(serve(
            listener,
            terms,
            |io| io,
            |client| Router::new().route("/", get(move || async move { client.to_string() })),
        ));
        address
    }

    /// All that comes until the server closes.
    async fn heard(mut client: TcpStream) -> String {
        let mut all = Vec::new();
        timeout(LONG, client.read_to_end(&mut all)).await.unwrap().unwrap();
        String::from_utf8(all).unwrap()
    }

    #[tokio::test]
    async fn who_does_not_say_what_he_wants_makes_room_for_others() {
        let address = started(1).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let client = quick.local_addr().unwrap();
        let answer = heard(quick).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&client.to_string()), "{answer}");
        assert!(!heard(slow).await.contains("200"));
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let mut client = TcpStream::connect(started(1).await).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nWhat: {}", "long".repeat(4000));
        client.write_all(head.as_bytes()).await.unwrap();
        assert!(heard(client).await.starts_with("HTTP/1.1 431"));
    }
}
