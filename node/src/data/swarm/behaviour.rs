//! The swarm's part of the data protocol: finds a connection for each stream that is wanted, and bounds how many
//! connections one address may have.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events")]

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, NotifyHandler, StreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc;

use super::handler::{Handler, Opening};
use super::{Inbound, OpenError};
use crate::data::limits::Limits;
use crate::own::ip;
use crate::transport::explain_dial;

/// Streams that may wait for one dial.
const MAX_WAITING: usize = 64;

/// Why a connection is turned away.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from one address")]
struct Crowded;

/// The data protocol on all connections.
#[derive(Debug)]
pub(crate) struct Streams {
    protocol: StreamProtocol,
    limits: Limits,
    inbound: Option<mpsc::Sender<Inbound>>,
    /// Inbound connections, pending ones included, and where they come from.
    sources: HashMap<ConnectionId, Option<IpAddr>>,
    /// The open connections to each peer, the oldest first.
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    /// Streams that wait for a dial.
    waiting: HashMap<PeerId, Vec<Opening>>,
    actions: VecDeque<ToSwarm<Infallible, Opening>>,
    waker: Option<Waker>,
}

impl Streams {
    pub(crate) fn new(protocol: StreamProtocol, limits: Limits, inbound: Option<mpsc::Sender<Inbound>>) -> Self {
        Self {
            protocol,
            limits,
            inbound,
            sources: HashMap::new(),
            connections: HashMap::new(),
            waiting: HashMap::new(),
            actions: VecDeque::new(),
            waker: None,
        }
    }

    /// Opens a stream on the connection to a peer, or dials it.
    pub(crate) fn open(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, opening: Opening) {
        if let Some(&connection) = self.connections.get(&peer).and_then(|all| all.first()) {
            self.ask(peer, connection, opening);
            return;
        }
        let waiting = self.waiting.entry(peer).or_default();
        if waiting.len() >= MAX_WAITING {
            // The other end may have given up already.
            _ = opening.send(Err(OpenError::Refused("too many requests wait for the same dial".into())));
            return;
        }
        waiting.push(opening);
        if waiting.len() == 1 {
            let opts = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always).build();
            self.act(ToSwarm::Dial { opts });
        }
    }

    fn ask(&mut self, peer: PeerId, connection: ConnectionId, opening: Opening) {
        let handler = NotifyHandler::One(connection);
        self.act(ToSwarm::NotifyHandler { peer_id: peer, handler, event: opening });
    }

    fn act(&mut self, action: ToSwarm<Infallible, Opening>) {
        self.actions.push_back(action);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn dial_failed(&mut self, peer: PeerId, error: &DialError) {
        let why = explain_dial(error, self.limits.dial_timeout);
        for opening in self.waiting.remove(&peer).unwrap_or_default() {
            _ = opening.send(Err(OpenError::Dial(why.clone())));
        }
    }

    fn handler(&self, remote: PeerId) -> Handler {
        Handler::new(self.protocol.clone(), self.limits.ask_timeout, remote, self.inbound.clone())
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = ip(remote);
        if self.sources.values().filter(|other| **other == ip).count() >= self.limits.max_connections_per_ip {
            return Err(ConnectionDenied::new(Crowded));
        }
        self.sources.insert(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => {
                let peer = event.peer_id;
                self.connections.entry(peer).or_default().push(event.connection_id);
                for opening in self.waiting.remove(&peer).unwrap_or_default() {
                    self.ask(peer, event.connection_id, opening);
                }
            }
            FromSwarm::ConnectionClosed(event) => {
                self.sources.remove(&event.connection_id);
                if let Some(all) = self.connections.get_mut(&event.peer_id) {
                    all.retain(|connection| *connection != event.connection_id);
                }
                if event.remaining_established == 0 {
                    self.connections.remove(&event.peer_id);
                }
            }
            FromSwarm::ListenFailure(failure) => _ = self.sources.remove(&failure.connection_id),
            FromSwarm::DialFailure(failure) => {
                if let Some(peer) = failure.peer_id {
                    self.dial_failed(peer, failure.error);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.actions.pop_front() {
            Some(action) => Poll::Ready(action),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
