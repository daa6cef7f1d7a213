//! Whom a node knows: the members of its lines, the links that are open, and how fast each neighbour answers.

mod conduct;
mod members;
mod prospect;
mod tally;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::cell::{Axis, Cell, MAX_DIMS, Shape};
use crate::id::NodeId;
use crate::level::Level;
use crate::load::{Load, Taken};
use crate::message::LineSummary;
use crate::peer::Peer;
use crate::time::Time;
use crate::ways::Ways;

use conduct::UNKNOWN_LATENCY;
pub(crate) use members::Member;
use members::Members;
pub(crate) use prospect::Choice;
use prospect::Outlook;
use tally::Tally;

/// Candidates for a next hop that are compared by cost; the design says two to four. More shorten the ways, and load the
/// nodes that lie best many times over: docs/decisions/016-route-choice.md.
pub const COMPARED: usize = 4;
/// The most that [`Neighbours::compared`] may say.
pub const MOST_COMPARED: usize = 16;

/// What the next-hop choice needs to know of a neighbourhood. The routing table implements it; so may a compact model.
pub trait Neighbours {
    /// How it names a node.
    type Node: Copy;
    /// How many nodes with open links are in a cell.
    fn count_in(&self, cell: Cell) -> usize;
    /// One of them, by a number below their count; `None` for a number that is not.
    fn node_in(&self, cell: Cell, number: usize) -> Option<Self::Node>;
    /// Linked nodes outside the neighbourhood that have offered to pass requests on.
    fn bridges(&self) -> impl Iterator<Item = (Self::Node, Cell)>;
    /// The expected cost of a hop: latency times the work that is already waiting there.
    fn cost(&self, node: Self::Node) -> Cost;

    /// How many candidates are compared by cost. One will do where all cost the same.
    fn compared(&self) -> usize {
        COMPARED
    }

    /// How many nodes with open links each move leads to that corrects a coordinate, by axis; 0 along the axes on which
    /// the cells agree.
    fn counts_towards(&self, here: Cell, target: Cell) -> [usize; MAX_DIMS as usize] {
        let mut counts = [0; _];
        for axis in here.differing_axes(&target) {
            counts[axis.index()] = self.count_in(here.with(axis, target.coordinate(axis)));
        }
        counts
    }

    /// The nodes with open links in a cell.
    fn linked_in(&self, cell: Cell) -> impl Iterator<Item = Self::Node> {
        (0..self.count_in(cell)).filter_map(move |number| self.node_in(cell, number))
    }
}

/// What a hop is expected to cost; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Suspected dead: taken last.
    pub suspected: bool,
    /// How long the answer is expected to take, losses included.
    pub delay: Duration,
}

/// How we stand with a node that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// In a cell that differs from ours in at most one coordinate.
    Neighbour,
    /// A stranger on its way in, or us on ours.
    Guest,
    /// A stranger with whom we pass requests on, because the grid is too sparse to go by neighbours alone.
    Bridge,
    /// It goes into the grid by us and does nothing for others: it is in no roster, and nothing is routed over it.
    Leaf,
}

impl Role {
    /// Whether it passes requests on for us, so that others may be told of it.
    pub(crate) const fn passes_on(self) -> bool {
        matches!(self, Self::Neighbour | Self::Bridge)
    }
}

/// The routing table. Every member has had a link to us at some time: hearsay does not get in here.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    shape: Shape,
    home: Cell,
    /// Candidates for a next hop that are compared.
    compared: usize,
    members: Members,
    /// What is asked of our lines again and again, kept up to date.
    tally: Tally,
    /// Members with open links, by cell; guests left out, so that nothing is routed over them. No empty lists.
    linked: BTreeMap<Cell, Vec<NodeId>>,
    outlook: Outlook,
    /// Requests that we have taken for others.
    taken: Taken,
}

/// Linked nodes in other cells of each line with which a node needs no bridges. Wild guess: with three, one may fail
/// and another be out of the way; in a grid with four nodes a cell a line has dozens.
const WELL_CONNECTED: usize = 3;

impl Table {
    pub(crate) fn new(shape: Shape, home: Cell, compared: usize) -> Self {
        let (members, tally, outlook) = (Members::default(), Tally::new(shape), Outlook::new(shape));
        let compared = compared.clamp(1, MOST_COMPARED);
        Self { shape, home, compared, members, tally, linked: BTreeMap::new(), outlook, taken: Taken::default() }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// A link to the node is open. A peer with a contact that we already know is not forgotten for one without.
    pub(crate) fn link(&mut self, peer: Peer, level: Level) -> Role {
        let (id, cell) = (peer.id(), peer.cell());
        if self.members.get(id).is_none() {
            let fresh = Member::new(peer.clone(), self.home);
            self.tally.enter(&fresh);
            self.members.insert(fresh);
        }
        let Some(member) = self.members.get_mut(id) else { return Role::Guest };
        if peer.has_contact() || !member.peer.has_contact() {
            member.peer = peer;
        }
        member.level = level;
        if level == Level::Leaf && member.role == Role::Neighbour {
            self.tally.set_role(member, Role::Leaf);
        }
        self.tally.set_linked(member, true);
        member.suspected = false;
        member.conduct.begin();
        let role = member.role;
        if role.passes_on() {
            self.index(id, cell);
        }
        role
    }

    fn index(&mut self, id: NodeId, cell: Cell) {
        let nodes = self.linked.entry(cell).or_default();
        if !nodes.contains(&id) {
            nodes.push(id);
        }
    }

    fn unindex(&mut self, id: NodeId, cell: Cell) {
        if let Some(nodes) = self.linked.get_mut(&cell) {
            nodes.retain(|&other| other != id);
            if nodes.is_empty() {
                self.linked.remove(&cell);
            }
        }
    }

    /// The link is gone; the node stays a member until it is removed. Strangers are removed at once.
    pub(crate) fn unlink(&mut self, id: NodeId) -> Option<Role> {
        let member = self.members.get_mut(id)?;
        self.tally.set_linked(member, false);
        let (role, cell) = (member.role, member.cell());
        self.unindex(id, cell);
        if role != Role::Neighbour {
            self.remove(id);
        }
        Some(role)
    }

    /// The node is gone.
    pub(crate) fn remove(&mut self, id: NodeId) -> Option<Peer> {
        let mut member = self.members.remove(id)?;
        self.tally.set_linked(&mut member, false);
        self.tally.leave(&member);
        self.unindex(id, member.cell());
        Some(member.peer)
    }

    /// A stranger becomes a bridge: requests may be passed over it.
    pub(crate) fn make_bridge(&mut self, id: NodeId) {
        self.change_role(id, Role::Bridge);
    }

    /// A stranger that is a leaf is let in: it may ask, and nothing is passed over it.
    pub(crate) fn make_leaf(&mut self, id: NodeId) {
        self.change_role(id, Role::Leaf);
    }

    /// A leaf on one of our lines has grown.
    pub(crate) fn make_neighbour(&mut self, id: NodeId) {
        self.change_role(id, Role::Neighbour);
    }

    fn change_role(&mut self, id: NodeId, role: Role) {
        let Some(member) = self.members.get_mut(id).filter(|member| member.linked) else { return };
        self.tally.set_role(member, role);
        let cell = member.cell();
        match role.passes_on() {
            true => self.index(id, cell),
            false => self.unindex(id, cell),
        }
    }

    /// How much a node that we know does for others, as it says.
    pub(crate) fn level(&self, id: NodeId) -> Option<Level> {
        self.members.get(id).map(|member| member.level)
    }

    /// Takes a newer card of a member; `true` if it was newer.
    pub(crate) fn update(&mut self, peer: &Peer) -> bool {
        match self.members.get_mut(peer.id()) {
            Some(member) if peer.supersedes(&member.peer) => {
                member.peer = peer.clone();
                true
            }
            Some(_) | None => false,
        }
    }

    pub(crate) fn peer(&self, id: NodeId) -> Option<&Peer> {
        self.members.get(id).map(|member| &member.peer)
    }

    pub(crate) fn role(&self, id: NodeId) -> Option<Role> {
        self.members.get(id).map(|member| member.role)
    }

    pub(crate) fn is_linked(&self, id: NodeId) -> bool {
        self.members.get(id).is_some_and(|member| member.linked)
    }

    pub(crate) fn suspect(&mut self, id: NodeId, suspected: bool) {
        if let Some(member) = self.members.get_mut(id) {
            member.suspected = suspected;
        }
    }

    pub(crate) fn is_suspected(&self, id: NodeId) -> bool {
        self.members.get(id).is_some_and(|member| member.suspected)
    }

    /// A neighbour has given a sign of life so long after it was asked for one.
    pub(crate) fn observe(&mut self, now: Time, id: NodeId, sample: Duration) {
        self.conduct_of(id, |conduct| conduct.observe(now, sample));
    }

    /// A node is given a request.
    pub(crate) fn hand_over(&mut self, now: Time, id: NodeId) {
        self.conduct_of(id, |conduct| conduct.hand_over(now));
    }

    /// The first that a node says of a request that it was given at `since`.
    pub(crate) fn heard(&mut self, now: Time, id: NodeId, since: Time) {
        self.conduct_of(id, |conduct| conduct.heard(now, since));
    }

    /// A node gives a request back that it was given at `since`, or has it no more for reasons of ours.
    pub(crate) fn give_back(&mut self, id: NodeId, since: Time) {
        self.conduct_of(id, |conduct| conduct.give_back(since));
    }

    /// Nothing came of a request that a node was given at `since`.
    pub(crate) fn lost(&mut self, now: Time, id: NodeId, since: Time) {
        self.conduct_of(id, |conduct| conduct.lost(now, since));
    }

    /// A node has brought the answer to a request that it was given at `since`; with a `target`, the answer needed no more
    /// time than the way.
    pub(crate) fn brought(&mut self, now: Time, id: NodeId, since: Time, target: Option<Cell>) {
        let Some(member) = self.members.get(id) else { return };
        let latency = member.conduct.latency().unwrap_or(UNKNOWN_LATENCY);
        let expected = target.map(|target| latency.saturating_add(self.way_from(member, target)));
        self.conduct_of(id, |conduct| {
            conduct.heard(now, since);
            conduct.brought(now);
            if let Some(expected) = expected {
                conduct.note_lateness(now.since(since), expected);
            }
        });
    }

    /// A node has a request no more that it was given at `since`, for another node has brought the answer meanwhile.
    pub(crate) fn overtaken(&mut self, now: Time, id: NodeId, since: Time, target: Cell) {
        let Some(member) = self.members.get(id) else { return };
        let expected =
            member.conduct.latency().unwrap_or(UNKNOWN_LATENCY).saturating_add(self.way_from(member, target));
        self.conduct_of(id, |conduct| conduct.overtaken(now, since, expected));
    }

    fn conduct_of(&mut self, id: NodeId, change: impl FnOnce(&mut conduct::Conduct)) {
        if let Some(member) = self.members.get_mut(id) {
            change(&mut member.conduct);
        }
    }

    /// A node says how far it is from it along each axis, and how much it has taken for others.
    pub(crate) fn tell(&mut self, now: Time, id: NodeId, (ways, load): (Ways, Load)) {
        self.conduct_of(id, |conduct| conduct.tell(ways, load));
        self.renew_outlook(now);
    }

    /// We take a request for somebody.
    pub(crate) fn take(&mut self, now: Time) {
        self.taken.count(now);
    }

    /// How much we have taken for others.
    pub(crate) fn load(&self, now: Time) -> Load {
        self.taken.load(now)
    }

    /// All members, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn latency(&self, id: NodeId) -> Option<Duration> {
        self.members.get(id)?.conduct.latency()
    }

    /// How much a node has taken for others, as it has said.
    pub(crate) fn load_of(&self, id: NodeId) -> Option<Load> {
        self.members.get(id)?.conduct.load()
    }

    /// Members of that role.
    pub(crate) fn count(&self, role: Role) -> usize {
        self.tally.count(role)
    }

    /// The neighbours, by name: the rosters of all our lines together.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_neighbour())
    }

    pub(crate) fn linked_neighbours(&self) -> impl Iterator<Item = &Member> {
        self.neighbours().filter(|member| member.linked)
    }

    /// Whether a link leads to another cell of our line along an axis.
    pub(crate) fn has_link_along(&self, axis: Axis) -> bool {
        self.tally.linked_along(axis) > 0
    }

    /// Whether no neighbour is linked.
    pub(crate) fn is_alone(&self) -> bool {
        self.tally.linked_neighbours() == 0
    }

    /// Whether nobody at all is linked, no stranger either.
    pub(crate) fn has_no_links(&self) -> bool {
        !self.iter().any(Member::is_linked)
    }

    /// The roster of one of our lines, without ourselves.
    pub(crate) fn line(&self, axis: Axis) -> impl Iterator<Item = &Member> {
        self.neighbours().filter(move |member| member.axis().is_none_or(|its| its == axis))
    }

    /// Whether a cell lies on our line along `axis`.
    pub(crate) fn is_on_line(&self, axis: Axis, cell: Cell) -> bool {
        cell == self.home || self.home.shared_line(&cell) == Some(axis)
    }

    /// One of our lines in short, ourselves included.
    pub(crate) fn summary(&self, axis: Axis, me: NodeId) -> LineSummary {
        self.tally.summary(axis, me)
    }

    /// Whether some line of ours has hardly a linked node but in our own cell: then neighbours alone may not lead
    /// everywhere.
    pub(crate) fn is_sparse(&self) -> bool {
        self.shape.axes().any(|axis| self.tally.linked_along(axis) < WELL_CONNECTED)
    }

    /// Whether a roster has anybody in a cell, linked or not, besides one node that does not count.
    pub(crate) fn is_occupied(&self, cell: Cell, except: Option<NodeId>) -> bool {
        cell == self.home || self.neighbours().any(|member| member.cell() == cell && Some(member.id()) != except)
    }

    /// The nodes by which a leaf goes into the grid: linked neighbours and strangers that let it in.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.linked && member.role.passes_on())
    }

    /// Linked nodes outside the neighbourhood with whom we pass requests on, and their cells.
    pub(crate) fn bridges(&self) -> impl Iterator<Item = (NodeId, Cell)> {
        let bridge = |member: &&Member| member.role == Role::Bridge && member.linked;
        self.members.iter().filter(bridge).map(|member| (member.id(), member.cell()))
    }

    /// The linked nodes of our own cell.
    pub(crate) fn mates(&self) -> &[NodeId] {
        self.links_to(self.home)
    }

    /// The linked nodes of a cell.
    pub(crate) fn links_to(&self, cell: Cell) -> &[NodeId] {
        self.linked.get(&cell).map_or(&[], Vec::as_slice)
    }

    /// Those of them that nothing speaks against: worth waiting for.
    pub(crate) fn mates_alive(&self) -> Vec<NodeId> {
        self.mates().iter().copied().filter(|&id| !self.is_suspected(id)).collect()
    }
}
