//! What a stranger makes of the certificates that nodes show of their lines.
//!
//! An initiator draws relay i + 1 from a line of relay i, of which it sees no member itself. What relay i shows is held against
//! three things: our own lines, certified at the same time, say which epochs are current and how long a list may be
//! ([`crate::density::fits`]); and another cell of the line says what it holds for certified ([`Opinions::weigh`]). Of two
//! certificates the one that more have signed counts ([`Certificate::outweighs`]), so one honest answer of two is enough;
//! and who has signed both is a liar from then on.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::certificate::Certificate;
use super::epoch::Epoch;
use super::equivocation::Equivocation;
use crate::cell::Line;
use crate::density::{self, STRANGERS_ALPHA};
use crate::id::NodeId;

/// Lines of which a second opinion is remembered.
const LINES: usize = 512;
/// Liars that are remembered: whoever is one too many takes the place of the one with the lowest name.
const LIARS: usize = 1024;

/// Why a certificate is not gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// It is of another epoch than those of our own lines.
    #[error("the certificate of line {line} is of epoch {epoch}, and ours are of {ours}", epoch = .epoch.number(), ours = .ours.number())]
    Stale {
        /// Whose it is.
        line: Line,
        /// Its epoch.
        epoch: Epoch,
        /// That of our newest.
        ours: Epoch,
    },
    /// Lines as long as that do not occur beside ours.
    #[error("{count} nodes are said to be on line {line}, which is not to be believed beside our own lines")]
    Length {
        /// Whose it is.
        line: Line,
        /// How many are named.
        count: u32,
    },
    /// Another one of the line has more signatures: whoever has shown this one deceives, or is deceived.
    #[error("another certificate of line {0} has more signatures than the one that was shown")]
    Outweighed(Line),
    /// The other one is of another epoch, or as many have signed it: which one counts is not known.
    #[error("two certificates of line {0} cannot be held against each other")]
    Undecided(Line),
}

/// What is known of other people's lines.
#[derive(Clone, Debug, Default)]
pub struct Opinions {
    /// The members of our own lines, as they are certified, and the newest epoch of these.
    own: Option<(Vec<u32>, Epoch)>,
    settled: BTreeMap<Line, Certificate>,
    liars: BTreeMap<NodeId, Equivocation>,
}

impl Opinions {
    /// Goes by these certificates of our own lines from now on; what was settled longer ago than an epoch is forgotten.
    pub fn renew(&mut self, own: &[Certificate]) {
        let newest = own.iter().map(|one| one.claim().epoch).max();
        self.own = newest.map(|newest| {
            let counts = own.iter().filter(|one| one.claim().epoch == newest).map(|one| one.claim().count);
            (counts.collect(), newest)
        });
        self.settled.retain(|_, one| newest.is_some_and(|newest| one.claim().epoch.next() >= newest));
    }

    /// Whether others have to show certificates: our own lines have some, so the grid is old enough for everybody's.
    pub fn are_wanted(&self) -> bool {
        self.own.is_some()
    }

    /// Whether what is shown may be true, by itself.
    ///
    /// # Errors
    /// [`Doubt`] if its epoch or its length is not one of ours. Where our own lines have none nothing is doubted.
    pub fn check(&self, shown: &Certificate) -> Result<(), Doubt> {
        let Some((counts, ours)) = &self.own else { return Ok(()) };
        let (claim, ours) = (shown.claim(), *ours);
        let (line, epoch) = (claim.line, claim.epoch);
        if epoch.next() < ours || ours.next() < epoch {
            return Err(Doubt::Stale { line, epoch, ours });
        }
        match density::fits(claim.count, counts, STRANGERS_ALPHA) {
            true => Ok(()),
            false => Err(Doubt::Length { line, count: claim.count }),
        }
    }

    /// Whether this very certificate was held against another one. That one of another epoch was says nothing of it: who shows a
    /// true one of the epoch before could forge this one.
    pub fn is_settled(&self, shown: &Certificate) -> bool {
        self.settled.get(&shown.claim().line).is_some_and(|settled| settled.claim() == shown.claim())
    }

    /// Which of the certificates of a line to go by, that a node shows, the newest first: the one that is settled, or else the
    /// first that may be true.
    pub fn choose<'a>(&self, shown: impl Iterator<Item = &'a Certificate> + Clone) -> Option<&'a Certificate> {
        let mut sound = shown.filter(|one| self.check(one).is_ok());
        sound.clone().find(|one| self.is_settled(one)).or_else(|| sound.next())
    }

    /// Holds the certificates of a line that one node shows, of different epochs, against what another cell of the line
    /// says. Who has signed two different ones is remembered, whichever counts.
    ///
    /// # Errors
    /// [`Doubt::Outweighed`] if those that were shown are not to be gone by, [`Doubt::Undecided`] if nobody knows.
    pub fn weigh(&mut self, line: Line, shown: &[Certificate], second: &Certificate) -> Result<Certificate, Doubt> {
        let of_epoch = |one: &&Certificate| one.claim().line == line && one.claim().epoch == second.claim().epoch;
        let is_it = second.claim().line == line;
        let first = shown.iter().find(of_epoch).filter(|_| is_it).ok_or(Doubt::Undecided(line))?;
        for proof in first.liars(second) {
            if self.liars.len() >= LIARS {
                self.liars.pop_first();
            }
            self.liars.insert(proof.liar(), proof);
        }
        if second.outweighs(first) {
            return Err(Doubt::Outweighed(line));
        }
        if first.claim() != second.claim() && !first.outweighs(second) {
            return Err(Doubt::Undecided(line));
        }
        if self.settled.len() >= LINES {
            self.settled.pop_first();
        }
        self.settled.insert(line, first.clone());
        Ok(first.clone())
    }

    /// Whether a node has been seen to sign two rosters of one line and epoch.
    pub fn is_liar(&self, node: &NodeId) -> bool {
        self.liars.contains_key(node)
    }

    /// The proofs against those that have.
    pub fn proofs(&self) -> impl Iterator<Item = &Equivocation> {
        self.liars.values()
    }
}
