//! What a node says of itself: its transport key, its credential, its contact.

mod advertise;

use std::net::IpAddr;
use std::sync::Arc;

use grid::certified::{Claim, ClaimError, Epoch, SignedClaim};
use grid::id::NodeId;
use grid::peer::{Card, Peer};
use grid::provider::{Offer, OfferError, Provider};
use hashcash::{CredentialError, SecretIdentity};
use libp2p::Multiaddr;
use libp2p::identity::{DecodingError, Keypair, SigningError};
use libp2p::multiaddr::Protocol;
use tunnel::keys::OnionSecret;

use crate::clock;
use crate::storage::{Storage, StorageError};
use crate::verifier::{CardError, Verifier, is_signed_by};
use crate::wire::{Contact, codec};

pub use advertise::AdvertiseError;
pub(crate) use advertise::parse as advertised_address;

/// Seconds that a credential is valid. It is renewed when half of them are over, and at every start.
pub(crate) const CREDENTIAL_SECONDS: u64 = 30 * 86_400;

/// The names under which the storage keeps the node's secrets.
const TRANSPORT_KEY: &str = "transport key";
const ONION_KEY: &str = "onion key";
/// The name under which it keeps the last epoch for which the node may have signed rosters.
const LAST_EPOCH: &str = "last roster epoch";

/// Why a node cannot say who it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnCardError {
    /// The identity breaks a rule of the grid, or something else about the card would not be believed by others.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The credential cannot be signed.
    #[error("cannot sign a credential: {0}")]
    Credential(#[from] CredentialError),
    /// The contact cannot be signed.
    #[error("cannot sign: {0}")]
    Contact(#[from] SigningError),
    /// A claim about a line that is not ours.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// An epoch that an earlier run of this node may have signed for already.
    #[error(
        "an earlier run of this node has signed rosters up to epoch {0}, and the clock shows no later one: it was set back"
    )]
    SignedBefore(u64),
    /// An offer that cannot be.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The key in the data folder is no key.
    #[error("the transport key in the data folder is damaged ({0}): remove the folder's database to make a new one")]
    TransportKey(#[from] DecodingError),
    /// Nobody could dial what is to be advertised.
    #[error(transparent)]
    Advertise(#[from] AdvertiseError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Makes the node's own card.
pub(crate) struct OwnCard {
    identity: Arc<SecretIdentity>,
    keypair: Keypair,
    onion: OnionSecret,
    verifier: Verifier,
    credential: Arc<[u8]>,
    issued: u64,
    storage: Storage,
    /// The last epoch for which an earlier run may have signed rosters, and for which this one has.
    signed_before: Option<Epoch>,
    signed_now: Option<Epoch>,
    /// Where others reach us, as the owner says; nothing if where we listen.
    advertised: Vec<Multiaddr>,
}

impl std::fmt::Debug for OwnCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnCard").field("issued", &self.issued).finish_non_exhaustive()
    }
}

impl OwnCard {
    /// Takes the node's keys from the storage, or makes them and puts them there, and signs a fresh credential.
    pub(crate) fn load(
        identity: Arc<SecretIdentity>,
        verifier: Verifier,
        storage: &Storage,
        advertised: Vec<Multiaddr>,
    ) -> Result<Self, OwnCardError> {
        advertise::check_all(&advertised)?;
        let keypair = transport_key(storage)?;
        let onion = onion_key(storage)?;
        let signed_before = last_epoch(storage)?;
        let mut own = Self {
            identity,
            keypair,
            onion,
            verifier,
            credential: Arc::new([]),
            issued: 0,
            storage: storage.clone(),
            signed_before,
            signed_now: None,
            advertised,
        };
        own.renew()?;
        Ok(own)
    }

    /// Signs a fresh credential.
    pub(crate) fn renew(&mut self) -> Result<(), OwnCardError> {
        let issued = clock::unix_seconds().max(self.issued + 1);
        let peer_id = self.keypair.public().to_peer_id().to_bytes();
        let grid = self.verifier.grid();
        let expires = issued + CREDENTIAL_SECONDS;
        let credential = self.identity.sign_credential(
            grid.as_bytes(),
            &peer_id,
            *self.onion.public().as_bytes(),
            issued,
            expires,
            &mut rand::rng(),
        )?;
        (self.credential, self.issued) = (credential.to_bytes().into(), issued);
        Ok(())
    }

    /// Whether it is time for a fresh credential.
    pub(crate) fn is_due(&self) -> bool {
        clock::unix_seconds() > self.issued + CREDENTIAL_SECONDS / 2
    }

    /// Where others are told to reach this node, which listens at these addresses.
    pub(crate) fn reachable_at(&self, listening: &[Multiaddr]) -> Vec<Multiaddr> {
        if self.advertised.is_empty() { dialable(listening) } else { self.advertised.clone() }
    }

    /// Where others reach us, as the owner says.
    pub(crate) fn advertised(&self) -> &[Multiaddr] {
        &self.advertised
    }

    /// The card for these listening addresses, verified as others will verify it.
    pub(crate) fn peer(&self, listening: &[Multiaddr]) -> Result<Peer, OwnCardError> {
        let addresses: Vec<Vec<u8>> = self.reachable_at(listening).iter().map(Multiaddr::to_vec).collect();
        let contact = match addresses.is_empty() {
            true => None,
            false => Some(self.contact(addresses)?),
        };
        let identity = self.identity.identity().to_bytes().into();
        let card = Card { identity, credential: self.credential.clone(), contact };
        Ok(self.verifier.verify_now(card)?)
    }

    /// Signs an offer of this node.
    pub(crate) fn offer(&self, me: &Peer, offer: Offer) -> Result<Provider, OwnCardError> {
        let grid = self.verifier.grid();
        let signature = self.keypair.sign(&offer.signed_bytes(&grid, &me.id()))?;
        Ok(Provider::check(me, offer, signature, &grid, is_signed_by)?)
    }

    /// Signs a claim about one of our lines. What epoch it is for is on disk before: no later run signs for it again, should
    /// the clock be set back, since two signatures would convict this node.
    pub(crate) fn sign_claim(&mut self, me: &Peer, claim: Claim) -> Result<SignedClaim, OwnCardError> {
        if let Some(before) = self.signed_before.filter(|before| claim.epoch <= *before) {
            return Err(OwnCardError::SignedBefore(before.number()));
        }
        if self.signed_now.is_none_or(|now| now < claim.epoch) {
            self.storage.set_secret(LAST_EPOCH, &claim.epoch.number().to_be_bytes())?;
            self.signed_now = Some(claim.epoch);
        }
        let grid = self.verifier.grid();
        let signature = self.keypair.sign(&claim.signed_bytes(&grid, &me.id()))?;
        let signature = signature.try_into().map_err(|_| ClaimError::Signature)?;
        Ok(SignedClaim::check(me, claim, signature, &grid, is_signed_by)?)
    }

    fn contact(&self, addresses: Vec<Vec<u8>>) -> Result<Arc<[u8]>, OwnCardError> {
        let version = unix_millis();
        let id = NodeId::from_bytes(self.identity.identity().id());
        let signed = Contact::signed_bytes(&self.verifier.grid(), &id, version, &addresses);
        let signature = self.keypair.sign(&signed)?;
        Ok(codec::encode(&Contact { version, addresses, signature }).into())
    }

    /// The secret half of the onion key.
    pub(crate) fn onion(&self) -> OnionSecret {
        self.onion.clone()
    }

    /// The transport key.
    pub(crate) fn keypair(&self) -> &Keypair {
        &self.keypair
    }
}

fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn transport_key(storage: &Storage) -> Result<Keypair, OwnCardError> {
    if let Some(bytes) = storage.secret(TRANSPORT_KEY)? {
        return Ok(Keypair::from_protobuf_encoding(&bytes)?);
    }
    let keypair = Keypair::generate_ed25519();
    storage.set_secret(TRANSPORT_KEY, &keypair.to_protobuf_encoding()?)?;
    Ok(keypair)
}

/// The last epoch for which an earlier run may have signed rosters.
fn last_epoch(storage: &Storage) -> Result<Option<Epoch>, OwnCardError> {
    let kept = storage.secret(LAST_EPOCH)?.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Ok(kept.map(|bytes| Epoch::new(u64::from_be_bytes(bytes))))
}

/// The X25519 key for tunnels.
fn onion_key(storage: &Storage) -> Result<OnionSecret, OwnCardError> {
    let kept = storage.secret(ONION_KEY)?.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let secret = match kept {
        Some(secret) => secret,
        None => {
            let secret: [u8; 32] = rand::random();
            storage.set_secret(ONION_KEY, &secret)?;
            secret
        }
    };
    Ok(OnionSecret::from_bytes(secret))
}

/// The most addresses that a contact names.
const MAX_ADDRESSES: usize = 16;

/// The listening addresses that others may be able to use: loopback ones only if there are no others, since they mean
/// every machine's own self; link-local ones never, since they mean nothing without an interface.
pub(crate) fn dialable(listening: &[Multiaddr]) -> Vec<Multiaddr> {
    let kept = |address: &&Multiaddr| ip(address).is_some() && !is_link_local(address);
    let kept: Vec<&Multiaddr> = listening.iter().filter(kept).collect();
    let public = |address: &Multiaddr| ip(address).is_some_and(|ip| !ip.is_loopback());
    let any_public = kept.iter().any(|address| public(address));
    kept.into_iter().filter(|address| !any_public || public(address)).take(MAX_ADDRESSES).cloned().collect()
}

pub(crate) fn is_link_local(address: &Multiaddr) -> bool {
    match ip(address) {
        Some(IpAddr::V4(ip)) => ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_unicast_link_local(),
        None => false,
    }
}

/// The IP address at the beginning of a multiaddr; an IPv4 address in the clothes of IPv6 is an IPv4 address.
#[expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds protocols")]
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}
