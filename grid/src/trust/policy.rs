//! What a gateway decides for itself about checks, each with its default and the reason.

use crate::trust::credibility;
use crate::trust::standing::Standing;

/// When answers of several servers are enough to decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// So many servers in cells of their own that say the same: the seed's rule, by which the first two that agree win.
    Votes(u16),
    /// As many as it takes to be credible enough.
    Credibility,
}

/// How a gateway checks servers that it cannot trust.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How a disagreement ends where nothing is signed.
    pub rule: Rule,
    /// The share of a proven server's answers that are checked, known answers included (`byzantine_check_rate`). At
    /// 0.08 all extra work of a steady state stays below a tenth, what disputes cost included.
    pub check_rate: f64,
    /// The least share of a proven server's answers that are checked, whatever `check_rate` says: one that turns gets
    /// `(1 - c)/c` lies through on average, 19 at 5 %.
    pub floor: f64,
    /// Passed checks in a row after which a server is proven; until then all its answers are checked. A server that
    /// lies at a constant rate is worth at most `f / ((1-f) k e)` wrong answers a request afterwards, 1.8e-4 for
    /// k = 1000; one that lies once in a hundred is proven with a chance of 4e-5.
    pub probation: u32,
    /// The share of servers that are believed to be faulty before anything is known of them, `f`. A third is what
    /// agreement among strangers can bear at most (Lamport, Shostak and Pease 1982), so nobody should believe less.
    pub assumed_faulty: f64,
    /// The credibility at which an answer is delivered that nobody contradicts.
    pub target: f64,
    /// The credibility at which a dispute is decided, and those who said otherwise are shunned. What has passed before
    /// counts for nothing here, so that nobody saves up a good name to frame others: with `f` = 1/3 it takes a lead of
    /// 20 servers, in as many cells. Disputes are few, since each ends a liar.
    pub verdict: f64,
    /// The credibility at which a disputed answer is delivered when there is nobody left to ask. It is told to the
    /// client, and nobody is shunned. At 0.7 three against one are enough, two against one are not.
    pub least: f64,
    /// Servers that are asked about one request at most. A lead of 20 takes 33 of them on average when a fifth lies, and
    /// 64 are four standard deviations more.
    pub max_servers: u16,
    /// Servers that answers are asked of at the same time, as long as they answer and are right. Few, so that their
    /// probation ends: four need 4,000 requests for it, a hundred would need 100,000.
    pub working_set: u16,
    /// The share of requests with which a server that checks is asked for an answer that is known already. It is taken
    /// from `check_rate`.
    pub known_answer_rate: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rule: Rule::Credibility,
            check_rate: 0.08,
            floor: 0.05,
            probation: 1000,
            assumed_faulty: 1.0 / 3.0,
            target: 1.0 - 1e-4,
            verdict: 1.0 - 1e-6,
            least: 0.7,
            max_servers: 64,
            working_set: 4,
            known_answer_rate: 0.01,
        }
    }
}

impl Policy {
    /// The protocol of 2010 as written: any server is asked; at a constant rate another one, in another cell, is asked
    /// for the checksum; if they differ both are flagged, and further servers answer until two have said the same.
    pub fn seed(check_rate: f64) -> Self {
        Self {
            rule: Rule::Votes(2),
            check_rate,
            floor: 0.0,
            probation: 0,
            working_set: u16::MAX,
            known_answer_rate: 0.0,
            ..Self::default()
        }
    }

    /// Every answer is checked before it is delivered, and counts when `of / 2 + 1` servers say the same: a majority of
    /// `of`.
    pub fn majority(of: u16) -> Self {
        Self { rule: Rule::Votes(of / 2 + 1), ..Self::seed(1.0) }
    }

    /// Whether a server's answers may be delivered without a check.
    pub fn is_proven(&self, standing: &Standing) -> bool {
        !standing.flagged && standing.in_a_row >= self.probation
    }

    /// How likely an answer of that server is checked. One in probation: always. Then the rate halves with every
    /// further half of a probation that is passed, down to what the gateway has decided; so one that turns right after
    /// its probation is found at once.
    pub fn rate(&self, standing: &Standing) -> f64 {
        if !self.is_proven(standing) {
            return 1.0;
        }
        let least = (self.check_rate - self.known_answer_rate).max(self.floor).min(1.0);
        if self.probation == 0 {
            return least;
        }
        let probations = f64::from(standing.in_a_row) / f64::from(self.probation);
        libm::exp2(2.0 * (1.0 - probations)).max(least)
    }

    /// The credibility of a server by what it has passed; none of one that is shunned. Flags tell nothing here.
    pub fn credibility(&self, standing: &Standing) -> f64 {
        match standing.shunned {
            Some(_) => 0.0,
            None => credibility::of_server(self.assumed_faulty, standing.in_a_row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(in_a_row: u32) -> Standing {
        Standing { in_a_row, ..Standing::default() }
    }

    #[test]
    fn the_rate_falls_after_probation_and_never_below_the_floor() {
        let policy = Policy { check_rate: 0.01, ..Policy::default() };
        assert_eq!((policy.rate(&passed(0)), policy.rate(&passed(999))), (1.0, 1.0));
        assert!((policy.rate(&passed(1500)) - 0.5).abs() < 1e-12);
        for in_a_row in [10_000, 1_000_000, u32::MAX] {
            assert!((policy.rate(&passed(in_a_row)) - 0.05).abs() < 1e-12);
        }
        let flagged = Standing { flagged: true, ..passed(10_000) };
        assert!((policy.rate(&flagged) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn known_answers_are_part_of_the_rate() {
        let policy = Policy::default();
        let rate = policy.rate(&passed(100_000)) + policy.known_answer_rate;
        assert!((rate - policy.check_rate).abs() < 1e-12);
    }

    #[test]
    fn the_seed_checks_everybody_alike() {
        let policy = Policy::seed(0.1);
        assert!((policy.rate(&passed(0)) - 0.1).abs() < 1e-12 && (policy.rate(&passed(5000)) - 0.1).abs() < 1e-12);
        assert_eq!(Policy::majority(5).rule, Rule::Votes(3));
    }
}
