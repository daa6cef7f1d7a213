//! Roster lies: a node that is asked for a list of members hides some of them.
//!
//! Two defences are tried, each against honest lists (false alarms) and lies (detections):
//!
//! - *Density*: counts are Poisson, so a list much shorter than expected gives itself away ([`grid::density`], after
//!   Castro et al., OSDI 2002). Where the expected count is not known, two lists are compared: `|a - b| > z sqrt(a + b)`.
//! - *Certified rosters*: the members of a line hold one set, so `t` of `n` of them, drawn at random, sign its root. Who
//!   lies needs `t` colluders among the drawn; who stays silent can veto when fewer than `t` others are drawn.
//!
//! A list of colluders only is caught when `m >= ((z_a + z_b sqrt f) / (1 - f))^2` (normal approximation). Made-up members
//! are not tried: each is a paid identity, so `identities_lacking` says how many
//! more a list of colluders would need to reach the band.
//!
//! Also measured: `detected`, the share of lies that are turned down (0 for [`Lie::Refuse`], which convicts nobody);
//! `false_alarm`, that of honest lists; `hidden_share_undetected`, the share of the members that a liar who knows the test
//! hides on average; `missed_exact`, the exact chance that a list of colluders alone lies within the band;
//! `false_alarm_exact`, that an honest one does not; `majority_missed_exact`, that a list of which colluders are the majority
//! by one, and certify it by themselves, can be long enough.

mod judge;

use std::collections::BTreeMap;

use grid::density::Band;
use serde::{Deserialize, Serialize};

use crate::adversary::{draws, within};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use judge::{Judge, Line};

/// What the asker does with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Its length against the band of a known expectation.
    Known,
    /// Its length against that of another line's list, drawn from the same unknown density.
    TwoLists,
    /// `t` of `n` signatures.
    Certified,
    /// Signatures, and the band.
    Both,
}

/// What the adversary does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// Lists its own alone.
    ColludersOnly,
    /// Leaves out a share of the honest.
    Omit,
    /// Leaves out a share of the honest for one asker, having signed the whole list for all others.
    Equivocate,
    /// Lists everybody, but signs nothing: the honest list is held up.
    Refuse,
}

/// Among whom the witnesses are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witnesses {
    /// The list that is to be certified: all that somebody with one answer has.
    List,
    /// All members: the union with one honest answer, of the `d + 1` that a newcomer asks for.
    Line,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RosterLies {
    /// Expected members of the list: of one line `x g`, of a neighbourhood `x (d(g-1) + 1)`.
    pub expected: f64,
    /// Share of the identities that collude.
    pub hostile: f64,
    /// Chance of a false alarm on each side that the asker puts up with.
    pub alpha: f64,
    /// The defence.
    pub test: Test,
    /// The attack.
    pub lie: Lie,
    /// Share of the honest that are left out, for [`Lie::Omit`] and [`Lie::Equivocate`].
    pub omitted: f64,
    /// `n`
    pub witnesses: u32,
    /// Share of them that more than must sign: `t = floor(quorum n) + 1`.
    pub quorum: f64,
    /// Among whom they are drawn.
    pub witnesses_from: Witnesses,
    /// Chance that an honest witness signs an honest list: it is there, and has heard of the same changes.
    pub available: f64,
    /// Drawings that the liar can have for one list; 1 where the asker draws.
    pub drawings: u32,
    /// Members with whom the asker compares a root that it was given, against [`Lie::Equivocate`].
    pub compared: u32,
    /// Lists of each kind that one trial looks at.
    pub lists: u32,
}

impl Default for RosterLies {
    fn default() -> Self {
        Self {
            expected: 232.0,
            hostile: 0.2,
            alpha: 1e-3,
            test: Test::Known,
            lie: Lie::ColludersOnly,
            omitted: 0.5,
            witnesses: 16,
            quorum: 0.5,
            witnesses_from: Witnesses::Line,
            available: 0.95,
            drawings: 1,
            compared: 4,
            lists: 2000,
        }
    }
}

impl Model for RosterLies {
    const NAME: &'static str = "roster_lies";

    fn check(&self) -> Result<(), String> {
        within("expected", self.expected, 1.0, 100_000.0)?;
        within("hostile", self.hostile, 0.0, 0.95)?;
        within("alpha", self.alpha, 1e-12, 0.25)?;
        within("omitted", self.omitted, 0.0, 1.0)?;
        within("available", self.available, 0.0, 1.0)?;
        within("witnesses", self.witnesses.into(), 1.0, 1000.0)?;
        within("quorum", self.quorum, 0.0, 0.999)?;
        within("drawings", self.drawings.into(), 1.0, 10_000.0)?;
        within("compared", self.compared.into(), 0.0, 1000.0)?;
        within("lists", self.lists.into(), 1.0, 10_000_000.0)
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut chance = Chance::new(seed);
        let judge = Judge::new(self);
        let (mut alarms, mut detected, mut hidden, mut lacking) = (0_u32, 0_u32, 0.0, 0.0);
        for _ in 0..self.lists {
            let line = Line::draw(self, &mut chance);
            alarms += u32::from(judge.rejects_truth(&line, &mut chance));
            detected += u32::from(self.lie != Lie::Refuse && judge.catches(&line, &mut chance));
            hidden += judge.hidden_at_most(&line, &mut chance);
            lacking += f64::from(judge.band().least.saturating_sub(line.colluders));
        }
        let lists = f64::from(self.lists);
        Ok(BTreeMap::from([
            ("false_alarm", f64::from(alarms) / lists),
            ("detected", f64::from(detected) / lists),
            ("hidden_share_undetected", hidden / lists),
            ("identities_lacking", lacking / lists),
            ("missed_exact", missed(self.expected, self.hostile, self.alpha)),
            ("false_alarm_exact", false_alarm(self.expected, self.alpha)),
            ("majority_missed_exact", majority_missed(self.expected, self.hostile, self.alpha)),
            ("members_needed_formula", needed_by_formula(self.hostile, self.alpha)),
            ("members_needed_exact", needed(self.hostile, self.alpha)),
        ]))
    }
}

impl RosterLies {
    /// `t`
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the number of witnesses")]
    fn signatures(&self) -> u32 {
        (self.quorum * f64::from(self.witnesses)).floor() as u32 + 1
    }
}

/// The chance that a list of colluders alone lies within the band: exact Poisson tails.
fn missed(expected: f64, hostile: f64, alpha: f64) -> f64 {
    let (band, colluders) = (Band::poisson(expected, alpha), expected * hostile);
    if colluders <= 0.0 {
        return f64::from(u8::from(band.least == 0));
    }
    (band.least..=band.greatest).map(|k| poisson(colluders, k)).sum()
}

/// `e^-m m^k / k!`
fn poisson(mean: f64, count: u32) -> f64 {
    let k = f64::from(count);
    libm::exp(k * libm::log(mean) - mean - libm::lgamma(k + 1.0))
}

/// The chance that an honest list lies outside the band, on either side: exact tails, each summed by itself.
fn false_alarm(expected: f64, alpha: f64) -> f64 {
    let band = Band::poisson(expected, alpha);
    let short: f64 = (0..band.least).map(|k| poisson(expected, k)).sum();
    short + upper_tail(expected, band.greatest + 1)
}

/// The chance that twice the colluders less one, the longest list of which they are the majority, reach the band.
fn majority_missed(expected: f64, hostile: f64, alpha: f64) -> f64 {
    let enough = (Band::poisson(expected, alpha).least + 1).div_ceil(2);
    upper_tail(expected * hostile, enough)
}

/// The chance of a Poisson count of at least `least`, to the last term that counts.
fn upper_tail(mean: f64, least: u32) -> f64 {
    let terms = (least..).map(|k| (k, poisson(mean, k)));
    // Beyond the mean the terms fall ever faster.
    terms.take_while(|&(k, term)| f64::from(k) <= mean || term > 1e-40).map(|(_, term)| term).sum()
}

/// `((z_a + z_b sqrt f) / (1 - f))^2` at equal risks.
fn needed_by_formula(hostile: f64, alpha: f64) -> f64 {
    let z = draws::normal_excess(alpha);
    ((z + z * hostile.sqrt()) / (1.0 - hostile)).powi(2)
}

/// The expected members from which on a list of colluders is missed with a chance of at most `alpha`: exact tails,
/// bisected between 1 and four times what the formula says.
fn needed(hostile: f64, alpha: f64) -> f64 {
    let (mut few, mut enough) = (1.0, 4.0 * needed_by_formula(hostile, alpha) + 16.0);
    while enough - few > 0.5 {
        let middle = f64::midpoint(few, enough);
        if missed(middle, hostile, alpha) <= alpha {
            enough = middle;
        } else {
            few = middle;
        }
    }
    enough
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(lies: &RosterLies) -> Measures {
        lies.check().unwrap();
        lies.trial(3).unwrap()
    }

    #[test]
    fn the_formula_is_the_published_one_and_near_the_exact_tails() {
        for (hostile, published) in [(0.25, 90.0), (0.5, 263.0)] {
            let formula = needed_by_formula(hostile, 1e-6);
            assert!((formula / published - 1.0).abs() < 0.01, "f = {hostile}: {formula}");
            let exact = needed(hostile, 1e-6);
            assert!((exact / formula - 1.0).abs() < 0.15, "f = {hostile}: exactly {exact}, formula {formula}");
        }
    }

    #[test]
    fn lists_of_colluders_are_missed_as_often_as_the_exact_tails_say() {
        let lies = RosterLies { expected: 64.0, hostile: 0.5, lists: 20_000, ..RosterLies::default() };
        let measures = run(&lies);
        let (missed, exact) = (1.0 - measures["detected"], measures["missed_exact"]);
        assert!((missed - exact).abs() < 5.0 * (exact * (1.0 - exact) / 2e4).sqrt(), "{missed} and {exact}");
        assert!(measures["false_alarm"] <= 2.0 * lies.alpha * 1.5);
    }

    /// Computed independently: a quarter that lists itself alone, 128 expected, false alarms below one in a million.
    #[test]
    fn a_quarter_is_caught_from_128_members_on() {
        assert_eq!(Band::poisson(128.0, 5e-7), Band { least: 77, greatest: 187 });
        for (found, exact) in [
            (false_alarm(128.0, 5e-7), 8.74e-7),
            (missed(128.0, 0.25, 5e-7), 1.2e-11),
            (false_alarm(232.0, 5e-7), 8.10e-7),
            (majority_missed(128.0, 0.25, 5e-7), 0.13),
            (majority_missed(232.0, 0.25, 5e-7), 2.5e-3),
        ] {
            assert!((found / exact - 1.0).abs() < 0.05, "{found:e} and not {exact:e}");
        }
    }

    #[test]
    fn a_cheat_hides_down_to_the_band() {
        // Bands at m = 256: 208 to 307 (1e-3), 184 to 336 (1e-6), so 19 and 28 % can be hidden.
        for (alpha, share) in [(1e-3, 0.1875), (1e-6, 0.281)] {
            let hidden =
                run(&RosterLies { expected: 256.0, alpha, ..RosterLies::default() })["hidden_share_undetected"];
            assert!((hidden - share).abs() < 0.01, "alpha {alpha}: {hidden}");
        }
    }

    #[test]
    fn certificates_fall_to_a_majority_of_the_drawn() {
        let few = RosterLies { test: Test::Certified, lie: Lie::Omit, hostile: 0.2, ..RosterLies::default() };
        assert!(run(&few)["detected"] > 0.99);
        assert!(run(&RosterLies { hostile: 0.6, ..few.clone() })["detected"] < 0.5);
        let blind = RosterLies { lie: Lie::ColludersOnly, witnesses_from: Witnesses::List, ..few };
        assert_eq!(run(&blind)["detected"], 0.0, "a list of colluders draws its witnesses among colluders");
    }

    #[test]
    fn impossible_parameters_are_named() {
        let wrong = RosterLies { quorum: 1.0, ..RosterLies::default() };
        assert_eq!(wrong.check().unwrap_err(), "quorum must be 0 to 0.999, not 1");
        assert!(RosterLies { hostile: 1.5, ..RosterLies::default() }.check().is_err());
        assert!(RosterLies { hostile: f64::NAN, ..RosterLies::default() }.check().is_err());
    }
}
