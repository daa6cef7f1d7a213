//! Out of the grid: the last node of a stranger's tunnel connects it to somebody in the internet, if its owner's policy lets it.
//!
//! Who does so announces it under a topic of its own, with a note that says at which ports:
//!
//! ```text
//! note = 1 | number of ranges 1 | of each: from 2, to 2
//! ```

mod policy;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use grid::provider::Topic;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

pub use self::policy::{ExitPolicy, PolicyError};
use crate::handle::NodeHandle;

/// Connections out at a time, of all strangers together.
const CONNECTIONS: usize = 256;
/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// How long a name may take to be resolved, and each address to connect.
const PATIENCE: Duration = Duration::from_secs(8);
/// For how long it is announced that this node lets strangers out, in seconds, and how often.
const SECONDS: u64 = 900;
const AGAIN: Duration = Duration::from_secs(300);
/// Pause after an announcement that came to nothing.
const PAUSE: Duration = Duration::from_secs(20);
/// What a note of this kind begins with.
const VERSION: u8 = 1;
/// The longest name of a host: that of the domain name system.
pub(super) const MAX_HOST: usize = 255;

/// Why a stranger is not connected: what SOCKS5 has numbers for (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    NotAllowed,
    Unreachable,
    Refused,
    Busy,
}

impl Why {
    /// Its number on the wire.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::NotAllowed => 0,
            Self::Unreachable => 1,
            Self::Refused => 2,
            Self::Busy => 3,
        }
    }

    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::NotAllowed, Self::Unreachable, Self::Refused, Self::Busy].into_iter().find(|why| why.number() == number)
    }
}

/// Lets strangers out. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    policy: Arc<ExitPolicy>,
    slots: Arc<Semaphore>,
}

/// A connection out, which takes one of the places as long as it lasts.
#[derive(Debug)]
pub(super) struct Outward {
    pub(super) stream: TcpStream,
    pub(super) slot: OwnedSemaphorePermit,
}

impl Exit {
    pub(super) fn new(policy: ExitPolicy) -> Self {
        Self { policy: Arc::new(policy), slots: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    pub(super) fn policy(&self) -> &ExitPolicy {
        &self.policy
    }

    /// Connects to a host, which is resolved here. What is connected to is the address that the policy was asked about, so
    /// that a name that changes its mind leads nowhere else.
    ///
    /// # Errors
    /// Why not, and that in words.
    pub(super) async fn connect(&self, node: &NodeHandle, host: &str, port: u16) -> Result<Outward, (Why, String)> {
        if self.policy.is_closed() {
            return Err((Why::NotAllowed, "this node lets nobody out".into()));
        }
        let busy = |_| (Why::Busy, "too many strangers are connected through this node just now".to_owned());
        let slot = self.slots.clone().try_acquire_owned().map_err(busy)?;
        let unreachable = |why: &dyn std::fmt::Display| (Why::Unreachable, format!("{host} is not found: {why}"));
        let found =
            timeout(PATIENCE, lookup_host((host, port))).await.map_err(|_| unreachable(&"it takes too long"))?;
        let found: Vec<SocketAddr> = found.map_err(|error| unreachable(&error))?.collect();
        let own = own_addresses(node).await;
        let allowed = |address: &SocketAddr| self.policy.allows(address.ip(), port) && !own.contains(&address.ip());
        let addresses: Vec<SocketAddr> = found.into_iter().filter(allowed).take(ADDRESSES).collect();
        if addresses.is_empty() {
            return Err((Why::NotAllowed, format!("the exit's policy does not lead to {host}:{port}")));
        }
        let mut failed = (Why::Unreachable, format!("nobody answers at {host}:{port}"));
        for address in addresses {
            match timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small messages are not to wait for more.
                    _ = stream.set_nodelay(true);
                    return Ok(Outward { stream, slot });
                }
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    failed = (Why::Refused, format!("{host}:{port} refuses connections"));
                }
                Ok(Err(error)) => failed = (Why::Unreachable, format!("{host}:{port} is not reached: {error}")),
                Err(_) => {}
            }
        }
        Err(failed)
    }

    /// Announces that strangers are let out, as long as the node runs.
    pub(super) async fn announce(self, node: NodeHandle) {
        if self.policy.is_closed() {
            return;
        }
        let note = note(&self.policy.ports());
        // Before, an announcement would be heard by nobody but this node itself.
        if node.joined().await.is_err() {
            return;
        }
        loop {
            match node.provide(topic(), note.clone(), SECONDS).await {
                Ok(_) => sleep(AGAIN).await,
                Err(crate::handle::OperationError::Stopped(_)) => return,
                Err(error) => {
                    tracing::info!(%error, "it is not announced yet that strangers are let out");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The addresses of this node itself: at its own door a stranger would look like the owner. A policy for a private network may lead
/// to this machine, if it says so.
async fn own_addresses(node: &NodeHandle) -> Vec<IpAddr> {
    let Ok(status) = node.status().await else { return Vec::new() };
    let ip = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => Some(IpAddr::V6(ip)),
        Some(_) | None => None,
    };
    status.listen.iter().chain(&status.advertised).filter_map(ip).filter(|ip| !ip.is_loopback()).collect()
}

/// Where it is announced who lets strangers out.
pub(super) fn topic() -> Topic {
    Topic::named("rook exit v1")
}

pub(crate) fn note(ports: &[RangeInclusive<u16>]) -> Vec<u8> {
    let count = u8::try_from(ports.len()).unwrap_or(u8::MAX);
    let mut note = vec![VERSION, count];
    for range in ports.iter().take(count.into()) {
        note.extend(range.start().to_be_bytes());
        note.extend(range.end().to_be_bytes());
    }
    note
}

/// Whether a note says that some address is reached at a port; not if it is no such note.
pub(crate) fn leads_to(note: &[u8], port: u16) -> bool {
    let Some((&[VERSION, count], ranges)) = note.split_first_chunk() else { return false };
    let (ranges, rest) = ranges.as_chunks::<4>();
    let fits = |&[a, b, c, d]: &[u8; 4]| (u16::from_be_bytes([a, b])..=u16::from_be_bytes([c, d])).contains(&port);
    rest.is_empty() && ranges.len() == usize::from(count) && ranges.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_note_says_at_which_ports() {
        let policy = ExitPolicy::new(&["reject *:25", "accept *:1-1024", "accept *:8000"], false).unwrap();
        let note = note(&policy.ports());
        assert_eq!(note, [1, 3, 0, 1, 0, 24, 0, 26, 4, 0, 0x1f, 0x40, 0x1f, 0x40]);
        assert!(leads_to(&note, 1) && leads_to(&note, 8000) && !leads_to(&note, 25) && !leads_to(&note, 1025));
        assert!(!leads_to(&note[..13], 8000) && !leads_to(&[], 1) && !leads_to(&[2, 1, 0, 1, 0, 9], 5));
        let longest = vec![1..=1; policy::MOST_RANGES];
        assert!(super::note(&longest).len() <= grid::provider::MAX_NOTE);
    }

    #[test]
    fn reasons_have_numbers() {
        assert!((0..4).all(|number| Why::of(number).is_some_and(|why| why.number() == number)) && Why::of(4).is_none());
    }

    proptest! {
        #[test]
        fn rubbish_leads_nowhere_or_somewhere(note in prop::collection::vec(any::<u8>(), 0..40), port: u16) {
            _ = leads_to(&note, port);
        }
    }
}
