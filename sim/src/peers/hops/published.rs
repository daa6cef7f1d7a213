//! What was published of Kademlia's hops, as far as it could be read.
//!
//! - The bits of distance that a hop takes away: D. Stutzbach and R. Rejaie, "Improving lookup performance over a
//!   widely-deployed DHT" (INFOCOM 2006). For plain Kademlia, their `D(1, 1, k)`, a hop gains `1 + m(1, k)` bits, and
//!   `m(1, k)` approaches `log2 k + 0.3327`. The paper was not at hand; so it is quoted, with the paper, by `sorting.go` of
//!   github.com/daotl/go-libp2p-kbucket (commit 050d98c), whose routing counts on it.
//! - The growth of hops: X. S. Cai and L. Devroye, "The analysis of Kademlia for random IDs" (Internet Mathematics, 2015;
//!   arXiv:1402.1191), prove `c log n` steps; for `k = 20` that is `0.173 log2 n`, as a review of architectures on GitHub
//!   quotes it ("Formal verification of the Kite Agent Mesh architecture"); the paper's text was not at hand.
//! - The mean, from a Markov chain: S. Roos, H. Salah and T. Strufe, "Determining the hop count in Kademlia-type systems"
//!   (ICCCN 2015; before that arXiv:1307.7000). What the chain is was read from the authors' own program,
//!   github.com/stef-roos/MarkovRouting (`kadtype/KadType.java`, `KadTypeCDFs.java`), and is computed here anew.

/// What `m(1, k)` exceeds `log2 k` by (Stutzbach and Rejaie).
const BITS_OF_BUCKETS: f64 = 0.3327;

/// Steps for each doubling of the network, with buckets of 20 (Cai and Devroye).
pub(super) const GROWTH_OF_TWENTY: f64 = 0.173;

/// Prefixes beyond this length nobody shares but the target itself: `2^-120` of any network.
const LONGEST: u32 = 120;

/// Bits beyond the certain one that a hop gains, the closer to it the larger the buckets are.
#[expect(clippy::cast_precision_loss, reason = "a bucket has few contacts")]
pub(super) fn bits_approached(k: usize) -> f64 {
    (k as f64).log2() + BITS_OF_BUCKETS
}

/// Mean hops of the Markov chain, one request at a time.
///
/// Its state is how many first bits the closest node known shares with the target. A node that shares `s` knows `k`
/// nodes of those that share one more, or all if they are fewer: the target is among them with a chance of
/// `E[min(1, k / (X + 1))]`, where `X` of the `n - 2` others share that many, each with a chance of `2^-(s+1)`. If it is
/// not, the next is the closest of `k` that lie anywhere there, so it shares `s + 1 + g` bits, where `g ≤ x` with a
/// chance of `(1 - 2^-(x+1))^k`. The first node shares `s` bits with a chance of `2^-(s+1)`.
pub(super) fn mean_hops(k: usize, nodes: u32) -> f64 {
    let places = LONGEST as usize + 1;
    let gains = gains(k, places);
    let mut hops_from = vec![1.0; places];
    for shared in (0..LONGEST as usize).rev() {
        let missed = 1.0 - chance_known(k, nodes, shared);
        let after: f64 = gains.iter().zip(&hops_from[shared + 1..]).map(|(chance, hops)| chance * hops).sum();
        hops_from[shared] = 1.0 + missed * after;
    }
    hops_from.iter().zip(1..).map(|(hops, bits)| hops * 2_f64.powi(-bits)).sum()
}

/// The chance of each number of bits by which the closest of `k` is closer than all of them are.
fn gains(k: usize, places: usize) -> Vec<f64> {
    let k = i32::try_from(k).unwrap_or(i32::MAX);
    let at_most: Vec<f64> = (1..).take(places).map(|bits| (1.0 - 2_f64.powi(-bits)).powi(k)).collect();
    let below = core::iter::once(0.0).chain(at_most.iter().copied());
    at_most.iter().zip(below).map(|(at_most, below)| at_most - below).collect()
}

/// `E[min(1, k / (X + 1))]` of a binomial `X`: of its terms only those below `k` have to be added up, for
/// `E[1 / (X + 1)] = (1 - (1 - p)^(m + 1)) / ((m + 1) p)`.
#[expect(clippy::cast_precision_loss, reason = "a bucket has few contacts")]
fn chance_known(k: usize, nodes: u32, shared: usize) -> f64 {
    let others = f64::from(nodes.saturating_sub(2));
    let share = 2_f64.powi(-i32::try_from(shared + 1).unwrap_or(i32::MAX));
    let all_inverse = -((others + 1.0) * (-share).ln_1p()).exp_m1() / ((others + 1.0) * share);
    let (mut term, mut fewer, mut fewer_inverse) = ((others * (-share).ln_1p()).exp(), 0.0, 0.0);
    for count in 0..k {
        let count = count as f64;
        fewer += term;
        fewer_inverse += term / (count + 1.0);
        term *= (others - count).max(0.0) / (count + 1.0) * share / (1.0 - share);
    }
    fewer + k as f64 * (all_inverse - fewer_inverse).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits beyond the certain one by which the closest of `k` random contacts is closer, on average: the expected greatest
    /// of `k` geometric variables, `Σ_{j≥1} 1 - (1 - 2^-j)^k`.
    fn bits_gained(k: usize) -> f64 {
        let k = i32::try_from(k).unwrap_or(i32::MAX);
        (1..200).map(|bits| 1.0 - (1.0 - 2_f64.powi(-bits)).powi(k)).sum()
    }

    #[test]
    fn the_sum_approaches_what_was_published() {
        for k in [10, 20, 40] {
            assert!((bits_gained(k) / bits_approached(k) - 1.0).abs() < 0.025, "{k}: {}", bits_gained(k));
        }
        assert!((bits_gained(256) - bits_approached(256)).abs() < 0.005, "{}", bits_gained(256));
    }

    /// Two nodes know each other; in a network that a bucket holds everybody knows everybody.
    #[test]
    fn who_knows_all_needs_one_hop() {
        for nodes in [2, 10, 20] {
            assert!((mean_hops(20, nodes) - 1.0).abs() < 1e-9, "{nodes}: {}", mean_hops(20, nodes));
        }
    }

    /// With one contact a bucket and one other node there, the chance is that of `X = 0`, and half of that of 1.
    #[test]
    fn the_chance_to_be_known_is_the_expected_one() {
        let expected = |nodes: i32, share: f64| {
            let mut chance = 0.0;
            let mut term = (1.0 - share).powi(nodes - 2);
            for count in 0..=nodes - 2 {
                chance += term * (3.0 / f64::from(count + 1)).min(1.0);
                term *= f64::from(nodes - 2 - count) / f64::from(count + 1) * share / (1.0 - share);
            }
            chance
        };
        for (shared, share) in [(0, 0.5), (2, 0.125), (6, 1.0 / 128.0)] {
            let found = chance_known(3, 100, shared);
            assert!((found - expected(100, share)).abs() < 1e-9, "{shared}: {found}");
        }
    }

    #[test]
    fn each_gain_has_its_chance() {
        let gains = gains(3, 121);
        assert!((gains.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean: f64 = gains.iter().zip(0..).map(|(chance, bits)| chance * f64::from(bits)).sum();
        assert!((mean - bits_gained(3)).abs() < 1e-9, "{mean}");
    }
}
