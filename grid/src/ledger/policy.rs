//! What a node decides for itself about its neighbours' accounts, each with its default and the reason.

use core::time::Duration;

use super::tariff::{HOP, Work};

/// How accounts are kept and what follows from them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// After this time what was done counts half. A day: people ask by day and their nodes serve by night, so what
    /// counts must span both; and an old debt shrinks to a hundredth within a week, without anybody having to pay.
    pub half_life: Duration,
    /// `C0`: what a neighbour may owe before it matters, a newcomer above all. Sixteen links' work, about seven lookups of
    /// the public grid. An identity that lives off it gets 16 * 256 bytes of each of some 200 neighbours, less than a
    /// mebibyte; one that takes whole chunks at once, nine of each neighbour with what is allowed to chance, 500 MB. It
    /// has cost a CPU-day of minting, which by the prices of [`super::tariff`] is worth 30 GB.
    pub credit: Work,
    /// `z`: how many standard deviations of an honest pair's balance are no debt. Two that do as much for each other
    /// as they can are `sqrt(n)` exchanges apart after `n`, while a leech is `n` apart. At 3 one honest pair in a
    /// thousand is beyond it at any time.
    pub noise: f64,
    /// What one exchange counts at most in that deviation; larger ones count as several of this size. Whoever doubles
    /// what it asks for each time keeps within what is allowed to chance, so there must be an end to that: 256 KiB, the
    /// chunks that files are cut into.
    pub largest: Work,
    /// The standing down to which a neighbour is served like all others. Half of what is allowed to chance: 1.5 standard
    /// deviations.
    pub good: f64,
    /// The standing from which on it has the least weight.
    pub bad: f64,
    /// The least weight. Not nothing, because nobody is ejected: a leech that begins to serve, or one that was wronged,
    /// has to be heard to find its way back. A sixty-fourth is below the twentieth that a leech is to get of an honest
    /// node's service, also when it asks three times as often.
    pub floor: f64,
    /// How often an honest neighbour refuses at least: it restarts, is overtaken by a timeout, finds no way.
    pub honest_refusals: f64,
    /// How many times the odds of a refusal are higher at a leech than at the others. Against one refusal in ten that is
    /// one in 3.3.
    pub leech_odds: f64,
    /// `alpha`: the chance that a test calls an honest neighbour a leech.
    pub false_verdict: f64,
    /// `beta`: the chance that a test calls a leech honest. It is tested again, so a tenth is small enough; less would
    /// only let who has served long refuse for longer.
    pub missed_verdict: f64,
    /// Accounts that are kept: twice the neighbours that a node has at most, so that those who come back are known.
    pub capacity: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            half_life: Duration::from_secs(86_400),
            credit: HOP.times(16),
            noise: 3.0,
            largest: Work::new(256 << 10),
            good: -0.5,
            bad: -1.0,
            floor: 1.0 / 64.0,
            honest_refusals: 0.1,
            leech_odds: 4.0,
            false_verdict: 1e-3,
            missed_verdict: 0.1,
            capacity: 4096,
        }
    }
}

impl Policy {
    /// `B / (C0 + z sqrt(n))`, with the balance and the sum of squares of the exchanges that it is made of: above zero
    /// for whom we owe. Within -1 and 1 it may be chance.
    pub fn standing(&self, balance: f64, squares: f64) -> f64 {
        balance / (self.credit.amount() + self.noise * libm::sqrt(squares)).max(1.0)
    }

    /// A neighbour's share of a queue that is full, by its standing: 1 down to [`Policy::good`], then less and less down
    /// to [`Policy::floor`]. Gradual, so that nobody falls off an edge for one exchange.
    pub fn weight(&self, standing: f64) -> f64 {
        let depth = ((self.good - standing) / (self.good - self.bad)).clamp(0.0, 1.0);
        libm::pow(self.floor, depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fall_from_one_to_the_floor() {
        let policy = Policy::default();
        for standing in [f64::INFINITY, 3.0, 0.0, -0.5] {
            assert!((policy.weight(standing) - 1.0).abs() < 1e-12);
        }
        assert!((policy.weight(-0.75) - 1.0 / 8.0).abs() < 1e-12);
        for standing in [-1.0, -7.0, f64::NEG_INFINITY] {
            assert!((policy.weight(standing) - policy.floor).abs() < 1e-12);
        }
    }

    #[test]
    fn what_may_be_chance_lies_between_minus_one_and_one() {
        let policy = Policy::default();
        let price = HOP.amount();
        // Three standard deviations of 10,000 exchanges, and what a newcomer may owe.
        assert!(policy.standing(-300.0 * price, 10_000.0 * price * price) > -1.0);
        assert!((policy.standing(-16.0 * price, 0.0) + 1.0).abs() < 1e-12);
    }
}
