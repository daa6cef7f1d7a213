//! Whether a neighbour is a leech, by what it refuses: a sequential probability ratio test.
//!
//! A. Wald, "Sequential Tests of Statistical Hypotheses", Annals of Mathematical Statistics 16 (1945): add up the
//! logarithm of the likelihood ratio, outcome by outcome,
//!
//! ```text
//! refused: ln(p1 / p0)        served: ln((1 - p1) / (1 - p0))
//! ```
//!
//! and stop at `ln((1 - beta) / alpha)`, a leech, or at `ln(beta / (1 - alpha))`, an honest one. No test with these errors
//! takes fewer outcomes on average. Then the next test begins.
//!
//! **What is usual decides.** In a network that is asked for twice what it can do, honest nodes refuse half. So `p0` is
//! what our neighbours refuse on the whole just now, one in ten at least, and `p1` has [`Policy::leech_odds`] times its
//! odds. Whoever is called a leech does not count in what is usual.
//!
//! **What follows** is that nothing that it owes is put down to chance any more: so one that serves four requests of five
//! does not hide its debt behind the many that it has served.
//!
//! **A verdict is forgiven**: evidence fades with the half-life of the accounts, and each request that is served takes
//! some away. At half the evidence that it takes for a verdict it is lifted.

use super::policy::Policy;

/// What refusals say of a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough is known.
    #[default]
    Open,
    /// It serves as others do, as far as the last test could tell.
    Fair,
    /// It refuses what others serve.
    Leech,
}

/// The course of the tests of one neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Test {
    /// The sum of the logarithms, in nats.
    pub(super) evidence: f64,
    pub(super) verdict: Verdict,
}

/// How often neighbours refuse on the whole: a running mean over the last outcomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual(f64);

/// Outcomes that the mean spans. When a network becomes busy it has to follow before anybody is judged by what was usual
/// before; a verdict takes seven refusals in a row of one neighbour, and there are dozens of neighbours.
const SPAN: f64 = 32.0;
/// Where all refuse nearly everything nobody can be told apart.
const MOST_USUAL: f64 = 0.8;

impl Usual {
    pub(super) const fn new(policy: &Policy) -> Self {
        Self(policy.honest_refusals)
    }

    /// The share that was refused of late.
    pub(super) const fn share(self) -> f64 {
        self.0
    }

    /// As it was; anything else is taken as what honest neighbours refuse at least.
    pub(super) fn restored(share: f64, policy: &Policy) -> Self {
        if (0.0..=1.0).contains(&share) { Self(share) } else { Self::new(policy) }
    }

    pub(super) fn observe(&mut self, refused: bool) {
        let outcome = if refused { 1.0 } else { 0.0 };
        self.0 += (outcome - self.0) / SPAN;
    }

    fn rate(self, policy: &Policy) -> f64 {
        self.0.max(policy.honest_refusals).min(MOST_USUAL)
    }
}

impl Test {
    /// Another of our requests was refused or served.
    pub(super) fn observe(&mut self, refused: bool, usual: Usual, policy: &Policy) {
        self.evidence += step(refused, usual.rate(policy), policy.leech_odds);
        let (leech, fair) = bounds(policy);
        if self.evidence >= leech {
            (self.evidence, self.verdict) = (leech, Verdict::Leech);
        } else if self.verdict == Verdict::Leech {
            self.forgive(policy);
        } else if self.evidence <= fair {
            (self.evidence, self.verdict) = (0.0, Verdict::Fair);
        }
    }

    /// Time has passed.
    pub(super) fn fade(&mut self, factor: f64, policy: &Policy) {
        self.evidence *= factor;
        self.forgive(policy);
    }

    /// Takes evidence that was read from somewhere as such as could have come about.
    pub(super) fn make_sane(&mut self, policy: &Policy) {
        let (leech, fair) = bounds(policy);
        self.evidence = if self.evidence.is_finite() { self.evidence.clamp(fair, leech) } else { 0.0 };
        self.forgive(policy);
    }

    fn forgive(&mut self, policy: &Policy) {
        if self.verdict == Verdict::Leech && self.evidence <= bounds(policy).0 / 2.0 {
            *self = Self::default();
        }
    }
}

/// What an outcome adds to the evidence.
fn step(refused: bool, usual: f64, odds: f64) -> f64 {
    // p1 = odds p0 / (1 - p0 + odds p0), so the two ratios have a common denominator.
    let common = 1.0 - usual + odds * usual;
    libm::log(if refused { odds / common } else { 1.0 / common })
}

/// The evidence for a leech, and for an honest neighbour.
fn bounds(policy: &Policy) -> (f64, f64) {
    let (alpha, beta) = (policy.false_verdict, policy.missed_verdict);
    (libm::log((1.0 - beta) / alpha), libm::log(beta / (1.0 - alpha)))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::chance;

    /// The mean number of outcomes until the verdict, of one that serves that share while others refuse what is usual.
    fn length(serves: f64) -> f64 {
        let (policy, mut rng) = (Policy::default(), ChaCha8Rng::seed_from_u64(1945));
        let runs = 2000_u32;
        let mut outcomes = 0.0;
        for _ in 0..runs {
            let mut test = Test::default();
            while test.verdict != Verdict::Leech {
                test.observe(chance::unit(&mut rng) >= serves, Usual::new(&policy), &policy);
                outcomes += 1.0;
            }
        }
        outcomes / f64::from(runs)
    }

    #[test]
    fn the_ratios_are_those_of_the_two_hypotheses() {
        let (p0, p1) = (0.1_f64, 0.4 / 1.3);
        assert!((step(true, p0, 4.0) - (p1 / p0).ln()).abs() < 1e-12);
        assert!((step(false, p0, 4.0) - ((1.0 - p1) / (1.0 - p0)).ln()).abs() < 1e-12);
    }

    #[test]
    fn who_serves_less_is_found_sooner() {
        // Simulated elsewhere for these shares: 14, 45 and 156.
        for (serves, expected) in [(0.5, 14.0), (0.7, 45.0), (0.8, 156.0)] {
            let found = length(serves);
            assert!((found / expected - 1.0_f64).abs() < 0.25, "{serves}: {found}");
        }
        assert_eq!(length(0.0), 7.0);
    }

    #[test]
    fn false_verdicts_are_as_rare_as_was_asked_for() {
        let (policy, mut rng) = (Policy::default(), ChaCha8Rng::seed_from_u64(1));
        let (mut tests, mut wrong) = (0_u32, 0_u32);
        while tests < 20_000 {
            let mut test = Test::default();
            while test.verdict == Verdict::Open {
                test.observe(chance::unit(&mut rng) < policy.honest_refusals, Usual::new(&policy), &policy);
            }
            tests += 1;
            wrong += u32::from(test.verdict == Verdict::Leech);
        }
        // Wald's bound is alpha; what lies above the bounds when they are crossed makes it less.
        assert!(wrong <= 20, "{wrong} of {tests}");
    }

    #[test]
    fn serving_lifts_a_verdict_and_so_does_time() {
        let policy = Policy::default();
        let mut found = Test::default();
        (0..50).for_each(|_| found.observe(true, Usual::new(&policy), &policy));
        assert_eq!(found.verdict, Verdict::Leech);
        let mut served = found;
        (0..12).for_each(|_| served.observe(false, Usual::new(&policy), &policy));
        assert_eq!(served.verdict, Verdict::Leech);
        served.observe(false, Usual::new(&policy), &policy);
        assert_eq!(served, Test::default());
        let mut waited = found;
        waited.fade(0.6, &policy);
        assert_eq!(waited.verdict, Verdict::Leech);
        waited.fade(0.6, &policy);
        assert_eq!(waited, Test::default());
    }

    #[test]
    fn where_everybody_refuses_half_nobody_is_a_leech_for_it() {
        let (policy, mut rng) = (Policy::default(), ChaCha8Rng::seed_from_u64(2));
        let (mut usual, mut all) = (Usual::new(&policy), [Test::default(); 30]);
        let mut leeches = 0_usize;
        for _ in 0..1000 {
            for test in &mut all {
                let refused = chance::unit(&mut rng) < 0.5;
                usual.observe(refused);
                test.observe(refused, usual, &policy);
            }
            leeches += all.iter().filter(|test| test.verdict == Verdict::Leech).count();
        }
        // Of 30,000 looks: at no time more than one neighbour in two hundred on average.
        assert!(leeches < 150, "{leeches}");
    }
}
