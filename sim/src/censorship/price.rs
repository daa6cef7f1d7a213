//! The experiment "censorship_price": how many identities it takes to let one key vanish.
//!
//! An attacker mints identities, which fall where chance puts them, and they join one after another. All that are there
//! drop requests for the key. At doubling numbers of them random honest nodes look the key up; the price of censoring a
//! share of the lookups is found between two of these numbers, by linear interpolation of the share over the logarithm
//! of the number. With `aimed` only those join that lie in one of the key's cells or on their lines; the others are
//! thrown away, but were paid for: that is what an attacker does who does not want to be seen.

use grid::cell::{Cell, Shape};
use serde::{Deserialize, Serialize};

use crate::censorship::{Apart, DEFAULT_COMPARED, Flattered, Lookup, Retries, check_compared};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::infested::Infested;
use crate::field::{self, Field};
use crate::machine;

/// The first number of identities that is tried, as a share of the honest nodes.
const FIRST: f64 = 1.0 / 64.0;
/// Shares of lookups that are to fail.
const WANTED: [(&str, f64); 3] = [("identities_50", 0.5), ("identities_90", 0.9), ("identities_99", 0.99)];

/// The parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Honest nodes.
    pub nodes: u64,
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis.
    pub side: u16,
    /// Routes that are tried to each cell.
    pub routes: u8,
    /// Cells that keep the record.
    pub replicas: u8,
    /// How many candidates for a hop are compared by latency, `1..=16`. Hostile nodes advertise themselves well: they are
    /// faster than any honest one, so one of them is chosen whenever it is among those compared.
    pub compared: u8,
    /// Whether only those join that lie in the key's cells or on their lines.
    pub aimed: bool,
    /// How the hops of further routes are chosen.
    pub retries: Retries,
    /// In what the routes of one lookup differ.
    pub routes_apart: Apart,
    /// The most identities that are minted, as a multiple of the honest nodes.
    pub most: f64,
    /// Lookups at each number of identities.
    pub lookups: u32,
}

impl Default for Price {
    /// The public grid's shape, with the attempts of the state machine's defaults.
    fn default() -> Self {
        Self {
            nodes: 16_384,
            dims: 4,
            side: 8,
            routes: 4,
            replicas: 3,
            compared: DEFAULT_COMPARED,
            retries: Retries::Any,
            aimed: false,
            routes_apart: Apart::FirstHop,
            most: 24.0,
            lookups: 1_000,
        }
    }
}

/// An attack on one key.
struct Attack<'a> {
    price: &'a Price,
    honest: Field,
    /// The cells of the key.
    cells: Vec<Cell>,
    chance: Chance,
    hostile: Field,
    minted: u64,
}

impl Attack<'_> {
    /// Mints until so many identities are paid for.
    fn mint(&mut self, until: u64) -> Result<(), String> {
        let shape = self.honest.shape();
        let fresh = (self.minted..until).map(|_| shape.cell_at(self.chance.number()));
        let wanted = |cell: &Cell| !self.price.aimed || self.cells.iter().any(|key| key.is_neighbour(cell));
        let joined = Field::of_cells(shape, fresh.filter(wanted)).map_err(|error| error.to_string())?;
        self.hostile = self.hostile.and(&joined).map_err(|error| error.to_string())?;
        self.minted = until;
        Ok(())
    }

    /// The share of lookups that fail.
    fn censored(&mut self) -> Result<f64, String> {
        let infested = Infested::new(self.honest.clone(), &self.hostile).map_err(|error| error.to_string())?;
        let world = Flattered { infested, compared: self.price.compared };
        let (mut lookup, mut failed) = (Lookup::default(), 0_u32);
        for _ in 0..self.price.lookups {
            let from = self.honest.random_node(&mut self.chance).ok_or("there is no honest node")?;
            let mut cells = self.cells.clone();
            cells.sort_by_key(|cell| cell.distance(&from.cell()));
            let settings = (self.price.routes, self.price.retries, self.price.routes_apart);
            failed += u32::from(!lookup.succeeds(&world, (from, &cells), settings, &mut self.chance));
        }
        Ok(f64::from(failed) / f64::from(self.price.lookups))
    }
}

impl Price {
    fn shape(&self) -> Result<Shape, String> {
        Shape::new(self.dims, self.side).map_err(|error| error.to_string())
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive multiple of a count")]
    fn times_nodes(&self, multiple: f64) -> u64 {
        (self.nodes as f64 * multiple).round() as u64
    }

    /// The share censored at doubling numbers of identities, each number with it; ends when all is censored.
    fn curve(&self, seed: u64) -> Result<Vec<(f64, f64)>, String> {
        let honest = Field::random(self.shape()?, self.nodes, seed).map_err(|error| error.to_string())?;
        let mut chance = Chance::of(seed, 1);
        let peaceful =
            Infested::new(honest.clone(), &Field::empty(self.shape()?)).map_err(|error| error.to_string())?;
        let cells = peaceful.random_homes(self.replicas.into(), &mut chance);
        let hostile = Field::empty(self.shape()?);
        let mut attack = Attack { price: self, honest, cells, chance, hostile, minted: 0 };
        let mut curve = vec![(0.0, attack.censored()?)];
        let mut multiple = FIRST;
        while multiple <= self.most && curve.last().is_some_and(|&(_, censored)| censored < 0.995) {
            attack.mint(self.times_nodes(multiple))?;
            curve.push((multiple, attack.censored()?));
            multiple *= 2.0_f64.sqrt();
        }
        Ok(curve)
    }

    /// Where a curve first reaches a share, as a multiple of the honest nodes; the most that was tried if it never does.
    fn reached(&self, curve: &[(f64, f64)], share: f64) -> f64 {
        let crossing = curve.windows(2).find(|pair| pair[1].1 >= share);
        crossing.map_or(self.most, |pair| {
            let [(from, below), (to, above)] = [pair[0], pair[1]];
            let part = ((share - below) / (above - below)).clamp(0.0, 1.0);
            // Numbers double, so between them the logarithm is what goes evenly; the first step begins at none.
            if from == 0.0 { to * part } else { from * (to / from).powf(part) }
        })
    }
}

impl Model for Price {
    const NAME: &'static str = "censorship_price";

    fn check(&self) -> Result<(), String> {
        if self.routes == 0 || self.lookups == 0 {
            return Err("routes and lookups are 1 or more".into());
        }
        check_compared(self.compared)?;
        if !(1..=16).contains(&self.replicas) {
            return Err(format!("replicas = {}: a grid keeps a record in 1 to 16 cells", self.replicas));
        }
        if !(self.most >= FIRST && self.most <= 1000.0) {
            return Err(format!("most = {}: identities for each honest node are in {FIRST}..1000", self.most));
        }
        let all = self.nodes.saturating_add(self.times_nodes(if self.aimed { 0.0 } else { self.most }));
        field::check(self.shape()?, self.nodes.min(all), machine::free_memory()).map_err(|error| error.to_string())?;
        field::check(self.shape()?, all, machine::free_memory())
            .map_err(|error| format!("with most = {} identities for each honest node: {error}", self.most))
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let curve = self.curve(seed)?;
        let mut measures = Measures::new();
        for (name, share) in WANTED {
            measures.insert(name, self.reached(&curve, share));
        }
        let before = curve.first().map_or(0.0, |&(_, censored)| censored);
        measures.insert("failed_before", before);
        measures.insert("most_censored", curve.iter().map(|&(_, censored)| censored).fold(0.0, f64::max));
        Ok(measures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_cells_and_routes_cost_more() {
        let price = |replicas, routes| {
            let small = Price { nodes: 2048, dims: 3, lookups: 200, ..Price::default() };
            let price = Price { replicas, routes, compared: 1, ..small };
            price.trial(5).unwrap()["identities_90"]
        };
        let (weak, strong) = (price(1, 1), price(3, 4));
        assert!(weak > 0.2 && strong > 2.0 * weak, "R = 1, one route: {weak}; R = 3, four routes: {strong}");
    }

    #[test]
    fn a_curve_is_read_between_its_points() {
        let price = Price { most: 8.0, ..Price::default() };
        let curve = [(0.0, 0.0), (1.0, 0.5), (2.0, 0.75), (4.0, 0.95)];
        assert_eq!(price.reached(&curve, 0.25), 0.5);
        assert!((price.reached(&curve, 0.9) - 2.0 * 2.0_f64.powf(0.75)).abs() < 1e-9);
        assert_eq!(price.reached(&curve, 0.99), 8.0);
    }

    #[test]
    fn too_many_identities_are_refused_before_anything_is_done() {
        let refused = Price { nodes: 400_000, ..Price::default() }.check().unwrap_err();
        assert!(refused.contains("most = 24") && refused.contains("take at most"), "{refused}");
    }
}
