//! The members of a routing table, in the order of their names.
//!
//! Sorted lists rather than a tree: a node is asked for one member with every message and for all of them with every
//! comparison of rosters, while members come and go seldom. The first eight bytes of the names lie in a list of their
//! own, so that a search touches one or two lines of cache.

use alloc::vec::Vec;

use crate::cell::{Axis, Cell};
use crate::chance::scale;
use crate::id::{NodeId, leading_number};
use crate::level::Level;
use crate::neighbours::Role;
use crate::neighbours::conduct::Conduct;
use crate::peer::Peer;

/// A node that we know.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    id: NodeId,
    cell: Cell,
    /// The axis of the line that its cell shares with ours; `None` in our own cell, and far from our lines.
    axis: Option<Axis>,
    pub(super) peer: Peer,
    pub(super) role: Role,
    pub(super) level: Level,
    pub(super) linked: bool,
    pub(super) suspected: bool,
    pub(super) conduct: Conduct,
}

impl Member {
    pub(super) fn new(peer: Peer, home: Cell) -> Self {
        let (id, cell) = (peer.id(), peer.cell());
        let role = if home.is_neighbour(&cell) { Role::Neighbour } else { Role::Guest };
        let axis = home.shared_line(&cell);
        let conduct = Conduct::default();
        Self { id, cell, axis, peer, role, level: Level::Normal, linked: false, suspected: false, conduct }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn cell(&self) -> Cell {
        self.cell
    }

    pub(crate) fn axis(&self) -> Option<Axis> {
        self.axis
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.linked
    }

    pub(crate) fn is_suspected(&self) -> bool {
        self.suspected
    }

    pub(crate) fn is_neighbour(&self) -> bool {
        self.role == Role::Neighbour
    }

    /// The first eight bytes of its name as a number.
    pub(super) fn leading(&self) -> u64 {
        leading(self.id)
    }
}

/// How far from where a name is expected it is looked for first: the place of one of 150 uniform numbers has a standard
/// deviation of at most 6, and two lines of cache hold 16.
const FIRST_WIDTH: usize = 8;

/// All members, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// [`Member::leading`] of each of `list`.
    leading: Vec<u64>,
    /// In the order of the names, which is that of `leading`.
    list: Vec<Member>,
}

impl Members {
    /// Where a member is, or where it would have to be put.
    fn find(&self, id: NodeId) -> Result<usize, usize> {
        let wanted = leading(id);
        let mut place = self.lower_bound(wanted);
        // Two names that begin with the same eight bytes are next to impossible, and no reason to fail.
        while self.list.get(place).is_some_and(|member| member.leading() == wanted && member.id < id) {
            place += 1;
        }
        if self.list.get(place).is_some_and(|member| member.id == id) { Ok(place) } else { Err(place) }
    }

    /// The first place whose number is not below `wanted`. Names are hashes, so the value says about where it is; names
    /// that somebody chose cost no more than a search by halves.
    fn lower_bound(&self, wanted: u64) -> usize {
        let count = self.leading.len();
        let guess = usize::try_from(scale(wanted, count as u64)).unwrap_or(0);
        let mut width = FIRST_WIDTH;
        loop {
            let (least, greatest) = (guess.saturating_sub(width), (guess + width).min(count));
            let begins = least == 0 || self.leading[least - 1] < wanted;
            let ends = greatest == count || self.leading[greatest] >= wanted;
            if begins && ends {
                return least + self.leading[least..greatest].partition_point(|&number| number < wanted);
            }
            width *= 4;
        }
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Member> {
        self.find(id).ok().map(|place| &self.list[place])
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Option<&mut Member> {
        self.find(id).ok().map(|place| &mut self.list[place])
    }

    /// Adds a member, unless it is there already.
    pub(super) fn insert(&mut self, member: Member) {
        if let Err(place) = self.find(member.id) {
            self.leading.insert(place, member.leading());
            self.list.insert(place, member);
        }
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Member> {
        let place = self.find(id).ok()?;
        self.leading.remove(place);
        Some(self.list.remove(place))
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.list.iter()
    }
}

/// The first eight bytes of a name as a number.
pub(super) fn leading(id: NodeId) -> u64 {
    leading_number(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;
    use crate::peer::{Card, Facts, Verifier};
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    struct Anybody(NodeId);

    impl Verifier for Anybody {
        type Error = ();

        fn verify(&self, _: &Card) -> Result<Facts, ()> {
            let cell = Shape::new(2, 4).unwrap().cell_at(leading(self.0));
            Ok(Facts { id: self.0, cell, issued: 0, contact_version: 0 })
        }
    }

    fn member(id: NodeId) -> Member {
        let card = Card { identity: [][..].into(), credential: [][..].into(), contact: None };
        Member::new(Peer::check(card, &Anybody(id)).unwrap(), Shape::new(2, 4).unwrap().cell_at(0))
    }

    /// Names of which some begin alike, some are next to each other, and most are spread as hashes are.
    fn name() -> impl Strategy<Value = NodeId> {
        let leading = prop_oneof![4 => any::<u64>(), 1 => 0..3_u64, 1 => (u64::MAX - 2)..];
        (leading, 0..3_u8).prop_map(|(leading, last)| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&leading.to_be_bytes());
            bytes[31] = last;
            NodeId::from_bytes(bytes)
        })
    }

    proptest! {
        /// They behave as a map does that is sorted by name.
        #[test]
        fn members_are_a_sorted_map(names in prop::collection::vec((name(), 0..4_u8), 1..200)) {
            let (mut members, mut map) = (Members::default(), BTreeMap::new());
            for &(id, what) in &names {
                if what == 0 {
                    prop_assert_eq!(members.remove(id).map(|member| member.id), map.remove(&id));
                } else {
                    members.insert(member(id));
                    map.insert(id, id);
                }
                prop_assert!(members.iter().map(Member::id).eq(map.keys().copied()));
            }
            for (id, _) in names {
                prop_assert_eq!(members.get(id).map(Member::id), map.get(&id).copied());
            }
        }
    }
}
