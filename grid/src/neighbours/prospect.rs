//! The routing table as one request sees it: which nodes lead on, and what each is expected to cost towards its target.

use alloc::vec::Vec;
use core::time::Duration;

use crate::cell::{Axis, Cell, Shape};
use crate::id::NodeId;
use crate::load::{Load, median, surcharge};
use crate::neighbours::conduct::UNKNOWN_LATENCY;
use crate::neighbours::members::Member;
use crate::neighbours::{Cost, Neighbours, Table};
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

/// How long the outlook is taken as it was: it changes with the neighbours' latencies and loads, which change slowly.
const LASTS: Duration = Duration::from_secs(30);

/// What our neighbours come to as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    /// How far it is from us along each axis.
    ways: Ways,
    /// The mean of these.
    way: Duration,
    /// The median of what the neighbours have taken.
    load: f64,
    found: Option<Time>,
}

impl Outlook {
    pub(super) const fn new(shape: Shape) -> Self {
        Self { ways: Ways::none(shape.dims()), way: UNKNOWN_LATENCY, load: 0.0, found: None }
    }
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
        self.renew_outlook(now);
        self.outlook.ways
    }

    /// Finds out anew what the neighbours come to as a whole, if that is some time ago.
    pub(super) fn renew_outlook(&mut self, now: Time) {
        if self.outlook.found.is_none_or(|found| now.since(found) >= LASTS) {
            self.outlook = self.look_around(now);
        }
    }

    fn look_around(&self, now: Time) -> Outlook {
        let mut outlook = Outlook { found: Some(now), ..Outlook::new(self.shape) };
        let known: Vec<(Axis, Duration)> =
            self.shape.axes().filter_map(|axis| Some((axis, self.own_way(axis)?))).collect();
        for &(axis, way) in &known {
            outlook.ways.set(axis, way);
        }
        let sum: Duration = known.iter().map(|(_, way)| way).sum();
        outlook.way = u32::try_from(known.len()).ok().and_then(|axes| sum.checked_div(axes)).unwrap_or(UNKNOWN_LATENCY);
        let mut loads: Vec<Load> = self.linked_neighbours().filter_map(|member| member.conduct.load()).collect();
        outlook.load = median(&mut loads);
        outlook
    }

    /// The latency to the nearest node of a cell, averaged over the other cells of our line along an axis.
    fn own_way(&self, axis: Axis) -> Option<Duration> {
        let others = self.shape.line(self.home, axis).filter(|&cell| cell != self.home);
        let nearest = others.filter_map(|cell| self.links_to(cell).iter().filter_map(|&id| self.latency(id)).min());
        let (count, sum) = nearest.fold((0, Duration::ZERO), |(count, sum), way| (count + 1, sum + way));
        (count > 0).then(|| sum / count)
    }

    /// What a node costs more because it has taken more than others.
    fn surcharge_of(&self, member: &Member) -> Duration {
        let load = f64::from(member.conduct.load().unwrap_or_default().requests());
        surcharge(load, self.outlook.load, self.outlook.way)
    }

    /// How long a request is expected to take from a node on. What the node says of its ways is believed down to half of
    /// our own: beyond that, only answers that come early would show it.
    pub(super) fn way_from(&self, member: &Member, target: Cell) -> Duration {
        let claims = member.conduct.ways();
        let cell = member.cell();
        let ways = cell.differing_axes(&target).map(|axis| {
            let own = self.outlook.ways.along(axis);
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
            Choice::Soonest => {
                let expected = member.conduct.expected(self.now, self.table.way_from(member, self.target));
                expected.saturating_add(self.table.surcharge_of(member))
            }
            Choice::Any => Duration::ZERO,
        };
        Cost { suspected: member.suspected, delay }
    }

    fn compared(&self) -> usize {
        match self.choice {
            Choice::Soonest => self.table.compared,
            Choice::Any => 1,
        }
    }
}
