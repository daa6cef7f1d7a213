//! What the link tasks need of the node: its own hello, the verifier, and the meaning of frames.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grid::cell::{Cell, Shape};
use grid::id::NodeId;
use grid::level::Level;
use grid::message::Message;
use grid::peer::Peer;
use grid::record::Rules;
use libp2p::PeerId;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::postage::Inspector;
use crate::verifier::Verifier;
use crate::wire::greeting::Greeting;
use crate::wire::{Decoded, WireCard, WireError, decode_message};

type OnFrame = dyn Fn(NodeId, &[u8]) + Send + Sync;

/// Sees every frame that comes in, after it was decrypted and before it is decoded: for tests of what a node is told.
#[derive(Clone)]
pub struct FrameLog(Arc<OnFrame>);

impl FrameLog {
    /// A log that calls a function with the sender and the frame.
    pub fn new(log: impl Fn(NodeId, &[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(log))
    }
}

impl fmt::Debug for FrameLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameLog")
    }
}

/// Shared by all links of a node.
#[derive(Debug)]
pub(crate) struct Session {
    /// Our own card; it changes when the credential is renewed or the addresses change.
    own: watch::Receiver<Peer>,
    /// How much we do for others; a leaf may grow.
    level: watch::Receiver<Level>,
    verifier: Verifier,
    shape: Shape,
    rules: Rules,
    frame_log: Option<FrameLog>,
    refused_cards: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Session {
    pub(crate) fn new(
        own: watch::Receiver<Peer>,
        level: watch::Receiver<Level>,
        verifier: Verifier,
        shape: Shape,
        rules: Rules,
        frame_log: Option<FrameLog>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { own, level, verifier, shape, rules, frame_log, refused_cards: AtomicU64::new(0), metrics }
    }

    /// Our name.
    pub(crate) fn me(&self) -> NodeId {
        self.own.borrow().id()
    }

    /// Our cell.
    pub(crate) fn cell(&self) -> Cell {
        self.own.borrow().cell()
    }

    /// How much we do for others.
    pub(crate) fn level(&self) -> Level {
        *self.level.borrow()
    }

    /// Our greeting: the card without the contact, which strangers must not see.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let card = self.own.borrow().without_contact().card().clone();
        Greeting::hello(WireCard::from(&card), self.level()).encode()
    }

    /// Verifies the card of whoever is at the other end of a connection.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(crate) async fn prove(&self, other: PeerId, card: WireCard) -> Result<Peer, String> {
        self.verifier.prove(other, card).await
    }

    /// The message of a frame; `None` if nothing is left of it without the cards that were refused.
    ///
    /// # Errors
    /// Why the bytes are no message: the link is cut then.
    pub(crate) async fn decode(&self, from: NodeId, frame: Vec<u8>) -> Result<Option<Message>, WireError> {
        let (shape, rules, bytes) = (self.shape, self.rules, frame.len());
        let inspector = Inspector::new(self.verifier.grid());
        let toll = move |target, request, postage| inspector.inspect(target, request, postage).ok();
        let read = move |verifier: &Verifier, frame: &[u8]| {
            decode_message(frame, shape, &rules, &mut |card| verifier.verify_now(card).ok(), &toll)
        };
        // Most messages bear no card and are decoded in microseconds; those that do may take milliseconds each.
        let decoded = match decode_message(&frame, shape, &rules, &mut |card| self.verifier.known(&card), &toll) {
            Ok(decoded) if decoded.refused_cards == 0 => Ok(decoded),
            Err(error) if error != WireError::RefusedCard => Err(error),
            Ok(_) | Err(_) => self.verifier.run(move |verifier| read(verifier, &frame)).await,
        };
        match decoded {
            Ok(Decoded { message, refused_cards }) => {
                self.count(from, refused_cards);
                self.metrics.counts().received(&message, bytes);
                Ok(Some(message))
            }
            Err(WireError::RefusedCard) => {
                self.count(from, 1);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn count(&self, from: NodeId, refused: usize) {
        if refused > 0 {
            tracing::info!(%from, refused, "cards that do not verify were dropped from a message");
            self.refused_cards.fetch_add(refused as u64, Ordering::Relaxed);
        }
    }

    /// Cards in messages that were refused so far.
    pub(crate) fn refused_cards(&self) -> u64 {
        self.refused_cards.load(Ordering::Relaxed)
    }

    /// The node's figures.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn log(&self, from: NodeId, frame: &[u8]) {
        if let Some(FrameLog(log)) = &self.frame_log {
            log(from, frame);
        }
    }
}
