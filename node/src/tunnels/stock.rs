//! The tunnels that stand ready for what this node asks: [`Keeper`] says when one is laid and given up, here it is done.
//!
//! Nothing is laid before the first is wanted, nor after the last was used: while nobody asks, tunnels grow old, and relays end them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tunnel::spares::{Action, Config, Keeper};

use super::mux::Mux;
use super::{PATIENCE, Ready, TunnelError, Tunnels, WAYS};

/// The tunnels of a node for what it asks.
#[derive(Debug)]
pub(super) struct Stock {
    begun: Instant,
    inner: Mutex<Inner>,
    /// A tunnel stands, or was not laid.
    changed: Notify,
}

#[derive(Debug)]
struct Inner {
    keeper: Keeper<u64>,
    standing: BTreeMap<u64, Ready>,
    /// Tunnels that were begun so far, the name of the next.
    begun: u64,
    /// Of these, those that did not come to stand.
    failures: usize,
    /// Why the last one did not.
    failed: Option<TunnelError>,
}

impl Stock {
    /// None stands.
    pub(super) fn new() -> Self {
        let (keeper, standing) = (Keeper::new(Config::default()), BTreeMap::new());
        let inner = Inner { keeper, standing, begun: 0, failures: 0, failed: None };
        Self { begun: Instant::now(), inner: Mutex::new(inner), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that can be used, the one that is in use first.
    pub(super) fn all(&self) -> Vec<Ready> {
        self.lock().usable(self.begun.elapsed())
    }

    /// Asks the last nodes of all for a sign of life.
    pub(super) fn feel(&self) {
        self.lock().standing.values().for_each(|ready| ready.mux.beat());
    }

    /// This tunnel did not do; it is not used again.
    pub(super) fn broke(&self, mux: &Mux) {
        self.lock().forget(|ready| ready.mux.is_same(mux));
    }

    /// A tunnel beside those that are used already: one that stands, rather one that is not silent and without a node of a way that
    /// failed, or the first to stand of those that are laid now.
    ///
    /// # Errors
    /// Why the last one was not laid, if several were not, or may not be tried yet.
    pub(super) async fn take(&self, tunnels: &Tunnels, used: &[Ready]) -> Result<Ready, TunnelError> {
        let failures = self.lock().failures;
        let taken = async {
            loop {
                let changed = self.changed.notified();
                let now = self.begun.elapsed();
                let wait = {
                    let mut inner = self.lock();
                    inner.tend(now).into_iter().for_each(|name| _ = tokio::spawn(tunnels.clone().lay_ready(name)));
                    let is_other = |ready: &Ready| !used.iter().any(|one| one.mux.is_same(&ready.mux));
                    let mut others: Vec<Ready> = inner.usable(now).into_iter().filter(is_other).collect();
                    let suspicion = |ready: &Ready| ready.way.iter().map(|node| tunnels.0.relays.failures(node)).max();
                    others.sort_by_cached_key(|ready| (tunnels.is_silent(&ready.mux), suspicion(ready)));
                    if let Some(ready) = others.into_iter().next() {
                        return Ok(ready);
                    }
                    let gives_up = inner.failures - failures >= WAYS || !inner.keeper.is_building();
                    if inner.failures > failures && gives_up {
                        return Err(inner.failed.clone().unwrap_or(TunnelError::Broke));
                    }
                    inner.keeper.next_at(now).saturating_sub(now)
                };
                tokio::select! {
                    () = changed => {}
                    () = sleep(wait) => {}
                }
            }
        };
        timeout(PATIENCE, taken).await.unwrap_or(Err(TunnelError::Late(PATIENCE)))
    }

    /// What became of a tunnel that was laid.
    fn laid(&self, name: u64, outcome: Result<Ready, TunnelError>) {
        let mut inner = self.lock();
        match outcome {
            Ok(ready) => {
                inner.keeper.ready(self.begun.elapsed(), name);
                inner.standing.insert(name, ready);
            }
            Err(error) => {
                tracing::debug!(%error, "no tunnel along this way");
                inner.keeper.ended(name);
                inner.failures += 1;
                inner.failed = Some(error);
            }
        }
        drop(inner);
        self.changed.notify_waiters();
    }
}

impl Inner {
    /// Gives up what is gone or too old, and says what is to be laid.
    fn tend(&mut self, now: Duration) -> Vec<u64> {
        self.forget(|ready| ready.mux.is_gone());
        let mut lay = Vec::new();
        while let Some(action) = self.keeper.next(now) {
            match action {
                Action::Retire(name) => _ = self.standing.remove(&name),
                Action::Build => {
                    self.keeper.building(now, self.begun);
                    lay.push(self.begun);
                    self.begun += 1;
                }
            }
        }
        lay
    }

    fn forget(&mut self, which: impl Fn(&Ready) -> bool) {
        let keeper = &mut self.keeper;
        self.standing.retain(|&name, ready| {
            let goes = which(ready);
            if goes {
                keeper.ended(name);
            }
            !goes
        });
    }

    fn usable(&self, now: Duration) -> Vec<Ready> {
        let standing = self.keeper.standing(now).into_iter().filter_map(|name| self.standing.get(&name));
        standing.filter(|ready| !ready.mux.is_gone()).cloned().collect()
    }
}

impl Tunnels {
    async fn lay_ready(self, name: u64) {
        let outcome = self.0.lay_one(None).await;
        self.0.stock.laid(name, outcome.map(|(ready, _)| ready));
    }
}
