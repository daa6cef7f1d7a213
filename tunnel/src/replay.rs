//! Set-ups that were seen already.
//!
//! A set-up is dated with a minute and taken only near it ([`Limits::window`]). What was taken is remembered for as
//! long as it could be taken again: in two generations, of which the older is forgotten when the newer has lasted that
//! long. So memory is bounded, and nothing is forgotten too early. When a generation is full no set-up is taken until
//! the next begins: a filter that forgets would let replays in.

use std::collections::BTreeSet;

use crate::keys::OnionPublic;

/// The bounds of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many minutes a set-up's date may lie before or after ours.
    pub window: u32,
    /// How many set-ups a generation remembers, of 32 bytes each.
    pub entries: usize,
}

/// Why a set-up is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is new, and remembered now.
    Fresh,
    /// It was taken before.
    Replayed,
    /// Its date is too far from ours.
    Stale,
    /// There is no room to remember it.
    Full,
}

/// What was taken of late.
#[derive(Clone, Debug)]
pub struct Filter {
    limits: Limits,
    /// The minute in which the newer generation began.
    began: u32,
    newer: BTreeSet<OnionPublic>,
    older: BTreeSet<OnionPublic>,
}

impl Filter {
    /// An empty filter.
    pub fn new(limits: Limits) -> Self {
        Self { limits, began: 0, newer: BTreeSet::new(), older: BTreeSet::new() }
    }

    /// Whether a set-up with this fresh key was taken of late.
    pub fn has(&self, fresh: OnionPublic) -> bool {
        self.newer.contains(&fresh) || self.older.contains(&fresh)
    }

    /// Judges a set-up that opened, and remembers it if it is fresh.
    pub fn take(&mut self, now: u32, fresh: OnionPublic, minute: u32) -> Verdict {
        self.turn(now);
        // A wall clock that was put back a little does not open the window again for what was forgotten.
        if minute.abs_diff(self.began.max(now)) > self.limits.window {
            return Verdict::Stale;
        }
        if self.has(fresh) {
            return Verdict::Replayed;
        }
        if self.newer.len() >= self.limits.entries {
            return Verdict::Full;
        }
        self.newer.insert(fresh);
        Verdict::Fresh
    }

    /// How many set-ups it remembers.
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A set-up taken now may be dated `window` ahead and is good until `window` after that: a generation lasts one
    /// minute more.
    fn turn(&mut self, now: u32) {
        let life = self.limits.window.saturating_mul(2).saturating_add(1);
        if now.saturating_add(life) < self.began {
            // Put back further than that: better than to take no set-up until it shows the old time again.
            self.began = now;
        }
        if now.saturating_sub(self.began) < life {
            return;
        }
        let newer = std::mem::take(&mut self.newer);
        self.older = if now.saturating_sub(self.began) < life.saturating_mul(2) { newer } else { BTreeSet::new() };
        self.began = now;
    }
}
