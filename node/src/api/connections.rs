//! Takes the API's connections: so many at a time, and each has to say soon what it wants.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::lingering::Lingering;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 256;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The longest head of a request: what this API takes fits many times.
const HEAD_BYTES: usize = 16 << 10;
/// How long to wait when the system takes no connection, as when too many files are open.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until the task is ended, and its connections with it.
pub(super) async fn serve(listener: TcpListener, router: Router) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the API cannot take a connection");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // Answers are small and follow each other: none should wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a client's answers may be delayed");
        }
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(Lingering::new(stream)), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection to the API ended");
            }
            drop(permit);
        });
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
    }
}
