//! The links of a period, of all nodes at once.

use grid::mimics::{Candidate, Seed, drawn};

use super::net::Net;

/// For each node a list of nodes, in order.
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Of pairs of a node and what is on its list; repeated ones count once.
    fn of_pairs(nodes: u32, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0; nodes as usize + 1];
        for &(node, _) in &pairs {
            starts[node as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            starts[node + 1] += starts[node];
        }
        Self { starts, items: pairs.into_iter().map(|(_, item)| item).collect() }
    }

    /// A node's list.
    pub(super) fn of(&self, node: u32) -> &[u32] {
        &self.items[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    pub(super) fn has(&self, node: u32, item: u32) -> bool {
        self.of(node).binary_search(&item).is_ok()
    }

    /// Where in all lists together an item of a node's list stands.
    pub(super) fn position(&self, node: u32, item: u32) -> Option<usize> {
        self.of(node).binary_search(&item).ok().map(|place| self.starts[node as usize] as usize + place)
    }

    /// Of all lists together, how many items.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// The part of all lists together that is a node's.
    pub(super) fn range(&self, node: u32) -> core::ops::Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }
}

/// Who may follow whom.
pub(super) struct Graph {
    /// From each node, its possible successors.
    pub(super) onward: Lists,
    /// From each node, its possible predecessors; none where they are the same.
    backward: Option<Lists>,
}

impl Graph {
    /// What everybody draws with a seed: in both directions, or in one.
    pub(super) fn draw(net: &Net, seed: &Seed, mimics: usize, both: bool) -> Self {
        let mut pairs = draws(net, seed, mimics);
        if both {
            let reversed: Vec<_> = pairs.iter().map(|&(one, other)| (other, one)).collect();
            pairs.extend(reversed);
            return Self { onward: Lists::of_pairs(net.nodes(), pairs), backward: None };
        }
        let reversed = pairs.iter().map(|&(one, other)| (other, one)).collect();
        let backward = Some(Lists::of_pairs(net.nodes(), reversed));
        Self { onward: Lists::of_pairs(net.nodes(), pairs), backward }
    }

    pub(super) fn backward(&self) -> &Lists {
        self.backward.as_ref().unwrap_or(&self.onward)
    }
}

/// Each node with each that it draws.
fn draws(net: &Net, seed: &Seed, mimics: usize) -> Vec<(u32, u32)> {
    let shape = net.shape();
    let mut pairs = Vec::with_capacity(net.nodes() as usize * mimics * 2);
    for axis in shape.axes() {
        let first = |index: &u64| shape.cell_at(*index).coordinate(axis).index() == 0;
        for cell in (0..shape.cells()).filter(first) {
            let line: Vec<Candidate> = net.line(shape.cell_at(cell), axis);
            for member in &line {
                let found = drawn(seed, member, axis, shape.dims(), &line, mimics);
                pairs.extend(found.iter().map(|id| (Net::number(&member.id), Net::number(id))));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::tunnels::period;
    use grid::cell::Shape;
    use grid::mimics::links;

    #[test]
    fn the_graph_is_that_of_the_code_that_ships() {
        let shape = Shape::new(3, 4).unwrap();
        let (net, seed) = (Net::draw(shape, 300, &mut Chance::new(1)), period(1, 0));
        let (both, drawn) = (Graph::draw(&net, &seed, 10, true), Graph::draw(&net, &seed, 10, false));
        for node in 0..net.nodes() {
            let home = net.home(node);
            let line = |axis| links(&seed, &home, axis, 3, &net.line(home.cell, axis), 10);
            let mut expected: Vec<_> = shape.axes().flat_map(line).map(|id| Net::number(&id)).collect();
            expected.sort_unstable();
            assert_eq!(both.onward.of(node), expected);
            assert_eq!(drawn.onward.of(node).len(), 10);
            assert!(drawn.backward().of(node).iter().all(|&other| drawn.onward.has(other, node)));
            assert_eq!(net.neighbours(node).count(), net.neighbour_count(node) as usize);
            assert!(net.neighbours(node).all(|other| net.are_neighbours(node, other)));
        }
    }
}
