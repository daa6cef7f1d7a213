//! One neighbour's account.

use core::time::Duration;

use super::policy::Policy;
use super::tariff::Work;
use super::verdict::{Test, Usual, Verdict};
use crate::queue::Weight;

/// What was counted in one direction, since the account was opened. Plain figures, which nothing is decided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub asked: u64,
    /// Those that were served.
    pub served: u64,
    /// Those that were refused, or not answered in their time.
    pub refused: u64,
}

impl Counts {
    fn serve(&mut self) {
        self.served = self.served.saturating_add(1);
    }

    fn refuse(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    pub(super) fn ask(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }
}

/// What a neighbour and we did for each other. Amounts fade; see [`Policy::half_life`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Account {
    /// What we did for it.
    pub(super) given: f64,
    /// What it did for us.
    pub(super) received: f64,
    /// The sum of the squares of what both are made of: the variance of their difference, if it is chance who asks whom.
    pub(super) squares: f64,
    pub(super) test: Test,
    /// Its requests to us.
    pub(super) theirs: Counts,
    /// Our requests to it.
    pub(super) ours: Counts,
    /// The ledger's time up to which the amounts have faded.
    pub(super) at: Duration,
    /// Its weight in the work queue as of then. Kept, because a queue that is full compares all lanes for each request.
    pub(super) share: Weight,
}

impl Default for Account {
    fn default() -> Self {
        let (test, counts) = (Test::default(), Counts::default());
        Self {
            given: 0.0,
            received: 0.0,
            squares: 0.0,
            test,
            theirs: counts,
            ours: counts,
            at: Duration::ZERO,
            share: Weight::FULL,
        }
    }
}

/// No amount grows beyond this: from here on a float does not count single units any more, and sums and squares are far
/// from infinite.
const MOST: f64 = (1_u64 << 53) as f64;

impl Account {
    /// The account as it is at a later moment of the ledger's time.
    pub(super) fn faded(mut self, now: Duration, policy: &Policy) -> Self {
        let factor = fading(now.saturating_sub(self.at), policy);
        self.given *= factor;
        self.received *= factor;
        // Each of the parts fades, so its square does twice.
        self.squares *= factor * factor;
        self.test.fade(factor, policy);
        self.at = self.at.max(now);
        self
    }

    /// The same after a time in which this node did not run or did not write: in the neighbour's favour, see
    /// [`super::Ledger::restore`].
    pub(super) fn forgiven(mut self, away: Duration, policy: &Policy) -> Self {
        let factor = fading(away, policy);
        self.given *= factor;
        self.test.fade(factor, policy);
        self
    }

    /// What it did for us beyond what we did for it; negative if it owes us.
    pub(super) fn balance(&self) -> f64 {
        self.received - self.given
    }

    pub(super) fn standing(&self, policy: &Policy) -> f64 {
        policy.standing(self.balance(), self.squares)
    }

    /// One that refuses what others serve has no benefit of the doubt: of what it owes, nothing is put down to chance. One
    /// that owes nothing is served like all others, so that two who refuse each other find back.
    pub(super) fn weight(&self, policy: &Policy) -> f64 {
        policy.weight(match self.test.verdict {
            Verdict::Leech => policy.standing(self.balance(), 0.0),
            Verdict::Open | Verdict::Fair => self.standing(policy),
        })
    }

    /// Brings its weight in the work queue up to date.
    pub(super) fn set_share(&mut self, policy: &Policy) {
        self.share = Weight::of_share(self.weight(policy));
    }

    /// We served it.
    pub(super) fn give(&mut self, work: Work, policy: &Policy) {
        self.theirs.serve();
        add(&mut self.given, work.amount(), MOST);
        self.exchange(work, policy);
    }

    /// It served us. What follows for the verdict.
    pub(super) fn receive(&mut self, work: Work, usual: Usual, policy: &Policy) -> Verdict {
        self.ours.serve();
        add(&mut self.received, work.amount(), MOST);
        self.exchange(work, policy);
        self.test.observe(false, usual, policy);
        self.test.verdict
    }

    fn exchange(&mut self, work: Work, policy: &Policy) {
        let (amount, largest) = (work.amount(), policy.largest.amount());
        add(&mut self.squares, amount * amount.min(largest), MOST * largest);
    }

    /// We carried what it sent through a tunnel.
    pub(super) fn carry(&mut self, work: Work, policy: &Policy) {
        add(&mut self.given, work.amount(), MOST);
        self.tunnel(work, policy);
    }

    /// It carried what we sent through a tunnel.
    pub(super) fn be_carried(&mut self, work: Work, policy: &Policy) {
        add(&mut self.received, work.amount(), MOST);
        self.tunnel(work, policy);
    }

    /// A tunnel is one thing that chance has led over this neighbour, however much went through it.
    fn tunnel(&mut self, work: Work, policy: &Policy) {
        add(&mut self.squares, work.amount() * work.amount(), MOST * policy.largest.amount());
    }

    /// We did not serve it.
    pub(super) fn deny(&mut self) {
        self.theirs.refuse();
    }

    /// It did not serve us. What follows for the verdict; nothing while we owe it more than chance explains.
    pub(super) fn suffer(&mut self, usual: Usual, policy: &Policy) -> Option<Verdict> {
        self.ours.refuse();
        (self.standing(policy) <= -policy.good).then(|| {
            self.test.observe(true, usual, policy);
            self.test.verdict
        })
    }

    /// Nothing that matters would be lost with it.
    pub(super) fn is_square(&self, policy: &Policy) -> bool {
        self.balance().abs() < policy.credit.amount() && self.test.verdict != Verdict::Leech
    }

    /// Takes amounts that were read from somewhere, whatever they are, as such as could have come about.
    pub(super) fn made_sane(mut self, policy: &Policy) -> Self {
        let sane = |amount: f64, most: f64| if amount.is_finite() { amount.clamp(0.0, most) } else { 0.0 };
        self.given = sane(self.given, MOST);
        self.received = sane(self.received, MOST);
        self.squares = sane(self.squares, MOST * policy.largest.amount());
        self.test.make_sane(policy);
        self
    }
}

fn add(sum: &mut f64, amount: f64, most: f64) {
    *sum = (*sum + amount).min(most);
}

/// What is left of an amount after that time.
fn fading(elapsed: Duration, policy: &Policy) -> f64 {
    let half_life = policy.half_life.as_secs_f64();
    if half_life > 0.0 { libm::exp2(-elapsed.as_secs_f64() / half_life) } else { 1.0 }
}
