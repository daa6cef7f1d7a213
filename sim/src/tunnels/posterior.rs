//! Who may have begun a tunnel: all ways that lead to what an observer saw, with their chances.
//!
//! An observer knows the last few nodes of a way, in their order. All ways of the right length that end so are walked
//! backwards, and each counts with the chance that its initiator draws it: the product, over its hops, of one by the number
//! of successors that were left, those being no successors that are on the way already. With initiators that are alike
//! before anything is seen, the sums for each are the posterior. Nothing is approximated.

use super::graph::Graph;
use super::net::Net;

/// The longest way: an initiator, four relays, a last node.
const LONGEST: usize = 6;

/// What is known of a tunnel.
pub(super) struct Sight<'a> {
    pub(super) net: &'a Net,
    pub(super) graph: &'a Graph,
    /// The last nodes of the way, as far as it was seen, in the order of the way; at least two.
    pub(super) seen: &'a [u32],
    /// Whether the last of them is the last node, drawn of all neighbours, and not a relay.
    pub(super) last: bool,
    /// Nodes before the first that was seen, the initiator's among them.
    pub(super) before: usize,
    /// Who may be on the way before that: for instance nobody who is the observer's.
    pub(super) possible: &'a dyn Fn(u32) -> bool,
}

impl Sight<'_> {
    /// Calls `each` with every way that is possible, from the initiator on, and its chance.
    pub(super) fn ways(&self, each: &mut dyn FnMut(&[u32], f64)) {
        let length = self.before + self.seen.len();
        let mut way = [0; LONGEST];
        way[self.before..length].copy_from_slice(self.seen);
        self.step_back(&mut way[..length], self.before, each);
    }

    /// Fills in what stands before `first`.
    fn step_back(&self, way: &mut [u32], first: usize, each: &mut dyn FnMut(&[u32], f64)) {
        if first == 0 {
            return each(way, self.chance(way));
        }
        for &node in self.graph.backward().of(way[first]) {
            if !way[first..].contains(&node) && (self.possible)(node) {
                way[first - 1] = node;
                self.step_back(way, first - 1, each);
            }
        }
    }

    /// The chance that the first of a way draws it.
    fn chance(&self, way: &[u32]) -> f64 {
        (0..way.len() - 1).map(|hop| 1.0 / self.choices(way, hop)).product()
    }

    /// Among how many the node at `hop` of a way has its successor drawn.
    fn choices(&self, way: &[u32], hop: usize) -> f64 {
        let node = way[hop];
        let counted = |all: usize, gone: usize| f64::from(u32::try_from(all - gone).unwrap_or(u32::MAX));
        if self.last && hop + 2 == way.len() {
            let gone = way[..hop].iter().filter(|&&earlier| self.net.are_neighbours(node, earlier)).count();
            return counted(self.net.neighbour_count(node) as usize, gone);
        }
        let onward = &self.graph.onward;
        let gone = way[..hop].iter().filter(|&&earlier| onward.has(node, earlier)).count();
        counted(onward.of(node).len(), gone)
    }
}

/// Spreads what each node has evenly over its neighbours, so many times: the posterior of a way whose every hop is drawn
/// from all neighbours. Ways that come back to where they were are not left out, as there are one in 230 at each hop.
pub(super) fn spread(net: &Net, from: u32, hops: usize) -> Vec<f64> {
    let mut mass = vec![0.0; net.nodes() as usize];
    mass[from as usize] = 1.0;
    for _ in 0..hops {
        let given = |node: u32| net.neighbours(node).map(|other| mass[other as usize]).sum::<f64>();
        mass = (0..net.nodes()).map(|node| given(node) / f64::from(net.neighbour_count(node).max(1))).collect();
    }
    mass
}

/// Shannon's entropy of weights, in bits; they need not add up to one. 0 where there are none.
pub(super) fn entropy(weights: &[f64]) -> f64 {
    let whole: f64 = weights.iter().sum();
    if whole <= 0.0 {
        return 0.0;
    }
    let shares = weights.iter().map(|weight| weight / whole).filter(|&share| share > 0.0);
    shares.map(|share| -share * share.log2()).sum()
}

/// The share of the largest.
pub(super) fn greatest(weights: &[f64]) -> f64 {
    let whole: f64 = weights.iter().sum();
    if whole <= 0.0 { 0.0 } else { weights.iter().copied().fold(0.0, f64::max) / whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::tunnels::route::{Router, honest};
    use crate::tunnels::{Links, period};
    use grid::cell::Shape;

    /// What the observer computes is how often initiators have such tunnels, when many are drawn by the code that ships.
    #[test]
    fn chances_are_frequencies() {
        let shape = Shape::new(2, 3).unwrap();
        let mut chance = Chance::new(5);
        let net = Net::draw(shape, 40, &mut chance);
        let graph = Graph::draw(&net, &period(5, 0), 4, true);
        let frequency = |initiator: u32, chance: &mut Chance, seen: &[u32]| {
            let successors = honest(&net, &graph, Links::Both, initiator);
            let router = Router { net: &net, relays: 2, successors: &successors };
            let ways = (0..40_000).filter_map(|_| router.way(initiator, None, chance));
            f64::from(u32::try_from(ways.filter(|way| way[2..] == *seen).count()).unwrap()) / 4e4
        };
        let successors = honest(&net, &graph, Links::Both, 7);
        let way = Router { net: &net, relays: 2, successors: &successors }.way(7, None, &mut chance).unwrap();
        let seen = [way[2], way[3]];
        let sight = Sight { net: &net, graph: &graph, seen: &seen, last: true, before: 2, possible: &|_| true };
        let mut chances = vec![0.0; 40];
        sight.ways(&mut |way, chance| chances[way[0] as usize] += chance);
        assert!(chances[7] > 0.0);
        for initiator in 0..40 {
            let (share, expected) = (frequency(initiator, &mut chance, &seen), chances[initiator as usize]);
            assert!((share - expected).abs() < 5.0 * (expected / 4e4).sqrt() + 1e-4, "{initiator}: {share} {expected}");
        }
    }

    #[test]
    fn entropy_is_in_bits() {
        assert!((entropy(&[2.0; 8]) - 3.0).abs() < 1e-12);
        assert_eq!((entropy(&[0.0, 5.0]), entropy(&[]), greatest(&[1.0, 3.0])), (0.0, 0.0, 0.75));
    }
}
