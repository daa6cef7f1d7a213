//! Records as they are so far: plain, immutable, found by the SHA-256 of their value.

use alloc::sync::Arc;
use core::fmt;

use sha2::{Digest, Sha256};

use crate::id::{RecordKey, RoutingKey};

/// A value and its key, which are known to belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    key: RecordKey,
    value: Arc<[u8]>,
}

/// The value does not hash to the key it came under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value hashes to {found}, not to the record's key {expected}")]
pub struct WrongValue {
    /// The key it came under.
    pub expected: RecordKey,
    /// The key it belongs to.
    pub found: RecordKey,
}

impl Record {
    /// The record of a value.
    pub fn new(value: impl Into<Arc<[u8]>>) -> Self {
        let value = value.into();
        Self { key: key_of(&value), value }
    }

    /// The record of a value that came under a key.
    ///
    /// # Errors
    /// [`WrongValue`] if they do not belong together.
    pub fn check(expected: RecordKey, value: impl Into<Arc<[u8]>>) -> Result<Self, WrongValue> {
        let record = Self::new(value);
        match record.key == expected {
            true => Ok(record),
            false => Err(WrongValue { expected, found: record.key }),
        }
    }

    /// What the record is found by.
    pub fn key(&self) -> RecordKey {
        self.key
    }

    /// The value.
    pub fn value(&self) -> &Arc<[u8]> {
        &self.value
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({:?}, {} bytes)", self.key, self.value.len())
    }
}

fn key_of(value: &[u8]) -> RecordKey {
    RecordKey::from_bytes(Sha256::digest(value).into())
}

impl RecordKey {
    /// What decides the record's cells: `SHA-256("rook routing key v1" ‖ key)`.
    pub fn routing_key(&self) -> RoutingKey {
        let digest = Sha256::new().chain_update(b"rook routing key v1").chain_update(self.as_bytes());
        RoutingKey::from_bytes(digest.finalize().into())
    }
}
