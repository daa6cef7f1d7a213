//! Services of libp2p for members of the grid only.
//!
//! What a connection asks of the protocol within is held back until its other side has shown a credential, and is dropped
//! with the connection if it never does: strangers get no relay, and nobody to dial addresses for them. The connections
//! that the protocol within dials on its own are *errands*: no link is opened on them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

/// Requests of one connection that are held back; more are dropped.
const HELD_BACK: usize = 8;

/// The connections under way that are no links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errands(Arc<Mutex<HashSet<ConnectionId>>>);

impl Errands {
    fn begin(&self, connection: ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection);
    }

    /// Whether this connection is one.
    pub(crate) fn has(&self, connection: ConnectionId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&connection)
    }

    /// The connection has ended, or never was.
    pub(crate) fn end(&self, connection: ConnectionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }
}

/// A protocol that serves members only.
pub(crate) struct Members<B: NetworkBehaviour> {
    within: B,
    errands: Errands,
    proved: HashSet<ConnectionId>,
    held_back: HashMap<ConnectionId, Vec<(PeerId, THandlerOutEvent<B>)>>,
}

impl<B: NetworkBehaviour> Members<B> {
    pub(crate) fn new(within: B, errands: Errands) -> Self {
        Self { within, errands, proved: HashSet::new(), held_back: HashMap::new() }
    }

    /// The protocol within.
    pub(crate) fn within(&mut self) -> &mut B {
        &mut self.within
    }

    /// The other side of this connection has shown its credential.
    pub(crate) fn proved(&mut self, connection: ConnectionId) {
        self.proved.insert(connection);
        for (peer, event) in self.held_back.remove(&connection).unwrap_or_default() {
            self.within.on_connection_handler_event(peer, connection, event);
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Members<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.within.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.within.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.within.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.within.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events")]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionClosed(closed) => {
                self.errands.end(closed.connection_id);
                self.proved.remove(&closed.connection_id);
                self.held_back.remove(&closed.connection_id);
            }
            FromSwarm::DialFailure(failure) => self.errands.end(failure.connection_id),
            _ => {}
        }
        self.within.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        if self.proved.contains(&connection) || self.errands.has(connection) {
            return self.within.on_connection_handler_event(peer, connection, event);
        }
        let held_back = self.held_back.entry(connection).or_default();
        if held_back.len() < HELD_BACK {
            held_back.push((peer, event));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<B::ToSwarm, THandlerInEvent<Self>>> {
        let asked = self.within.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &asked {
            self.errands.begin(opts.connection_id());
        }
        asked
    }
}
