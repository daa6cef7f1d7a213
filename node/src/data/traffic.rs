//! What was asked of dataset servers, and what came: the price of reading, and of checking.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use grid::id::NodeId;

use super::wire::Request;

/// Servers that are counted; of others nothing is.
const COUNTED: usize = 4096;

/// Counts, since the node was started. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<Mutex<BTreeMap<NodeId, Asked>>>);

/// What one server was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Answers that it began to give: values, or groups with proofs.
    pub answers: u64,
    /// Checks of others' answers that it began to give.
    pub challenges: u64,
    /// Bytes of the frames that it answered with.
    pub bytes: u64,
}

impl Traffic {
    /// What a server was asked.
    pub fn of(&self, server: &NodeId) -> Asked {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(server).copied().unwrap_or_default()
    }

    /// It answers such a request.
    pub(super) fn asked(&self, server: NodeId, request: &Request) {
        match request {
            Request::Chunks { .. } | Request::Values(_) => self.count(server, |asked| asked.answers += 1),
            Request::Check { .. } => self.count(server, |asked| asked.challenges += 1),
            Request::Manifest { .. } | Request::Reports { .. } | Request::Report(_) => {}
        }
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
