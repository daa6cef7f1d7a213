//! From a dataset's name to its newest version and those who serve it.
//!
//! Servers announce themselves under the topic `dataset/NAME`, each with the pointer of the head that it goes by. A
//! pointer counts if its record says that name. All that go by one pointer serve one dataset; if there are several
//! pointers, people have to say which they mean, for anybody may announce anything. A pointer that was found alone is
//! remembered ([`super::pins`]).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dataset::manifest::VersionRoot;
use futures::future::join_all;
use grid::id::RecordKey;
use grid::output::RequestFailure;
use grid::peer::Peer;
use grid::provider::Provider;
use grid::record::{Pointer, PointerError, Rules};
use libp2p::Multiaddr;
use lru::LruCache;

use super::head::{Head, HeadError, Note, topic};
use super::name::{Name, NameError, Reference};
use super::pins::{Pin, Pins};
use crate::clock;
use crate::handle::{NodeHandle, OperationError};
use crate::pointer::PointerText;

/// For how long an answer is good.
const FRESH: Duration = Duration::from_secs(5);
/// Names whose answers are kept.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Pointers under one name that are looked at: those of the most servers.
const MAX_CLAIMS: usize = 16;

/// A server of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEntry {
    /// The node.
    pub peer: Peer,
    /// The newest version that it has.
    pub version: VersionRoot,
    /// Where its data service can be dialled; none if it keeps that private.
    pub addresses: Vec<Multiaddr>,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The pointer of the dataset's head.
    pub pointer: Pointer,
    /// The newest version.
    pub head: Head,
    /// Its number.
    pub sequence: u64,
    /// Those who serve the dataset, this node perhaps among them, by name; not all need have the newest version.
    pub servers: Vec<ServerEntry>,
}

/// One of several datasets that go by the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The pointer of its head.
    pub pointer: PointerText,
    /// How many serve it.
    pub servers: usize,
}

/// Why a name stands for nothing, or for too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// It is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nobody serves such a dataset.
    #[error("nobody offers a dataset {0}: see that the name is right, and that a server of it has joined the grid")]
    Unknown(Name),
    /// Several do, and mean different ones.
    #[error("several datasets go by the name {name}: {}; say which you mean, as {name}@rook1...", told(claims))]
    Ambiguous {
        /// The name.
        name: Name,
        /// Those that go by it, the one with most servers first.
        claims: Vec<Claim>,
    },
    /// The pointer is none of this grid.
    #[error("the pointer of {name} does not hold in this grid: {error}")]
    Pointer {
        /// The name.
        name: Name,
        /// Why not.
        error: PointerError,
    },
    /// The head's time is over.
    #[error(
        "the head of {name} has expired, its publisher has to add the dataset again; then `rook dataset forget {name}` makes you see it\n  {pointer}"
    )]
    Expired {
        /// The name.
        name: Name,
        /// The head's pointer.
        pointer: Box<PointerText>,
    },
    /// The pointer's record is no head of that name.
    #[error("the pointer does not lead to a dataset {name}: {why}\n  {pointer}")]
    Other {
        /// The name.
        name: Name,
        /// What it leads to.
        why: String,
        /// The pointer.
        pointer: Box<PointerText>,
    },
    /// The grid did not answer.
    #[error("the head of {name} cannot be had: {error}")]
    Operation {
        /// The name.
        name: Name,
        /// Why not.
        error: OperationError,
    },
}

fn told(claims: &[Claim]) -> String {
    let claim = |claim: &Claim| match claim.servers {
        1 => format!("{} (1 server)", claim.pointer),
        servers => format!("{} ({servers} servers)", claim.pointer),
    };
    claims.iter().map(claim).collect::<Vec<_>>().join(", ")
}

/// An answer, and when it was found.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Arc<Resolved>)>>>;

/// Finds out what names stand for.
pub(super) struct Resolver {
    node: NodeHandle,
    rules: Rules,
    pub(super) pins: Pins,
    slots: Mutex<LruCache<Reference, Slot>>,
}

/// The servers that go by one pointer.
struct Group {
    pointer: Pointer,
    servers: Vec<ServerEntry>,
}

impl Resolver {
    pub(super) fn new(node: NodeHandle, rules: Rules, pins: Pins) -> Self {
        Self { node, rules, pins, slots: Mutex::new(LruCache::new(KEPT)) }
    }

    /// What a name stands for, as it was within the last seconds. Many may ask for the same at once: one of them asks
    /// the grid.
    pub(super) async fn resolve(&self, reference: &Reference) -> Result<Arc<Resolved>, ResolveError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.get_or_insert(reference.clone(), Slot::default))
        };
        let mut slot = slot.lock().await;
        if let Some((found, resolved)) = &*slot
            && found.elapsed() < FRESH
        {
            return Ok(Arc::clone(resolved));
        }
        let resolved = Arc::new(self.ask(reference).await?);
        *slot = Some((Instant::now(), Arc::clone(&resolved)));
        Ok(resolved)
    }

    /// Forgets what was found under a name lately.
    pub(super) fn renew(&self, name: &Name) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<Reference> =
            slots.iter().map(|(known, _)| known).filter(|known| known.name == *name).cloned().collect();
        for reference in old {
            slots.pop(&reference);
        }
    }

    async fn ask(&self, reference: &Reference) -> Result<Resolved, ResolveError> {
        let name = &reference.name;
        let failed = |error| ResolveError::Operation { name: name.clone(), error };
        let offers = self.node.providers(topic(name)).await.map_err(failed)?;
        let mut groups = self.groups(&offers);
        let pinned = reference.pointer.clone().or_else(|| self.pins.find(name).map(|pin| pin.pointer));
        let (pointer, servers) = match pinned {
            Some(text) => {
                let pointer = text.check(&self.rules);
                let pointer = pointer.map_err(|error| ResolveError::Pointer { name: name.clone(), error })?;
                let servers = groups.remove(&pointer.key()).map(|group| group.servers).unwrap_or_default();
                (pointer, servers)
            }
            None => self.choose(name, groups).await?,
        };
        let (head, sequence) = self.head(name, &pointer).await?;
        // What was said with its pointer changes nothing for the name alone.
        let known = self.pins.find(name).map(|pin| pin.pointer);
        let text = PointerText::from(&pointer);
        let keep = known.map_or(reference.pointer.is_none(), |known| known == text);
        let (head, sequence) = match keep {
            true => {
                let newest = self.pins.keep(Pin { pointer: text, head, sequence });
                (newest.head, newest.sequence)
            }
            false => (head, sequence),
        };
        Ok(Resolved { pointer, head, sequence, servers })
    }

    /// The offers that make sense, by pointer.
    fn groups(&self, offers: &[Provider]) -> BTreeMap<RecordKey, Group> {
        let mut groups: BTreeMap<RecordKey, Group> = BTreeMap::new();
        for offer in offers {
            let Ok(note) = Note::decode(&offer.offer().note) else { continue };
            let Ok(pointer) = note.pointer.check(&self.rules) else { continue };
            if !pointer.terms().is_mutable() || is_expired(&pointer) {
                continue;
            }
            let server = ServerEntry { peer: offer.peer().clone(), version: note.version, addresses: note.addresses };
            let group = groups.entry(pointer.key()).or_insert_with(|| Group { pointer, servers: Vec::new() });
            group.servers.push(server);
        }
        for group in groups.values_mut() {
            group.servers.sort_by_key(|server| server.peer.id());
        }
        groups
    }

    /// The only one whose record says the name.
    async fn choose(
        &self,
        name: &Name,
        groups: BTreeMap<RecordKey, Group>,
    ) -> Result<(Pointer, Vec<ServerEntry>), ResolveError> {
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.servers.len()));
        groups.truncate(MAX_CLAIMS);
        let heads = join_all(groups.iter().map(|group| self.head(name, &group.pointer))).await;
        // One that nobody can read just now may be the right one; one that is not there, or another, is not.
        let stands = |head: &Result<_, ResolveError>| match head {
            Ok(_) => true,
            Err(ResolveError::Operation { error, .. }) => !is_missing(error),
            Err(_) => false,
        };
        let mut standing: Vec<Group> =
            groups.into_iter().zip(&heads).filter(|(_, head)| stands(head)).map(|(group, _)| group).collect();
        match standing.len() {
            0 => Err(ResolveError::Unknown(name.clone())),
            1 => {
                let group = standing.remove(0);
                Ok((group.pointer, group.servers))
            }
            _ => {
                let claim =
                    |group: &Group| Claim { pointer: PointerText::from(&group.pointer), servers: group.servers.len() };
                Err(ResolveError::Ambiguous { name: name.clone(), claims: standing.iter().map(claim).collect() })
            }
        }
    }

    /// What the record of a pointer says of a dataset, and the record's number.
    async fn head(&self, name: &Name, pointer: &Pointer) -> Result<(Head, u64), ResolveError> {
        let text = Box::new(PointerText::from(pointer));
        if is_expired(pointer) {
            return Err(ResolveError::Expired { name: name.clone(), pointer: text });
        }
        let found = self.node.get(pointer, 0).await;
        let found = found.map_err(|error| ResolveError::Operation { name: name.clone(), error })?;
        let other = |why: String| ResolveError::Other { name: name.clone(), why, pointer: text.clone() };
        let Some(version) = found.record.version() else {
            return Err(other("its record can have no versions".to_owned()));
        };
        if version.twin.is_some() {
            tracing::warn!(%name, sequence = version.head.sequence, "its publisher has signed two heads under one number");
        }
        let head = read_head(&version.value, name).map_err(other)?;
        Ok((head, version.head.sequence))
    }
}

/// A record's value as the head of the dataset of that name.
pub(super) fn read_head(value: &[u8], name: &Name) -> Result<Head, String> {
    let head =
        Head::decode(value).map_err(|error: HeadError| format!("what is there is no dataset's head, {error}"))?;
    if head.name == *name { Ok(head) } else { Err(format!("it is the head of {}", head.name)) }
}

fn is_expired(pointer: &Pointer) -> bool {
    pointer.terms().expiry() < clock::today()
}

fn is_missing(error: &OperationError) -> bool {
    matches!(error, OperationError::Failed(RequestFailure::NotFound { .. }))
}
