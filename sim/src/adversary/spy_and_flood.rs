//! Spy and flood: identities are minted until one lies in, or beside, a chosen cell. The spy then sees what its
//! neighbours see, and may ask of them what a neighbour may ask.
//!
//! *Minting*: an identity falls into any cell alike, so the number of mints until the first that serves is geometric, with
//! `p = 1/g^d` for the cell itself, `g/g^d` for one line through it, `(d(g-1)+1)/g^d` for its whole neighbourhood. Here
//! they are drawn one by one, and their quantiles can be held against `ln(1-q) / ln(1-p)`.
//!
//! *Spying*: a whole grid is populated, and requests are routed with [`grid::route::Leg`], the choice that nodes make. A
//! spy that boasts answers faster than anybody: it is taken whenever it is among the four that a hop compares.
//!
//! Seen of the requests that a member begins (`originated_seen`) and passes on (`forwarded_seen`): those whose next hop is
//! a spy. Of the requests for the cell: those that a spy passes into it (`arriving_by_spy`) or gets in it
//! (`arriving_at_spy`). `addresses_of_neighbours` is the share of a member's neighbours whom a spy has for neighbours, too.
//!
//! *Flooding*: the same neighbours as a queue, see [`crate::adversary::dht_flood`].

mod world;

use std::collections::BTreeMap;

use grid::cell::{Axis, Cell, Shape};
use serde::{Deserialize, Serialize};

use crate::adversary::dht_flood::DhtFlood;
use crate::adversary::{price, shape, within};
use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::figures;
use crate::queueing::Discipline;
use world::World;

/// Where the spies have been minted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the victim's cell.
    Cell,
    /// On one line through it, outside it.
    Line,
    /// Wherever they are neighbours, the cell included, as chance has it.
    Beside,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpyAndFlood {
    /// `d`
    pub dims: u8,
    /// `g`
    pub side: u16,
    /// Expected honest nodes in a cell.
    pub x: f64,
    /// Spies.
    pub spies: u16,
    /// Where they are.
    pub place: Place,
    /// Whether they answer so fast that they are preferred.
    pub boasts: bool,
    /// Core-days of an identity.
    pub identity_core_days: f64,
    /// Times that the minting is repeated in one trial.
    pub mintings: u32,
    /// Requests of each kind in one trial.
    pub requests: u32,
    /// What the spies ask of a neighbour, for each request that all honest neighbours together make.
    pub flood: f64,
}

impl Default for SpyAndFlood {
    fn default() -> Self {
        Self {
            dims: 4,
            side: 8,
            x: 8.0,
            spies: 1,
            place: Place::Beside,
            boasts: true,
            identity_core_days: price::core_days(42),
            mintings: 300,
            requests: 4000,
            flood: 10.0,
        }
    }
}

/// The most nodes that are populated: 10 million take half a gigabyte.
const MOST_NODES: f64 = 1e7;

impl Model for SpyAndFlood {
    const NAME: &'static str = "spy_and_flood";

    #[expect(clippy::cast_precision_loss, reason = "compared with a limit far below 2^53")]
    fn check(&self) -> Result<(), String> {
        let cells = shape(self.dims, self.side)?.cells() as f64;
        within("x", self.x, 0.1, 10_000.0)?;
        within("identity_core_days", self.identity_core_days, 0.0, 1e6)?;
        within("mintings", self.mintings.into(), 1.0, 1e6)?;
        within("requests", self.requests.into(), 1.0, 1e8)?;
        within("flood", self.flood, 0.0, 10_000.0)?;
        within("spies", self.spies.into(), 1.0, 10_000.0)?;
        if cells * self.x > MOST_NODES {
            return Err(format!(
                "{cells} cells of {} nodes are more than the {MOST_NODES} that fit: take x = {} or less",
                self.x,
                MOST_NODES / cells
            ));
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = shape(self.dims, self.side)?;
        let mut chance = Chance::new(seed);
        let home = shape.cell_at(chance.number());
        let mut measures = self.mint(shape, home, &mut chance);
        let mut world = World::populate(shape, home, self.x, self.boasts, &mut chance);
        for _ in 0..self.spies {
            world.add_spy(self.place(shape, home, &mut chance));
        }
        self.spy(&world, &mut chance, &mut measures);
        self.flood(shape, chance.number(), &mut measures)?;
        Ok(measures)
    }
}

impl SpyAndFlood {
    fn place(&self, shape: Shape, home: Cell, chance: &mut Chance) -> Cell {
        let cells: Vec<Cell> = match self.place {
            Place::Cell => vec![home],
            Place::Line => first_line(shape, home).filter(|&cell| cell != home).collect(),
            Place::Beside => shape.neighbourhood(home).collect(),
        };
        chance.pick(&cells).unwrap_or(home)
    }

    /// Mints, identity by identity, until one lies in the cell; notes the first on a line and the first beside on the way.
    fn mint(&self, shape: Shape, home: Cell, chance: &mut Chance) -> Measures {
        let line: Vec<u64> = first_line(shape, home).map(|cell| shape.index(cell)).collect();
        let (mut in_cell, mut on_line, mut beside) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.mintings {
            let (mut minted, mut first_on_line, mut first_beside) = (0.0, None, None);
            loop {
                minted += 1.0;
                let cell = shape.cell_at(chance.number());
                if cell.is_neighbour(&home) {
                    first_beside.get_or_insert(minted);
                    if line.contains(&shape.index(cell)) {
                        first_on_line.get_or_insert(minted);
                    }
                }
                if cell == home {
                    break;
                }
            }
            in_cell.push(minted);
            on_line.extend(first_on_line);
            beside.extend(first_beside);
        }
        let mut measures = BTreeMap::from([
            ("mints_in_cell", figures::mean(&in_cell)),
            ("mints_on_line", figures::mean(&on_line)),
            ("mints_beside", figures::mean(&beside)),
            ("core_days_in_cell", figures::mean(&in_cell) * self.identity_core_days),
            ("core_days_beside", figures::mean(&beside) * self.identity_core_days),
        ]);
        measures.extend([
            ("mints_in_cell_p50", figures::quantile(&mut in_cell, 0.5)),
            ("mints_in_cell_p90", figures::quantile(&mut in_cell, 0.9)),
            ("mints_in_cell_p99", figures::quantile(&mut in_cell, 0.99)),
            ("mints_beside_p50", figures::quantile(&mut beside, 0.5)),
            ("mints_beside_p90", figures::quantile(&mut beside, 0.9)),
            ("mints_beside_p99", figures::quantile(&mut beside, 0.99)),
        ]);
        measures
    }

    fn spy(&self, world: &World, chance: &mut Chance, measures: &mut Measures) {
        let mut rng = chance.fork();
        let (mut originated, mut forwarded, mut entering, mut ending) = (0_u32, 0_u32, 0_u32, 0_u32);
        for _ in 0..self.requests {
            let (far, relayed) = (world.elsewhere(chance), world.relayed_target(chance));
            originated += u32::from(world.first_hop_is_spy(far, &mut rng));
            forwarded += u32::from(world.first_hop_is_spy(relayed, &mut rng));
            let arrival = world.arrive_from(world.elsewhere(chance), &mut rng);
            entering += u32::from(arrival.by_spy);
            ending += u32::from(arrival.at_spy);
        }
        let share = |count: u32| f64::from(count) / f64::from(self.requests);
        measures.extend([
            ("originated_seen", share(originated)),
            ("forwarded_seen", share(forwarded)),
            ("arriving_by_spy", share(entering)),
            ("arriving_at_spy", share(ending)),
            ("addresses_of_cell", world.addresses_of_cell()),
            ("addresses_of_neighbours", world.addresses_of_neighbours()),
            ("records_held", f64::from(u8::from(world.spies_in_home() > 0))),
        ]);
    }

    /// What the spies take of one neighbour's capacity.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    fn flood(&self, shape: Shape, seed: u64, measures: &mut Measures) -> Result<(), String> {
        let neighbours = (shape.neighbour_cells() as f64 * self.x).round().max(1.0) as u32;
        let hostile = u32::from(self.spies);
        let neighbours = neighbours + hostile;
        for (discipline, taken, left) in [
            (Discipline::Fifo, "work_taken_fifo", "goodput_fifo"),
            (Discipline::Fair, "work_taken_fair", "goodput_fair"),
        ] {
            let server = DhtFlood {
                neighbours,
                hostile,
                discipline,
                flood: self.flood,
                requests: self.requests.max(100),
                queue: neighbours.max(256),
                ..DhtFlood::default()
            };
            let outcome = server.trial(seed)?;
            measures.insert(taken, outcome["hostile_share_of_work"]);
            measures.insert(left, outcome["goodput"]);
        }
        Ok(())
    }
}

fn first_line(shape: Shape, home: Cell) -> impl Iterator<Item = Cell> {
    shape.axes().take(1).flat_map(move |axis: Axis| shape.line(home, axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spy: &SpyAndFlood) -> Measures {
        spy.check().unwrap();
        spy.trial(9).unwrap()
    }

    #[test]
    fn mints_follow_the_geometric_law() {
        let measures = run(&SpyAndFlood { mintings: 3000, requests: 1, ..SpyAndFlood::default() });
        for (kind, p, names) in [
            ("cell", 1.0 / 4096.0, ["mints_in_cell", "mints_in_cell_p50", "mints_in_cell_p90"]),
            ("beside", 29.0 / 4096.0, ["mints_beside", "mints_beside_p50", "mints_beside_p90"]),
        ] {
            let quantile = |q: f64| (1.0 - q).ln() / (1.0_f64 - p).ln();
            for (name, expected) in names.into_iter().zip([1.0 / p, quantile(0.5), quantile(0.9)]) {
                assert!((measures[name] / expected - 1.0).abs() < 0.08, "{kind}: {name} {}", measures[name]);
            }
        }
        assert!((measures["mints_on_line"] / 512.0 - 1.0).abs() < 0.08);
    }

    #[test]
    fn a_boasting_spy_is_taken_when_it_is_compared_and_a_modest_one_by_its_number() {
        // On axis 0 the spy's coordinate is wanted by one request in g; then k x honest ones compete with it, k being the
        // coordinates that are wrong. Over many worlds, since a modest spy may happen to be near.
        let base = SpyAndFlood { dims: 2, place: Place::Line, requests: 500, mintings: 1, ..SpyAndFlood::default() };
        let over_worlds = |boasts| {
            let spy = SpyAndFlood { flood: 0.0, boasts, ..base.clone() };
            let worlds: Vec<f64> = (0..300).map(|seed| spy.trial(seed).unwrap()["originated_seen"]).collect();
            figures::mean(&worlds)
        };
        let (loud, quiet) = (over_worlds(true), over_worlds(false));
        assert!((loud / quiet - 4.0).abs() < 0.8, "four are compared: {loud} and {quiet}");
        // Both coordinates are wrong in 7 of 8: then 4 of some 17 are compared, otherwise 4 of 9.
        let expected = (7.0 * 4.0 / 17.0 + 4.0 / 9.0) / 8.0 / 8.0;
        assert!((loud / expected - 1.0).abs() < 0.15, "{loud}, not {expected}");
    }

    #[test]
    fn who_sits_in_the_cell_holds_its_records_and_sees_what_comes_but_nothing_that_goes() {
        let inside = run(&SpyAndFlood { place: Place::Cell, mintings: 1, ..SpyAndFlood::default() });
        assert_eq!((inside["records_held"], inside["addresses_of_neighbours"]), (1.0, 1.0));
        assert_eq!(inside["originated_seen"], 0.0);
        assert!(inside["arriving_at_spy"] > 0.2, "{inside:?}");
        let beside = run(&SpyAndFlood { place: Place::Line, mintings: 1, ..SpyAndFlood::default() });
        assert_eq!((beside["records_held"], beside["addresses_of_cell"]), (0.0, 1.0));
        assert!((beside["addresses_of_neighbours"] - 8.0 / 29.0).abs() < 0.08, "one line of four");
    }

    #[test]
    fn one_identity_takes_most_of_a_fifo_and_its_turn_of_a_fair_queue() {
        let measures = run(&SpyAndFlood { mintings: 1, ..SpyAndFlood::default() });
        assert!(measures["work_taken_fifo"] > 0.85 && measures["work_taken_fair"] < 0.15, "{measures:?}");
        assert!(measures["goodput_fair"] > 0.95 && measures["goodput_fifo"] < 0.15, "{measures:?}");
    }

    #[test]
    fn impossible_parameters_are_named() {
        let big = SpyAndFlood { dims: 6, side: 20, ..SpyAndFlood::default() };
        assert!(big.check().unwrap_err().contains("take x = "));
    }
}
