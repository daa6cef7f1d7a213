//! Who has been on our lines, and for how long: what a node goes by when it says who belongs in a roster.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::cell::{Cell, Line};
use crate::id::NodeId;
use crate::time::Time;

/// A node that we have, or had, a link to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) cell: Cell,
    /// When it came.
    pub(super) since: Time,
    /// When its link broke, if it has not come back.
    pub(super) gone: Option<Time>,
}

/// The stays of all neighbours, and of those that are gone since less than an epoch. As many as the routing table lets in.
#[derive(Debug, Default)]
pub(super) struct Presence {
    stays: BTreeMap<NodeId, Stay>,
}

impl Presence {
    /// A link to a neighbour is open. One that comes back within `patience` was not away.
    pub(super) fn came(&mut self, now: Time, id: NodeId, cell: Cell, patience: Duration) {
        let fresh = Stay { cell, since: now, gone: None };
        let stay = self.stays.entry(id).or_insert(fresh);
        *stay = match stay.gone {
            Some(gone) if now.since(gone) > patience => fresh,
            Some(_) | None => Stay { gone: None, ..*stay },
        };
    }

    /// The link to a node is gone.
    pub(super) fn left(&mut self, now: Time, id: NodeId) {
        if let Some(stay) = self.stays.get_mut(&id) {
            stay.gone.get_or_insert(now);
        }
    }

    /// Forgets those that are gone for longer than that.
    pub(super) fn forget(&mut self, now: Time, after: Duration) {
        self.stays.retain(|_, stay| stay.gone.is_none_or(|gone| now.since(gone) <= after));
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Stay> {
        self.stays.get(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stays.is_empty()
    }

    /// The stays on a line, by name.
    pub(super) fn on(&self, line: Line) -> impl Iterator<Item = (NodeId, &Stay)> {
        self.stays.iter().filter(move |(_, stay)| line.contains(&stay.cell)).map(|(&id, stay)| (id, stay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;

    #[test]
    fn who_comes_back_at_once_was_not_away() {
        let cell = Shape::new(2, 4).unwrap().cell_at(0);
        let (id, patience) = (NodeId::from_bytes([1; 32]), Duration::from_secs(60));
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let mut presence = Presence::default();
        presence.came(at(10), id, cell, patience);
        presence.left(at(100), id);
        presence.left(at(110), id);
        assert_eq!(presence.get(id).unwrap().gone, Some(at(100)));
        presence.came(at(160), id, cell, patience);
        assert_eq!((presence.get(id).unwrap().since, presence.get(id).unwrap().gone), (at(10), None));
        presence.left(at(200), id);
        presence.came(at(261), id, cell, patience);
        assert_eq!(presence.get(id).unwrap().since, at(261));
        presence.left(at(300), id);
        presence.forget(at(900), Duration::from_secs(600));
        assert!(!presence.is_empty());
        presence.forget(at(901), Duration::from_secs(600));
        assert!(presence.is_empty());
    }
}
