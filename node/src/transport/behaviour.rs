//! The swarm's part of the link protocol: a handler for each connection, and a gate before them.
//!
//! The gate bounds the connections whose other side has not shown a credential yet, in total and for one IP address:
//! libp2p's own connection limits know no addresses, and a stranger's connection costs us memory before it costs the
//! stranger anything.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events and protocols")]

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, StreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::Limits;
use super::handler::{Handler, Member, Opened};
use super::members::Errands;
use crate::own::ip;

/// A connection's link stream was opened, or could not be.
#[derive(Debug)]
pub(crate) struct LinkEvent {
    pub(crate) connection: ConnectionId,
    pub(crate) opened: Opened,
}

/// Why the gate turned a connection away.
#[derive(Debug, thiserror::Error)]
#[error("too many connections that have shown no credential yet")]
struct Crowded;

/// The link protocol on all connections.
#[derive(Debug)]
pub(crate) struct Links {
    protocol: StreamProtocol,
    limits: Limits,
    /// Inbound connections, pending ones included, that have not shown a credential.
    unproved: HashMap<ConnectionId, Option<IpAddr>>,
    refused: u64,
    errands: Errands,
    events: VecDeque<ToSwarm<LinkEvent, Member>>,
    waker: Option<Waker>,
}

impl Links {
    pub(crate) fn new(protocol: StreamProtocol, limits: Limits, errands: Errands) -> Self {
        let (unproved, events) = (HashMap::new(), VecDeque::new());
        Self { protocol, limits, unproved, refused: 0, errands, events, waker: None }
    }

    /// The other side has shown its credential: the connection is not the gate's concern any more, and it may be asked to
    /// dial us, if it is a peer.
    pub(crate) fn proved(&mut self, connection: ConnectionId, asked: Option<PeerId>) {
        self.forget(connection);
        if let Some(peer_id) = asked {
            self.push(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event: Member });
        }
    }

    /// An address at which others may be able to dial us.
    pub(crate) fn candidate(&mut self, address: Multiaddr) {
        self.push(ToSwarm::NewExternalAddrCandidate(address));
    }

    /// Whether a connection is no link and never becomes one.
    pub(crate) fn is_errand(&self, connection: ConnectionId) -> bool {
        self.errands.has(connection)
    }

    fn push(&mut self, event: ToSwarm<LinkEvent, Member>) {
        self.events.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn forget(&mut self, connection: ConnectionId) {
        self.unproved.remove(&connection);
    }

    /// Connections that the gate has turned away so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    fn handler(&self, role: Endpoint) -> Handler {
        Handler::new(self.protocol.clone(), role, self.limits.hello_timeout)
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = Handler;
    type ToSwarm = LinkEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let ip = ip(remote);
        let same = self.unproved.values().filter(|other| **other == ip).count();
        if self.unproved.len() >= self.limits.max_unproved || same >= self.limits.max_unproved_per_ip {
            self.refused += 1;
            return Err(ConnectionDenied::new(Crowded));
        }
        self.unproved.insert(connection, ip);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(Endpoint::Listener))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        role: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.is_errand(connection) {
            return Ok(Handler::errand(self.protocol.clone(), self.limits.hello_timeout));
        }
        // Where two nodes dial each other through their translators at the same moment, one of them plays the listener.
        Ok(self.handler(role))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.forget(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.forget(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, connection: ConnectionId, opened: THandlerOutEvent<Self>) {
        self.push(ToSwarm::GenerateEvent(LinkEvent { connection, opened }));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<LinkEvent, THandlerInEvent<Self>>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
