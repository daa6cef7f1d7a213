//! A ledger as plain data, for the disk.

use alloc::vec::Vec;

use super::account::{Account, Counts};
use super::verdict::{Test, Verdict};
use crate::id::NodeId;

/// All that a node has to keep of its ledger over a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When it was taken, in seconds of Unix time.
    pub unix: u64,
    /// The share of our requests that neighbours refused of late, 0 to 1.
    pub usual_refusals: f64,
    /// The accounts, in order of the neighbours' names.
    pub accounts: Vec<SavedAccount>,
}

/// One neighbour's account. Whatever numbers stand in it, [`super::Ledger::restore`] makes an account of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedAccount {
    /// Whose it is.
    pub id: NodeId,
    /// What we did for it, in units of [`super::tariff::Work`], faded up to when it was saved.
    pub given: f64,
    /// What it did for us.
    pub received: f64,
    /// The sum of the squares of what both are made of.
    pub squares: f64,
    /// What refusals say against it, in nats; see [`super::verdict`].
    pub evidence: f64,
    /// What followed from that.
    pub verdict: Verdict,
    /// Its requests to us.
    pub theirs: Counts,
    /// Our requests to it.
    pub ours: Counts,
}

impl SavedAccount {
    pub(super) fn of(id: NodeId, account: &Account) -> Self {
        let Account { given, received, squares, test, theirs, ours, at: _, share: _ } = *account;
        Self { id, given, received, squares, evidence: test.evidence, verdict: test.verdict, theirs, ours }
    }

    pub(super) fn account(&self) -> Account {
        let Self { id: _, given, received, squares, evidence, verdict, theirs, ours } = *self;
        Account { given, received, squares, test: Test { evidence, verdict }, theirs, ours, ..Account::default() }
    }
}
