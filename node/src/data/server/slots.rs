//! How many answers are under way, in all and for each reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use grid::id::NodeId;

use crate::data::limits::Limits;

/// Counts answers.
#[derive(Debug)]
pub(super) struct Slots {
    all: usize,
    per_reader: usize,
    taken: Mutex<BTreeMap<NodeId, usize>>,
}

/// One answer; it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    reader: NodeId,
}

impl Slots {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let (all, per_reader) = (limits.max_answers, limits.max_answers_per_reader);
        Arc::new(Self { all, per_reader, taken: Mutex::default() })
    }

    /// Room for one more answer to a reader, if there is.
    pub(super) fn take(self: &Arc<Self>, reader: NodeId) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_reader = taken.get(&reader).copied().unwrap_or(0);
        if of_reader >= self.per_reader || taken.values().sum::<usize>() >= self.all {
            return None;
        }
        taken.insert(reader, of_reader + 1);
        Some(Slot { slots: self.clone(), reader })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.reader) {
            Some(more) if *more > 1 => *more -= 1,
            _ => _ = taken.remove(&self.reader),
        }
    }
}
