//! Class share: the highest class first, but none of them alone.

use super::Class;

/// What the classes that wait are owed.
///
/// While a class waits it earns its floor of the work that is done for others; once that makes up its next job it is
/// served out of turn: with a floor of f percent, f of work for each 100 - f of the others'. Over any time in which it
/// waits it so gets its floor but for a job of its own and one of another. Nothing is earned while nothing waits: who comes
/// after a pause has no claim to the past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floors {
    percent: [u8; 3],
    /// Work that each class is behind, times 100.
    owed: [u64; 3],
}

impl Floors {
    /// Nothing is owed. The floors in percent are those of control, interactive and bulk; what is above 100 counts as that.
    pub(super) fn new(percent: [u8; 3]) -> Self {
        Self { percent: percent.map(|floor| floor.min(100)), owed: [0; 3] }
    }

    /// The floor of a class, in percent.
    pub(super) fn percent(&self, class: Class) -> u8 {
        self.percent[class.index()]
    }

    /// The lowest class that is behind its floor by a whole job; `next` says of each class how much work the next one of it
    /// is, if one waits.
    pub(super) fn due(&self, next: [Option<u64>; 3]) -> Option<Class> {
        Class::ALL.into_iter().rev().find(|class| {
            let rest = u64::from(100 - self.percent(*class));
            next[class.index()].is_some_and(|work| self.owed[class.index()] >= work.saturating_mul(rest))
        })
    }

    /// So much work was done for a class; `waiting` says which of them still have something to do.
    pub(super) fn served(&mut self, served: Class, work: u64, waiting: [bool; 3]) {
        for class in Class::ALL {
            let floor = u64::from(self.percent(class));
            let owed = &mut self.owed[class.index()];
            *owed = match (waiting[class.index()], class == served) {
                (false, _) => 0,
                (true, true) => owed.saturating_sub(work.saturating_mul(100 - floor)),
                (true, false) => owed.saturating_add(work.saturating_mul(floor)),
            };
        }
    }
}
