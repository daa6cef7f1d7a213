//! A lookup under way, and what it is for.

use grid::time::Time;

use super::tally::Purpose;
use crate::kademlia::shortlist::Shortlist;
use crate::kademlia::table::Named;

/// What a node looks something up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To get the record.
    Get,
    /// To store a new record at the closest.
    Put,
    /// To store a record again at the closest.
    Republish,
    /// To hear of nodes around the target.
    Refresh,
    /// To become known around itself.
    Join,
    /// To fill buckets after that.
    Fill,
}

impl Errand {
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Get | Self::Put => Purpose::Client,
            Self::Republish => Purpose::Repair,
            Self::Refresh => Purpose::Upkeep,
            Self::Join | Self::Fill => Purpose::Join,
        }
    }
}

#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) owner: u32,
    pub(super) target: u64,
    pub(super) errand: Errand,
    pub(super) begun: Time,
    pub(super) under_way: usize,
    pub(super) list: Shortlist,
    /// Those who answered, closest first.
    pub(super) answered: Vec<Named>,
    /// Stores that were confirmed.
    pub(super) stored: usize,
    /// Whether the closest were found, and stores are awaited.
    pub(super) storing: bool,
}

impl Lookup {
    pub(super) fn new(owner: u32, target: u64, errand: Errand, begun: Time, k: usize, known: &[Named]) -> Self {
        let mut list = Shortlist::new(k);
        known.iter().for_each(|&named| list.insert(named, 1));
        let answered = Vec::new();
        Self { owner, target, errand, begun, under_way: 0, list, answered, stored: 0, storing: false }
    }

    /// Somebody answered, and named others.
    pub(super) fn hear(&mut self, from: Named, names: &[Named]) {
        self.list.answered(from);
        names.iter().filter(|named| named.node != self.owner).for_each(|&named| self.list.insert(named, 1));
        let place = self.answered.partition_point(|other| *other < from);
        self.answered.insert(place, from);
    }
}
