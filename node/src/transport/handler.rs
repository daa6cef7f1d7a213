//! One connection's part of the link protocol: the dialler opens the one stream, the listener accepts it, and nothing
//! else is accepted.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events and protocols")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol,
};

/// What came of opening the link stream.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The stream is open.
    Stream(Stream),
    /// The other side does not speak the protocol of this grid.
    Unsupported,
    /// The stream could not be opened.
    Failed(String),
}

/// Handles one connection.
#[derive(Debug)]
pub(crate) struct Handler {
    protocol: StreamProtocol,
    timeout: Duration,
    dialler: bool,
    requested: bool,
    accepted: bool,
    events: VecDeque<Opened>,
}

impl Handler {
    pub(crate) fn new(protocol: StreamProtocol, role: Endpoint, timeout: Duration) -> Self {
        let dialler = role == Endpoint::Dialer;
        Self { protocol, timeout, dialler, requested: false, accepted: false, events: VecDeque::new() }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Opened;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ()).with_timeout(self.timeout)
    }

    /// The hub closes connections: those without a verified hello by time, the others when they are not wanted.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if self.dialler && !self.requested {
            self.requested = true;
            let protocol =
                SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ()).with_timeout(self.timeout);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        match self.events.pop_front() {
            Some(event) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event)),
            // Events arise only in `on_connection_event`, after which the swarm polls again.
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            // A second stream, or one from the side that was dialled, is dropped, which resets it.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. })
                if !self.dialler && !self.accepted =>
            {
                self.accepted = true;
                self.events.push_back(Opened::Stream(protocol));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.events.push_back(Opened::Stream(protocol));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.events.push_back(match error {
                    StreamUpgradeError::NegotiationFailed => Opened::Unsupported,
                    StreamUpgradeError::Timeout => Opened::Failed("the stream was not opened in time".into()),
                    StreamUpgradeError::Io(error) => Opened::Failed(error.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                });
            }
            _ => {}
        }
    }
}
