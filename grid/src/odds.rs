//! Exact chances: tails of the binomial and the hypergeometric law, summed term by term.

/// The chance that of `trials` independent events, each with chance `p`, at least `least` happen:
/// `sum_k C(n, k) p^k (1-p)^(n-k)`.
pub fn binomial_at_least(trials: u32, p: f64, least: u32) -> f64 {
    if least == 0 {
        return 1.0;
    }
    if p <= 0.0 || least > trials {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let (with, without) = (libm::log(p), libm::log1p(-p));
    let term = |k: u32| log_choose(trials, k) + f64::from(k) * with + f64::from(trials - k) * without;
    sum((least..=trials).map(term))
}

/// The chance that of `drawn` taken without putting back from `all`, of which `marked` are marked, at least `least` are:
/// `sum_k C(K, k) C(N-K, n-k) / C(N, n)`. More cannot be marked or drawn than there are.
pub fn hypergeometric_at_least(all: u32, marked: u32, drawn: u32, least: u32) -> f64 {
    let (marked, drawn) = (marked.min(all), drawn.min(all));
    let (fewest, most) = ((marked + drawn).saturating_sub(all), marked.min(drawn));
    if least <= fewest {
        return 1.0;
    }
    let whole = log_choose(all, drawn);
    let term = |k: u32| log_choose(marked, k) + log_choose(all - marked, drawn - k) - whole;
    sum((least..=most).map(term))
}

/// `ln C(n, k)`, for `k <= n`.
fn log_choose(n: u32, k: u32) -> f64 {
    let log_factorial = |n: u32| libm::lgamma(f64::from(n) + 1.0);
    log_factorial(n) - log_factorial(k) - log_factorial(n - k)
}

/// The sum of terms that are given by their logarithms; a chance, so at most 1 but for rounding.
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    terms.map(libm::exp).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} and not {expected}");
    }

    #[test]
    fn tails_known_from_exact_fractions() {
        near(binomial_at_least(10, 0.5, 8), 56.0 / 1024.0);
        near(binomial_at_least(3, 0.25, 3), 1.0 / 64.0);
        near(hypergeometric_at_least(52, 4, 5, 4), 48.0 / 2_598_960.0);
        near(hypergeometric_at_least(10, 5, 4, 3), 55.0 / 210.0);
        near(hypergeometric_at_least(64, 16, 4, 4), (16.0 * 15.0 * 14.0 * 13.0) / (64.0 * 63.0 * 62.0 * 61.0));
    }

    #[test]
    fn certainties() {
        for (found, expected) in [
            (binomial_at_least(5, 0.0, 0), 1.0),
            (binomial_at_least(5, 0.0, 1), 0.0),
            (binomial_at_least(5, 1.0, 5), 1.0),
            (binomial_at_least(5, 0.5, 6), 0.0),
            (hypergeometric_at_least(10, 8, 5, 3), 1.0),
            (hypergeometric_at_least(10, 2, 5, 3), 0.0),
            (hypergeometric_at_least(10, 20, 30, 10), 1.0),
        ] {
            assert!((found - expected).abs() < 1e-12, "{found} and not {expected}");
        }
    }
}
