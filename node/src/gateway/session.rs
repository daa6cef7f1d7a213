//! Which version a client reads: the one that it opened.
//!
//! A DAP client asks for the structure once and for values many times, in requests that have nothing to do with each
//! other. If a new version came in between, it would mix two. So whoever has asked for the structure goes on with that
//! version, until it asks for the whole structure again or is quiet for an hour. Who was not here before opens the dataset
//! with its first request, whatever that is for. A client is known by its address and by what it calls itself; two programs
//! that share both share the version, and who wants to be sure names the version.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dataset::manifest::VersionRoot;
use lru::LruCache;

/// How long a client may be quiet.
const QUIET: Duration = Duration::from_secs(3600);
/// Clients that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Who reads what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reader {
    /// Its address.
    pub(super) ip: IpAddr,
    /// What it calls itself.
    pub(super) agent: String,
    /// The dataset.
    pub(super) name: String,
}

/// The versions that clients have opened.
#[derive(Debug)]
pub(super) struct Sessions(Mutex<LruCache<Reader, (VersionRoot, Instant)>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Sessions {
    /// Whether this reader has opened a version, and would go on with it.
    pub(super) fn knows(&self, reader: &Reader, now: Instant) -> bool {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.peek(reader).is_some_and(|(_, used)| now.duration_since(*used) < QUIET)
    }

    /// The version that this reader goes on with; `newest` if it opens the dataset now.
    pub(super) fn version(&self, reader: Reader, newest: VersionRoot, opens: bool, now: Instant) -> VersionRoot {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sessions.get(&reader).filter(|(_, used)| now.duration_since(*used) < QUIET);
        let version = known.filter(|_| !opens).map_or(newest, |(version, _)| *version);
        sessions.put(reader, (version, now));
        version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(agent: &str) -> Reader {
        Reader { ip: IpAddr::from([127, 0, 0, 1]), agent: agent.into(), name: "sst".into() }
    }

    #[test]
    fn who_has_opened_a_version_goes_on_with_it() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let [old, new] = [VersionRoot([1; 32]), VersionRoot([2; 32])];
        assert!(!sessions.knows(&reader("a"), now));
        assert_eq!(sessions.version(reader("a"), old, true, now), old);
        assert!(sessions.knows(&reader("a"), now) && !sessions.knows(&reader("a"), now + QUIET));
        assert_eq!(sessions.version(reader("a"), new, false, now), old);
        assert_eq!(sessions.version(reader("b"), new, false, now), new, "another client");
        assert_eq!(sessions.version(reader("a"), new, true, now), new, "it opens it again");
        assert_eq!(sessions.version(reader("b"), old, false, now + QUIET * 2), old, "after a long silence");
    }
}
