//! Tells the grid what this node serves, again and again before it is forgotten.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use grid::provider::OFFER_SECONDS;

use super::Datasets;
use super::catalog::{Entry, Version};
use super::head::{Note, topic};
use super::name::Name;
use super::types::Condition;

/// An offer is made again when half of its time is over.
const RENEW: Duration = Duration::from_secs(OFFER_SECONDS / 2);
/// Offers are told apart by the second in which they were signed: two of one topic lie further apart than that.
const GAP: Duration = Duration::from_millis(1100);
/// How soon an announcement that nobody heard is tried again; each time twice as late, up to the most.
const RETRY: Duration = Duration::from_secs(1);
const MOST_RETRY: Duration = Duration::from_secs(60);
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// What was announced of a dataset last.
pub(super) struct Announced {
    note: Vec<u8>,
    at: Instant,
    again: Instant,
    /// Times in a row that nobody heard it.
    failures: u32,
    /// In how many cells it was heard, if it was.
    pub(super) cells: Option<u32>,
}

impl Datasets {
    /// Announces what is due, and returns when to come again: soon, as long as the node has not joined and would be heard by
    /// nobody but itself.
    pub(super) async fn announce(&self) -> Duration {
        if !self.0.node.status().await.is_ok_and(|status| status.status.joined) {
            return RETRY;
        }
        let _announcing = self.0.announcing.lock().await;
        let wanted = self.wanted();
        let over: Vec<Name> = self.0.announced().keys().filter(|name| !wanted.contains_key(name)).cloned().collect();
        let mut wait = RENEW;
        for name in over {
            wait = wait.min(self.take_back(&name).await);
        }
        for (name, note) in wanted {
            let (due, failures) = match self.0.announced().get(&name) {
                Some(known) if known.note == note => (known.again, known.failures),
                Some(known) => (known.at + GAP, known.failures),
                None => (Instant::now(), 0),
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let made = self.offer(&name, note, failures).await;
                wait = wait.min(made.again.saturating_duration_since(Instant::now()));
                self.0.announced().insert(name, made);
            } else {
                wait = wait.min(left);
            }
        }
        wait
    }

    async fn offer(&self, name: &Name, note: Vec<u8>, failures: u32) -> Announced {
        let at = Instant::now();
        match self.0.node.provide(topic(name), note.clone(), OFFER_SECONDS).await {
            Ok(cells) => {
                self.0.resolver.renew(name);
                Announced { note, at, again: at + RENEW, failures: 0, cells: Some(cells) }
            }
            Err(error) => {
                tracing::warn!(%name, %error, "the grid does not hear yet that a dataset is served here");
                let pause = RETRY.saturating_mul(1 << failures.min(6)).min(MOST_RETRY);
                Announced { note, at, again: Instant::now() + pause, failures: failures + 1, cells: None }
            }
        }
    }

    /// Makes an offer again that ends at once; returns when to come again.
    async fn take_back(&self, name: &Name) -> Duration {
        let known = self.0.announced().get(name).map(|known| (known.at, known.note.clone()));
        let Some((at, note)) = known else { return RENEW };
        let left = (at + GAP).saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return left;
        }
        // If nobody hears it, the offer ends by itself.
        _ = self.0.node.provide(topic(name), note, 1).await;
        self.0.announced().remove(name);
        self.0.resolver.renew(name);
        RENEW
    }

    /// What is to be announced: of each dataset that is served the newest version that is.
    fn wanted(&self) -> BTreeMap<Name, Vec<u8>> {
        let addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let states = self.0.states();
        let note = |entry: Entry| {
            let is_served = |version: &&Version| {
                let state = states.get(&(entry.name.clone(), version.root));
                state.is_some_and(|state| state.condition == Condition::Served)
            };
            let newest = entry.versions.iter().filter(is_served).max_by_key(|version| version.sequence)?;
            let note = Note { pointer: entry.pointer?, version: newest.root, addresses: addresses.clone() };
            Some((entry.name, note.encode()))
        };
        self.0.catalog.all().into_iter().filter_map(note).collect()
    }

    /// Tells the grid that nothing is served here any more, as far as it hears that soon: for a node that leaves.
    pub async fn farewell(&self) {
        let all = async {
            let _announcing = self.0.announcing.lock().await;
            let names: Vec<Name> = self.0.announced().keys().cloned().collect();
            for name in names {
                let left = self.take_back(&name).await;
                if self.0.announced().contains_key(&name) {
                    tokio::time::sleep(left).await;
                    self.take_back(&name).await;
                }
            }
        };
        // Who does not hear it finds nobody here, and asks another server.
        _ = tokio::time::timeout(FAREWELL, all).await;
    }
}
