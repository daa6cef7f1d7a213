//! What a node does, in figures and for people to watch: counters for Prometheus, sightings of requests on their way, and
//! warnings with what to do about them.
//!
//! All of it happens here, in the shell: a `tap` sees what goes into the state machine and what comes out of it, and the
//! state machine knows nothing of that.
//!
//! ```text
//! driver --Input, Output--> Tap --> Counts ----------.
//!                            |----> sightings --> API | /metrics
//!                            '----> Warnings ---> API |
//! API ----- Snapshot --------------> gauges ----------'
//! ```

mod counts;
mod gauges;
pub(crate) mod labels;
mod process;
mod sighting;
mod tap;
mod warnings;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::sync::broadcast;

pub(crate) use counts::Counts;
pub(crate) use gauges::Snapshot;
pub(crate) use process::Process;
pub use sighting::{Sighting, Step};
pub(crate) use tap::Tap;
pub(crate) use warnings::advice_on_join;
pub use warnings::{Warning, Warnings};

/// Sightings that a slow watcher may be behind before it misses some.
const WATCHER_LAG: usize = 1024;

/// The figures of one node, shared by all who count and all who look.
pub struct Metrics {
    registry: Mutex<Registry>,
    counts: Counts,
    sightings: broadcast::Sender<Sighting>,
    warnings: Warnings,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("watchers", &self.sightings.receiver_count()).finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let counts = Counts::register(registry.sub_registry_with_prefix("rook"));
        let (sightings, _) = broadcast::channel(WATCHER_LAG);
        Self { registry: Mutex::new(registry), counts, sightings, warnings: Warnings::default() }
    }
}

impl Metrics {
    /// The counters.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets others, libp2p for example, have their figures told among ours.
    pub(crate) fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests on their way through this node, from now on. Who reads too slowly misses the oldest.
    pub fn sightings(&self) -> broadcast::Receiver<Sighting> {
        self.sightings.subscribe()
    }

    /// What the owner should know of.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// All figures as text: [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/), which Prometheus
    /// reads.
    pub(crate) fn text(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let mut page = String::new();
        self.register(|counted| text::encode_registry(&mut page, counted))?;
        text::encode_registry(&mut page, &gauges::registry(snapshot))?;
        text::encode_eof(&mut page)?;
        Ok(page)
    }
}
