//! What is known of all servers, and which of them are asked.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Reverse;

use rand_core::Rng;

use crate::chance;
use crate::id::NodeId;
use crate::trust::Server;
use crate::trust::policy::Policy;
use crate::trust::standing::{Question, Reason, Standing};

/// How gladly a server is asked; the first is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Ready,
    Resting,
    Flagged,
}

/// The standings of all servers that something is known of.
///
/// It keeps [`Trust::new`]'s number of them and forgets whom it has not heard of for longest, the shunned last.
#[derive(Clone, Debug)]
pub struct Trust {
    standings: BTreeMap<NodeId, Standing>,
    /// Those that answers are asked of; at most `capacity`, or those of one dataset.
    working: BTreeSet<NodeId>,
    capacity: usize,
    requests: u64,
}

impl Trust {
    /// A table without entries, for `capacity` of them.
    pub const fn new(capacity: usize) -> Self {
        Self { standings: BTreeMap::new(), working: BTreeSet::new(), capacity, requests: 0 }
    }

    /// The table as it was, from what [`Trust::standings`] and [`Trust::requests`] gave.
    pub fn restore(capacity: usize, requests: u64, standings: impl IntoIterator<Item = (NodeId, Standing)>) -> Self {
        let mut trust = Self { requests, ..Self::new(capacity) };
        for (id, standing) in standings {
            *trust.entry(&id) = standing;
        }
        trust
    }

    /// What is known of a server; the standing of a stranger if nothing is.
    pub fn standing(&self, id: &NodeId) -> Standing {
        self.standings.get(id).copied().unwrap_or_default()
    }

    /// All of whom something is known, in order of their names.
    pub fn standings(&self) -> impl Iterator<Item = (&NodeId, &Standing)> {
        self.standings.iter()
    }

    /// Requests that were begun: the clock by which silent servers rest.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Something that a server said turned out to be right.
    pub fn passed(&mut self, id: &NodeId) {
        self.entry(id).pass();
    }

    /// Something that a server said was not what others said.
    pub fn mismatched(&mut self, id: &NodeId) {
        self.entry(id).mismatch();
        self.dismiss(id);
    }

    /// A server took part in a disagreement.
    pub fn flagged(&mut self, id: &NodeId) {
        self.entry(id).flagged = true;
        self.dismiss(id);
    }

    /// A server was validated after a disagreement.
    pub fn unflagged(&mut self, id: &NodeId) {
        if self.standings.get(id).is_some_and(|standing| standing.flagged) {
            self.entry(id).flagged = false;
        }
    }

    /// A server lied and is never asked again. Also for proofs that others have sent and that the shell has checked.
    pub fn convicted(&mut self, id: &NodeId, reason: Reason) {
        let standing = self.entry(id);
        standing.mismatch();
        standing.shunned.get_or_insert(reason);
        self.dismiss(id);
    }

    /// A server did not answer in time. That is no lie; it is asked less.
    pub fn timed_out(&mut self, id: &NodeId, question: Question) {
        let now = self.requests;
        self.entry(id).fall_silent(question, now);
        self.dismiss(id);
    }

    /// A server answered in time, rightly or not.
    pub fn spoke(&mut self, id: &NodeId, question: Question) {
        self.entry(id).speak(question);
    }

    /// Another request begins.
    pub(super) const fn begin_request(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// How gladly a server is asked; `None` of one that is shunned.
    pub(super) fn rank(&self, id: &NodeId) -> Option<Rank> {
        let Some(standing) = self.standings.get(id) else { return Some(Rank::Ready) };
        match standing.shunned {
            Some(_) => None,
            None if standing.flagged => Some(Rank::Flagged),
            None if standing.rests_until > self.requests => Some(Rank::Resting),
            None => Some(Rank::Ready),
        }
    }

    /// A random one of the working set's servers among these. The set is filled up with those that have passed most
    /// checks, for instance as checkers, and at random among equals. `None` if nobody among these is ready.
    pub(super) fn who_answers<R: Rng>(&mut self, policy: &Policy, servers: &[Server], rng: &mut R) -> Option<Server> {
        let mut members = self.members(servers);
        if members.len() < usize::from(policy.working_set).min(servers.len()) {
            self.recruit(policy, servers, members.len(), rng);
            members = self.members(servers);
        }
        chance::pick(rng, &members).copied()
    }

    fn members(&self, servers: &[Server]) -> Vec<Server> {
        servers.iter().filter(|server| self.working.contains(&server.id)).copied().collect()
    }

    fn recruit<R: Rng>(&mut self, policy: &Policy, servers: &[Server], members: usize, rng: &mut R) {
        let is_new =
            |server: &&Server| !self.working.contains(&server.id) && self.rank(&server.id) == Some(Rank::Ready);
        let mut recruits: Vec<NodeId> = servers.iter().filter(is_new).map(|server| server.id).collect();
        chance::shuffle(rng, &mut recruits);
        recruits.sort_by_key(|id| Reverse(self.standing(id).in_a_row));
        recruits.truncate(usize::from(policy.working_set).saturating_sub(members));
        if self.working.len() + recruits.len() > self.capacity {
            self.working.retain(|id| servers.iter().any(|server| server.id == *id));
        }
        self.working.extend(recruits);
    }

    /// Answers are asked of others from now on.
    fn dismiss(&mut self, id: &NodeId) {
        self.working.remove(id);
    }

    fn entry(&mut self, id: &NodeId) -> &mut Standing {
        if self.standings.len() >= self.capacity && !self.standings.contains_key(id) {
            let oldest = self.standings.iter().min_by_key(|(_, known)| (known.shunned.is_some(), known.heard));
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.standings.remove(&oldest);
            }
        }
        let standing = self.standings.entry(*id).or_default();
        standing.heard = self.requests;
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    #[test]
    fn the_shunned_are_forgotten_last() {
        let mut trust = Trust::new(2);
        trust.convicted(&id(1), Reason::TwoAnswers);
        trust.begin_request();
        trust.passed(&id(2));
        trust.passed(&id(3));
        assert_eq!(trust.standings().count(), 2);
        assert_eq!(trust.standing(&id(1)).shunned, Some(Reason::TwoAnswers));
        assert_eq!(trust.standing(&id(2)), Standing::default());
    }

    #[test]
    fn what_was_saved_is_restored() {
        let mut trust = Trust::new(10);
        trust.begin_request();
        trust.passed(&id(1));
        trust.timed_out(&id(2), Question::Check);
        trust.convicted(&id(3), Reason::Recomputed);
        let saved: Vec<(NodeId, Standing)> = trust.standings().map(|(id, standing)| (*id, *standing)).collect();
        let restored = Trust::restore(10, trust.requests(), saved);
        for number in 1..=3 {
            assert_eq!(restored.standing(&id(number)), trust.standing(&id(number)));
        }
    }

    #[test]
    fn silence_is_no_lie_but_earns_longer_and_longer_rests() {
        let mut trust = Trust::new(10);
        for rest in [2, 4, 8, 16] {
            trust.timed_out(&id(1), Question::Check);
            trust.spoke(&id(1), Question::Answer);
            assert_eq!(trust.standing(&id(1)).rests_until - trust.requests(), rest);
            assert_eq!(trust.rank(&id(1)), Some(Rank::Resting));
        }
        (0..100).for_each(|_| trust.timed_out(&id(1), Question::Check));
        assert_eq!(trust.standing(&id(1)).rests_until, Standing::LONGEST_REST);
        let standing = trust.standing(&id(1));
        assert!(standing.shunned.is_none() && !standing.flagged && standing.mismatches == 0);
        (0..2000).for_each(|_| trust.begin_request());
        assert_eq!(trust.rank(&id(1)), Some(Rank::Ready));
    }
}
