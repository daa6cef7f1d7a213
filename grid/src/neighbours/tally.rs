//! What a node asks of its lines with every comparison of rosters, counted as members come and go instead of each time.

use alloc::vec;
use alloc::vec::Vec;

use crate::cell::{Axis, Shape};
use crate::id::NodeId;
use crate::message::LineSummary;
use crate::neighbours::Role;
use crate::neighbours::members::{Member, leading};

/// Neighbours of one kind of place, as a line's summary counts them.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    count: u32,
    /// Of the first eight bytes of the names, modulo 2^64.
    names: u64,
    /// Those to which a link is open.
    linked: usize,
}

/// The counts over all members.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// In other cells of each line, by axis.
    along: Vec<Sum>,
    /// In our own cell, which lies on all lines.
    home: Sum,
    guests: usize,
    bridges: usize,
    leaves: usize,
}

impl Tally {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            along: vec![Sum::default(); shape.dims().into()],
            home: Sum::default(),
            guests: 0,
            bridges: 0,
            leaves: 0,
        }
    }

    fn place(&mut self, member: &Member) -> &mut Sum {
        match member.axis() {
            Some(axis) => &mut self.along[axis.index()],
            None => &mut self.home,
        }
    }

    /// A member is new; it counts as one without a link.
    pub(super) fn enter(&mut self, member: &Member) {
        match member.role() {
            Role::Neighbour => {
                let place = self.place(member);
                place.count += 1;
                place.names = place.names.wrapping_add(member.leading());
            }
            Role::Guest => self.guests += 1,
            Role::Bridge => self.bridges += 1,
            Role::Leaf => self.leaves += 1,
        }
    }

    /// A member without a link is gone.
    pub(super) fn leave(&mut self, member: &Member) {
        match member.role() {
            Role::Neighbour => {
                let place = self.place(member);
                place.count -= 1;
                place.names = place.names.wrapping_sub(member.leading());
            }
            Role::Guest => self.guests -= 1,
            Role::Bridge => self.bridges -= 1,
            Role::Leaf => self.leaves -= 1,
        }
    }

    /// Notes that the link to a member is open, or is not.
    pub(super) fn set_linked(&mut self, member: &mut Member, linked: bool) {
        if member.is_neighbour() && member.linked != linked {
            let place = self.place(member);
            place.linked = if linked { place.linked + 1 } else { place.linked - 1 };
        }
        member.linked = linked;
    }

    /// A member has another role from now on.
    pub(super) fn set_role(&mut self, member: &mut Member, role: Role) {
        let linked = member.linked;
        self.set_linked(member, false);
        self.leave(member);
        member.role = role;
        self.enter(member);
        self.set_linked(member, linked);
    }

    /// Members of that role.
    pub(super) fn count(&self, role: Role) -> usize {
        match role {
            Role::Neighbour => self.along.iter().chain([&self.home]).map(|sum| sum.count as usize).sum(),
            Role::Guest => self.guests,
            Role::Bridge => self.bridges,
            Role::Leaf => self.leaves,
        }
    }

    /// Neighbours to which a link is open.
    pub(super) fn linked_neighbours(&self) -> usize {
        self.home.linked + self.along.iter().map(|sum| sum.linked).sum::<usize>()
    }

    /// Neighbours in other cells of a line to which a link is open.
    pub(super) fn linked_along(&self, axis: Axis) -> usize {
        self.along[axis.index()].linked
    }

    /// A line in short, `me` included.
    pub(super) fn summary(&self, axis: Axis, me: NodeId) -> LineSummary {
        let (line, home) = (&self.along[axis.index()], &self.home);
        let sum = line.names.wrapping_add(home.names).wrapping_add(leading(me));
        LineSummary { axis, count: line.count + home.count + 1, sum }
    }
}
