//! One line's members, and what the defences make of lists of them.

use grid::density::Band;

use super::{Lie, RosterLies, Test, Witnesses};
use crate::adversary::draws;
use crate::chance::Chance;

/// Who is on the line, and how long the list of another line is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) honest: u32,
    pub(super) colluders: u32,
    other: u32,
}

impl Line {
    pub(super) fn draw(lies: &RosterLies, chance: &mut Chance) -> Self {
        Self {
            honest: draws::poisson(chance, lies.expected * (1.0 - lies.hostile)),
            colluders: draws::poisson(chance, lies.expected * lies.hostile),
            other: draws::poisson(chance, lies.expected),
        }
    }

    fn members(&self) -> u32 {
        self.honest + self.colluders
    }
}

/// A defence, with what it computes once.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    lies: &'a RosterLies,
    band: Band,
    z: f64,
}

impl<'a> Judge<'a> {
    pub(super) fn new(lies: &'a RosterLies) -> Self {
        let band = Band::poisson(lies.expected, lies.alpha);
        Self { lies, band, z: draws::normal_excess(lies.alpha) }
    }

    pub(super) fn band(&self) -> Band {
        self.band
    }

    fn has_density(&self) -> bool {
        self.lies.test != Test::Certified
    }

    fn has_signatures(&self) -> bool {
        matches!(self.lies.test, Test::Certified | Test::Both)
    }

    /// Whether an honest list is turned down.
    pub(super) fn rejects_truth(&self, line: &Line, chance: &mut Chance) -> bool {
        let is_odd = self.has_density() && self.is_odd(line.members(), line.other);
        is_odd || self.has_signatures() && !self.truth_is_certified(line, chance)
    }

    /// Whether the adversary's list is turned down, or told from the one that it has signed for others.
    pub(super) fn catches(&self, line: &Line, chance: &mut Chance) -> bool {
        let omitted = match self.lies.lie {
            Lie::ColludersOnly => line.honest,
            Lie::Omit | Lie::Equivocate => draws::binomial(chance, line.honest.into(), self.lies.omitted),
            Lie::Refuse => 0,
        };
        if omitted == 0 {
            // What hides nobody is no lie, and nothing is there to be caught.
            return false;
        }
        let listed = line.members() - omitted;
        if self.has_density() && self.is_odd(listed, line.other) {
            return true;
        }
        if !self.has_signatures() {
            return false;
        }
        !self.lie_is_certified(line, listed, chance)
            || self.lies.lie == Lie::Equivocate && self.meets_another_root(line, listed, chance)
    }

    /// The share of the members that the best liar can hide from the list, knowing the test.
    pub(super) fn hidden_at_most(&self, line: &Line, chance: &mut Chance) -> f64 {
        let shortest = match self.lies.test {
            Test::Known | Test::Both => self.band.least,
            Test::TwoLists => self.shortest_beside(line.other),
            Test::Certified => 0,
        };
        let hidden = line.members().saturating_sub(shortest).min(line.honest);
        if hidden == 0 || self.has_signatures() && !self.lie_is_certified(line, line.members() - hidden, chance) {
            return 0.0;
        }
        f64::from(hidden) / f64::from(line.members())
    }

    fn is_odd(&self, length: u32, other: u32) -> bool {
        if self.lies.test == Test::TwoLists {
            let (a, b) = (f64::from(length), f64::from(other));
            (a - b).abs() > self.z * (a + b).sqrt()
        } else {
            !self.band.contains(length)
        }
    }

    /// The least `a` with `b - a <= z sqrt(a + b)`: with `s = a + b`, `s + z sqrt s = 2 b`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and b")]
    fn shortest_beside(&self, other: u32) -> u32 {
        let b = f64::from(other);
        let root = f64::midpoint(-self.z, (self.z * self.z + 8.0 * b).sqrt());
        (root * root - b).max(0.0).ceil() as u32
    }

    fn truth_is_certified(&self, line: &Line, chance: &mut Chance) -> bool {
        let drawn = self.lies.witnesses.min(line.members());
        let colluders = draws::hypergeometric(chance, line.members(), line.colluders, drawn);
        let honest = draws::binomial(chance, (drawn - colluders).into(), self.lies.available);
        let silent = self.lies.lie == Lie::Refuse;
        honest + if silent { 0 } else { colluders } >= self.lies.signatures()
    }

    /// Colluders sign anything, the honest nothing that leaves out somebody they know.
    fn lie_is_certified(&self, line: &Line, listed: u32, chance: &mut Chance) -> bool {
        let among = match self.lies.witnesses_from {
            Witnesses::List => listed,
            Witnesses::Line => line.members(),
        };
        let mut draw = || draws::hypergeometric(chance, among, line.colluders, self.lies.witnesses);
        (0..self.lies.drawings).any(|_| draw() >= self.lies.signatures())
    }

    /// Whether one of those with whom the asker compares its root is honest, and so holds another one.
    fn meets_another_root(&self, line: &Line, listed: u32, chance: &mut Chance) -> bool {
        let asked = self.lies.compared.min(listed);
        draws::hypergeometric(chance, listed, line.colluders, asked) < asked
    }
}
