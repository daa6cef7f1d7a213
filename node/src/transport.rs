//! Links between verified nodes, on libp2p: QUIC and TCP, IPv4 and IPv6.
//!
//! A link is one stream on one connection, opened by the dialler. Both sides show their credentials on it before
//! anything else; then each side writes messages when it likes, those of three lanes in pieces among each other
//! ([`egress`]). Besides there is libp2p's ping, and for nodes behind address translators AutoNAT v2, relays and DCUtR, for
//! members of the grid only ([`members`]). `identify` is not spoken, which would tell every stranger our addresses: what it
//! is for, those protocols hear from the greeting. Where that is wanted, nodes on the same network find each other by mDNS
//! ([`lan`]).
//!
//! ```text
//! driver --TransportCommand--> hub (owns the swarm) --TransportEvent--> driver
//!   |                            | spawns, for each connection: greet, then
//!   '--Outbox--> writer task ----'                reader task --TransportEvent--> driver
//! ```
//!
//! Nobody waits in a circle: the hub always takes commands, and keeps its events until the driver takes them; the
//! driver never waits for a writer, whose queue is bounded, and whose link is cut when it is full or not read; a reader
//! may wait for the driver, which slows down that one sender, and never for a writer.

mod behaviour;
mod cells;
mod egress;
mod failure;
mod handler;
mod hub;
mod lan;
mod link;
mod members;
mod outbox;
mod session;
mod slots;
mod swarm;

use std::num::NonZeroU32;
use std::time::Duration;

use grid::id::NodeId;
use grid::level::Level;
use grid::message::Message;
use grid::peer::{Address, DialFailure, DialTarget, Peer};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use crate::own::ip;

pub(crate) use cells::{CellLinks, CellReceiver, Cells};
pub(crate) use egress::{Filling, Flight, Full, Window};
pub(crate) use failure::explain as explain_dial;
pub(crate) use hub::start;
pub(crate) use outbox::Outbox;
pub use session::FrameLog;
pub(crate) use session::Session;
pub use slots::Cover;
pub(crate) use slots::{LINKS, Slots};
pub use swarm::ListenError;
pub(crate) use swarm::{listen, memory_limit};

/// What a node allows others. Every connection costs memory: about 0.6 MB with full buffers, less when it is quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the other side may take to show its credential, and how long a stream may take to open.
    pub hello_timeout: Duration,
    /// How long a batch of pieces may take to be written, and the other side to read on to a mark, before the link is
    /// cut: the other side does not read.
    pub write_stall: Duration,
    /// Messages that may wait for one link, half of them bulk. If there are more the link is cut; bulk is dropped.
    pub queue_frames: usize,
    /// Bytes that may wait for one link, half of them bulk.
    pub queue_bytes: usize,
    /// Cells of tunnels that may wait for one link besides; a circuit whose cell does not fit ends.
    pub queue_cells: usize,
    /// Connections in all. The largest neighbourhood of the design's examples has 504 nodes.
    pub max_connections: u32,
    /// Inbound connections that have not shown a credential yet.
    pub max_unproved: usize,
    /// The same from one IP address. A whole demonstration on one machine has to fit.
    pub max_unproved_per_ip: usize,
    /// How long a dial may take.
    pub dial_timeout: Duration,
    /// Others' requests that are served in a second; `None` for as many as the machine can. What is beyond that waits in
    /// the work queue, is put in order there, and has to pay for its place.
    pub requests_per_s: Option<NonZeroU32>,
    /// How the node covers what it sends, and that it sends; without it links send when there is something.
    pub cover: Option<Cover>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hello_timeout: Duration::from_secs(10),
            write_stall: Duration::from_secs(20),
            queue_frames: 1024,
            queue_bytes: 8 << 20,
            queue_cells: 8192,
            max_connections: 2500,
            max_unproved: 128,
            max_unproved_per_ip: 64,
            dial_timeout: Duration::from_secs(10),
            requests_per_s: None,
            cover: None,
        }
    }
}

/// The addresses of a node.
#[derive(Debug)]
pub(crate) struct Sockets<'a> {
    /// Where it listens.
    pub(crate) listen: &'a [Multiaddr],
    /// Where others reach it, as its owner says.
    pub(crate) advertised: &'a [Multiaddr],
    /// Whether its router may be asked to forward ports.
    pub(crate) map_ports: bool,
    /// Whether it looks for others on its network, and answers them.
    pub(crate) mdns: bool,
}

impl Sockets<'_> {
    /// Whether it is of use to ask: not where the owner has seen to it, nor where nobody is to come from outside.
    fn maps_ports(&self) -> bool {
        self.map_ports && self.advertised.is_empty() && self.is_on_network()
    }

    /// Whether others on its network can be asked, and can come: a node on loopback has none.
    pub(crate) fn looks_around(&self) -> bool {
        self.mdns && self.is_on_network()
    }

    fn is_on_network(&self) -> bool {
        self.listen.iter().any(|address| ip(address).is_some_and(|ip| !ip.is_loopback()))
    }
}

/// How others reach a node, as far as it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reachability {
    /// Where it listens; nothing speaks against it.
    #[default]
    Presumed,
    /// At the addresses that its owner says.
    Advertised,
    /// At an address outside: it was dialled there, or its router forwards a port.
    Confirmed,
    /// A router translates its address, and lets nobody in: others come by way of so many relays.
    Translated {
        /// Neighbours that keep a place for it.
        relays: usize,
    },
}

/// Where transport events go: the driver's one inbox.
pub(crate) type Inbox = mpsc::Sender<TransportEvent>;

/// Where what comes in goes.
#[derive(Clone, Debug)]
pub(crate) struct Upward {
    /// To the driver.
    pub(crate) inbox: Inbox,
    /// Past it.
    pub(crate) cells: Cells,
}

/// What happens on the links.
#[derive(Debug)]
pub(crate) enum TransportEvent {
    /// A link is open. Alternates with `Down` for each node.
    Up { peer: Peer, level: Level, outbox: Outbox, introducer: Option<Address> },
    /// The link goes on over another connection.
    Moved { node: NodeId, outbox: Outbox },
    /// An introducer that was dialled turned out to be linked already.
    Already { peer: Peer, level: Level, introducer: Address },
    /// A node said something.
    Message { from: NodeId, message: Message },
    /// A link is gone.
    Down(NodeId),
    /// Somebody on our network may be a node of the grid.
    Found(Address),
    /// A dial led to no link.
    DialFailed { target: DialTarget, why: DialFailure },
    /// The addresses at which others may reach us have changed; this is all of them.
    Listening(Vec<Multiaddr>),
}

/// What the driver wants of the links.
#[derive(Debug)]
pub(crate) enum TransportCommand {
    /// Open a link.
    Dial { target: DialTarget, peer: Option<PeerId>, addresses: Vec<Multiaddr> },
    /// Close a link, after what is in its outbox; the driver drops its end of that.
    Close(NodeId),
    /// Tell the figures.
    Count(oneshot::Sender<Counters>),
    /// Close everything, after what is in the outboxes, and end.
    Shutdown,
}

/// What has happened on the links since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections open now.
    pub connections: usize,
    /// Connections turned away because too many had shown no credential.
    pub refused_connections: u64,
    /// Connections cut because their greeting was wrong, late or missing.
    pub failed_greetings: u64,
    /// Links cut because of what came over them, or because the other side did not read.
    pub cut_links: u64,
    /// Cards in messages that were refused.
    pub refused_cards: u64,
    /// Links that go over a relay now.
    pub relayed_links: usize,
    /// How others reach us.
    pub reachability: Reachability,
}
