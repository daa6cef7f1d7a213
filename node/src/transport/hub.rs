//! The hub: the task that owns the swarm, and decides which connection carries which node's link.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events and protocols")]

mod around;
mod greeted;
mod reach;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use grid::cell::Cell;
use grid::id::NodeId;
use grid::level::Level;
use grid::peer::{DialFailure, DialTarget};
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::identity::Keypair;
use libp2p::metrics::Recorder;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, StreamProtocol, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, Swarm, dcutr, ping};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use self::around::Around;
use self::reach::{Reach, tell_ports};
use super::behaviour::LinkEvent;
use super::failure::explain;
use super::handler::Opened;
use super::link::{End, GreetingError, Proved, greet};
use super::session::Session;
use super::swarm::{self, Behaviour, BehaviourEvent, ListenError};
use super::{Cells, Counters, Inbox, Limits, Sockets, TransportCommand, TransportEvent, Upward};
use crate::wire::greeting::Seen;

/// Commands that may wait for the hub, which takes them at once.
const COMMANDS: usize = 1024;
/// Reports of link tasks that may wait for the hub.
const REPORTS: usize = 1024;
/// How often connections are looked through for those that have said nothing.
const SWEEP: Duration = Duration::from_millis(250);
/// How long a connection on which all is said stays open for what is under way: several round trips on any path.
const LINGER: Duration = Duration::from_secs(1);
/// How long the end waits for the outboxes.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// What a link task tells the hub.
pub(crate) enum Report {
    /// The exchange of credentials is over.
    Greeted(ConnectionId, Result<Proved, GreetingError>),
    /// The other side has closed the link, or something was wrong with what it sent.
    ReaderEnded(ConnectionId, Result<End, String>),
    /// Everything was written and the stream closed, or writing failed.
    WriterEnded(ConnectionId, Result<(), String>),
}

/// What waits for the driver, in order.
enum Waiting {
    /// To be told.
    Event(TransportEvent),
    /// A reader that must not speak before the driver knows its link.
    Reader(Box<dyn FnOnce() + Send>),
}

struct Connection {
    peer: PeerId,
    /// Where the other side is.
    remote: Multiaddr,
    /// Which socket of ours it has dialled, if it has.
    dialled: Option<Multiaddr>,
    we_dialled: bool,
    is_relayed: bool,
    since: Instant,
    /// Whether the exchange of credentials has succeeded.
    proved: bool,
    /// The greeting, which ends with the connection.
    greeting: Option<AbortHandle>,
    reader_ended: Option<End>,
    writer_ended: bool,
    /// Since when no node's link is on it any more: what is under way on it is still delivered, for a while.
    retired: Option<Instant>,
    /// Since when it has nothing more to say, while the other side may not have received all of it.
    ended: Option<Instant>,
}

impl Connection {
    fn new(peer: PeerId, endpoint: &ConnectedPoint) -> Self {
        Self {
            peer,
            remote: endpoint.get_remote_address().clone(),
            dialled: match endpoint {
                ConnectedPoint::Listener { local_addr, .. } => Some(local_addr.clone()),
                ConnectedPoint::Dialer { .. } => None,
            },
            // Where both have dialled, through their translators, one plays the listener.
            we_dialled: endpoint.to_endpoint() == Endpoint::Dialer,
            is_relayed: endpoint.is_relayed(),
            since: Instant::now(),
            proved: false,
            greeting: None,
            reader_ended: None,
            writer_ended: false,
            retired: None,
            ended: None,
        }
    }

    /// What the other side is told of where it is seen.
    fn seen(&self) -> Seen {
        if self.we_dialled || self.is_relayed { Seen::default() } else { Seen { address: self.remote.to_vec() } }
    }
}

struct Link {
    connection: ConnectionId,
    peer: PeerId,
    we_dialled: bool,
    is_relayed: bool,
    issued: u64,
    cell: Cell,
    level: Level,
}

pub(crate) struct Hub {
    swarm: Swarm<Behaviour>,
    /// Those that libp2p keeps itself.
    figures: libp2p::metrics::Metrics,
    session: Arc<Session>,
    limits: Limits,
    max_message: usize,
    inbox: Inbox,
    cells: Cells,
    waiting: VecDeque<Waiting>,
    reports: mpsc::Sender<Report>,
    dials: HashMap<ConnectionId, DialTarget>,
    connections: HashMap<ConnectionId, Connection>,
    links: HashMap<NodeId, Link>,
    /// Where our own sockets listen.
    listening: Vec<Multiaddr>,
    reach: Reach,
    around: Around,
    counters: Counters,
    /// Set at shutdown: when to stop waiting for the outboxes.
    ending: Option<Instant>,
}

/// Starts the hub. Returns when the listening sockets are open; their addresses come as events.
///
/// # Errors
/// [`ListenError`] if a socket cannot be opened.
pub(crate) async fn start(
    keypair: Keypair,
    protocol: StreamProtocol,
    sockets: &Sockets<'_>,
    session: Arc<Session>,
    limits: Limits,
    max_message: usize,
    Upward { inbox, cells }: Upward,
) -> Result<(mpsc::Sender<TransportCommand>, Vec<Multiaddr>), ListenError> {
    let mut swarm =
        session.metrics().register(|registry| swarm::build(keypair, protocol, &limits, sockets, registry))?;
    let figures = session.metrics().register(libp2p::metrics::Metrics::new);
    let listening = swarm::listen(&mut swarm, sockets.listen).await?;
    for address in sockets.advertised {
        swarm.add_external_address(address.clone());
    }
    let (reports, reported) = mpsc::channel(REPORTS);
    let hub = Hub {
        swarm,
        figures,
        session,
        limits,
        max_message,
        inbox,
        cells,
        waiting: VecDeque::new(),
        reports,
        dials: HashMap::new(),
        connections: HashMap::new(),
        links: HashMap::new(),
        listening: listening.clone(),
        reach: Reach::new(!sockets.advertised.is_empty()),
        around: Around::default(),
        counters: Counters::default(),
        ending: None,
    };
    let (commands, commanded) = mpsc::channel(COMMANDS);
    tokio::spawn(hub.run(commanded, reported));
    Ok((commands, listening))
}

impl Hub {
    async fn run(mut self, mut commands: mpsc::Receiver<TransportCommand>, mut reports: mpsc::Receiver<Report>) {
        let mut sweep = tokio::time::interval(SWEEP);
        let inbox = self.inbox.clone();
        while !self.is_done() {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                command = commands.recv() => self.on_command(command.unwrap_or(TransportCommand::Shutdown)),
                Some(report) = reports.recv() => self.on_report(report),
                permit = inbox.reserve(), if !self.waiting.is_empty() => self.deliver(permit.ok()),
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.ending.is_some_and(|end| self.connections.is_empty() || Instant::now() >= end)
    }

    fn tell(&mut self, event: TransportEvent) {
        self.waiting.push_back(Waiting::Event(event));
    }

    fn deliver(&mut self, permit: Option<mpsc::Permit<'_, TransportEvent>>) {
        match self.waiting.pop_front() {
            // Without a permit the driver has ended; whatever else is to be told is of no interest.
            Some(Waiting::Event(event)) => {
                if let Some(permit) = permit {
                    permit.send(event);
                }
            }
            Some(Waiting::Reader(start)) => start(),
            None => {}
        }
    }

    fn on_command(&mut self, command: TransportCommand) {
        match command {
            TransportCommand::Dial { target, peer, addresses } => self.dial(target, peer, addresses),
            TransportCommand::Close(node) => self.unlink(node),
            // Nobody waits for the figures any more: nothing to do.
            TransportCommand::Count(reply) => _ = reply.send(self.count()),
            TransportCommand::Shutdown => self.shut_down(),
        }
    }

    fn count(&self) -> Counters {
        Counters {
            connections: self.connections.len(),
            refused_connections: self.swarm.behaviour().links.refused(),
            refused_cards: self.session.refused_cards(),
            relayed_links: self.links.values().filter(|link| link.is_relayed).count(),
            reachability: self.reach.tell(),
            ..self.counters.clone()
        }
    }

    fn shut_down(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(Instant::now() + SHUTDOWN);
            // Links end by themselves once the driver has dropped their outboxes; the others have nothing to say.
            let unproved = self.connections.iter().filter(|(_, connection)| !connection.proved).map(|(&id, _)| id);
            unproved.collect::<Vec<_>>().into_iter().for_each(|id| self.close(id));
        }
    }

    fn dial(&mut self, target: DialTarget, peer: Option<PeerId>, addresses: Vec<Multiaddr>) {
        if let DialTarget::Peer(known) = &target
            && self.links.contains_key(&known.id())
        {
            // The core has been told of the link, or is about to be.
            return;
        }
        let options = match (peer, addresses.as_slice()) {
            (Some(peer), _) => DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always).build(),
            (None, [address]) => DialOpts::unknown_peer_id().address(address.clone()).build(),
            (None, _) => {
                let why = DialFailure::Unreachable("no usable address".into());
                return self.tell(TransportEvent::DialFailed { target, why });
            }
        };
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => _ = self.dials.insert(connection, target),
            Err(error) => {
                let why = explain(&error, self.limits.dial_timeout);
                self.tell(TransportEvent::DialFailed { target, why });
            }
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.figures.record(&event);
        match &event {
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) => self.figures.record(ping),
            SwarmEvent::Behaviour(BehaviourEvent::Punch(punch)) => self.figures.record(punch),
            SwarmEvent::Behaviour(BehaviourEvent::Relay(relay)) => self.figures.record(relay),
            _ => {}
        }
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Links(event)) => self.on_opened(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result: Err(error), .. }))
                if !matches!(error, ping::Failure::Unsupported) =>
            {
                tracing::debug!(%error, "a connection does not answer pings any more");
                self.close(connection);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. }
                if !self.swarm.behaviour().links.is_errand(connection_id) =>
            {
                self.connections.insert(connection_id, Connection::new(peer_id, &endpoint));
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => self.on_closed(connection_id),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(target) = self.dials.remove(&connection_id) {
                    let why = explain(&error, self.limits.dial_timeout);
                    self.tell(TransportEvent::DialFailed { target, why });
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ports(event)) => tell_ports(&event),
            SwarmEvent::Behaviour(BehaviourEvent::Lan(sighting)) => self.on_sighting(sighting),
            SwarmEvent::Behaviour(BehaviourEvent::Probe(event)) => {
                tracing::debug!(address = %event.tested_addr, reached = event.result.is_ok(), "an address was tried from outside");
            }
            SwarmEvent::Behaviour(BehaviourEvent::Punch(dcutr::Event { remote_peer_id, result: Err(error) })) => {
                tracing::debug!(%remote_peer_id, %error, "the link with a node behind a router stays at its relay");
            }
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, address, true),
            SwarmEvent::ExpiredListenAddr { listener_id, address } => self.on_listening(listener_id, address, false),
            SwarmEvent::ListenerClosed { listener_id, reason, .. } => self.on_listener_closed(listener_id, reason),
            SwarmEvent::ExternalAddrConfirmed { address } => self.on_confirmed(address),
            SwarmEvent::ExternalAddrExpired { address } => self.on_expired(&address),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listening socket has trouble"),
            _ => {}
        }
    }

    fn on_opened(&mut self, LinkEvent { connection, opened }: LinkEvent) {
        match opened {
            Opened::Stream(stream) => self.greet(connection, stream),
            Opened::Unsupported => {
                let why = "a node answers there, but of another grid or another program: compare `rook grid show`";
                self.abandon(connection, DialFailure::Foreign(why.into()));
            }
            Opened::Failed(why) => self.abandon(connection, DialFailure::Unreachable(why)),
        }
    }

    fn greet(&mut self, id: ConnectionId, stream: Stream) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (session, limits, reports) = (self.session.clone(), self.limits.clone(), self.reports.clone());
        let (other, seen) = (connection.peer, connection.seen());
        let task = tokio::spawn(async move {
            let outcome = greet(stream, other, seen, &session, &limits).await;
            // The hub outlives its tasks, except at the very end, when nobody cares.
            _ = reports.send(Report::Greeted(id, outcome)).await;
        });
        connection.greeting = Some(task.abort_handle());
    }

    /// Gives a connection up before it has become a link.
    fn abandon(&mut self, connection: ConnectionId, why: DialFailure) {
        self.counters.failed_greetings += 1;
        if let Some(target) = self.dials.remove(&connection) {
            self.tell(TransportEvent::DialFailed { target, why });
        }
        self.close(connection);
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Greeted(connection, Ok(proved)) => self.on_proved(connection, proved),
            Report::Greeted(connection, Err(error)) => self.on_greeting_failed(connection, error),
            Report::ReaderEnded(connection, outcome) => self.on_reader_ended(connection, outcome),
            Report::WriterEnded(connection, outcome) => self.on_writer_ended(connection, outcome),
        }
    }

    fn on_reader_ended(&mut self, id: ConnectionId, outcome: Result<End, String>) {
        if let (Some(connection), Ok(end)) = (self.connections.get_mut(&id), &outcome) {
            connection.reader_ended = Some(*end);
        }
        self.on_half_ended(id, outcome.map(drop));
    }

    fn on_writer_ended(&mut self, id: ConnectionId, outcome: Result<(), String>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.writer_ended = true;
        }
        self.on_half_ended(id, outcome);
    }

    /// One direction has ended. In the orderly case the other still delivers what is under way: the driver hears that
    /// the link is gone and drops the outbox, which ends the writer; the other node does the same, which ends the reader.
    fn on_half_ended(&mut self, id: ConnectionId, outcome: Result<(), String>) {
        self.forget_link_on(id);
        if let Err(why) = outcome {
            tracing::info!(%why, "a link was cut");
            self.counters.cut_links += 1;
            return self.close(id);
        }
        match self.connections.get(&id).filter(|connection| connection.writer_ended).and_then(|c| c.reader_ended) {
            Some(End::HeardAll) => self.close(id),
            Some(End::Unsure) => self.end(id),
            None => {}
        }
    }

    /// All is said; the connection is closed a little later, for closing drops what has not arrived yet.
    fn end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.ended = Some(Instant::now());
        }
    }

    fn on_closed(&mut self, id: ConnectionId) {
        if let Some(greeting) = self.connections.remove(&id).and_then(|connection| connection.greeting) {
            greeting.abort();
        }
        if let Some(target) = self.dials.remove(&id) {
            let why = DialFailure::Unreachable("the connection was closed before credentials were exchanged".into());
            self.tell(TransportEvent::DialFailed { target, why });
        }
        self.forget_link_on(id);
    }

    /// If a node's link is on this connection, it is none any more.
    fn forget_link_on(&mut self, connection: ConnectionId) {
        let node = self.links.iter().find(|(_, link)| link.connection == connection).map(|(&node, _)| node);
        if let Some(node) = node {
            self.unlink(node);
        }
    }

    /// The link ends: the driver hears of it and drops the outbox, which lets the writer finish and close.
    fn unlink(&mut self, node: NodeId) {
        if let Some(link) = self.links.remove(&node) {
            self.retire(link.connection);
            self.cells.links.closed(node);
            self.tell(TransportEvent::Down(node));
        }
    }

    /// No link is on this connection any more.
    fn retire(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.retired = Some(Instant::now());
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        // `false` means that it is closed already.
        _ = self.swarm.close_connection(connection);
    }

    /// Cuts connections on which no credential was shown in time, by a stranger that opens no stream for example, and
    /// those that should have ended by themselves.
    fn sweep(&mut self) {
        self.plan_reach();
        self.look_around();
        let stall = self.limits.write_stall;
        let overdue = |connection: &Connection| {
            connection.retired.is_some_and(|since| since.elapsed() > stall)
                || connection.ended.is_some_and(|since| since.elapsed() > LINGER)
        };
        let overdue: Vec<_> = self.connections.iter().filter(|(_, c)| overdue(c)).map(|(&id, _)| id).collect();
        overdue.into_iter().for_each(|id| self.close(id));
        let patience = self.limits.hello_timeout + SWEEP;
        let late = |c: &Connection| !c.proved && c.ended.is_none() && c.since.elapsed() > patience;
        let late: Vec<_> = self.connections.iter().filter(|(_, c)| late(c)).map(|(&id, _)| id).collect();
        for id in late {
            self.abandon(id, DialFailure::TimedOut(self.limits.hello_timeout));
        }
    }
}
