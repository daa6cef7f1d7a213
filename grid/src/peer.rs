//! A node that somebody has verified. The core knows no keys: it deals in [`Peer`]s, which only a check can make.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use crate::cell::Cell;
use crate::id::NodeId;

/// Where an introducer can be dialled, as the user wrote it (a multiaddr). Opaque to the core.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub String);

/// What a node says of itself, not yet verified. All three parts are opaque to the core.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// The public identity.
    pub identity: Arc<[u8]>,
    /// The identity's signature over the transport key, with a validity.
    pub credential: Arc<[u8]>,
    /// Where the node can be dialled, signed by its transport key. A node's most private datum: `None` wherever the
    /// reader is not known to be a verified neighbour.
    pub contact: Option<Arc<[u8]>>,
}

/// What verification found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The node's name.
    pub id: NodeId,
    /// The cell that the identity computes to.
    pub cell: Cell,
    /// When the credential was issued, in seconds since 1970: of two credentials the newer wins.
    pub issued: u64,
    /// The version of the contact, greater is newer; 0 without a contact.
    pub contact_version: u64,
}

/// Whoever can tell a true card from a false one: the node by hashcash and signatures, the simulator by its own books.
pub trait Verifier {
    /// Why a card was refused.
    type Error;

    /// Checks every claim of the card.
    ///
    /// # Errors
    /// The first broken rule.
    fn verify(&self, card: &Card) -> Result<Facts, Self::Error>;
}

/// A verified node. There is no way to make one but [`Peer::check`].
///
/// Rosters, messages and queues share it, so that a clone costs one count.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer(Arc<Checked>);

#[derive(PartialEq, Eq)]
struct Checked {
    facts: Facts,
    card: Card,
}

impl Peer {
    /// Verifies a card.
    ///
    /// # Errors
    /// Whatever the verifier objects to.
    pub fn check<V: Verifier>(card: Card, verifier: &V) -> Result<Self, V::Error> {
        let facts = verifier.verify(&card)?;
        Ok(Self(Arc::new(Checked { facts, card })))
    }

    /// The node's name.
    pub fn id(&self) -> NodeId {
        self.0.facts.id
    }

    /// The node's cell.
    pub fn cell(&self) -> Cell {
        self.0.facts.cell
    }

    /// When its credential was issued, in seconds since 1970.
    pub fn issued(&self) -> u64 {
        self.0.facts.issued
    }

    /// The card it was made from.
    pub fn card(&self) -> &Card {
        &self.0.card
    }

    /// Whether we know where to dial it.
    pub fn has_contact(&self) -> bool {
        self.0.card.contact.is_some()
    }

    /// The same node without the contact, for readers who are no neighbours of it.
    pub fn without_contact(&self) -> Self {
        let card = Card { contact: None, ..self.0.card.clone() };
        let facts = Facts { contact_version: 0, ..self.0.facts.clone() };
        Self(Arc::new(Checked { facts, card }))
    }

    /// Whether this tells more, or newer things, of the same node than `other` does.
    pub fn supersedes(&self, other: &Self) -> bool {
        let version = |peer: &Self| (peer.0.facts.issued, peer.0.facts.contact_version);
        self.id() == other.id() && version(self) > version(other)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({:?} in {})", self.id(), self.cell())
    }
}

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialTarget {
    /// A known node, by the contact on its card.
    Peer(Peer),
    /// An introducer, of whom only the address is known.
    Introducer(Address),
}

/// Why a dial did not lead to a verified peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialFailure {
    /// Nobody answered at the address, or the transport could not be set up.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// Something answered that is no node of this grid.
    #[error("no node of this grid: {0}")]
    Foreign(String),
    /// The credential exchange failed.
    #[error("credential refused: {0}")]
    Credential(String),
    /// It was done too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}
