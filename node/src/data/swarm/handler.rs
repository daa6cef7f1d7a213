//! One connection's part of the data protocol: streams that we ask for, and streams that the other side opens.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events and protocols")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError, SubstreamProtocol,
};
use tokio::sync::{mpsc, oneshot};

use super::{Caller, Inbound, OpenError, Opened, Shown, Slot};

/// Streams that may wait to be opened on one connection; those beyond are refused at once.
const MAX_WAITING: usize = 64;

/// Whoever waits for a stream.
pub(crate) type Opening = oneshot::Sender<Result<Opened, OpenError>>;

/// Handles one connection.
#[derive(Debug)]
pub(crate) struct Handler {
    protocol: StreamProtocol,
    timeout: Duration,
    remote: PeerId,
    shown: Arc<Shown>,
    /// Where streams of the other side go; nowhere if we serve nothing.
    inbound: Option<mpsc::Sender<Inbound>>,
    waiting: VecDeque<Opening>,
}

impl Handler {
    pub(crate) fn new(
        protocol: StreamProtocol,
        timeout: Duration,
        remote: PeerId,
        inbound: Option<mpsc::Sender<Inbound>>,
    ) -> Self {
        Self { protocol, timeout, remote, shown: Shown::new(), inbound, waiting: VecDeque::new() }
    }

    /// A stream that finds no room is dropped, which resets it: the reader tries again.
    fn accept(&self, stream: Stream) {
        let Some(inbound) = &self.inbound else { return };
        let caller = Caller { peer: self.remote, shown: self.shown.clone() };
        if inbound.try_send(Inbound { caller, stream }).is_err() {
            tracing::debug!(peer = %self.remote, "a request was dropped: too many wait to be read");
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Opening;
    type ToBehaviour = Infallible;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = (Opening, Slot);

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ()).with_timeout(self.timeout)
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (Opening, Slot), Infallible>> {
        self.shown.waker.register(cx.waker());
        let slot = if self.waiting.is_empty() { None } else { Slot::take(&self.shown) };
        match slot.and_then(|slot| Some((self.waiting.pop_front()?, slot))) {
            Some(opening) => {
                let upgrade = ReadyUpgrade::new(self.protocol.clone());
                let protocol = SubstreamProtocol::new(upgrade, opening).with_timeout(self.timeout);
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
            }
            None => Poll::Pending,
        }
    }

    fn on_behaviour_event(&mut self, opening: Opening) {
        if self.waiting.len() >= MAX_WAITING {
            // The other end may have given up already.
            _ = opening.send(Err(OpenError::Refused("too many requests wait for this connection".into())));
            return;
        }
        self.waiting.push_back(opening);
        self.shown.waker.wake();
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), (Opening, Slot)>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => self.accept(protocol),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                let (opening, slot) = info;
                _ = opening.send(Ok(Opened { stream: protocol, slot }));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, info }) => {
                _ = info.0.send(Err(match error {
                    StreamUpgradeError::NegotiationFailed => OpenError::Foreign,
                    StreamUpgradeError::Timeout => OpenError::TimedOut(self.timeout),
                    StreamUpgradeError::Io(error) => OpenError::Refused(error.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                }));
            }
            _ => {}
        }
    }
}
