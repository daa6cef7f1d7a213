//! The circuits of a node: for each the neighbours' links and ids, keys, and two times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand_core::CryptoRng;

use super::output::TunnelId;
use crate::bucket::Bucket;
use crate::cell::{CircuitId, Joint};
use crate::endpoint::Endpoint;
use crate::initiator::{Opening, Tunnel};
use crate::layer::Hop;
use crate::name::Name;
use crate::setup::{Answer, Taken};

/// What we are to a circuit.
pub(super) enum Role {
    /// Its last node.
    Last { back: Joint, endpoint: Endpoint },
    /// Its initiator, waiting for the answer.
    Opening { on: Joint, opening: Opening },
    /// Its initiator.
    Own { on: Joint, tunnel: Tunnel },
    /// A relay that has passed the set-up on, and has no keys of the session yet ([`super::Table::settle`]).
    Passed { back: Joint, on: Joint, taken: Box<Taken> },
    /// A relay. While the answer to the set-up is due, it has what we put around that.
    Relay { back: Joint, on: Joint, hop: Hop, answer: Option<Box<Answer>> },
}

/// A circuit. The id of a [`Joint`] is the one in cells that come from that neighbour.
pub(super) struct Circuit {
    pub(super) role: Role,
    pub(super) born: Duration,
    /// When something came over it last.
    pub(super) used: Duration,
    /// When we asked last whether its far end is there.
    pub(super) asked: Option<Duration>,
    /// Cells in order, both ways, without the set-up.
    pub(super) cells: u64,
}

impl Circuit {
    pub(super) fn new(role: Role, now: Duration) -> Self {
        Self { role, born: now, used: now, asked: None, cells: 0 }
    }

    /// Towards the initiator.
    pub(super) fn back(&self) -> Option<Joint> {
        match self.role {
            Role::Last { back, .. } | Role::Passed { back, .. } | Role::Relay { back, .. } => Some(back),
            Role::Opening { .. } | Role::Own { .. } => None,
        }
    }

    /// Towards the last node.
    pub(super) fn on(&self) -> Option<Joint> {
        match self.role {
            Role::Opening { on, .. } | Role::Own { on, .. } | Role::Passed { on, .. } | Role::Relay { on, .. } => {
                Some(on)
            }
            Role::Last { .. } => None,
        }
    }

    /// Whether the session's keys are still to be agreed on.
    pub(super) fn is_passed(&self) -> bool {
        matches!(self.role, Role::Passed { .. })
    }

    /// Agrees on the session's keys, if that was put off. Whether there are some: the initiator's fresh key had something in common with
    /// our onion key, and so has with any other key of ours (RFC 7748, section 6.1), or its set-up would not have been passed on.
    pub(super) fn settle(&mut self, rng: &mut impl CryptoRng) -> bool {
        let Role::Passed { back, on, taken } = &self.role else { return true };
        let Some((keys, answer)) = taken.accept(rng) else { return false };
        self.role = Role::Relay { back: *back, on: *on, hop: Hop::new(&keys), answer: Some(Box::new(answer)) };
        true
    }

    /// Whether the answer to the set-up is still due.
    pub(super) fn waits(&self) -> bool {
        matches!(self.role, Role::Opening { .. } | Role::Passed { .. } | Role::Relay { answer: Some(_), .. })
    }

    /// Whether it begins or ends here, so that somebody here wants to know of it.
    pub(super) fn is_end(&self) -> bool {
        !matches!(self.role, Role::Passed { .. } | Role::Relay { .. })
    }
}

/// What we keep of a neighbour.
#[derive(Default)]
struct Link {
    /// Circuits that it opened to us.
    opened: usize,
    set_ups: Bucket,
    /// The number of the circuit that we opened to it last.
    last: u16,
}

/// All circuits, found by either neighbour's id.
#[derive(Default)]
pub(super) struct Circuits {
    all: BTreeMap<TunnelId, Circuit>,
    by_joint: BTreeMap<Joint, TunnelId>,
    links: BTreeMap<Name, Link>,
    next: u64,
}

impl Circuits {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn find(&self, joint: Joint) -> Option<TunnelId> {
        self.by_joint.get(&joint).copied()
    }

    pub(super) fn of(&mut self, tunnel: TunnelId) -> Option<&mut Circuit> {
        self.all.get_mut(&tunnel)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (TunnelId, &Circuit)> {
        self.all.iter().map(|(&tunnel, circuit)| (tunnel, circuit))
    }

    /// How many circuits a neighbour has opened to us.
    pub(super) fn opened_by(&self, link: Name) -> usize {
        self.links.get(&link).map_or(0, |its| its.opened)
    }

    /// The bucket of a neighbour's set-ups.
    pub(super) fn set_ups(&mut self, link: Name) -> &mut Bucket {
        &mut self.links.entry(link).or_default().set_ups
    }

    /// An id for a circuit that we open to that neighbour. Numbers go round, so that late cells of a circuit that has
    /// ended do not meet a new one.
    pub(super) fn draw(&mut self, link: Name) -> Option<Joint> {
        let last = self.links.entry(link).or_default().last;
        let after = (last + 1..=CircuitId::MOST).chain(1..=last);
        let joints = after.filter_map(CircuitId::opened).map(|id| Joint { link, id: id.turned() });
        joints.into_iter().find(|joint| !self.by_joint.contains_key(joint))
    }

    /// Takes a circuit in.
    pub(super) fn insert(&mut self, circuit: Circuit) -> TunnelId {
        let tunnel = TunnelId(self.next);
        self.next += 1;
        for joint in [circuit.back(), circuit.on()].into_iter().flatten() {
            self.by_joint.insert(joint, tunnel);
            let link = self.links.entry(joint.link).or_default();
            if joint.id.is_writers() { link.opened += 1 } else { link.last = joint.id.wire() }
        }
        self.all.insert(tunnel, circuit);
        tunnel
    }

    /// Takes a circuit out.
    pub(super) fn remove(&mut self, tunnel: TunnelId) -> Option<Circuit> {
        let circuit = self.all.remove(&tunnel)?;
        for joint in [circuit.back(), circuit.on()].into_iter().flatten() {
            self.by_joint.remove(&joint);
            if joint.id.is_writers()
                && let Some(link) = self.links.get_mut(&joint.link)
            {
                link.opened = link.opened.saturating_sub(1);
            }
        }
        Some(circuit)
    }

    /// The circuits over the link to a neighbour.
    pub(super) fn over(&self, link: Name) -> BTreeSet<TunnelId> {
        let first = Joint { link, id: CircuitId::LEAST };
        self.by_joint.range(first..).take_while(|(joint, _)| joint.link == link).map(|(_, &tunnel)| tunnel).collect()
    }

    /// Forgets what is kept of a neighbour beside its circuits.
    pub(super) fn forget(&mut self, link: Name) {
        self.links.remove(&link);
    }
}
