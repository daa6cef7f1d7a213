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
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, StreamProtocol, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::Limits;
use super::handler::{Handler, Opened};
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
    events: VecDeque<LinkEvent>,
    waker: Option<Waker>,
}

impl Links {
    pub(crate) fn new(protocol: StreamProtocol, limits: Limits) -> Self {
        Self { protocol, limits, unproved: HashMap::new(), refused: 0, events: VecDeque::new(), waker: None }
    }

    /// The other side has shown its credential: the connection is not the gate's concern any more.
    pub(crate) fn proved(&mut self, connection: ConnectionId) {
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
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(Endpoint::Dialer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.proved(closed.connection_id),
            FromSwarm::ListenFailure(failure) => self.proved(failure.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, connection: ConnectionId, opened: THandlerOutEvent<Self>) {
        self.events.push_back(LinkEvent { connection, opened });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<LinkEvent, THandlerInEvent<Self>>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(ToSwarm::GenerateEvent(event)),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
