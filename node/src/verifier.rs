//! From bytes that anybody may have made up to verified nodes: the one place where [`Peer`]s are made.
//!
//! A card is checked in the order of what the checks cost: the identity's hashcash and form, its date, its residues;
//! then the credential's signature; then the contact's. The identity and its credential take milliseconds, once: what
//! was verified is remembered until the first part of it expires. A contact, which changes with a node's addresses,
//! takes an Ed25519 signature.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grid::id::{GridId, NodeId};
use grid::parameters::Parameters;
use grid::peer::{Card, Facts, Peer};
use hashcash::{Credential, CredentialError, Identity, IdentityError, Rules, VerifiedIdentity};
use libp2p::identity::PublicKey;
use libp2p::{Multiaddr, PeerId};
use lru::LruCache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::clock;
use crate::minting;
use crate::wire::{Contact, WireCard, WireError, codec};

/// Why a card is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The identity breaks a rule of the grid.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The credential is void.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The credential names no Ed25519 transport key.
    #[error("the credential names a transport key that is no Ed25519 key: its node must use one")]
    TransportKey,
    /// The contact is malformed.
    #[error("the contact is malformed: {0}")]
    Contact(#[from] WireError),
    /// The contact was not signed by the transport key.
    #[error("the contact was not signed by the node's transport key: somebody has made it up")]
    ContactSignature,
    /// The grid's shape does not take the identity's residues.
    #[error("the identity computes to no cell of this grid")]
    Cell,
}

/// Cards, and apart from their contacts, that are remembered. The largest neighbourhoods have some hundred, and joins bring strangers.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Verifies cards for one grid. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Verifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    parameters: Parameters,
    rules: Rules,
    grid: GridId,
    /// By whole cards.
    peers: Mutex<LruCache<[u8; 32], Remembered<Peer>>>,
    /// By cards without their contacts: what costs most is not done again when a node's addresses change.
    credentials: Mutex<LruCache<[u8; 32], Remembered<Proved>>>,
    workers: Semaphore,
}

/// What an identity and its credential show.
#[derive(Clone, Debug)]
struct Proved {
    facts: Facts,
    identity: Arc<VerifiedIdentity>,
}

#[derive(Clone, Debug)]
struct Remembered<T> {
    what: T,
    /// Unix seconds.
    until: u64,
}

impl<T: Clone> Remembered<T> {
    fn look_up(among: &Mutex<LruCache<[u8; 32], Self>>, key: &[u8; 32]) -> Option<Self> {
        let entry = lock(among).get(key).cloned()?;
        (clock::unix_seconds() < entry.until).then_some(entry)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Verifier {
    /// A verifier for a grid.
    pub fn new(parameters: Parameters) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let shared = Shared {
            rules: minting::rules(&parameters),
            grid: parameters.grid_id(),
            parameters,
            peers: Mutex::new(LruCache::new(REMEMBERED)),
            credentials: Mutex::new(LruCache::new(REMEMBERED)),
            workers: Semaphore::new(workers),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The verified node of a card.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub async fn verify(&self, card: Card) -> Result<Peer, CardError> {
        match self.known(&card) {
            Some(peer) => Ok(peer),
            None => self.run(move |verifier| verifier.verify_now(card)).await,
        }
    }

    /// Does work that needs a processor for milliseconds, no more of it at a time than there are processors.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        // The semaphore is never closed, so a failure to get a permit cannot happen; without one the work is merely
        // not bounded.
        let _permit = self.shared.workers.acquire().await.ok();
        let verifier = self.clone();
        match tokio::task::spawn_blocking(move || work(&verifier)).await.map_err(JoinError::try_into_panic) {
            Ok(result) => result,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is ending and takes up no more work, and this task ends with it.
            Err(Err(_cancelled)) => std::future::pending().await,
        }
    }

    /// The verified node of a card that was verified before, if it still holds.
    pub(crate) fn known(&self, card: &Card) -> Option<Peer> {
        Remembered::look_up(&self.shared.peers, &digest(card)).map(|entry| entry.what)
    }

    /// As [`Verifier::verify`], on the caller's thread.
    ///
    /// # Errors
    /// The first thing that is wrong with the card.
    pub(crate) fn verify_now(&self, card: Card) -> Result<Peer, CardError> {
        if let Some(peer) = self.known(&card) {
            return Ok(peer);
        }
        let key = digest(&card);
        let check = Check { shared: &self.shared, until: std::cell::Cell::new(u64::MAX) };
        let peer = Peer::check(card, &check)?;
        lock(&self.shared.peers).put(key, Remembered { what: peer.clone(), until: check.until.get() });
        Ok(peer)
    }

    /// Verifies the card of whoever is at the other end of a connection, which must not show where it can be dialled.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub(crate) async fn prove(&self, other: PeerId, card: WireCard) -> Result<Peer, String> {
        let card = Card { contact: None, ..Card::from(card) };
        let peer = self.verify(card).await.map_err(|error| error.to_string())?;
        match self.transport_of(&peer) {
            Some(named) if named == other => Ok(peer),
            _ => Err(format!("the credential is for another transport key than {other}, which shows it")),
        }
    }

    /// Whether a node that was verified earlier still is: identities and credentials expire.
    pub(crate) fn still_holds(&self, peer: &Peer) -> bool {
        let check = Check { shared: &self.shared, until: std::cell::Cell::new(u64::MAX) };
        Peer::check(peer.card().clone(), &check).is_ok()
    }

    /// The transport key that a node's credential names.
    pub(crate) fn transport_of(&self, peer: &Peer) -> Option<PeerId> {
        let credential = Credential::from_bytes(&peer.card().credential).ok()?;
        PeerId::from_bytes(&credential.peer_id).ok()
    }

    /// The key for tunnels that a node's credential names.
    pub(crate) fn onion_of(&self, peer: &Peer) -> Option<[u8; 32]> {
        Credential::from_bytes(&peer.card().credential).ok().map(|credential| credential.onion_key)
    }

    /// Where a node can be dialled.
    pub(crate) fn addresses_of(&self, peer: &Peer) -> Vec<Multiaddr> {
        let contact = peer.card().contact.as_deref().and_then(|bytes| codec::decode::<Contact>(bytes).ok());
        let addresses = contact.map(|contact| contact.addresses).unwrap_or_default();
        addresses.into_iter().filter_map(|bytes| Multiaddr::try_from(bytes).ok()).collect()
    }

    /// The node's public identity, verified, to seal something to.
    ///
    /// # Errors
    /// If it has expired meanwhile.
    pub(crate) fn identity_of(&self, peer: &Peer) -> Result<Arc<VerifiedIdentity>, CardError> {
        let check = Check { shared: &self.shared, until: std::cell::Cell::new(u64::MAX) };
        Ok(check.verify_credential(peer.card())?.what.identity)
    }

    /// The parameters of the grid that is verified for.
    pub fn parameters(&self) -> &Parameters {
        &self.shared.parameters
    }

    /// The grid that is verified for.
    pub(crate) fn grid(&self) -> GridId {
        self.shared.grid
    }
}

/// A card's name in memory: its parts behind their lengths, hashed.
fn digest(card: &Card) -> [u8; 32] {
    digest_of([Some(&*card.identity), Some(&*card.credential), card.contact.as_deref()])
}

fn digest_of<const N: usize>(parts: [Option<&[u8]>; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts.into_iter().flatten() {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// One check of one card, which finds out how long it holds besides.
struct Check<'a> {
    shared: &'a Shared,
    until: std::cell::Cell<u64>,
}

impl grid::peer::Verifier for Check<'_> {
    type Error = CardError;

    fn verify(&self, card: &Card) -> Result<Facts, CardError> {
        let Remembered { what: Proved { facts, .. }, until } = self.verify_credential(card)?;
        self.until.set(until);
        let contact_version = match card.contact.as_deref() {
            Some(bytes) => verify_contact(bytes, card, &self.shared.grid, &facts.id)?,
            None => 0,
        };
        Ok(Facts { contact_version, ..facts })
    }
}

impl Check<'_> {
    /// The identity and its credential, by memory if it can be.
    fn verify_credential(&self, card: &Card) -> Result<Remembered<Proved>, CardError> {
        let key = digest_of([Some(&*card.identity), Some(&*card.credential)]);
        if let Some(entry) = Remembered::look_up(&self.shared.credentials, &key) {
            return Ok(entry);
        }
        let Shared { rules, grid, parameters, .. } = self.shared;
        let now = clock::unix_seconds();
        let identity = Identity::from_bytes(&card.identity)?.verify(rules, minting::today())?;
        let credential = Credential::from_bytes(&card.credential)?;
        credential.verify(&identity, grid.as_bytes(), now)?;
        let id = NodeId::from_bytes(identity.id());
        let cell = parameters.shape.place(identity.residues()).map_err(|_| CardError::Cell)?;
        let facts = Facts { id, cell, issued: credential.issued, contact_version: 0 };
        let void_from = identity.minted().plus_days(rules.lifetime_days).plus_days(1);
        let until = credential.expires.min(void_from.unix_seconds());
        let entry = Remembered { what: Proved { facts, identity: Arc::new(identity) }, until };
        lock(&self.shared.credentials).put(key, entry.clone());
        Ok(entry)
    }
}

fn verify_contact(bytes: &[u8], card: &Card, grid: &GridId, id: &NodeId) -> Result<u64, CardError> {
    let contact: Contact = codec::decode(bytes)?;
    let credential = Credential::from_bytes(&card.credential)?;
    let key = transport_key(&credential.peer_id).ok_or(CardError::TransportKey)?;
    let signed = Contact::signed_bytes(grid, id, contact.version, &contact.addresses);
    match key.verify(&signed, &contact.signature) {
        true => Ok(contact.version),
        false => Err(CardError::ContactSignature),
    }
}

/// Whether a signature over a message is by the transport key of a node.
pub(crate) fn is_signed_by(peer: &Peer, message: &[u8], signature: &[u8]) -> bool {
    let credential = Credential::from_bytes(&peer.card().credential).ok();
    let key = credential.and_then(|credential| transport_key(&credential.peer_id));
    key.is_some_and(|key| key.verify(message, signature))
}

/// The key inside a peer id: an Ed25519 peer id is the key itself, under the "identity" multihash.
fn transport_key(peer_id: &[u8]) -> Option<PublicKey> {
    let peer_id = PeerId::from_bytes(peer_id).ok()?;
    let key = PublicKey::try_decode_protobuf(peer_id.as_ref().digest()).ok()?;
    key.clone().try_into_ed25519().ok().map(|_| key)
}
