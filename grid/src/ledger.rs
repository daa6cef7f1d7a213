//! What our neighbours did for us and we for them, and what follows from it when there is too much to do.
//!
//! Two neighbours add up how much work they did for each other and do simple statistics to see whether one of them is a
//! leech. Nobody else's word counts, so nobody can be praised or blamed by a friend or an enemy; and nobody is ever
//! refused or ejected for a debt: [`Ledger::share`] orders what waits in a queue that is full, and where there is room
//! for all it changes nothing.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`tariff`] | what each kind of work is worth, in one unit |
//! | [`policy`] | what a node decides for itself; standing and weight |
//! | [`verdict`] | whether a neighbour is a leech, by what it refuses (Wald 1945) |
//! | [`saved`] | the ledger as plain data, for the disk |
//!
//! **Standing** is `B / (C0 + z sqrt(n))`, with the balance `B`: what it did for us less what we did for it, and `n` the
//! exchanges that it is made of. Between honest neighbours chance makes `B` grow as `sqrt(n)`; a leech's debt grows as
//! `n`, however slowly it takes. Exchanges are of many sizes, so `n` here is the sum of their squared prices, which is
//! the variance of `B` while it is chance who asks whom.
//!
//! # Example
//!
//! ```
//! use grid::id::NodeId;
//! use grid::ledger::policy::Policy;
//! use grid::ledger::tariff::{self, Work};
//! use grid::ledger::Ledger;
//! use grid::time::Time;
//!
//! let (mut ledger, now) = (Ledger::new(Policy::default()), Time::ZERO);
//! let [friend, leech, stranger] = [1, 2, 3].map(|n| NodeId::from_bytes([n; 32]));
//! for _ in 0..50 {
//!     ledger.gave(now, friend, tariff::request(0, 2));
//!     ledger.received(now, friend, tariff::request(0, 2));
//!     ledger.gave(now, leech, tariff::request(0, 2));
//! }
//! assert_eq!(ledger.weight(now, &friend), 1.0);
//! assert_eq!(ledger.weight(now, &stranger), 1.0);
//! assert!(ledger.weight(now, &leech) < 0.02);
//! ```

mod account;
pub mod policy;
pub mod saved;
pub mod tariff;
pub mod verdict;

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::id::NodeId;
use crate::queue::Weight;
use crate::time::Time;

use account::Account;
pub use account::Counts;
use policy::Policy;
use saved::{SavedAccount, Snapshot};
use tariff::Work;
use verdict::{Usual, Verdict};

/// The accounts of one node's neighbours.
///
/// It keeps [`Policy::capacity`] of them. When a new one is needed the oldest that is square goes; if none is, the one
/// that is nearest to it.
#[derive(Clone, Debug)]
pub struct Ledger {
    policy: Policy,
    accounts: BTreeMap<NodeId, Account>,
    usual: Usual,
    clock: Clock,
}

/// One account, for display.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statement {
    /// The neighbour.
    pub id: NodeId,
    /// What we did for it, in units of [`Work`], faded.
    pub given: f64,
    /// What it did for us.
    pub received: f64,
    /// What it did for us beyond what we did for it; negative if it owes us.
    pub balance: f64,
    /// The balance by what chance explains; see [`Policy::standing`].
    pub standing: f64,
    /// Its share of a full queue, beside 1 of others.
    pub weight: f64,
    /// What its refusals say.
    pub verdict: Verdict,
    /// Its requests to us.
    pub theirs: Counts,
    /// Our requests to it.
    pub ours: Counts,
}

/// The ledger's own time, which no jump of the clock that it is told can move by much.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    seen: Time,
    age: Duration,
}

/// A node looks at its ledger every minute, to save it. A longer step than this is a clock that was set, or a machine
/// that slept, and all that it can do is to let debts and credits fade as if so much time had passed.
const LONGEST_STEP: Duration = Duration::from_secs(3600);

impl Clock {
    fn at(&self, now: Time) -> Duration {
        self.age.saturating_add(now.since(self.seen).min(LONGEST_STEP))
    }

    fn advance(&mut self, now: Time) -> Duration {
        self.age = self.at(now);
        self.seen = now;
        self.age
    }
}

impl Ledger {
    /// A ledger without accounts.
    pub const fn new(policy: Policy) -> Self {
        let usual = Usual::new(&policy);
        let clock = Clock { seen: Time::ZERO, age: Duration::ZERO };
        Self { policy, accounts: BTreeMap::new(), usual, clock }
    }

    /// A neighbour asks us for something.
    pub fn asked(&mut self, now: Time, id: NodeId) {
        self.change(now, id, |account, _, _| account.theirs.ask());
    }

    /// We did what a neighbour asked for.
    pub fn gave(&mut self, now: Time, id: NodeId, work: Work) {
        self.change(now, id, |account, policy, _| account.give(work, policy));
    }

    /// We carried what a neighbour sent through a tunnel, all of it: it began there or further back, which neither we nor its
    /// account can tell. Nobody asked, so it is no evidence for or against anybody.
    pub fn carried(&mut self, now: Time, id: NodeId, work: Work) {
        self.change(now, id, |account, policy, _| account.carry(work, policy));
    }

    /// A neighbour carried what we sent through a tunnel, for ourselves or somebody further back.
    pub fn was_carried(&mut self, now: Time, id: NodeId, work: Work) {
        self.change(now, id, |account, policy, _| account.be_carried(work, policy));
    }

    /// We did not do what a neighbour asked for.
    pub fn denied(&mut self, now: Time, id: NodeId) {
        self.change(now, id, |account, _, _| account.deny());
    }

    /// We ask a neighbour for something.
    pub fn asking(&mut self, now: Time, id: NodeId) {
        self.change(now, id, |account, _, _| account.ours.ask());
    }

    /// A neighbour did what we asked for.
    pub fn received(&mut self, now: Time, id: NodeId, work: Work) {
        let verdict = self.change(now, id, |account, policy, usual| account.receive(work, usual, policy));
        if verdict != Verdict::Leech {
            self.usual.observe(false);
        }
    }

    /// A neighbour refused what we asked for, or did not do it in time.
    ///
    /// While we owe it more than chance explains that says nothing of it: it may serve us last, as we would. Else every
    /// refusal is evidence, whatever reason it gives, for a leech would give whichever is excused; how much it weighs
    /// depends on how many the others refuse.
    pub fn refused(&mut self, now: Time, id: NodeId) {
        let verdict = self.change(now, id, |account, policy, usual| account.suffer(usual, policy));
        if verdict.is_some_and(|verdict| verdict != Verdict::Leech) {
            self.usual.observe(true);
        }
    }

    /// A neighbour's share in the work queue, as of when something last happened between us: who waits in the queue has
    /// asked a moment ago. A stranger's is full, for as much as [`Policy::credit`] allows.
    pub fn share(&self, id: &NodeId) -> Weight {
        self.accounts.get(id).map_or(Weight::FULL, |account| account.share)
    }

    /// The same as a number and at this moment: between [`Policy::floor`] and 1.
    pub fn weight(&self, now: Time, id: &NodeId) -> f64 {
        self.look(now, id).weight(&self.policy)
    }

    /// How we stand with a neighbour; 0 with a stranger. See [`Policy::standing`].
    pub fn standing(&self, now: Time, id: &NodeId) -> f64 {
        self.look(now, id).standing(&self.policy)
    }

    /// What a neighbour's refusals say of it.
    pub fn verdict(&self, now: Time, id: &NodeId) -> Verdict {
        self.look(now, id).test.verdict
    }

    /// All accounts, in the order of their names.
    pub fn statements(&self, now: Time) -> impl Iterator<Item = Statement> {
        self.faded(now).map(|(id, account)| Statement {
            id,
            given: account.given,
            received: account.received,
            balance: account.balance(),
            standing: account.standing(&self.policy),
            weight: account.weight(&self.policy),
            verdict: account.test.verdict,
            theirs: account.theirs,
            ours: account.ours,
        })
    }

    /// The ledger as it is, to be kept; `unix` is the wall clock's time, in seconds.
    pub fn snapshot(&self, now: Time, unix: u64) -> Snapshot {
        let accounts = self.faded(now).map(|(id, account)| SavedAccount::of(id, &account)).collect();
        Snapshot { unix, usual_refusals: self.usual.share(), accounts }
    }

    /// The ledger as it was, in favour of the neighbours: a node that was away, or lost its last minutes in a crash,
    /// asks nobody to pay for that.
    ///
    /// For the time since the snapshot, by the wall clock, *what we did for them fades* and so does the evidence against
    /// them, as if we had gone on without doing anything for them; *what they did for us stays* as it was. In a steady
    /// state as much is added to an account as fades, so this credits them with having gone on at their usual rate,
    /// through the crash and the pause. What chance explains stays as large as it was. A wall clock that went back
    /// counts as no time; one that went far ahead forgives all their debts and none of ours.
    pub fn restore(policy: Policy, now: Time, unix: u64, saved: Snapshot) -> Self {
        let mut ledger = Self::new(policy);
        ledger.usual = Usual::restored(saved.usual_refusals, &policy);
        let at = ledger.clock.advance(now);
        let away = Duration::from_secs(unix.saturating_sub(saved.unix));
        for one in saved.accounts {
            let mut account = Account { at, ..one.account().made_sane(&policy).forgiven(away, &policy) };
            account.set_share(&policy);
            ledger.make_room(at, one.id);
            ledger.accounts.insert(one.id, account);
        }
        ledger
    }

    fn faded(&self, now: Time) -> impl Iterator<Item = (NodeId, Account)> {
        let at = self.clock.at(now);
        self.accounts.iter().map(move |(&id, account)| (id, account.faded(at, &self.policy)))
    }

    fn look(&self, now: Time, id: &NodeId) -> Account {
        let known = self.accounts.get(id).map(|account| account.faded(self.clock.at(now), &self.policy));
        known.unwrap_or_default()
    }

    /// Changes an account, which is opened if it is not there.
    fn change<T>(&mut self, now: Time, id: NodeId, act: impl FnOnce(&mut Account, &Policy, Usual) -> T) -> T {
        let at = self.clock.advance(now);
        self.make_room(at, id);
        let account = self.accounts.entry(id).or_insert(Account { at, ..Account::default() });
        *account = account.faded(at, &self.policy);
        let outcome = act(account, &self.policy, self.usual);
        account.set_share(&self.policy);
        outcome
    }

    /// Forgets an account if there is no room for another one.
    fn make_room(&mut self, at: Duration, id: NodeId) {
        if self.accounts.len() < self.policy.capacity.max(1) || self.accounts.contains_key(&id) {
            return;
        }
        let policy = &self.policy;
        let oldest = self.accounts.iter().filter(|(_, account)| account.faded(at, policy).is_square(policy));
        let oldest = oldest.min_by_key(|(_, account)| account.at).map(|(id, _)| *id);
        let nearest = || {
            let distance = |account: &Account| account.faded(at, policy).balance().abs();
            let nearest = self.accounts.iter().min_by(|(_, one), (_, other)| distance(one).total_cmp(&distance(other)));
            nearest.map(|(id, _)| *id)
        };
        if let Some(forgotten) = oldest.or_else(nearest) {
            self.accounts.remove(&forgotten);
        }
    }
}
