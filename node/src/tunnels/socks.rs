//! A SOCKS5 proxy into the services of the grid (RFC 1928): CONNECT to a `.rook` name, without authentication; and to any other
//! host by way of a node that lets strangers out, if there is one. That node resolves the name: nothing of it is asked here.
//!
//! It listens on this machine alone.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::Tunnels;
use super::exit::Why;
use super::outward::{Connected, OutwardError};
use super::service::ServiceHost;
use super::splice::{Local, splice};
use super::visit::VisitError;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// How long a client may take to say what it wants.
const GREETING: Duration = Duration::from_secs(10);
/// How long to wait when the system has no connection for us.
const PAUSE: Duration = Duration::from_millis(100);

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// The system refuses.
    #[error("the proxy cannot listen at {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Other machines could reach it.
    #[error("a proxy at {0} could be used by other machines: use a loopback address, 127.0.0.1:PORT or [::1]:PORT")]
    NotLoopback(SocketAddr),
    /// There is one.
    #[error("the node's proxy listens at {0} already: stop it first")]
    Twice(SocketAddr),
}

/// Replies of RFC 1928, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reply {
    Succeeded = 0,
    Failure = 1,
    NotAllowed = 2,
    HostUnreachable = 4,
    Refused = 5,
    CommandUnknown = 7,
    AddressUnknown = 8,
}

impl Reply {
    /// The reply, with no address: what the tunnel looks like from its other end is not for the client to know.
    fn bytes(self) -> [u8; 10] {
        [VERSION, self as u8, 0, IPV4, 0, 0, 0, 0, 0, 0]
    }

    fn of(error: &VisitError) -> Self {
        match error {
            VisitError::Closed(_) => Self::Refused,
            VisitError::Several { .. } => Self::NotAllowed,
            VisitError::Unknown(_) => Self::HostUnreachable,
            VisitError::Other(_) | VisitError::Tunnel(_) => Self::Failure,
        }
    }

    fn of_outward(error: &OutwardError) -> Self {
        match error {
            OutwardError::NoExit(_) | OutwardError::Closed(Why::NotAllowed, _) => Self::NotAllowed,
            OutwardError::Closed(Why::Unreachable, _) => Self::HostUnreachable,
            OutwardError::Closed(Why::Refused, _) => Self::Refused,
            OutwardError::Closed(Why::Busy, _) | OutwardError::Tunnel(_) => Self::Failure,
        }
    }
}

/// The proxy of a node, which listens as long as this lives.
#[derive(Debug)]
pub(super) struct Proxy {
    listen: SocketAddr,
    refusal: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A node's proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksStatus {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it refused last, and why.
    pub refusal: Option<String>,
}

impl Tunnels {
    /// Opens the proxy, until [`Tunnels::close_socks`] or the node's end; port 0 takes a free one.
    ///
    /// # Errors
    /// [`SocksError`]
    pub async fn open_socks(&self, listen: SocketAddr) -> Result<SocksStatus, SocksError> {
        if !listen.ip().is_loopback() {
            return Err(SocksError::NotLoopback(listen));
        }
        let mut proxy = self.0.socks.lock().await;
        if let Some(proxy) = &*proxy {
            return Err(SocksError::Twice(proxy.listen));
        }
        let refuse = |error| SocksError::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(refuse)?;
        let listen = listener.local_addr().map_err(refuse)?;
        let refusal = Arc::new(Mutex::default());
        let task = tokio::spawn(self.clone().accept(listener, refusal.clone()));
        *proxy = Some(Proxy { listen, refusal, task });
        Ok(SocksStatus { listen, refusal: None })
    }

    /// Closes the proxy, with its connections. Whether there was one.
    pub async fn close_socks(&self) -> bool {
        self.0.socks.lock().await.take().is_some()
    }

    /// The proxy, if there is one.
    pub async fn socks(&self) -> Option<SocksStatus> {
        let proxy = self.0.socks.lock().await;
        let show = |proxy: &Proxy| SocksStatus {
            listen: proxy.listen,
            refusal: proxy.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        proxy.as_ref().map(show)
    }

    async fn accept(self, listener: TcpListener, refusal: Arc<Mutex<Option<String>>>) {
        let (slots, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
        loop {
            // Who comes when all are taken waits to be taken up.
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            let Ok((client, _)) = listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            let (tunnels, refusal) = (self.clone(), refusal.clone());
            connections.spawn(async move {
                let _slot = slot;
                if let Err(error) = tunnels.serve_socks(client, &refusal).await {
                    tracing::debug!(%error, "a connection to the proxy ended badly");
                }
            });
        }
    }

    async fn serve_socks(&self, mut client: TcpStream, refusal: &Mutex<Option<String>>) -> io::Result<()> {
        client.set_nodelay(true)?;
        let asked = timeout(GREETING, greet(&mut client)).await??;
        let (reply, why) = match asked {
            Ok(Target::Service(host)) => match self.visit(&host).await {
                Ok(visit) => {
                    client.write_all(&Reply::Succeeded.bytes()).await?;
                    let tunnel = visit.tunnel;
                    let done = splice(Local(client), visit.stream).await;
                    drop(tunnel);
                    return done;
                }
                Err(error) => (Reply::of(&error), error.to_string()),
            },
            Ok(Target::Outside { host, port }) => match self.connect_outward(&host, port).await {
                Ok(Connected { stream, tunnel }) => {
                    client.write_all(&Reply::Succeeded.bytes()).await?;
                    let done = splice(Local(client), stream).await;
                    drop(tunnel);
                    return done;
                }
                Err(error) => (Reply::of_outward(&error), format!("{host}:{port}: {error}")),
            },
            Err(refused) => refused,
        };
        tracing::warn!(%why, "the proxy refuses");
        *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        client.write_all(&reply.bytes()).await?;
        client.shutdown().await
    }
}

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Service(ServiceHost),
    /// A name or an address, and a port.
    Outside {
        host: String,
        port: u16,
    },
}

/// What is said to a client, and why.
pub(crate) type Refused = (Reply, String);

/// Hears what a client wants. What breaks the protocol is an error; what cannot be done is refused.
pub(crate) async fn greet<S>(client: &mut S) -> io::Result<Result<Target, Refused>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let malformed = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    if client.read_u8().await? != VERSION {
        return Err(malformed("this is not SOCKS5"));
    }
    let mut methods = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        client.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(malformed("the client wants to authenticate"));
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let [version, command, _, kind] = request;
    if version != VERSION {
        return Err(malformed("this is no request of SOCKS5"));
    }
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN => client.read_u8().await?,
        _ => return Ok(Err((Reply::AddressUnknown, format!("an address of the unknown kind {kind}")))),
    };
    let mut address = vec![0; length.into()];
    client.read_exact(&mut address).await?;
    let port = client.read_u16().await?;
    if command != CONNECT {
        return Ok(Err((Reply::CommandUnknown, "only connections out are made, not in, and no datagrams".into())));
    }
    let outside = |host: String| Ok(Ok(Target::Outside { host, port }));
    match (<[u8; 4]>::try_from(&*address), <[u8; 16]>::try_from(&*address), kind) {
        (Ok(v4), _, IPV4) => outside(Ipv4Addr::from(v4).to_string()),
        (_, Ok(v6), IPV6) => outside(Ipv6Addr::from(v6).to_string()),
        _ => Ok(target(&address, port)),
    }
}

/// What a name means. The port of a service says nothing: it is one connection, wherever it listens.
fn target(name: &[u8], port: u16) -> Result<Target, Refused> {
    let text = String::from_utf8_lossy(name);
    let domain = text.strip_suffix('.').unwrap_or(&text).to_ascii_lowercase();
    if domain.ends_with(".rook") {
        let unknown = |error| (Reply::HostUnreachable, format!("{domain:?}: {error}"));
        return domain.parse().map(Target::Service).map_err(unknown);
    }
    let holds = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    match !domain.is_empty() && domain.bytes().all(holds) {
        true => Ok(Target::Outside { host: domain, port }),
        false => Err((Reply::HostUnreachable, format!("{domain:?} is no name of a host"))),
    }
}

#[cfg(test)]
mod tests;
