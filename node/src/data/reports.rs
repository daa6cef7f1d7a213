//! The contradictions that a node knows of, and passes on to who asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dataset::manifest::VersionRoot;
use grid::id::NodeId;
use serde::{Deserialize, Serialize};

use super::contradiction::{Contradiction, ContradictionError, MAX_CONTRADICTION};
use crate::verifier::Verifier;
use crate::wire::{WireError, bounded, codec};

/// The most contradictions in one answer.
const MAX_REPORTS: usize = 256;
/// The longest answer with contradictions, in bytes.
pub(super) const MAX_REPORTS_BYTES: u64 = (MAX_REPORTS * MAX_CONTRADICTION) as u64;

#[derive(Serialize, Deserialize)]
struct List(#[serde(deserialize_with = "bounded::list::<MAX_REPORTS, _, _>")] Vec<Contradiction>);

/// Verified contradictions, one for each server and version: more of them prove nothing more.
#[derive(Debug)]
pub struct Reports {
    known: Mutex<BTreeMap<(VersionRoot, NodeId), Contradiction>>,
    max: usize,
}

impl Reports {
    /// Room for so many.
    pub fn new(max: usize) -> Self {
        Self { known: Mutex::default(), max }
    }

    /// Keeps a contradiction if it is one, and says whom it convicts. A full store keeps what it has: anybody can make
    /// more of them by contradicting himself.
    ///
    /// # Errors
    /// [`ContradictionError`] if it is none.
    pub async fn add(&self, contradiction: Contradiction, verifier: &Verifier) -> Result<NodeId, ContradictionError> {
        let server = contradiction.verify(verifier).await?.id();
        let version = contradiction.request()?.version().ok_or(ContradictionError::NoContradiction)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < self.max {
            known.entry((version, server)).or_insert(contradiction);
        }
        Ok(server)
    }

    /// What is known about servers of a version, as it is sent.
    pub(super) fn encoded(&self, version: VersionRoot) -> Vec<u8> {
        let known = self.of(version).into_iter().map(|(_, contradiction)| contradiction);
        codec::encode(&List(known.take(MAX_REPORTS).collect()))
    }

    /// What another node knows, of bytes that it sent; nothing of it is verified.
    ///
    /// # Errors
    /// [`WireError`] if they are no such list.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Contradiction>, WireError> {
        codec::decode::<List>(bytes).map(|list| list.0)
    }

    /// What is known about servers of a version.
    pub fn of(&self, version: VersionRoot) -> Vec<(NodeId, Contradiction)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let range = (version, NodeId::from_bytes([0; 32]))..=(version, NodeId::from_bytes([0xff; 32]));
        known.range(range).map(|((_, server), contradiction)| (*server, contradiction.clone())).collect()
    }
}
