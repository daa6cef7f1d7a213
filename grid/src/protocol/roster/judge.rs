//! Who belongs in a line's roster, as one node sees it, and which other opinions of that it may sign.
//!
//! A roster names those who were there for the whole epoch before. At its edges the members of a line may differ: one heard
//! of a newcomer some seconds before another, one has found out already that somebody has died. Such differences, a few of
//! them, are let pass. No other is: nobody is left out who has been there for long and answers a probe, and nobody is named
//! whom the judge has not been linked to itself.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::presence::{Presence, Stay};
use crate::cell::{Cell, Line};
use crate::certified::Roster;
use crate::id::NodeId;
use crate::time::Time;

/// How long before and after an epoch's edge nodes may differ about who has come and gone: as a share of an epoch, one
/// minute of ten. Clocks may be apart by less than that, and the silent death of one of 64 is found within some 20 s.
const EDGE: u32 = 10;

/// What a node goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'a> {
    pub(super) line: Line,
    pub(super) me: NodeId,
    pub(super) home: Cell,
    /// Since when we have been here ourselves.
    pub(super) since: Time,
    pub(super) presence: &'a Presence,
    /// Who has lied, and since when we know.
    pub(super) convicted: &'a BTreeMap<NodeId, Time>,
    /// When the epoch began, and how long each lasts.
    pub(super) began: Time,
    pub(super) length: Duration,
}

/// What a node makes of another's opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be signed.
    Sound,
    /// It may be signed if none of these answers, who are left out.
    Unless(Vec<NodeId>),
    /// It may not.
    Wrong,
}

/// How old a stay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Old,
    /// As old as it must be, more or less.
    AtTheEdge {
        enough: bool,
    },
    Young,
}

/// Differences that are let pass: two, and one more for 16 members. Of 64 nodes that stay for an hour (median) one comes and
/// one goes every 80 s; more than six within the 20 s in which they do not all know is a matter of one in a hundred million.
fn allowed(count: u32) -> u32 {
    2 + count / 16
}

impl Judge<'_> {
    pub(super) fn edge(length: Duration) -> Duration {
        length / EDGE
    }

    /// Our own opinion; `None` where we see nobody who has been here long enough.
    pub(super) fn opinion(&self) -> Option<Roster> {
        let me = self.is_enough(self.since).then_some((self.me, self.home));
        let others = self
            .presence
            .on(self.line)
            .filter(|(id, stay)| stay.gone.is_none() && self.is_enough(stay.since) && !self.convicted.contains_key(id));
        Roster::new(self.line, others.map(|(id, stay)| (id, stay.cell)).chain(me)).ok()
    }

    /// Whether we have been here for long enough to have an opinion that counts.
    pub(super) fn is_witness(&self) -> bool {
        self.is_enough(self.since)
    }

    /// How many a roster should have: those of our opinion, or, as long as we have none that counts, all that we see.
    pub(super) fn expected(&self) -> u32 {
        let opinion = self.opinion().filter(|_| self.is_witness()).map(|roster| roster.count());
        opinion.unwrap_or_else(|| {
            let there = self.presence.on(self.line).filter(|(_, stay)| stay.gone.is_none()).count();
            u32::try_from(there).unwrap_or(u32::MAX).saturating_add(1)
        })
    }

    fn is_enough(&self, since: Time) -> bool {
        matches!(self.age(since), Age::Old | Age::AtTheEdge { enough: true })
    }

    fn age(&self, since: Time) -> Age {
        let (edge, needed) = (Self::edge(self.length), self.length);
        let age = self.began.since(since);
        if age >= needed + edge {
            Age::Old
        } else if age + edge >= needed {
            Age::AtTheEdge { enough: age >= needed }
        } else {
            Age::Young
        }
    }

    /// What to make of an opinion of the same line.
    pub(super) fn judge(&self, roster: &Roster) -> Verdict {
        let mut differences = 0;
        for (id, cell) in roster.members() {
            match self.named(id, cell) {
                Some(difference) => differences += u32::from(difference),
                None => return Verdict::Wrong,
            }
        }
        if roster.cell_of(self.me).is_none() && self.age(self.since) == Age::Old {
            return Verdict::Wrong;
        }
        let mut missing = Vec::new();
        for (id, stay) in self.presence.on(self.line).filter(|(id, _)| roster.cell_of(*id).is_none()) {
            match self.omitted(id, stay) {
                Omission::None => {}
                Omission::Difference => differences += 1,
                Omission::UnlessItAnswers => missing.push(id),
            }
        }
        differences = differences.saturating_add(u32::try_from(missing.len()).unwrap_or(u32::MAX));
        match missing.is_empty() {
            _ if differences > allowed(roster.count()) => Verdict::Wrong,
            true => Verdict::Sound,
            false => Verdict::Unless(missing),
        }
    }

    /// Whether one who is named makes a difference to our own opinion; `None` if it must not be named.
    fn named(&self, id: NodeId, cell: Cell) -> Option<bool> {
        let stay = match id == self.me {
            true => Stay { cell: self.home, since: self.since, gone: None },
            false => *self.presence.get(id)?,
        };
        let late = |at: Time| at + Self::edge(self.length) >= self.began;
        let is_convicted = self.convicted.get(&id).is_some();
        let may_be = stay.cell == cell
            && self.age(stay.since) != Age::Young
            && stay.gone.is_none_or(late)
            && self.convicted.get(&id).is_none_or(|&at| late(at));
        may_be.then_some(is_convicted || stay.gone.is_some() || !self.is_enough(stay.since))
    }

    fn omitted(&self, id: NodeId, stay: &Stay) -> Omission {
        if stay.gone.is_some() || self.convicted.contains_key(&id) {
            return Omission::None;
        }
        match self.age(stay.since) {
            Age::Old => Omission::UnlessItAnswers,
            Age::AtTheEdge { enough: true } => Omission::Difference,
            Age::AtTheEdge { enough: false } | Age::Young => Omission::None,
        }
    }
}

enum Omission {
    None,
    Difference,
    UnlessItAnswers,
}

#[cfg(test)]
mod tests;
