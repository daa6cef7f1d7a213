//! The data plane's own swarm: bulk goes over other connections than messages do, so that neither waits for the other.
//!
//! Each request is a stream of its own, opened by the reader, and bulk goes one way on it: both ends of a yamux
//! connection that write bulk at once may wait for each other for ever (rust-libp2p#5410).

mod behaviour;
mod handler;
mod muxer;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::task::AtomicWaker;
use grid::id::GridId;
use grid::peer::{DialFailure, Peer};
use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, Stream, StreamProtocol};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, connection_limits, memory_connection_limits, noise, quic, tcp};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use self::behaviour::Streams;
use self::handler::Opening;
use super::limits::Limits;
use crate::transport::{ListenError, memory_limit};

/// What the two sides of a connection know of each other, and how many streams we have on it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The reader at the other end, once it has shown its card.
    pub(crate) reader: Mutex<Option<Peer>>,
    /// How many of its requests may be read at the same time.
    pub(crate) reading: Arc<Semaphore>,
    /// Whether the server at the other end has taken our card.
    pub(crate) ours: AtomicBool,
    streams: AtomicUsize,
    /// The handler, if it waits for a stream to end.
    waker: AtomicWaker,
}

impl Shown {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            reader: Mutex::default(),
            reading: Arc::new(Semaphore::new(OWN_STREAMS)),
            ours: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
        })
    }
}

/// A stream of ours counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Shown>);

impl Slot {
    /// Takes a slot for one more stream, unless there are so many that the other side might end the connection.
    fn take(shown: &Arc<Shown>) -> Option<Self> {
        let more = |streams| (streams < OWN_STREAMS).then_some(streams + 1);
        let taken = shown.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.ok().map(|_| Self(shown.clone()))
    }

    /// The connection's state.
    pub(crate) fn shown(&self) -> &Shown {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
        self.0.waker.wake();
    }
}

/// A stream that somebody has opened to ask us something.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) caller: Caller,
    pub(crate) stream: Stream,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) peer: PeerId,
    pub(crate) shown: Arc<Shown>,
}

/// A stream that we have opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) slot: Slot,
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no connection, and none can be made.
    #[error(transparent)]
    Dial(DialFailure),
    /// The other side serves no datasets of this grid.
    #[error("a program answers there that serves no datasets of this grid")]
    Foreign,
    /// The connection has too many streams, or ended.
    #[error("no stream can be opened: {0}")]
    Refused(String),
    /// It took too long.
    #[error("no stream was opened within {0:?}")]
    TimedOut(Duration),
}

/// Everything that runs on a connection.
#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    streams: Streams,
}

/// Requests that may wait to be taken up: they are only read after that.
const ACCEPTED: usize = 256;
/// Streams that may wait for the swarm's task, which takes them at once.
const COMMANDS: usize = 256;
/// Connections that may be half-way open in each direction.
const MAX_PENDING: u32 = 128;
/// Both sides may have dialled at once, and an earlier connection may still be ending.
const MAX_PER_PEER: u32 = 4;
/// Streams that a connection may have at a time, each a request. Who opens more loses the connection.
const MAX_STREAMS: u32 = 64;
/// Streams that we open on a connection at a time; streams that have ended still count for a moment at the other end.
const OWN_STREAMS: usize = 32;
/// QUIC's windows for a stream and for a connection: what 1 Gbit/s at 100 ms has under way is 12 MB.
const QUIC_WINDOWS: (u32, u32) = (12 << 20, 16 << 20);

/// Opens streams to others.
#[derive(Clone, Debug)]
pub(crate) struct Opener(mpsc::Sender<(PeerId, Vec<Multiaddr>, Opening)>);

impl Opener {
    /// Opens a stream to a node, over a connection that exists or a new one.
    pub(crate) async fn open(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<Opened, OpenError> {
        let (opening, opened) = oneshot::channel();
        if self.0.send((peer, addresses, opening)).await.is_err() {
            return Err(OpenError::Refused("this node's data plane has been shut down".into()));
        }
        opened.await.unwrap_or_else(|_| Err(OpenError::Refused("the connection ended".into())))
    }
}

/// A running swarm. It ends when `ending` is told, or dropped.
pub(crate) struct Running {
    pub(crate) opener: Opener,
    pub(crate) listening: Vec<Multiaddr>,
    pub(crate) inbound: Option<mpsc::Receiver<Inbound>>,
    pub(crate) ending: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<()>,
}

/// Starts the swarm; it takes requests if `serves`.
///
/// # Errors
/// [`ListenError`] if a socket cannot be opened.
pub(crate) async fn start(
    keypair: Keypair,
    grid: GridId,
    listen: &[Multiaddr],
    serves: bool,
    limits: &Limits,
) -> Result<Running, ListenError> {
    let (accept, accepted) = mpsc::channel(ACCEPTED);
    let mut swarm = build(keypair, grid, serves.then_some(accept), limits)?;
    let listening = crate::transport::listen(&mut swarm, listen).await?;
    let (commands, mut commanded) = mpsc::channel(COMMANDS);
    let (ending, mut ended) = oneshot::channel();
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                command = commanded.recv() => match command {
                    Some((peer, addresses, opening)) => swarm.behaviour_mut().streams.open(peer, addresses, opening),
                    None => break,
                },
                _ = &mut ended => break,
                // The behaviours act on events themselves.
                _ = swarm.select_next_some() => {}
            }
        }
    });
    Ok(Running { opener: Opener(commands), listening, inbound: serves.then_some(accepted), ending, task })
}

fn build(
    keypair: Keypair,
    grid: GridId,
    inbound: Option<mpsc::Sender<Inbound>>,
    limits: &Limits,
) -> Result<Swarm<Behaviour>, ListenError> {
    let failed = |error: &dyn std::fmt::Display| ListenError::Transport(error.to_string());
    let protocol = StreamProtocol::try_from_owned(format!("/rook/{grid}/data/1")).map_err(|error| failed(&error))?;
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(limits.max_connections))
        .with_max_established_per_peer(Some(MAX_PER_PEER));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(connections),
        memory: memory_limit(),
        streams: Streams::new(protocol, limits.clone(), inbound),
    };
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, muxer::Config::default)
        .map_err(|error| failed(&error))?
        .with_quic_config(quic_config)
        .with_behaviour(|_| behaviour)
        .map_err(|error| failed(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(limits.idle))
        .with_connection_timeout(limits.dial_timeout)
        .build();
    Ok(swarm)
}

fn quic_config(mut config: quic::Config) -> quic::Config {
    config.max_concurrent_stream_limit = MAX_STREAMS;
    (config.max_stream_data, config.max_connection_data) = QUIC_WINDOWS;
    config
}
