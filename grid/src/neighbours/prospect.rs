//! The routing table as one request sees it: which nodes lead on, and what each is expected to cost towards its target.

use core::time::Duration;

use crate::cell::{Axis, Cell};
use crate::id::NodeId;
use crate::neighbours::conduct::UNKNOWN_LATENCY;
use crate::neighbours::members::Member;
use crate::neighbours::{COMPARED, Cost, Neighbours, Table, WAYS_LAST};
use crate::time::Time;
use crate::ways::Ways;

/// How the next hop is chosen among those that lead on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The one by which the answer is expected first.
    Soonest,
    /// Any, all alike: for requests that have been tried in vain. Whoever makes itself the soonest of all gets the first
    /// try, and no more of the others than its share of the nodes.
    Any,
}

/// The table as one request sees it.
pub(crate) struct Prospect<'a> {
    table: &'a Table,
    now: Time,
    target: Cell,
    choice: Choice,
}

impl Table {
    /// The table as a request to a cell sees it.
    pub(crate) const fn toward(&self, now: Time, target: Cell, choice: Choice) -> Prospect<'_> {
        Prospect { table: self, now, target, choice }
    }

    /// How far it is from us along each axis: see [`crate::ways`].
    pub(crate) fn ways(&mut self, now: Time) -> Ways {
        let (ways, found) = self.ways;
        if found.is_some_and(|found| now.since(found) < WAYS_LAST) {
            return ways;
        }
        let mut ways = Ways::none(self.shape.dims());
        for axis in self.shape.axes() {
            if let Some(way) = self.own_way(axis) {
                ways.set(axis, way);
            }
        }
        self.ways = (ways, Some(now));
        ways
    }

    /// The latency to the nearest node of a cell, averaged over the other cells of our line along an axis.
    fn own_way(&self, axis: Axis) -> Option<Duration> {
        let others = self.shape.line(self.home, axis).filter(|&cell| cell != self.home);
        let nearest = others.filter_map(|cell| self.links_to(cell).iter().filter_map(|&id| self.latency(id)).min());
        let (count, sum) = nearest.fold((0, Duration::ZERO), |(count, sum), way| (count + 1, sum + way));
        (count > 0).then(|| sum / count)
    }

    /// How long a request is expected to take from a node on. What the node says of its ways is believed down to half of
    /// our own: beyond that, only answers that come early would show it.
    pub(super) fn way_from(&self, member: &Member, target: Cell) -> Duration {
        let claims = member.conduct.ways();
        let cell = member.cell();
        let ways = cell.differing_axes(&target).map(|axis| {
            let own = self.ways.0.along(axis);
            match (claims.and_then(|ways| ways.along(axis)), own) {
                (Some(claim), Some(own)) => claim.max(own / 2),
                (Some(way), None) | (None, Some(way)) => way,
                (None, None) => UNKNOWN_LATENCY,
            }
        });
        ways.sum()
    }
}

impl Neighbours for Prospect<'_> {
    type Node = NodeId;

    fn count_in(&self, cell: Cell) -> usize {
        self.table.links_to(cell).len()
    }

    fn node_in(&self, cell: Cell, number: usize) -> Option<NodeId> {
        self.table.links_to(cell).get(number).copied()
    }

    fn bridges(&self) -> impl Iterator<Item = (NodeId, Cell)> {
        self.table.bridges()
    }

    fn cost(&self, node: NodeId) -> Cost {
        let Some(member) = self.table.members.get(node) else {
            return Cost { suspected: true, delay: Duration::MAX };
        };
        let delay = match self.choice {
            Choice::Soonest => member.conduct.expected(self.now, self.table.way_from(member, self.target)),
            Choice::Any => Duration::ZERO,
        };
        Cost { suspected: member.suspected, delay }
    }

    fn compared(&self) -> usize {
        match self.choice {
            Choice::Soonest => COMPARED,
            Choice::Any => 1,
        }
    }
}
