//! The links of a leaf: to one node along each axis, by which it asks.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::Axis;
use crate::chance::pick;
use crate::id::NodeId;
use crate::neighbours::Member;
use crate::output::Output;
use crate::protocol::{Context, Signal};

/// A host by which this leaf may look for others.
pub(super) fn any_host<R: Rng>(cx: &mut Context<'_, R>) -> Option<NodeId> {
    if cx.is_leaf() { any_linked(cx) } else { None }
}

pub(super) fn any_linked<R: Rng>(cx: &mut Context<'_, R>) -> Option<NodeId> {
    let hosts: Vec<NodeId> = cx.table.hosts().map(Member::id).collect();
    pick(cx.rng, &hosts).copied()
}

/// Whether this leaf has no link along some axis.
pub(super) fn lacks_hosts<R>(cx: &Context<'_, R>) -> bool {
    cx.table.shape().axes().any(|axis| !cx.table.has_link_along(axis))
}

/// A leaf keeps one link for each axis, the one that answers soonest. One within its cell it keeps only where it has no other.
pub(super) fn part_from_spare_hosts<R: Rng>(cx: &mut Context<'_, R>) {
    let mut best: BTreeMap<Option<Axis>, (Duration, NodeId)> = BTreeMap::new();
    let mut spare = Vec::new();
    for member in cx.table.linked_neighbours() {
        let (id, axis) = (member.id(), member.axis());
        let mine = (cx.table.latency(id).unwrap_or(Duration::MAX), id);
        match best.get_mut(&axis) {
            None => _ = best.insert(axis, mine),
            Some(least) if mine < *least => spare.push(core::mem::replace(least, mine).1),
            Some(_) => spare.push(id),
        }
    }
    let own_cell = best.remove(&None);
    if !best.is_empty() {
        spare.extend(own_cell.map(|(_, id)| id));
    }
    if !cx.table.is_alone() {
        spare.extend(cx.table.bridges().map(|(id, _)| id));
    }
    for id in spare {
        cx.table.remove(id);
        cx.out.push(Output::Disconnect(id));
        cx.out.push(Output::Forget(id));
        cx.signal(Signal::LinkDown(id));
    }
}
