//! The meeting node: services that are met here, each at the far end of a tunnel that it has laid.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mux::Mux;
use super::service::{ServiceKey, ServiceName};

/// Services that are met at one node.
const MOST: usize = 256;
/// Services of one tunnel.
const OF_ONE_TUNNEL: usize = 4;

/// Why a service is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FullError {
    #[error("no more services can be met at this node")]
    Full,
    #[error("this tunnel has {OF_ONE_TUNNEL} services already")]
    Tunnel,
    #[error("another service of this name is met at this node")]
    Name,
}

#[derive(Debug)]
struct Met {
    name: ServiceName,
    mux: Mux,
}

/// The services that are met here. Clones are the same list.
#[derive(Clone, Debug, Default)]
pub(super) struct Meetings(Arc<Mutex<BTreeMap<ServiceKey, Met>>>);

impl Meetings {
    /// Takes in a service that has shown that it has the key. The tunnel that came last counts.
    ///
    /// # Errors
    /// [`FullError`] if there are too many. A node announces one thing at a time under a name.
    pub(super) fn insert(&self, key: ServiceKey, name: ServiceName, mux: Mux) -> Result<(), FullError> {
        let mut all = self.lock();
        all.retain(|_, met| !met.mux.is_gone());
        let others = all.iter().filter(|&(other, _)| *other != key);
        let (mut count, mut of_tunnel) = (0, 0);
        for (_, met) in others {
            if met.name == name {
                return Err(FullError::Name);
            }
            count += 1;
            of_tunnel += usize::from(met.mux.is_same(&mux));
        }
        if count >= MOST {
            return Err(FullError::Full);
        }
        if of_tunnel >= OF_ONE_TUNNEL {
            return Err(FullError::Tunnel);
        }
        all.insert(key, Met { name, mux });
        Ok(())
    }

    /// The tunnel to a service.
    pub(super) fn find(&self, key: &ServiceKey) -> Option<Mux> {
        self.lock().get(key).filter(|met| !met.mux.is_gone()).map(|met| met.mux.clone())
    }

    /// A tunnel is over, with what was met at its end.
    pub(super) fn remove(&self, mux: &Mux) {
        self.lock().retain(|_, met| !met.mux.is_same(mux));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceKey, Met>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
