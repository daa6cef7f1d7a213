//! Certified rosters in networks of real state machines, while nodes come and go, and some of them lie.
//!
//! A network grows; everybody stays for two epochs; then, with `median_minutes`, sessions end as in [`crate::churn::session`]
//! and newcomers take the places. In the middle of each of `epochs` epochs it is counted what has come of the lines. Hostile
//! nodes behave as everybody else does, but for [`Lie`]; for any of them the network is one in which all hostile nodes know
//! each other and act together.
//!
//! Measured, as means over the epochs: `certified`, of all pairs of an honest member that has been there for two epochs and
//! one of its lines, the share that holds a certificate of this epoch; `one_root`, of the lines with certificates, those of
//! which all honest members hold the same; `signed`, the share of a certified roster's members that have signed it;
//! `lies_believed`, certificates in the hands of honest members that leave out an honest node that was there for two
//! epochs; `convicted`, of those that have signed twice, the share of (liar, honest neighbour) pairs in which the neighbour
//! has the proof; `framed`, honest nodes of which somebody believes that they lied; `roster_bytes`, what a node sends about
//! rosters, in bytes a second.

mod liars;
mod world;

use std::collections::BTreeMap;

use grid::cell::Shape;
use serde::{Deserialize, Serialize};

use crate::experiment::{Measures, Model};
use world::World;

/// What hostile nodes do about rosters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// They sign nothing.
    Silent,
    /// They sign a roster of their own alone, all of them, before anybody else has said anything.
    Collude,
    /// Each tells one half of its line one roster and the other half another.
    Equivocate,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineRosters {
    /// Nodes.
    pub nodes: usize,
    /// Axes of the grid.
    pub dims: u8,
    /// Coordinates on each.
    pub side: u16,
    /// Half of the sessions are shorter, in minutes; 0: nobody goes.
    pub median_minutes: f64,
    /// The share of nodes that vanish without a sign; the others' links close.
    pub silent_deaths: f64,
    /// The share of hostile nodes.
    pub hostile: f64,
    /// What they do.
    pub lie: Lie,
    /// Epochs that are looked at.
    pub epochs: u32,
}

impl Default for LineRosters {
    fn default() -> Self {
        Self {
            nodes: 200,
            dims: 2,
            side: 4,
            median_minutes: 0.0,
            silent_deaths: 0.5,
            hostile: 0.0,
            lie: Lie::Silent,
            epochs: 3,
        }
    }
}

fn within(parameter: &str, found: f64, least: f64, greatest: f64) -> Result<(), String> {
    match (least..=greatest).contains(&found) {
        true => Ok(()),
        false => Err(format!("{parameter} must be {least} to {greatest}, not {found}")),
    }
}

impl Model for LineRosters {
    const NAME: &'static str = "line_rosters";

    fn check(&self) -> Result<(), String> {
        Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        if !(2..=20_000).contains(&self.nodes) {
            return Err(format!("nodes must be 2 to 20000, not {}", self.nodes));
        }
        within("median_minutes", self.median_minutes, 0.0, 1e6)?;
        within("silent_deaths", self.silent_deaths, 0.0, 1.0)?;
        within("hostile", self.hostile, 0.0, 0.95)?;
        within("epochs", self.epochs.into(), 1.0, 1000.0)
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut world = World::grow(self, seed)?;
        let mut sums: BTreeMap<&'static str, f64> = BTreeMap::new();
        for _ in 0..self.epochs {
            for (name, value) in world.pass_epoch()? {
                *sums.entry(name).or_default() += value;
            }
        }
        Ok(sums.into_iter().map(|(name, sum)| (name, sum / f64::from(self.epochs))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(model: &LineRosters) -> Measures {
        model.check().unwrap();
        let measures = model.trial(5).unwrap();
        println!("{model:?}: {measures:?}");
        measures
    }

    fn small() -> LineRosters {
        LineRosters { nodes: 100, side: 3, epochs: 2, ..LineRosters::default() }
    }

    fn is(measures: &Measures, name: &str, expected: f64) {
        assert!((measures[name] - expected).abs() < 1e-9, "{name} is {} and not {expected}", measures[name]);
    }

    #[test]
    fn a_quiet_network_certifies_every_line_by_everybody() {
        let measures = measure(&small());
        for (name, expected) in [("certified", 1.0), ("one_root", 1.0), ("signed", 1.0), ("lies_believed", 0.0)] {
            is(&measures, name, expected);
        }
        is(&measures, "framed", 0.0);
    }

    #[test]
    fn a_quarter_that_is_silent_holds_nobody_up() {
        let measures = measure(&LineRosters { hostile: 0.25, ..small() });
        is(&measures, "certified", 1.0);
        assert!(measures["signed"] < 0.85 && measures["signed"] > 0.6, "{measures:?}");
    }

    #[test]
    fn a_quarter_that_colludes_is_not_believed() {
        let measures = measure(&LineRosters { hostile: 0.25, lie: Lie::Collude, ..small() });
        is(&measures, "lies_believed", 0.0);
        is(&measures, "certified", 1.0);
        is(&measures, "framed", 0.0);
    }

    #[test]
    fn who_signs_twice_is_known_to_all_its_neighbours() {
        let measures = measure(&LineRosters { hostile: 0.1, lie: Lie::Equivocate, ..small() });
        is(&measures, "convicted", 1.0);
        is(&measures, "framed", 0.0);
        is(&measures, "lies_believed", 0.0);
    }
}
