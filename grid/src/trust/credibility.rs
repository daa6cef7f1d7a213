//! How likely an answer is right: L. F. G. Sarmenta, "Sabotage-tolerance mechanisms for volunteer computing systems",
//! CCGrid 2001; Future Generation Computer Systems 18 (2002).
//!
//! **One server.** Let a share `f` of all be faulty, each wrong at its own constant rate `s`, and let whoever is caught
//! once never be asked again. One that has passed `k` checks is faulty *and* wrong this time with a chance of at most
//! `f s (1-s)^k / (1-f)`, which is greatest near `s = 1/(k+1)` and below `f / ((1-f) k e)` there. So its credibility is
//!
//! ```text
//! Cr(k) = 1 - f / ((1-f) k e),    Cr(0) = 1 - f
//! ```
//!
//! Where the caught can come back under another name it is only `1 - f/k`. Here a name costs work, and a new one starts
//! at `k = 0`. A server that decides to turn at a certain moment has no constant rate, and no formula sees it coming.
//!
//! **Groups.** Of groups of servers, each of which said one thing, at most one is right. With `P(G good) = ∏ Cr` and
//! `P(G bad) = ∏ (1 - Cr)` over the servers of a group,
//!
//! ```text
//! CrG(a) = P(a good) ∏_{i≠a} P(i bad) / ( ∏_j P(j bad) + Σ_j P(j good) ∏_{i≠j} P(i bad) )
//! ```
//!
//! which, divided by `∏ P(j bad)`, is `w_a / (1 + Σ w_j)` with the odds `w_j = ∏ Cr / (1 - Cr)`. Logarithms of odds add
//! up, so a group is one number here and nothing underflows. The formula takes servers to be wrong independently of each
//! other; for those that collude it holds as far as who is asked is drawn at random and `f` is not less than their share.

/// The credibility of a server that has passed `in_a_row` checks, of which a share `faulty` is believed to be bad
/// beforehand; never less than `1 - faulty`.
pub fn of_server(faulty: f64, in_a_row: u32) -> f64 {
    let before = 1.0 - faulty;
    if in_a_row == 0 || before <= 0.0 {
        return before.max(0.0);
    }
    let doubt = faulty / (before * f64::from(in_a_row) * core::f64::consts::E);
    before.max(1.0 - doubt)
}

/// The logarithm of the odds of a credibility; 0 and 1 are taken as very nearly so.
pub fn log_odds(credibility: f64) -> f64 {
    let bounded = credibility.clamp(1e-15, 1.0 - 1e-15);
    libm::log(bounded) - libm::log1p(-bounded)
}

/// The credibility of the group with the sum `group` of its servers' [`log_odds`], while others with the sums `others`
/// say other things.
pub fn of_group(group: f64, others: impl Iterator<Item = f64> + Clone) -> f64 {
    // The 1 in the denominator is a group of nobody: that all are wrong.
    let most = others.clone().fold(group.max(0.0), f64::max);
    let all: f64 = libm::exp(-most) + others.map(|other| libm::exp(other - most)).sum::<f64>();
    let good = libm::exp(group - most);
    good / (good + all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server() {
        assert!((of_server(0.2, 0) - 0.8).abs() < 1e-12);
        // f = 0.2, k = 100: 1 - 0.25/271.83.
        assert!((of_server(0.2, 100) - 0.999_080_3).abs() < 1e-6);
        assert!(of_server(0.9, 1) >= 0.1 - 1e-12, "never below what was believed beforehand");
        assert!(of_server(1.0, 5).abs() < 1e-12);
        let bound = |s: f64, k: i32| 0.25 * s * (1.0 - s).powi(k);
        for k in [1, 10, 1000] {
            for s in [1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0] {
                assert!(bound(s, k) <= 1.0 - of_server(0.2, k.unsigned_abs()) + 1e-15, "s = {s}, k = {k}");
            }
        }
    }

    /// The formula as it is printed.
    fn printed(groups: &[&[f64]], a: usize) -> f64 {
        let good = |g: usize| groups[g].iter().product::<f64>();
        let bad = |g: usize| groups[g].iter().map(|cr| 1.0 - cr).product::<f64>();
        let others = |j: usize| (0..groups.len()).filter(|&i| i != j).map(bad).product::<f64>();
        let all = (0..groups.len()).map(bad).product::<f64>();
        good(a) * others(a) / (all + (0..groups.len()).map(|j| good(j) * others(j)).sum::<f64>())
    }

    #[test]
    fn groups_as_printed() {
        // The credibilities 1 - f/k with f = 0.2 and k = 6, 100, 3: two servers against one.
        let groups: [&[f64]; 3] = [&[0.967, 0.998], &[0.933], &[0.8, 0.8]];
        let sums = groups.map(|group| group.iter().map(|&cr| log_odds(cr)).sum::<f64>());
        for a in 0..3 {
            let others = (0..3).filter(|&i| i != a).map(|i| sums[i]);
            assert!((of_group(sums[a], others) - printed(&groups, a)).abs() < 1e-12);
        }
        assert!((of_group(log_odds(0.9), core::iter::empty()) - 0.9).abs() < 1e-12);
    }

    #[test]
    fn large_groups_neither_overflow_nor_underflow() {
        let sum = 500.0 * log_odds(0.9999);
        assert!((of_group(sum, core::iter::once(sum)) - 0.5).abs() < 1e-12);
        assert!(of_group(-sum, core::iter::once(sum)) < 1e-300);
    }
}
