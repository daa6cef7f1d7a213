//! Kademlia's hops against published figures (`hops/published.rs`): what a hop gains, how hops grow with the network, and how
//! many there are.
//!
//! Of the bits of distance that a hop takes away, one is certain: the contact is in the target's half. The closest
//! of `k` contacts shares further bits with the target, some `log2 k + 1/3`. So hops grow by `1 / (1 + gain)` with each
//! doubling of the network.

mod published;

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::network::{Figures, require};
use crate::experiment::{Measures, Model};
use crate::kademlia::Kademlia;
use crate::kademlia::draws::{Draws, mix};
use crate::kademlia::ids::shared_bits;
use crate::kademlia::search::{Attack, Goal, Search};
use crate::link::Weather;
use published::{GROWTH_OF_TWENTY, bits_approached, mean_hops};

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
        let (bits, chain) = (bits_approached(self.k), mean_hops(self.k, self.nodes));
        let mut measures = Measures::from([
            ("hops", hops),
            ("hops_published", chain),
            ("hops_ratio", hops / chain),
            ("bits_gained", gain),
            ("bits_gained_published", bits),
            ("bits_ratio", gain / bits),
            ("growth", growth),
            ("growth_ratio", growth * (1.0 + bits)),
        ]);
        if self.k == 20 {
            measures
                .extend([("growth_published", GROWTH_OF_TWENTY), ("growth_of_published", growth / GROWTH_OF_TWENTY)]);
        }
        Ok(measures)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
