//! A request's way, seen from above: the search in depth of `grid`'s requests, in which no node takes part twice.
//!
//! Each node on the way chooses by [`Leg::next_hop`], and where no move is open the request goes back to the one before,
//! which tries another. The origin allows `d` hops first and two more if these do not suffice, as the state machine does.

use grid::cell::{Cell, Shape};
use grid::neighbours::Neighbours;
use grid::route::Leg;
use rand_core::Rng;

use crate::field::Node;

/// Hops beyond `d` that are allowed for sidesteps when the first search has failed.
const SIDESTEPS: u8 = 2;
/// Messages after which a search is given up: what the five seconds that an origin waits for an answer allow where a
/// message takes 80 ms.
const PATIENCE: u32 = 64;

/// A walk under way; kept between walks, so that its lists are made once.
#[derive(Debug, Default)]
pub struct Walk {
    /// The way so far: who has the request, after whom it was handed over.
    path: Vec<Node>,
    /// Everybody who has had it, by name.
    visited: Vec<u64>,
    /// Messages sent: the request's hops, and those on which it went back.
    messages: u32,
}

/// How a walk ended that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Links crossed by the search that arrived.
    pub hops: u8,
    /// Messages in all, those of searches in vain included; answers are not counted.
    pub messages: u32,
}

impl Walk {
    /// Sends a request from a node to a cell, over nodes for which `usable` holds; `None` if it does not arrive.
    pub fn go<N: Neighbours<Node = Node>, R: Rng>(
        &mut self,
        shape: Shape,
        world: &N,
        (from, target): (Node, Cell),
        usable: impl Fn(Node) -> bool,
        rng: &mut R,
    ) -> Option<Arrival> {
        self.messages = 0;
        [shape.dims(), shape.dims() + SIDESTEPS].into_iter().find_map(|allowed| {
            self.begin(from);
            let patience = self.messages + PATIENCE;
            self.search(shape, world, (target, allowed, patience), &usable, rng)
        })
    }

    /// The nodes of the way that arrived, the origin first.
    pub fn path(&self) -> &[Node] {
        &self.path
    }

    fn begin(&mut self, from: Node) {
        self.path.clear();
        self.visited.clear();
        self.path.push(from);
        self.visited.push(from.name());
    }

    fn search<N: Neighbours<Node = Node>, R: Rng>(
        &mut self,
        shape: Shape,
        world: &N,
        (target, allowed, patience): (Cell, u8, u32),
        usable: impl Fn(Node) -> bool,
        rng: &mut R,
    ) -> Option<Arrival> {
        loop {
            let here = self.path.last()?.cell();
            // A way is never longer than `allowed`, since no move is chosen that the hops left do not afford.
            let hops = u8::try_from(self.path.len() - 1).unwrap_or(u8::MAX);
            if here == target {
                return Some(Arrival { hops, messages: self.messages });
            }
            if self.messages >= patience {
                return None;
            }
            let leg = Leg { here, target, hops_left: allowed.saturating_sub(hops) };
            let open = |node: Node| usable(node) && !self.visited.contains(&node.name());
            match leg.next_hop(shape, world, open, rng) {
                Some(next) => {
                    self.path.push(next);
                    self.visited.push(next.name());
                }
                None => {
                    self.path.pop();
                    if self.path.is_empty() {
                        return None;
                    }
                }
            }
            self.messages += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::field::Field;

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
            let arrival = walk.go(shape, &field, pair, |_| true, Chance::new(seed).generator()).unwrap();
            let cells: Vec<_> = walk.path().iter().map(|node| node.cell()).collect();
            assert_eq!(cells, [cell(0, 0), cell(0, 1), cell(2, 1), cell(2, 2)]);
            assert_eq!(arrival.hops, 3);
            messages.insert(arrival.messages);
        }
        // Straight there; or to the dead end and back first.
        assert_eq!(messages.into_iter().collect::<Vec<_>>(), [3, 5]);
        let mut walk = Walk::default();
        let cut = |node: Node| node.cell() != cell(2, 1);
        assert_eq!(walk.go(shape, &field, (from, cell(2, 2)), cut, Chance::new(1).generator()), None);
    }

    #[test]
    fn nobody_has_a_request_twice() {
        let shape = Shape::new(3, 5).unwrap();
        let field = Field::random(shape, 100, 3).unwrap();
        let mut chance = Chance::new(4);
        let mut walk = Walk::default();
        for _ in 0..2000 {
            let pair = (field.random_node(&mut chance).unwrap(), field.random_node(&mut chance).unwrap().cell());
            let arrived = walk.go(shape, &field, pair, |_| true, chance.generator());
            let distinct: std::collections::BTreeSet<_> = walk.visited.iter().collect();
            assert_eq!(distinct.len(), walk.visited.len());
            assert!(arrived.is_none_or(|arrival| arrival.hops <= 5));
        }
    }
}
