//! The adversary with graphics cards: what an identity costs whom, and how the costs of the other attacks move.
//!
//! An honest user has a laptop; the price of an identity is what that laptop takes for `bits` of SHA-1. The adversary has
//! cards. [`crate::adversary::price`] has the figures and their sources. Another proof function is compared at the same
//! price for the laptop: the adversary then pays that price divided by what one card does for one machine.
//!
//! *Holding cells*: to hold the share `s` of the nodes of all `R` cells of a record, the adversary mints until each of
//! them has `s n / (1 - s)` of its identities, `n` being the honest ones there (Poisson). For one cell that takes
//! `g^d E[ceil(s n / (1 - s))]` mints on average; for more cells a little more, not `R` times as many, since every mint
//! may fall into any of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::adversary::price::{self, DAY, HOUR, Proof};
use crate::adversary::{draws, shape, within};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures;

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GpuAdversary {
    /// `d`
    pub dims: u8,
    /// `g`
    pub side: u16,
    /// Expected honest nodes in a cell.
    pub x: f64,
    /// `R`, cells that are to be held.
    pub cells: u8,
    /// The share of their nodes that is to be the adversary's.
    pub share: f64,
    /// `h`: bits of SHA-1 that set the price.
    pub bits: u8,
    /// The proof function that is paid at this price.
    pub proof: Proof,
    /// Cores of the honest laptop.
    pub laptop_cores: f64,
    /// Cards of the adversary.
    pub cards: f64,
    /// Sieges drawn in one trial.
    pub sieges: u32,
}

impl Default for GpuAdversary {
    fn default() -> Self {
        Self {
            dims: 4,
            side: 8,
            x: 8.0,
            cells: 3,
            share: 0.5,
            bits: 42,
            proof: Proof::Sha1,
            laptop_cores: 4.0,
            cards: 10.0,
            sieges: 50,
        }
    }
}

impl Model for GpuAdversary {
    const NAME: &'static str = "gpu_adversary";

    fn check(&self) -> Result<(), String> {
        shape(self.dims, self.side)?;
        within("x", self.x, 0.01, 1000.0)?;
        within("cells", self.cells.into(), 1.0, 16.0)?;
        within("share", self.share, 0.001, 0.999)?;
        within("bits", self.bits.into(), 0.0, 64.0)?;
        within("laptop_cores", self.laptop_cores, 0.01, 10_000.0)?;
        within("cards", self.cards, 0.01, 1e9)?;
        within("sieges", self.sieges.into(), 1.0, 1e6)
    }

    #[expect(clippy::cast_precision_loss, reason = "an expectation over the cells, not a count")]
    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = shape(self.dims, self.side)?;
        let cells = shape.cells() as f64;
        let mut chance = Chance::new(seed);
        let mut sieges: Vec<f64> = (0..self.sieges).map(|_| self.siege(cells, &mut chance)).collect();
        let laptop_hours = self.laptop_hours();
        let waits: Vec<f64> = (0..self.sieges).map(|_| draws::exponential(&mut chance, laptop_hours)).collect();
        let card_hours = laptop_hours / self.proof.machines_a_card(self.laptop_cores);
        let identities = figures::mean(&sieges);
        Ok(BTreeMap::from([
            ("laptop_hours_an_identity", laptop_hours),
            ("laptop_hours_drawn", figures::mean(&waits)),
            ("core_days_an_identity", price::core_days(self.bits)),
            ("card_minutes_an_identity", card_hours * 60.0),
            ("machines_a_card", self.proof.machines_a_card(self.laptop_cores)),
            ("identities_a_card_day", DAY / HOUR / card_hours),
            ("identities_to_hold", identities),
            ("identities_to_hold_p90", figures::quantile(&mut sieges, 0.9)),
            ("hold_core_days", identities * price::core_days(self.bits)),
            ("hold_card_hours", identities * card_hours),
            ("hold_days_with_cards", identities * card_hours / self.cards / 24.0),
            ("in_cell_card_hours", cells * card_hours),
            ("on_line_card_hours", cells / f64::from(self.side) * card_hours),
            ("beside_card_hours", cells / shape.neighbour_cells() as f64 * card_hours),
            ("match_network_card_days", cells * self.x * card_hours / 24.0),
        ]))
    }
}

impl GpuAdversary {
    /// Hours of the honest laptop for one identity, on average.
    fn laptop_hours(&self) -> f64 {
        f64::from(self.bits).exp2() / (self.laptop_cores * price::LAPTOP_CORE_ATTEMPTS) / HOUR
    }

    /// Mints until every cell is held: the next useful one is `cells / unheld` mints away on average.
    #[expect(clippy::cast_precision_loss, reason = "at most 16 cells")]
    fn siege(&self, cells: f64, chance: &mut Chance) -> f64 {
        let mut wanted: Vec<u64> = (0..self.cells).map(|_| self.wanted(draws::poisson(chance, self.x))).collect();
        let mut minted = 0.0;
        while !wanted.is_empty() {
            minted += draws::geometric(chance, wanted.len() as f64 / cells);
            let lucky = chance.index(wanted.len());
            wanted[lucky] -= 1;
            if wanted[lucky] == 0 {
                wanted.swap_remove(lucky);
            }
        }
        minted
    }

    /// Identities that make the share beside `honest` others; one at least.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of at most 2^42")]
    fn wanted(&self, honest: u32) -> u64 {
        // What is wanted exactly is not to be missed by a rounding error.
        ((self.share * f64::from(honest) / (1.0 - self.share) - 1e-9).ceil() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(gpu: &GpuAdversary) -> Measures {
        gpu.check().unwrap();
        gpu.trial(11).unwrap()
    }

    #[test]
    fn one_cell_costs_what_the_formula_says() {
        // s = 1/2 wants n, and one where n = 0: E = x + e^-x = 2 + 0.135, of 64 cells.
        let gpu = GpuAdversary { dims: 2, x: 2.0, cells: 1, sieges: 20_000, ..GpuAdversary::default() };
        let mints = run(&gpu)["identities_to_hold"];
        assert!((mints / (64.0 * (2.0 + (-2.0_f64).exp())) - 1.0).abs() < 0.03, "{mints}");
    }

    #[test]
    fn three_cells_cost_less_than_twice_one() {
        let (three, one) = (GpuAdversary::default(), GpuAdversary { cells: 1, ..GpuAdversary::default() });
        let (three, one) = (run(&three)["identities_to_hold"], run(&one)["identities_to_hold"]);
        assert!(three > one && three < 2.0 * one, "{three}, {one}");
    }

    #[test]
    fn prices_of_the_public_grid() {
        let measures = run(&GpuAdversary::default());
        for (name, expected, slack) in [
            ("laptop_hours_an_identity", 8.5, 0.05),
            ("card_minutes_an_identity", 4.35, 0.05),
            ("identities_a_card_day", 331.0, 2.0),
            ("in_cell_card_hours", 297.0, 2.0),
            ("on_line_card_hours", 37.1, 0.3),
            ("beside_card_hours", 10.2, 0.1),
        ] {
            assert!((measures[name] - expected).abs() < slack, "{name}: {}", measures[name]);
        }
    }

    #[test]
    fn other_proofs_cost_the_laptop_the_same() {
        let sha1 = run(&GpuAdversary::default());
        let argon2 = run(&GpuAdversary { proof: Proof::Argon2id64, ..GpuAdversary::default() });
        assert_eq!(sha1["laptop_hours_an_identity"], argon2["laptop_hours_an_identity"]);
        let gain = argon2["hold_card_hours"] / sha1["hold_card_hours"];
        assert!((gain - 117.13 / 18.32).abs() < 0.05, "{gain}");
    }

    #[test]
    fn impossible_parameters_are_named() {
        assert!(GpuAdversary { share: 1.0, ..GpuAdversary::default() }.check().unwrap_err().contains("share"));
        assert!(GpuAdversary { dims: 9, ..GpuAdversary::default() }.check().unwrap_err().contains("dims = 9"));
    }
}
