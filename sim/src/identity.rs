//! Identities without keys: the simulator keeps the books, so nothing needs to be computed to verify one.
//!
//! A real RSA key takes a tenth of a second to make, and an identity of the public grid a CPU-day. Here an identity is
//! a number; the book says in which cell it lies and how much expected work it stands for.

use grid::cell::{Cell, Shape};
use grid::certified::Signature;
use grid::id::NodeId;
use grid::peer::{Card, Facts, Peer, Verifier};
use sha2::{Digest, Sha256};

use crate::chance::Chance;

/// Which host a name or card belongs to.
pub type HostIndex = usize;

/// Everything that is true about identities.
#[derive(Debug)]
pub struct Book {
    shape: Shape,
    entries: Vec<Entry>,
    /// Identities whose minting somebody has paid for; a chosen cell costs as many as the grid has cells, on average.
    minted: f64,
}

#[derive(Clone, Debug)]
struct Entry {
    id: NodeId,
    cell: Cell,
    /// With the newest credential, as neighbours know it, and as a link's other end is shown it.
    newest: Option<(Peer, Peer)>,
}

/// A card that is not in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forged;

impl Book {
    /// An empty book.
    pub fn new(shape: Shape) -> Self {
        Self { shape, entries: Vec::new(), minted: 0.0 }
    }

    /// Mints an identity where chance puts it.
    pub fn mint(&mut self, chance: &mut Chance) -> HostIndex {
        let cell = self.shape.cell_at(chance.number());
        self.minted += 1.0;
        self.enter(cell, chance)
    }

    /// Mints identities until one lies in `cell`; the book charges the expected number.
    #[expect(clippy::cast_precision_loss, reason = "an expectation, not a count")]
    pub fn mint_in(&mut self, cell: Cell, chance: &mut Chance) -> HostIndex {
        self.minted += self.shape.cells() as f64;
        self.enter(cell, chance)
    }

    fn enter(&mut self, cell: Cell, chance: &mut Chance) -> HostIndex {
        let index = self.entries.len();
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8).take(3) {
            word.copy_from_slice(&chance.number().to_be_bytes());
        }
        bytes[24..].copy_from_slice(&(index as u64).to_be_bytes());
        self.entries.push(Entry { id: NodeId::from_bytes(bytes), cell, newest: None });
        index
    }

    /// Identities paid for, in expectation.
    pub fn minted(&self) -> f64 {
        self.minted
    }

    /// The name of a host.
    pub fn id(&self, host: HostIndex) -> NodeId {
        self.entries[host].id
    }

    /// The cell of a host.
    pub fn cell(&self, host: HostIndex) -> Cell {
        self.entries[host].cell
    }

    /// The host of a name: the name's last eight bytes are its number.
    pub fn host(&self, id: NodeId) -> HostIndex {
        number(&id.as_bytes()[24..])
    }

    /// The card of a host. The contact is nothing but the host's name, so that it can be recognised wherever it turns
    /// up.
    pub fn card(&self, host: HostIndex, issued: u64) -> Card {
        let name: &[u8] = self.entries[host].id.as_bytes();
        let credential = issued.to_be_bytes();
        Card { identity: name.into(), credential: credential[..].into(), contact: Some(name.into()) }
    }

    /// What stands for a host's signature over some bytes. Whoever only hears of it cannot make it for other bytes; that
    /// nobody makes it for another host is up to the simulator.
    pub fn signature(&self, host: HostIndex, bytes: &[u8]) -> Signature {
        let name = self.entries.get(host).map(|entry| entry.id);
        let hash = |half: u8| {
            let hash = Sha256::new().chain_update([half]).chain_update(name.map_or([0; 32], |id| *id.as_bytes()));
            hash.chain_update(bytes).finalize()
        };
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&hash(0));
        signature[32..].copy_from_slice(&hash(1));
        signature
    }

    /// Issues a new credential; returns the verified node, contact included.
    ///
    /// # Errors
    /// [`Forged`] for a host that is not in the book.
    pub fn issue(&mut self, host: HostIndex, issued: u64) -> Result<Peer, Forged> {
        let peer = self.peer(host, issued)?;
        self.entries[host].newest = Some((peer.clone(), peer.without_contact()));
        Ok(peer)
    }

    /// The verified node, contact included.
    ///
    /// # Errors
    /// [`Forged`] for a host that is not in the book.
    pub fn peer(&self, host: HostIndex, issued: u64) -> Result<Peer, Forged> {
        match &self.entries.get(host).ok_or(Forged)?.newest {
            Some((peer, _)) if peer.issued() == issued => Ok(peer.clone()),
            Some(_) | None => Peer::check(self.card(host, issued), self),
        }
    }

    /// The verified node as it shows itself when a link is opened: without the contact.
    ///
    /// # Errors
    /// [`Forged`] for a host that is not in the book.
    pub fn shown(&self, host: HostIndex, issued: u64) -> Result<Peer, Forged> {
        match &self.entries.get(host).ok_or(Forged)?.newest {
            Some((_, shown)) if shown.issued() == issued => Ok(shown.clone()),
            Some(_) | None => Ok(self.peer(host, issued)?.without_contact()),
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
}

impl Verifier for Book {
    type Error = Forged;

    fn verify(&self, card: &Card) -> Result<Facts, Forged> {
        let (name, issued) = (<[u8; 32]>::try_from(&*card.identity), <[u8; 8]>::try_from(&*card.credential));
        let (Ok(name), Ok(issued)) = (name, issued) else { return Err(Forged) };
        let id = NodeId::from_bytes(name);
        let entry = self.entries.get(self.host(id)).filter(|entry| entry.id == id).ok_or(Forged)?;
        let contact_version = match &card.contact {
            Some(contact) if **contact != name => return Err(Forged),
            Some(_) => 1,
            None => 0,
        };
        Ok(Facts { id, cell: entry.cell, issued: u64::from_be_bytes(issued), contact_version })
    }
}
