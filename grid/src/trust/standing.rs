//! What is known of one server.

/// Why a server is never asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Data that it sent did not fit the publisher's signed tree hashes.
    Disproved,
    /// It signed an answer that recomputing from proven source data contradicts.
    Recomputed,
    /// It signed two different answers to the same request.
    TwoAnswers,
    /// Nothing was signed by the publisher, and it contradicted a group of servers as credible as the policy demands
    /// for a verdict.
    Verdict,
}

impl Reason {
    /// Whether anybody can check it, so that it may be passed on.
    pub const fn is_proof(self) -> bool {
        match self {
            Self::Recomputed | Self::TwoAnswers => true,
            Self::Disproved | Self::Verdict => false,
        }
    }
}

/// What a server was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// An answer.
    Answer,
    /// The digest of an answer, as a checker.
    Check,
}

/// What is known of one server. Plain data, for display and for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its statements that were compared with what turned out to be right.
    pub checks: u32,
    /// Those that were right.
    pub passed: u32,
    /// Those that were right since the last that was not.
    pub in_a_row: u32,
    /// Those that were not.
    pub mismatches: u32,
    /// It took part in a disagreement and was not validated since (the 2010 protocol's byzantine warning flag): asked
    /// only when nobody else is left.
    pub flagged: bool,
    /// Never asked again, and why.
    pub shunned: Option<Reason>,
    /// Questions that it did not answer in time.
    pub timeouts: u32,
    /// Answers that it owed in a row.
    pub silent: u32,
    /// Checks that it owed in a row. An answer does not make up for them: one that falls silent only when it is to check
    /// is asked less for answers too.
    pub evasive: u32,
    /// Not asked before the gateway's request of that number.
    pub rests_until: u64,
    /// The gateway's request with which something was last learned of it.
    pub heard: u64,
}

impl Standing {
    /// The longest rest after silence, in requests of the gateway.
    pub const LONGEST_REST: u64 = 1024;

    /// Something that it said was right.
    pub(super) fn pass(&mut self) {
        self.checks = self.checks.saturating_add(1);
        self.passed = self.passed.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// Something that it said was not. Its probation begins again.
    pub(super) fn mismatch(&mut self) {
        self.checks = self.checks.saturating_add(1);
        self.mismatches = self.mismatches.saturating_add(1);
        self.in_a_row = 0;
    }

    /// It answered, rightly or not.
    pub(super) fn speak(&mut self, question: Question) {
        *self.owed(question) = 0;
    }

    /// It did not answer: it rests for twice as many requests each time.
    pub(super) fn fall_silent(&mut self, question: Question, now: u64) {
        self.timeouts = self.timeouts.saturating_add(1);
        let owed = self.owed(question);
        *owed = owed.saturating_add(1);
        let rest = 1_u64.checked_shl(self.silent.max(self.evasive)).unwrap_or(Self::LONGEST_REST);
        self.rests_until = now.saturating_add(rest.min(Self::LONGEST_REST));
    }

    fn owed(&mut self, question: Question) -> &mut u32 {
        match question {
            Question::Answer => &mut self.silent,
            Question::Check => &mut self.evasive,
        }
    }
}
