//! What was asked of dataset servers, and what came: the price of reading, and of checking.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use grid::id::NodeId;

/// Servers that are counted; of others nothing is.
const COUNTED: usize = 4096;

/// Counts, since the node was started. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<Mutex<BTreeMap<NodeId, Asked>>>);

/// What one server was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Questions about data that it began to answer: for values, for groups with proofs, and for checks.
    pub questions: u64,
    /// Bytes of the frames that it answered with.
    pub bytes: u64,
}

impl Traffic {
    /// What a server was asked.
    pub fn of(&self, server: &NodeId) -> Asked {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(server).copied().unwrap_or_default()
    }

    pub(super) fn asked(&self, server: NodeId) {
        self.count(server, |asked| asked.questions += 1);
    }

    pub(super) fn received(&self, server: NodeId, bytes: u64) {
        self.count(server, |asked| asked.bytes += bytes);
    }

    fn count(&self, server: NodeId, count: impl FnOnce(&mut Asked)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < COUNTED || all.contains_key(&server) {
            count(all.entry(server).or_default());
        }
    }
}
