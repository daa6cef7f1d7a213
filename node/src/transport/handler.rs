//! One connection's part of the link protocol: the dialler opens the one stream, the listener accepts it, and nothing
//! else is accepted. On an errand's connection there is none.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events and protocols")]

use std::collections::{HashSet, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound, ProtocolSupport,
};
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

/// What AutoNAT asks others to dial: every member takes part in that, and nobody says so but this.
const PROBES: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-request");

/// The other side of the connection has shown its credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member;

/// Handles one connection.
#[derive(Debug)]
pub(crate) struct Handler {
    protocol: StreamProtocol,
    timeout: Duration,
    dialler: bool,
    requested: bool,
    accepted: bool,
    is_errand: bool,
    member: Option<Member>,
    events: VecDeque<Opened>,
}

impl Handler {
    pub(crate) fn new(protocol: StreamProtocol, role: Endpoint, timeout: Duration) -> Self {
        let dialler = role == Endpoint::Dialer;
        let (requested, accepted, is_errand) = (false, false, false);
        Self { protocol, timeout, dialler, requested, accepted, is_errand, member: None, events: VecDeque::new() }
    }

    /// The handler of a connection that is an errand.
    pub(crate) fn errand(protocol: StreamProtocol, timeout: Duration) -> Self {
        Self { requested: true, is_errand: true, ..Self::new(protocol, Endpoint::Dialer, timeout) }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Member;
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
        !self.is_errand
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
        if let Some(Member) = self.member.take() {
            let probes = ProtocolSupport::Added(HashSet::from([PROBES]));
            return Poll::Ready(ConnectionHandlerEvent::ReportRemoteProtocols(probes));
        }
        match self.events.pop_front() {
            Some(event) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event)),
            // All arises in the two methods below, after which the swarm polls again.
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, member: Member) {
        self.member = Some(member);
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
