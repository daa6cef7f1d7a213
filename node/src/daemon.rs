//! Starting a node.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use grid::config::Config;
use grid::input::Command;
use grid::output::Event;
use grid::overlay::Overlay;
use grid::parameters::Parameters;
use grid::peer::{Address, Card, Peer};
use grid::record::Rules;
use hashcash::SecretIdentity;
use libp2p::Multiaddr;
use libp2p::swarm::StreamProtocol;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{broadcast, mpsc, watch};

use crate::clock::{self, SteadyClock};
use crate::driver::{Driver, Pace, Sources};
use crate::handle::{Credentials, NodeHandle};
use crate::metrics::{Metrics, Tap};
use crate::own::OwnCard;
use crate::postage::Payer;
use crate::shelf::Shelf;
use crate::storage::{Storage, StorageError};
use crate::timers::Timers;
use crate::transport::{self, Cells, Session, Sockets, Upward};
use crate::tunnels::Carrier;
use crate::verifier::Verifier;

pub use crate::own::{AdvertiseError, OwnCardError};
pub use crate::transport::{Cover, FrameLog, Limits, ListenError, Reachability};

/// What a node needs to run.
#[derive(Debug)]
pub struct NodeOptions {
    /// Who it is.
    pub identity: SecretIdentity,
    /// Checks identities by the grid's parameters. Nodes of one process may share what it remembers.
    pub verifier: Verifier,
    /// How it behaves.
    pub config: Config,
    /// What it allows others.
    pub limits: Limits,
    /// Its disk.
    pub storage: Storage,
    /// Where it listens; nowhere if empty, then it only dials out.
    pub listen: Vec<Multiaddr>,
    /// Where others reach it, if not where it listens: behind a port that is forwarded.
    pub advertise: Vec<Multiaddr>,
    /// Whether it asks its router to forward its ports (UPnP), if it listens at more than loopback and nothing is advertised.
    pub map_ports: bool,
    /// Whether it looks for others on the networks that it is on (mDNS), and answers them, if it listens at more than
    /// loopback.
    pub mdns: bool,
    /// Whom it joins through.
    pub peers: Vec<Multiaddr>,
    /// Sees every frame that comes in; for tests.
    pub frame_log: Option<FrameLog>,
}

impl NodeOptions {
    fn sockets(&self) -> Sockets<'_> {
        Sockets { listen: &self.listen, advertised: &self.advertise, map_ports: self.map_ports, mdns: self.mdns }
    }

    /// Whether the node will look for others on its networks.
    pub fn looks_around(&self) -> bool {
        self.sockets().looks_around()
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// It cannot say who it is.
    #[error(transparent)]
    OwnCard(#[from] OwnCardError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The grid's name cannot stand in a protocol name.
    #[error("the protocol's name {0:?} is not possible")]
    Protocol(String),
}

/// Transport events that may wait for the driver; more slow down their senders.
const EVENTS: usize = 1024;
/// Reports of workers that may wait for the driver.
const INPUTS: usize = 1024;
/// Wishes of the owner that may wait.
const WISHES: usize = 256;
/// How long a node that knows nobody waits for an answer from its network before it founds the grid. Answers take milliseconds,
/// and questions are asked again after half a second and one and a half, since datagrams are lost.
const FOUND_AFTER: Duration = Duration::from_secs(3);
/// Events that a slow listener may be behind before it misses some.
const LISTENER_LAG: usize = 1024;

/// Starts a node. Returns when its listening sockets are open; joining goes on from then.
///
/// # Errors
/// [`StartError`] if it cannot listen, the data folder fails, or the identity is void.
pub async fn start(options: NodeOptions) -> Result<NodeHandle, StartError> {
    start_with_events(options).await.map(|(node, _)| node)
}

/// Starts a node, and listens to what happens to it from its first moment on: the first node of a grid has joined
/// before [`start`] returns.
///
/// # Errors
/// As [`start`].
pub async fn start_with_events(options: NodeOptions) -> Result<(NodeHandle, broadcast::Receiver<Event>), StartError> {
    let NodeOptions {
        identity,
        verifier,
        config,
        limits,
        storage,
        listen,
        advertise,
        map_ports,
        mdns,
        peers,
        frame_log,
    } = options;
    let sockets = Sockets { listen: &listen, advertised: &advertise, map_ports, mdns };
    let config = match &limits.cover {
        Some(cover) => config.on_slow_links(cover.message_time()),
        None => config,
    };
    let config = match sockets.looks_around() {
        true => Config { found_after: FOUND_AFTER, ..config },
        false => config,
    };
    let parameters = verifier.parameters().clone();
    let identity = Arc::new(identity);
    let own = OwnCard::load(identity.clone(), verifier.clone(), &storage, advertise.clone())?;
    let pace = Pace::new(limits.requests_per_s, Instant::now());
    let (own_card, own_seen) = watch::channel(own.peer(&[])?);
    let rules = Rules::of(&parameters);
    let (own_level, level_seen) = watch::channel(config.level);
    let (cells, receiver) = Cells::new(limits.cover.map(transport::Slots::new));
    let carrier = Carrier { links: cells.links.clone(), cells: receiver, onion: own.onion() };
    let credentials = Credentials {
        keypair: own.keypair().clone(),
        own: own_seen.clone(),
        verifier: verifier.clone(),
        carrier: Arc::new(Mutex::new(Some(carrier))),
    };
    let metrics = Arc::new(Metrics::default());
    let session =
        Session::new(own_seen, level_seen, verifier.clone(), parameters.shape, rules, frame_log, metrics.clone());
    let (events_in, transport_events) = mpsc::channel(EVENTS);
    let max_message = size(parameters.max_message_bytes);
    let (transport, listening) = transport::start(
        own.keypair().clone(),
        protocol(&parameters)?,
        &sockets,
        Arc::new(session),
        limits,
        max_message,
        Upward { inbox: events_in, cells },
    )
    .await?;
    let me = own.peer(&listening)?;
    own_card.send_replace(me.clone());
    let introducers = peers.iter().map(|address| Address(address.to_string())).collect();
    let known = known(&verifier, &storage).await?;
    let start = Command::Start { known, records: storage.holdings()?, introducers, unix: clock::unix_seconds() };
    let (inputs, reports) = mpsc::channel(INPUTS);
    let (wishes, wished) = mpsc::channel(WISHES);
    let (events, heard) = broadcast::channel(LISTENER_LAG);
    let events = Arc::new(events);
    let clock = SteadyClock::start();
    let tap = Tap::new(metrics.clone(), me.cell());
    let mut overlay = Overlay::new(&parameters, config, me, StdRng::from_seed(rand::random()));
    if let Some(saved) = storage.ledger()? {
        overlay.restore_ledger(clock.now(), clock::unix_seconds(), saved);
    }
    let driver = Driver {
        overlay,
        clock,
        pace,
        timers: Timers::default(),
        links: Default::default(),
        transport,
        shelf: Shelf::start(storage, inputs.clone()),
        inputs,
        payer: Payer::new(verifier.grid()),
        verifier,
        identity,
        own,
        own_card,
        own_level,
        listening,
        events: events.clone(),
        waiters: Default::default(),
        services: None,
        tickets: 0,
        outputs: Vec::new(),
        soon: Default::default(),
        left: false,
        asked: 0,
        tap,
    };
    let (ended, stopped) = watch::channel(false);
    let sources = Sources { transport: transport_events, inputs: reports, wishes: wished };
    tokio::spawn(async move {
        driver.run(sources, start).await;
        ended.send_replace(true);
    });
    Ok((NodeHandle::new(wishes, events, stopped, credentials, metrics), heard))
}

/// The link protocol of one grid: nodes of two grids have none in common.
fn protocol(parameters: &Parameters) -> Result<StreamProtocol, StartError> {
    let name = format!("/rook/{}/link/6", parameters.grid_id());
    StreamProtocol::try_from_owned(name.clone()).map_err(|_| StartError::Protocol(name))
}

/// The neighbours that an earlier run left, those that still hold.
async fn known(verifier: &Verifier, storage: &Storage) -> Result<Vec<Peer>, StorageError> {
    let cards = storage.known()?;
    let verify = |verifier: &Verifier, card: Card| verifier.verify_now(card).ok();
    Ok(verifier.run(move |verifier| cards.into_iter().filter_map(|card| verify(verifier, card)).collect()).await)
}

fn size(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
