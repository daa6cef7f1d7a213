//! The boa constrictor. The design only names it; nothing published was found, so this is the definition adopted here:
//!
//! > For months an adversary mints identities at a steady rate and runs only those that chance has put into a victim's
//! > cells or beside them. They behave, but for two things. They harass the honest members of those cells with what work
//! > a neighbour may ask for, so that these leave sooner than they would; others go on coming by chance. And they drop
//! > requests for the cells, a little more each month, never more than would convict them. When nobody else is left, or
//! > enough, they strike: they drop everything.
//!
//! A day is a step. In each victim cell identities arrive and expire (an identity lives `lifetime_days`, so the siege has
//! to be paid for again every year); each honest member leaves with the rate `leave_a_day + harassed_leave_a_day *
//! pressure`; honest newcomers arrive at the rate that keeps `x` in peace. The pressure is the share of a node's work
//! that the hostile can take: under fair turns their share of its neighbours, under first come, first served all of it
//! as soon as there is one.
//!
//! Without harassment a cell holds `mints * min(days, lifetime) / g^d` hostile identities on average: the same mints
//! besiege every cell, so that `R` cells cost no more than one, and half of any cell costs as many mints as the network
//! has nodes.
//!
//! Measured at the end: `hostile_share` and `honest_left` in the cells on average; `censored_by_stealth` and
//! `censored_by_strike`, the share of lookups that fail in all cells when the hostile drop what convicts nobody, or
//! everything. `days_to_half` and `days_to_all` are the first day on which every cell was half, or wholly, hostile; a
//! trial that never saw it counts with its whole time, and `reached_half` and `reached_all` say how many did.
//! `core_days` is what it has cost. A hostile node that drops is chosen as often as before, so strikes are upper bounds.

mod siege;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::adversary::{price, shape, within};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::queueing::Discipline;
use siege::Siege;

/// Days of a month.
const MONTH: f64 = 365.0 / 12.0;

/// Candidates that a hop compares by cost, as in `grid::route`.
#[expect(clippy::cast_precision_loss, reason = "four")]
const COMPARED: f64 = grid::neighbours::COMPARED as f64;

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoaConstrictor {
    /// `d`
    pub dims: u8,
    /// `g`
    pub side: u16,
    /// Expected honest nodes in a cell, in peace.
    pub x: f64,
    /// `R`, the cells that keep the victim's record.
    pub cells: u8,
    /// Core-days that the adversary spends on minting each day.
    pub budget_cores: f64,
    /// Core-days of an identity.
    pub identity_core_days: f64,
    /// Days until an identity expires.
    pub lifetime_days: u32,
    /// How long it goes on.
    pub months: f64,
    /// Rate at which an honest member leaves for good, a day.
    pub leave_a_day: f64,
    /// What full pressure adds to it.
    pub harassed_leave_a_day: f64,
    /// How nodes serve their neighbours: `fifo` or `fair`.
    pub service: Discipline,
    /// What the hostile add to the share of requests that they drop, each month.
    pub drop_rise_a_month: f64,
    /// Whether neighbours keep a sequential test of each other's losses (the ledger); without it nothing convicts.
    pub ledger: bool,
    /// Losses that an honest node shows.
    pub honest_loss: f64,
    /// Losses at which the test aims.
    pub convicted_loss: f64,
    /// Whether the hostile answer so fast that they are taken whenever they are among the compared.
    pub boasts: bool,
    /// Routes that a lookup tries to each cell.
    pub tries: u8,
}

impl Default for BoaConstrictor {
    fn default() -> Self {
        Self {
            dims: 4,
            side: 8,
            x: 8.0,
            cells: 3,
            budget_cores: 30.0,
            identity_core_days: price::core_days(42),
            lifetime_days: 365,
            months: 12.0,
            leave_a_day: 1.0 / 180.0,
            harassed_leave_a_day: 0.1,
            service: Discipline::Fair,
            drop_rise_a_month: 0.01,
            ledger: true,
            honest_loss: 0.05,
            convicted_loss: 0.2,
            boasts: true,
            tries: 4,
        }
    }
}

impl Model for BoaConstrictor {
    const NAME: &'static str = "boa_constrictor";

    fn check(&self) -> Result<(), String> {
        shape(self.dims, self.side)?;
        within("x", self.x, 0.01, 1e4)?;
        within("cells", self.cells.into(), 1.0, 16.0)?;
        within("budget_cores", self.budget_cores, 0.0, 1e7)?;
        within("identity_core_days", self.identity_core_days, 1e-6, 1e6)?;
        within("lifetime_days", self.lifetime_days.into(), 1.0, 36_500.0)?;
        within("months", self.months, 0.1, 600.0)?;
        within("leave_a_day", self.leave_a_day, 0.0, 10.0)?;
        within("harassed_leave_a_day", self.harassed_leave_a_day, 0.0, 10.0)?;
        within("drop_rise_a_month", self.drop_rise_a_month, 0.0, 1.0)?;
        within("honest_loss", self.honest_loss, 0.001, 0.99)?;
        within("convicted_loss", self.convicted_loss, self.honest_loss * 1.01, 0.999)?;
        within("tries", self.tries.into(), 1.0, 16.0)?;
        if !matches!(self.service, Discipline::Fifo | Discipline::Fair) {
            return Err("service must be fifo or fair: the other orders are for experiment dht_flood".into());
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let neighbour_cells = shape(self.dims, self.side)?.neighbour_cells();
        let mut siege = Siege::begin(self, neighbour_cells, &mut Chance::new(seed));
        let days = self.days();
        let (mut half, mut all) = (None, None);
        for day in 1..=days {
            siege.pass_day();
            half = half.or((siege.least_share() >= 0.5).then_some(day));
            all = all.or((siege.least_share() >= 1.0).then_some(day));
        }
        let drops = self.stealthy_drops();
        Ok(BTreeMap::from([
            ("hostile_share", siege.mean_share()),
            ("hostile_share_beside", siege.mean_share_beside()),
            ("honest_left", siege.honest_left()),
            ("stealthy_drops", drops),
            ("censored_by_stealth", siege.censored(drops)),
            ("censored_by_strike", siege.censored(1.0)),
            ("reached_half", f64::from(u8::from(half.is_some()))),
            ("reached_all", f64::from(u8::from(all.is_some()))),
            ("days_to_half", f64::from(half.unwrap_or(days))),
            ("days_to_all", f64::from(all.unwrap_or(days))),
            ("identities_run", siege.identities_run()),
            ("identities_minted", self.mints_a_day() * f64::from(days)),
            ("core_days", self.budget_cores * f64::from(days)),
        ]))
    }
}

impl BoaConstrictor {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be at most 600 months")]
    fn days(&self) -> u32 {
        (self.months * MONTH).round().max(1.0) as u32
    }

    fn mints_a_day(&self) -> f64 {
        self.budget_cores / self.identity_core_days
    }

    /// What may be dropped by now without being convicted: everything planned where nobody keeps a ledger.
    fn stealthy_drops(&self) -> f64 {
        let planned = (self.drop_rise_a_month * self.months).min(1.0);
        if self.ledger { planned.min(unconvicted_drops(self.honest_loss, self.convicted_loss)) } else { planned }
    }
}

/// The share that can be dropped for ever before a sequential probability ratio test between the two losses (Wald 1945)
/// drifts towards a conviction: its drift vanishes at the loss `ln((1-a)/(1-b)) / ln(b(1-a) / (a(1-b)))`.
fn unconvicted_drops(honest: f64, convicted: f64) -> f64 {
    let (a, b) = (honest, convicted);
    let still = ((1.0 - a) / (1.0 - b)).ln() / (b * (1.0 - a) / (a * (1.0 - b))).ln();
    ((still - a) / (1.0 - a)).max(0.0)
}

/// The chance that one of the share `hostile` is chosen for a hop: theirs by number, or whenever one of them is among the
/// compared.
fn chosen(hostile: f64, boasts: bool) -> f64 {
    if boasts { 1.0 - (1.0 - hostile).powf(COMPARED) } else { hostile }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures;

    fn mean_of(boa: &BoaConstrictor, name: &str) -> f64 {
        boa.check().unwrap();
        let trials: Vec<f64> = (0..60).map(|seed| boa.trial(seed).unwrap()[name]).collect();
        figures::mean(&trials)
    }

    #[test]
    fn without_harassment_the_cell_fills_as_the_formula_says_and_no_more_after_a_lifetime() {
        let calm = BoaConstrictor { harassed_leave_a_day: 0.0, budget_cores: 66.0, ..BoaConstrictor::default() };
        for (months, days) in [(6.0, 183.0), (12.0, 365.0), (30.0, 365.0)] {
            let run = mean_of(&BoaConstrictor { months, ..calm.clone() }, "identities_run");
            // Three cells with 29 neighbouring ones each.
            let expected = 66.0 / calm.identity_core_days * days * 3.0 * 29.0 / 4096.0;
            assert!((run / expected - 1.0).abs() < 0.05, "{months}: {run}, not {expected}");
        }
    }

    #[test]
    fn half_of_a_cell_costs_as_many_mints_as_the_network_has_nodes() {
        let calm = BoaConstrictor { harassed_leave_a_day: 0.0, cells: 1, ..BoaConstrictor::default() };
        let network = calm.x * 4096.0 * calm.identity_core_days / 365.0;
        let share = mean_of(&BoaConstrictor { budget_cores: network, ..calm }, "hostile_share");
        assert!((share - 0.5).abs() < 0.04, "{share}");
    }

    #[test]
    fn harassment_empties_cells_where_one_neighbour_can_take_everything() {
        let fair = BoaConstrictor::default();
        let fifo = BoaConstrictor { service: Discipline::Fifo, ..fair.clone() };
        let (fair, fifo) = (mean_of(&fair, "honest_left"), mean_of(&fifo, "honest_left"));
        assert!(fifo < 1.0 && fair > 2.0 * fifo, "fair {fair}, fifo {fifo}");
    }

    #[test]
    fn the_sequential_test_stands_still_between_its_two_losses() {
        let drops = unconvicted_drops(0.05, 0.2);
        let loss: f64 = 1.0 - 0.95 * (1.0 - drops);
        // At that loss the expected step of the log-likelihood ratio is nil.
        let step = loss * (0.2_f64 / 0.05).ln() + (1.0 - loss) * (0.8_f64 / 0.95).ln();
        assert!(step.abs() < 1e-12 && (loss - 0.11).abs() < 0.001, "{loss}");
    }

    #[test]
    fn impossible_parameters_are_named() {
        let wrong = BoaConstrictor { service: Discipline::Lifo, ..BoaConstrictor::default() };
        assert!(wrong.check().unwrap_err().contains("fifo or fair"));
        let shape = BoaConstrictor { side: 0, ..BoaConstrictor::default() };
        assert!(shape.check().unwrap_err().contains("side = 0"));
    }
}
