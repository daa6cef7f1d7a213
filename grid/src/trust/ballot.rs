//! Who said what in one check, and what follows for each answer.

use alloc::vec::Vec;

use crate::id::{AnswerDigest, NodeId};
use crate::trust::Server;
use crate::trust::credibility;

/// What one server said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) server: Server,
    pub(super) digest: AnswerDigest,
    /// It gave the answer too, not only the digest.
    pub(super) whole: bool,
}

/// The answer that most speaks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leading {
    pub(super) digest: AnswerDigest,
    pub(super) votes: usize,
    pub(super) credibility: f64,
}

/// A server said something else before.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwoAnswers;

#[derive(Clone, Debug, Default)]
pub(super) struct Ballot(Vec<Statement>);

#[derive(Clone, Copy)]
struct Group {
    digest: AnswerDigest,
    votes: usize,
    log_odds: f64,
}

impl Ballot {
    pub(super) fn record(&mut self, new: Statement) -> Result<(), TwoAnswers> {
        match self.0.iter_mut().find(|known| known.server.id == new.server.id) {
            None => self.0.push(new),
            Some(known) if known.digest == new.digest => known.whole |= new.whole,
            Some(_) => {
                self.strike(&new.server.id);
                return Err(TwoAnswers);
            }
        }
        Ok(())
    }

    /// What a server has said does not count any more.
    pub(super) fn strike(&mut self, id: &NodeId) {
        self.0.retain(|known| known.server.id != *id);
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.0
    }

    pub(super) fn is_disputed(&self) -> bool {
        self.0.windows(2).any(|pair| pair[0].digest != pair[1].digest)
    }

    /// Somebody gave this answer, not only its digest.
    pub(super) fn has_whole(&self, digest: &AnswerDigest) -> bool {
        self.0.iter().any(|said| said.whole && said.digest == *digest)
    }

    /// The answer with the most weight, if these others who have not spoken yet all joined it. `weight` is a server's
    /// credibility.
    pub(super) fn leading<'a>(
        &'a self,
        joining: impl Iterator<Item = &'a NodeId>,
        weight: impl Fn(&NodeId) -> f64,
    ) -> Option<Leading> {
        let mut groups = self.groups(&weight);
        let first = groups.iter().enumerate().max_by(|(_, a), (_, b)| a.log_odds.total_cmp(&b.log_odds));
        let mut leading = groups.swap_remove(first?.0);
        for id in joining {
            leading.votes += 1;
            leading.log_odds += credibility::log_odds(weight(id));
        }
        let credibility = credibility::of_group(leading.log_odds, groups.iter().map(|group| group.log_odds));
        Some(Leading { digest: leading.digest, votes: leading.votes, credibility })
    }

    fn groups(&self, weight: impl Fn(&NodeId) -> f64) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for Statement { server, digest, .. } in &self.0 {
            let log_odds = credibility::log_odds(weight(&server.id));
            match groups.iter_mut().find(|group| group.digest == *digest) {
                None => groups.push(Group { digest: *digest, votes: 1, log_odds }),
                Some(group) => {
                    group.votes += 1;
                    group.log_odds += log_odds;
                }
            }
        }
        groups
    }
}
