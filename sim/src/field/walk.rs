//! A request's way, seen from above: the search in depth of `grid`'s requests, in which no node takes part twice.
//!
//! Each node on the way chooses by [`Leg::next_hop`], and where no move is open the request goes back to the one before,
//! which tries another. The origin allows `d` hops first and two more if these do not suffice, as the state machine does.

use core::time::Duration;

use grid::cell::{Cell, MAX_DIMS};
use grid::neighbours::{Cost, Neighbours};
use grid::route::Leg;
use rand_core::Rng;

use crate::field::{Field, Node};

/// Hops beyond `d` that are allowed for sidesteps when the first search has failed.
const SIDESTEPS: u8 = 2;
/// Messages after which a search is given up: what the five seconds that an origin waits for an answer allow where a
/// message takes 80 ms.
const PATIENCE: u32 = 64;

/// What a walk goes through: a field, and what its nodes know and do of which the field says nothing.
pub trait World {
    /// Who is where.
    fn field(&self) -> &Field;

    /// What the one who chooses expects of a candidate, for a request to a cell.
    fn cost(&self, chooser: Node, candidate: Node, target: Cell) -> Cost;

    /// How many candidates are compared by cost.
    fn compared(&self) -> usize;

    /// Whether a node drops what it is given, so that the walk ends with it.
    fn drops(&self, _: Node) -> bool {
        false
    }
}

/// All cost the same: there is no time here.
impl World for Field {
    fn field(&self) -> &Field {
        self
    }

    fn cost(&self, _: Node, _: Node, _: Cell) -> Cost {
        Cost { suspected: false, delay: Duration::ZERO }
    }

    fn compared(&self) -> usize {
        1
    }
}

/// A world as the node sees it that has to choose.
struct View<'a, W> {
    world: &'a W,
    chooser: Node,
    target: Cell,
    /// Whether the request has been tried in vain before: then any candidate is taken.
    again: bool,
}

impl<W: World> Neighbours for View<'_, W> {
    type Node = Node;

    fn count_in(&self, cell: Cell) -> usize {
        self.world.field().count(cell).into()
    }

    fn node_in(&self, cell: Cell, number: usize) -> Option<Node> {
        self.world.field().node_in(cell, number)
    }

    fn counts_towards(&self, here: Cell, target: Cell) -> [usize; MAX_DIMS as usize] {
        self.world.field().counts_towards(here, target)
    }

    /// None: in a field that is not nearly empty nobody needs any.
    fn bridges(&self) -> impl Iterator<Item = (Node, Cell)> {
        core::iter::empty()
    }

    fn cost(&self, node: Node) -> Cost {
        self.world.cost(self.chooser, node, self.target)
    }

    fn compared(&self) -> usize {
        if self.again { 1 } else { self.world.compared() }
    }
}

/// Where a request is to go.
pub trait Goal: Copy {
    /// The cell in which the request ends.
    fn cell(self) -> Cell;

    /// Whether it ends with this node.
    fn is_at(self, node: Node) -> bool;

    /// The node that it goes to next because it is to end there, for who has it in this cell.
    fn within_reach(self, here: Cell) -> Option<Node>;
}

/// To any node of the cell.
impl Goal for Cell {
    fn cell(self) -> Cell {
        self
    }

    fn is_at(self, node: Node) -> bool {
        node.cell() == self
    }

    fn within_reach(self, _: Cell) -> Option<Node> {
        None
    }
}

/// Where a request is to go that may be for a cell or for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To any node of a cell.
    Cell(Cell),
    /// To one node, to whom all its neighbours have a link.
    Node(Node),
}

impl Goal for Aim {
    fn cell(self) -> Cell {
        match self {
            Self::Cell(cell) => cell,
            Self::Node(node) => node.cell(),
        }
    }

    fn is_at(self, node: Node) -> bool {
        match self {
            Self::Cell(cell) => cell.is_at(node),
            Self::Node(aim) => node == aim,
        }
    }

    fn within_reach(self, here: Cell) -> Option<Node> {
        match self {
            Self::Node(aim) if here.is_neighbour(&aim.cell()) => Some(aim),
            Self::Cell(_) | Self::Node(_) => None,
        }
    }
}

/// A walk under way; kept between walks, so that its lists are made once.
#[derive(Debug, Default)]
pub struct Walk {
    /// The way so far: who has the request, after whom it was handed over.
    path: Vec<Node>,
    /// Everybody who has had it, by name.
    visited: Vec<u64>,
    /// Messages sent: the request's hops, and those on which it went back.
    messages: u32,
    /// See [`Walk::set_again`].
    again: bool,
}

/// How a walk ended that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Links crossed by the search that arrived.
    pub hops: u8,
    /// Messages in all, those of searches in vain included; answers are not counted.
    pub messages: u32,
}

/// How a search ended.
enum End {
    Arrived,
    /// Somebody has dropped it: the last of the path.
    Dropped,
    /// No way was found with the hops allowed.
    Vain,
}

impl Walk {
    /// Sends a request from a node, over nodes for which `usable` holds; `None` if it does not arrive.
    ///
    /// One who drops requests is on the [`path`](Self::path) as its last; a node that is aimed at is always usable.
    pub fn go<W: World, R: Rng>(
        &mut self,
        world: &W,
        (from, goal): (Node, impl Goal),
        usable: impl Fn(Node) -> bool,
        rng: &mut R,
    ) -> Option<Arrival> {
        self.messages = 0;
        let dims = world.field().shape().dims();
        for allowed in [dims, dims + SIDESTEPS] {
            self.begin(from);
            let patience = self.messages + PATIENCE;
            match self.search(world, (goal, allowed, patience, self.again || allowed > dims), &usable, rng) {
                End::Arrived => return Some(Arrival { hops: self.hops(), messages: self.messages }),
                End::Dropped => return None,
                End::Vain => {}
            }
        }
        None
    }

    /// Whether the next requests have been tried in vain before: then their hops are any of those that lead on, as in the
    /// state machine.
    pub const fn set_again(&mut self, again: bool) {
        self.again = again;
    }

    /// The nodes of the way on which the request is, or has arrived, or was lost; the origin first. Empty if it has
    /// come back to the origin, who knows no other way.
    pub fn path(&self) -> &[Node] {
        &self.path
    }

    /// Messages of the last walk, those of searches in vain included; answers are not counted.
    pub const fn messages(&self) -> u32 {
        self.messages
    }

    fn begin(&mut self, from: Node) {
        self.path.clear();
        self.visited.clear();
        self.path.push(from);
        self.visited.push(from.name());
    }

    /// A way is never longer than what is allowed, since no move is chosen that the hops left do not afford.
    fn hops(&self) -> u8 {
        u8::try_from(self.path.len().saturating_sub(1)).unwrap_or(u8::MAX)
    }

    fn search<W: World, R: Rng>(
        &mut self,
        world: &W,
        (goal, allowed, patience, again): (impl Goal, u8, u32, bool),
        usable: impl Fn(Node) -> bool,
        rng: &mut R,
    ) -> End {
        while let Some(&chooser) = self.path.last() {
            let hops = self.hops();
            // Nobody drops a request of its own.
            if hops > 0 && world.drops(chooser) {
                return End::Dropped;
            }
            if goal.is_at(chooser) {
                return End::Arrived;
            }
            if self.messages >= patience {
                return End::Vain;
            }
            let leg = Leg { here: chooser.cell(), target: goal.cell(), hops_left: allowed.saturating_sub(hops) };
            let open = |node: Node| usable(node) && !self.visited.contains(&node.name());
            let view = View { world, chooser, target: leg.target, again };
            let next = goal.within_reach(leg.here);
            match next.or_else(|| leg.next_hop(world.field().shape(), &view, open, rng)) {
                Some(next) => {
                    self.path.push(next);
                    self.visited.push(next.name());
                }
                None => {
                    self.path.pop();
                    if self.path.is_empty() {
                        return End::Vain;
                    }
                }
            }
            self.messages += 1;
        }
        End::Vain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::field::Field;
    use grid::cell::Shape;

    #[test]
    fn a_dead_end_is_left_again_and_a_sidestep_taken() {
        // From [0,0] to [2,2] in a grid of 3 x 3. Both corners are vacant, so two hops do not suffice; three do, by way
        // of [0,1] but not of [1,0].
        let shape = Shape::new(2, 3).unwrap();
        let cell = |a, b| shape.cell(&[a, b]).unwrap();
        let field = Field::of_cells(shape, [cell(0, 0), cell(0, 1), cell(2, 1), cell(2, 2), cell(1, 0)]).unwrap();
        let from = field.node(0).unwrap();
        let mut messages = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let mut walk = Walk::default();
            let pair = (from, cell(2, 2));
            let arrival = walk.go(&field, pair, |_| true, Chance::new(seed).generator()).unwrap();
            let cells: Vec<_> = walk.path().iter().map(|node| node.cell()).collect();
            assert_eq!(cells, [cell(0, 0), cell(0, 1), cell(2, 1), cell(2, 2)]);
            assert_eq!(arrival.hops, 3);
            messages.insert(arrival.messages);
        }
        // Straight there; or to the dead end and back first.
        assert_eq!(messages.into_iter().collect::<Vec<_>>(), [3, 5]);
        let mut walk = Walk::default();
        let cut = |node: Node| node.cell() != cell(2, 1);
        assert_eq!(walk.go(&field, (from, cell(2, 2)), cut, Chance::new(1).generator()), None);
    }

    #[test]
    fn nobody_has_a_request_twice() {
        let shape = Shape::new(3, 5).unwrap();
        let field = Field::random(shape, 100, 3).unwrap();
        let mut chance = Chance::new(4);
        let mut walk = Walk::default();
        for _ in 0..2000 {
            let from = field.random_node(&mut chance).unwrap();
            let pair = (from, field.random_node(&mut chance).unwrap().cell());
            let arrived = walk.go(&field, pair, |_| true, chance.generator());
            let distinct: std::collections::BTreeSet<_> = walk.visited.iter().collect();
            assert_eq!(distinct.len(), walk.visited.len());
            assert!(arrived.is_none_or(|arrival| arrival.hops <= 5));
        }
    }

    /// Every request for one node comes to it and to nobody else of its cell first, in as many hops as coordinates differ;
    /// one for a mate of the same cell takes one.
    #[test]
    fn a_node_is_found_by_its_neighbours() {
        let shape = Shape::new(3, 4).unwrap();
        let field = Field::random(shape, 640, 3).unwrap();
        let (mut chance, mut walk) = (Chance::new(4), Walk::default());
        for _ in 0..2000 {
            let [from, to] = [0; 2].map(|_| field.random_node(&mut chance).unwrap());
            let hops = if from == to { 0 } else { from.cell().distance(&to.cell()).max(1) };
            let arrival = walk.go(&field, (from, Aim::Node(to)), |node| node != to, chance.generator()).unwrap();
            assert_eq!((arrival.hops, arrival.messages, walk.path().last()), (hops, hops.into(), Some(&to)));
        }
    }
}
