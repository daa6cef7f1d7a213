//! What a hostile relay shows as its rosters, to have a tunnel go on through its friends.

use std::collections::BTreeSet;

use grid::cell::{Axis, Cell};
use grid::density::Band;
use grid::id::NodeId;
use grid::mimics::{Candidate, Seed, links};
use serde::{Deserialize, Serialize};

use super::net::Net;
use crate::adversary::draws::hypergeometric;
use crate::chance::Chance;

/// What an initiator asks of the rosters of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rosters {
    /// More than half of the witnesses drawn from the line have signed. A line with a hostile majority among them certifies a
    /// roster without anybody honest.
    Certified,
    /// It is as long as the density lets expect. A relay leaves out whom it has to, down to the least length that is
    /// believed.
    Density,
    /// Nothing: a relay says who its links are, as in Tarzan.
    Claimed,
}

/// The adversary, and what it can make others believe.
pub(super) struct Liars<'a> {
    net: &'a Net,
    hostile: Vec<bool>,
    rosters: Rosters,
    seed: Seed,
    mimics: usize,
    /// Members of a line that have to be shown at least.
    least: u32,
    /// Lines, by their axis and the number of their first cell, whose certificates it can forge.
    captured: BTreeSet<(Axis, u64)>,
    /// Names to claim.
    friends: Vec<NodeId>,
}

/// Names that a relay claims: as many as it would have links.
const CLAIMED: usize = 20;

impl<'a> Liars<'a> {
    /// A share of the nodes, drawn at random.
    pub(super) fn draw(net: &'a Net, share: f64, chance: &mut Chance) -> Vec<bool> {
        (0..net.nodes()).map(|_| chance.happens(share)).collect()
    }

    pub(super) fn new(net: &'a Net, hostile: Vec<bool>, rosters: Rosters, seed: Seed, mimics: usize) -> Self {
        let own = (0..net.nodes()).filter(|&node| hostile[node as usize]).map(|node| net.home(node).id);
        let friends = own.take(CLAIMED).collect();
        Self { net, hostile, rosters, seed, mimics, least: 0, captured: BTreeSet::new(), friends }
    }

    /// Lists are believed within the band of the expected count.
    pub(super) fn with_band(mut self, expected: f64, alpha: f64) -> Self {
        self.least = Band::poisson(expected, alpha).least;
        self
    }

    /// So many witnesses are drawn on every line.
    pub(super) fn with_witnesses(mut self, witnesses: u32, chance: &mut Chance) -> Self {
        let shape = self.net.shape();
        for axis in shape.axes() {
            for index in 0..shape.cells() {
                let cell = shape.cell_at(index);
                if cell.coordinate(axis).index() != 0 {
                    continue;
                }
                let line = self.net.line(cell, axis);
                let (all, own) = (count(line.len()), count(line.iter().filter(|one| self.is_own(one)).count()));
                let drawn = witnesses.min(all);
                if hypergeometric(chance, all, own, drawn) > drawn / 2 {
                    self.captured.insert((axis, index));
                }
            }
        }
        self
    }

    /// The share of lines whose certificates it can forge.
    pub(super) fn captured_share(&self) -> f64 {
        let shape = self.net.shape();
        let lines = shape.cells() / u64::from(shape.side()) * u64::from(shape.dims());
        crate::figures::ratio(self.captured.len() as u64, lines)
    }

    pub(super) fn is_hostile(&self, node: u32) -> bool {
        self.hostile[node as usize]
    }

    /// Whom a hostile node can have for successors in the eyes of an initiator: its links, or its neighbours.
    pub(super) fn successors(&self, node: u32, last: bool) -> Vec<NodeId> {
        if self.rosters == Rosters::Claimed {
            return self.friends.clone();
        }
        let home = self.net.home(node);
        let (shape, mut names) = (self.net.shape(), Vec::new());
        for axis in shape.axes() {
            let line = self.line(&home, axis);
            if last {
                names.extend(line.iter().map(|one| one.id).filter(|&id| id != home.id));
            } else {
                names.extend(links(&self.seed, &home, axis, shape.dims(), &line, self.mimics));
            }
        }
        names
    }

    /// The roster that it shows.
    fn line(&self, home: &Candidate, axis: Axis) -> Vec<Candidate> {
        let line = self.net.line(home.cell, axis);
        match self.rosters {
            Rosters::Claimed | Rosters::Certified if !self.captured.contains(&self.name(home.cell, axis)) => line,
            Rosters::Claimed | Rosters::Certified => line.into_iter().filter(|one| self.is_own(one)).collect(),
            Rosters::Density => self.without_links(home, axis, line),
        }
    }

    /// Leaves out the honest that would be links, then those who would take their places, as long as the list is believed.
    fn without_links(&self, home: &Candidate, axis: Axis, mut line: Vec<Candidate>) -> Vec<Candidate> {
        let mut spare = count(line.len()).saturating_sub(self.least);
        while spare > 0 {
            let links = links(&self.seed, home, axis, self.net.shape().dims(), &line, self.mimics);
            let honest = links.iter().filter(|id| !self.is_hostile(Net::number(id)));
            let gone: Vec<_> = honest.take(spare as usize).copied().collect();
            if gone.is_empty() {
                break;
            }
            line.retain(|one| !gone.contains(&one.id));
            spare -= count(gone.len());
        }
        line
    }

    fn is_own(&self, one: &Candidate) -> bool {
        self.is_hostile(Net::number(&one.id))
    }

    fn name(&self, cell: Cell, axis: Axis) -> (Axis, u64) {
        let first = self.net.shape().line(cell, axis).next().unwrap_or(cell);
        (axis, self.net.shape().index(first))
    }
}

/// Lists here are far shorter than that.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnels::period;
    use grid::cell::Shape;

    fn own_share(liars: &Liars<'_>, last: bool) -> f64 {
        let all: Vec<_> = (0..liars.net.nodes()).filter(|&node| liars.is_hostile(node)).collect();
        let shown: Vec<_> = all.iter().flat_map(|&node| liars.successors(node, last)).collect();
        let own = shown.iter().filter(|id| liars.is_hostile(Net::number(id))).count();
        crate::figures::ratio(own as u64, shown.len() as u64)
    }

    #[test]
    fn a_list_that_need_only_be_long_enough_has_friends_for_links() {
        let mut chance = Chance::new(1);
        let net = Net::draw(Shape::new(2, 8).unwrap(), 512, &mut chance);
        let hostile = Liars::draw(&net, 0.2, &mut chance);
        let with = |rosters| Liars::new(&net, hostile.clone(), rosters, period(1, 0), 10);
        let certified = own_share(&with(Rosters::Certified).with_witnesses(64, &mut chance), false);
        assert!((certified - 0.2).abs() < 0.06, "{certified}");
        let density = with(Rosters::Density).with_band(64.0, 1e-6);
        assert!(own_share(&density, false) > 0.9, "{}", own_share(&density, false));
        assert!(own_share(&density, true) < 0.5, "the last node is drawn of all that are shown");
        assert_eq!(own_share(&with(Rosters::Claimed), false), 1.0);
        let forged = with(Rosters::Certified).with_witnesses(1, &mut chance);
        assert!((forged.captured_share() - 0.2).abs() < 0.2 && own_share(&forged, false) > certified);
    }
}
