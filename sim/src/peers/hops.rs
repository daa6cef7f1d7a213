//! Kademlia's hops against published figures.
//!
//! Of the bits of distance that a hop takes away, one is certain: the contact is in the target's half. The closest
//! of `k` contacts shares further bits with the target, `Σ_{j≥1} 1 - (1 - 2^-j)^k` on average: the expected greatest of
//! `k` geometric variables. D. Stutzbach and R. Rejaie, "Improving lookup performance over a widely-deployed DHT"
//! (INFOCOM 2006), give that as the gain of redundant buckets; for Kad's `k = 10` their figure is 3.73 bits, and
//! the formula says 3.726. So hops grow by `1 / (1 + gain)` with each doubling of the network: the constant
//! `c` of X. S. Cai and L. Devroye, "A probabilistic analysis of Kademlia networks" (ISAAC 2013, arXiv:1309.5866),
//! who prove that looking a node up takes about `c log n` steps. (The 3.73 is quoted from memory, as is that it is
//! given as one part of a larger sum, the other part coming from Kad's buckets of several bits; the abstracts of
//! both papers were at hand, not their tables.)
//!
//! Beside it stands the exact process on counts instead of identifiers, a Markov chain in the manner of S. Roos,
//! H. Salah and T. Strufe, "Comprehending Kademlia routing" (arXiv:1307.7000): nobody has an identifier in it, only
//! the numbers of nodes in halves of subtrees are drawn. It predicts the whole mean, not only its growth.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::network::{Figures, require};
use crate::experiment::{Measures, Model};
use crate::kademlia::Kademlia;
use crate::kademlia::draws::{Draws, mix};
use crate::kademlia::ids::shared_bits;
use crate::kademlia::search::{Attack, Goal, Search};
use crate::link::Weather;

/// How much smaller the second network is, in doublings: growth is measured between the two.
const DOUBLINGS: u32 = 6;

/// Lookups of random nodes, one request at a time unless `alpha` says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KademliaHops {
    /// Nodes. Growth is measured between a 64th of them and all.
    pub nodes: u32,
    /// Contacts a bucket.
    pub k: usize,
    /// Requests under way.
    pub alpha: usize,
    /// Lookups in each network.
    pub lookups: u32,
}

impl Default for KademliaHops {
    fn default() -> Self {
        Self { nodes: 100_000, k: 20, alpha: 1, lookups: 2000 }
    }
}

impl Model for KademliaHops {
    const NAME: &'static str = "kademlia_hops";

    fn check(&self) -> Result<(), String> {
        let Self { nodes, k, alpha, lookups } = *self;
        require((1..=256).contains(&k), || format!("k = {k}: 1 to 256 contacts a bucket"))?;
        require((1..=k).contains(&alpha), || format!("alpha = {alpha}: 1 to k = {k} requests under way"))?;
        require(lookups >= 1, || "lookups = 0: nothing would be measured, 1 or more".into())?;
        let least = (8 * u32::try_from(k).unwrap_or(u32::MAX)) << DOUBLINGS;
        require((least..=50_000_000).contains(&nodes), || {
            format!("nodes = {nodes}: {least} to 50,000,000, so that a 64th of them still have full buckets")
        })
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let (hops, gain) = self.simulate(self.nodes, seed);
        let (fewer, _) = self.simulate(self.nodes >> DOUBLINGS, seed);
        let growth = (hops - fewer) / f64::from(DOUBLINGS);
        let published = 1.0 / (1.0 + bits_gained(self.k));
        let chain = chain_mean(self.k, self.nodes, self.lookups, seed);
        Ok(Measures::from([
            ("hops", hops),
            ("hops_chain", chain),
            ("hops_ratio", hops / chain),
            ("bits_gained", gain),
            ("bits_gained_published", bits_gained(self.k)),
            ("bits_ratio", gain / bits_gained(self.k)),
            ("growth", growth),
            ("growth_published", published),
            ("growth_ratio", growth / published),
        ]))
    }
}

/// Bits beyond the certain one by which the closest of `k` random contacts is closer, on average.
pub fn bits_gained(k: usize) -> f64 {
    let k = i32::try_from(k).unwrap_or(i32::MAX);
    (1..200).map(|bits| 1.0 - (1.0 - 2_f64.powi(-bits)).powi(k)).sum()
}

impl KademliaHops {
    /// Mean hops to a random node, and mean bits gained by hops far from the target.
    fn simulate(&self, nodes: u32, seed: u64) -> (f64, f64) {
        let network = Kademlia::random(self.k, seed, nodes, 0.0);
        let search = Search {
            alpha: self.alpha,
            paths: 1,
            goal: Goal::Closest,
            attack: Attack::Lie,
            timeout: Duration::from_secs(1),
            weather: Weather::default(),
        };
        let mut draws = Draws::new(mix(seed, u64::from(nodes)));
        let (mut hops, mut gains) = (Figures::default(), Figures::default());
        for _ in 0..self.lookups {
            let [from, to] = [(); 2].map(|()| draws.below(network.ids().count()));
            let target = network.ids().at(to);
            if let Some(found) = network.look_up(&search, from, target).hops.filter(|_| from != to) {
                hops.push(f64::from(found));
            }
            self.gains(&network, from, draws.number(), &mut gains);
        }
        (hops.mean(), gains.mean())
    }

    /// Follows the closest contact as long as the bucket is for so many that it is as good as drawn with replacement.
    fn gains(&self, network: &Kademlia, mut node: u32, target: u64, gains: &mut Figures) {
        let mut answer = Vec::new();
        loop {
            let shared = shared_bits(network.ids().at(node), target);
            if network.ids().sharing(target, (shared + 1).min(64)).len() < 64 * self.k {
                return;
            }
            network.answer(node, target, &mut answer);
            let Some(closest) = answer.first() else { return };
            gains.push(f64::from(closest.distance.leading_zeros() - shared - 1));
            node = closest.node;
        }
    }
}

/// Mean hops in the chain.
fn chain_mean(k: usize, nodes: u32, walks: u32, seed: u64) -> f64 {
    let mut draws = Draws::new(mix(seed, 77));
    let mut hops = Figures::default();
    let k = u32::try_from(k).unwrap_or(u32::MAX);
    (0..walks).for_each(|_| hops.push(f64::from(chain(k, nodes, &mut draws))));
    hops.mean()
}

/// One walk: hops from a random node to another one.
fn chain(k: u32, nodes: u32, draws: &mut Draws) -> u32 {
    // Both the node and the target are in a subtree; a coin says whether the next bit parts them, and coins say how many
    // of the others stay with the target.
    let mut around = nodes;
    let mut subtree = loop {
        let others = binomial_half(around - 2, draws);
        if draws.below(2) == 0 {
            break 1 + others;
        }
        around = 2 + others;
    };
    let mut hops = 1;
    while let Some(next) = closer(k, subtree, draws) {
        subtree = next;
        hops += 1;
    }
    hops
}

/// The nodes in the half that is looked at next, once the closest of `k` known among `subtree` nodes is asked; `None`
/// if that is the target itself.
fn closer(k: u32, subtree: u32, draws: &mut Draws) -> Option<u32> {
    if subtree <= k || draws.below(subtree) < k {
        return None;
    }
    // The target is not known: `k` known among the others.
    let (mut others, mut known) = (subtree - 1, k);
    loop {
        let same = binomial_half(others, draws);
        let mut with_target = 0;
        for drawn in 0..known {
            with_target += u32::from(draws.below(others - drawn) < same - with_target);
        }
        if with_target == 0 {
            return Some(same + 1);
        }
        (others, known) = (same, with_target);
    }
}

/// Heads among so many coins.
fn binomial_half(coins: u32, draws: &mut Draws) -> u32 {
    let words: u32 = (0..coins / 64).map(|_| draws.number().count_ones()).sum();
    words + (draws.number() & ((1 << (coins % 64)) - 1)).count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stutzbach and Rejaie's figure for buckets of ten.
    #[test]
    fn the_formula_gives_the_published_bits() {
        assert!((bits_gained(10) - 3.73).abs() < 0.005, "{}", bits_gained(10));
    }

    #[test]
    fn hops_are_within_a_tenth_of_what_is_published() {
        for k in [10, 20] {
            let measures = KademliaHops { k, ..KademliaHops::default() }.trial(1).unwrap();
            println!("k = {k}: {measures:?}");
            assert!((measures["bits_ratio"] - 1.0).abs() < 0.03, "{measures:?}");
            assert!((measures["growth_ratio"] - 1.0).abs() < 0.1, "{measures:?}");
            assert!((measures["hops_ratio"] - 1.0).abs() < 0.03, "{measures:?}");
        }
    }

    #[test]
    fn coins_are_fair() {
        let mut draws = Draws::new(3);
        let heads: u32 = (0..10_000).map(|_| binomial_half(100, &mut draws)).sum();
        assert!((f64::from(heads) / 500_000.0 - 1.0).abs() < 0.005, "{heads}");
        assert_eq!(binomial_half(0, &mut draws), 0);
    }
}
