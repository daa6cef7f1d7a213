//! The experiment "censorship": cancer nodes, which route like everybody else but drop requests for chosen keys.
//!
//! The name is the Freenet wiki's: a cancer node behaves well, "advertises itself well", and lets chosen keys vanish.
//! Here a share of all identities is hostile. A request for the key that passes one of them, or reaches one in a cell
//! that keeps the record, is not answered; the origin tries again by another route, so and so often a cell, and in each
//! of the key's `R` cells. With `routes_apart = "first_hop"` the routes differ as those that the state machine tries do:
//! no two leave by the same first hop. With `"everywhere"` they share no node at all, which an origin could only ask
//! for if it knew the whole way.
//!
//! What is expected where nothing is compared, with `k` coordinates to correct and node-disjoint routes, is a success of
//! `1 - prod_cells (1 - (1-f)^k)^r`: `k - 1` relays and the node that answers have to be honest; `r` is the number of
//! routes, or of the cell's nodes if these are fewer, since no two routes that share nothing end at the same node.

mod price;

use core::time::Duration;
use std::collections::BTreeSet;

use grid::cell::{Cell, Shape};
use grid::neighbours::{COMPARED, Cost, MOST_COMPARED};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::infested::Infested;
use crate::field::walk::{Walk, World};
use crate::field::{self, Field, Node};
use crate::machine;

pub use price::Price;

/// What the state machine does.
#[expect(clippy::cast_possible_truncation, reason = "four")]
const DEFAULT_COMPARED: u8 = COMPARED as u8;

fn check_compared(compared: u8) -> Result<(), String> {
    match usize::from(compared) {
        1..=MOST_COMPARED => Ok(()),
        _ => Err(format!("compared = {compared}: candidates that are compared are 1 to {MOST_COMPARED}")),
    }
}

/// In what the routes of one lookup differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    /// In the first hop, as the state machine's do.
    FirstHop,
    /// In all nodes.
    Everywhere,
}

/// How the hops of a lookup's further routes to a cell are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retries {
    /// As those of the first: the best of those compared.
    Best,
    /// Any that leads on, as the state machine chooses them.
    Any,
}

/// The parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Censorship {
    /// Nodes, the hostile ones included.
    pub nodes: u64,
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis.
    pub side: u16,
    /// The share of nodes that is hostile.
    pub hostile: f64,
    /// Routes that are tried to each cell.
    pub routes: u8,
    /// Cells that keep the record.
    pub replicas: u8,
    /// How many candidates for a hop are compared by latency, `1..=16`. Hostile nodes advertise themselves well: they are
    /// faster than any honest one, so one of them is chosen whenever it is among those compared.
    pub compared: u8,
    /// How the hops of further routes are chosen.
    pub retries: Retries,
    /// In what the routes of one lookup differ.
    pub routes_apart: Apart,
    /// Lookups, each of a key of its own by a random honest node.
    pub lookups: u32,
}

impl Default for Censorship {
    /// The public grid's shape and number of cells, with the attempts of the state machine's defaults.
    fn default() -> Self {
        Self {
            nodes: 16_384,
            dims: 4,
            side: 8,
            hostile: 0.2,
            routes: 4,
            replicas: 3,
            compared: DEFAULT_COMPARED,
            retries: Retries::Any,
            routes_apart: Apart::FirstHop,
            lookups: 2_000,
        }
    }
}

/// A field whose hostile nodes advertise themselves well.
#[derive(Clone, Debug)]
pub(crate) struct Flattered {
    infested: Infested,
    compared: u8,
}

impl World for Flattered {
    fn field(&self) -> &Field {
        self.infested.all()
    }

    /// A hostile node is faster than any honest one.
    fn cost(&self, _: Node, candidate: Node, _: Cell) -> Cost {
        let millis = if self.infested.is_hostile(candidate) { 0 } else { 1 };
        Cost { suspected: false, delay: Duration::from_millis(millis) }
    }

    fn compared(&self) -> usize {
        self.compared.into()
    }
}

/// One lookup, and how it went.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    walk: Walk,
    /// Nodes that this lookup's further routes do without.
    avoided: BTreeSet<u64>,
    routes: u32,
}

impl Lookup {
    /// Whether an honest node of one of the cells gets the request by one of the routes.
    pub(crate) fn succeeds(
        &mut self,
        world: &Flattered,
        (from, cells): (Node, &[Cell]),
        (routes, retries, apart): (u8, Retries, Apart),
        chance: &mut Chance,
    ) -> bool {
        self.routes = 0;
        cells.iter().any(|&cell| {
            self.avoided.clear();
            // Where no way is left that is apart from the others, there will be none later.
            let mut tries = (0..routes).map_while(|tried| {
                self.walk.set_again(tried > 0 && retries == Retries::Any);
                self.arrives(world, (from, cell), apart, chance)
            });
            tries.any(|honest| honest)
        })
    }

    /// Tries one route: whether everybody on it is honest; `None` if there is none.
    fn arrives(&mut self, world: &Flattered, pair: (Node, Cell), apart: Apart, chance: &mut Chance) -> Option<bool> {
        // The last hop, to the cell itself, has no way around its nodes, so the state machine avoids nobody there.
        let near = apart == Apart::FirstHop && pair.0.cell().is_neighbour(&pair.1);
        let usable = |node: Node| near || !self.avoided.contains(&node.name());
        self.walk.go(world, pair, usable, chance.generator())?;
        self.routes += 1;
        let way = &self.walk.path()[self.walk.path().len().min(1)..];
        let avoided = match apart {
            Apart::FirstHop => &way[..way.len().min(1)],
            Apart::Everywhere => way,
        };
        self.avoided.extend(avoided.iter().map(|node| node.name()));
        Some(!way.iter().any(|&node| world.infested.is_hostile(node)))
    }
}

impl Censorship {
    fn shape(&self) -> Result<Shape, String> {
        Shape::new(self.dims, self.side).map_err(|error| error.to_string())
    }

    /// How many nodes are hostile.
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    fn hostile_nodes(&self) -> u64 {
        (self.nodes as f64 * self.hostile).round() as u64
    }

    fn world(&self, seed: u64) -> Result<Flattered, String> {
        let (shape, hostile) = (self.shape()?, self.hostile_nodes());
        let infested = Infested::random(shape, self.nodes - hostile, hostile, seed);
        Ok(Flattered { infested: infested.map_err(|error| error.to_string())?, compared: self.compared })
    }

    /// The success that the formula gives for ways of these lengths.
    fn predicted(&self, world: &Flattered, from: Node, cells: &[Cell]) -> f64 {
        let fails = |cell: &Cell| {
            let honest = (1.0 - self.hostile).powi(from.cell().distance(cell).into());
            (1.0 - honest).powi(self.routes.min(world.field().count(*cell)).into())
        };
        1.0 - cells.iter().map(fails).product::<f64>()
    }
}

impl Model for Censorship {
    const NAME: &'static str = "censorship";

    fn check(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.hostile) {
            return Err(format!(
                "hostile = {}: a share of the nodes is in 0..1, and somebody has to ask",
                self.hostile
            ));
        }
        if self.routes == 0 || self.lookups == 0 {
            return Err("routes and lookups are 1 or more".into());
        }
        check_compared(self.compared)?;
        if !(1..=16).contains(&self.replicas) {
            return Err(format!("replicas = {}: a grid keeps a record in 1 to 16 cells", self.replicas));
        }
        if self.hostile_nodes() >= self.nodes {
            return Err(format!("of {} nodes a share of {} leaves no honest one", self.nodes, self.hostile));
        }
        field::check(self.shape()?, self.nodes, machine::free_memory()).map_err(|error| error.to_string())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let world = self.world(seed)?;
        let (mut chance, mut lookup) = (Chance::of(seed, 1), Lookup::default());
        let (mut succeeded, mut routes, mut predicted) = (0.0, 0.0, 0.0);
        for _ in 0..self.lookups {
            let from = world.infested.random_honest(&mut chance).ok_or("there is no honest node")?;
            let mut cells = world.infested.random_homes(self.replicas.into(), &mut chance);
            // A get asks the nearest first.
            cells.sort_by_key(|cell| cell.distance(&from.cell()));
            let settings = (self.routes, self.retries, self.routes_apart);
            succeeded += f64::from(u8::from(lookup.succeeds(&world, (from, &cells), settings, &mut chance)));
            routes += f64::from(lookup.routes);
            predicted += self.predicted(&world, from, &cells);
        }
        let lookups = f64::from(self.lookups);
        Ok(Measures::from([
            ("success", succeeded / lookups),
            ("routes_tried", routes / lookups),
            ("predicted", predicted / lookups),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disjoint_routes_meet_the_formula() {
        for (hostile, routes, replicas) in [(0.1, 4, 1), (0.2, 4, 1), (0.3, 1, 1), (0.2, 2, 3)] {
            let lookups = 3000;
            let apart = Apart::Everywhere;
            let model = Censorship {
                hostile,
                routes,
                replicas,
                compared: 1,
                lookups,
                routes_apart: apart,
                ..Censorship::default()
            };
            let measures = model.trial(3).unwrap();
            let (found, expected) = (measures["success"], measures["predicted"]);
            // A cell has few nodes of which so and so many are hostile, so routes are not quite independent.
            assert!(
                (found - expected).abs() < 0.03,
                "f = {hostile}, r = {routes}, R = {replicas}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn nobody_hostile_censors_nothing_and_impossible_wishes_are_refused() {
        let peaceful = Censorship { hostile: 0.0, lookups: 200, ..Censorship::default() };
        let measures = peaceful.trial(1).unwrap();
        assert_eq!((measures["success"], measures["routes_tried"]), (1.0, 1.0));
        assert!(Censorship { hostile: 1.5, ..peaceful.clone() }.check().unwrap_err().contains("1.5"));
        assert!(Censorship { replicas: 0, ..peaceful.clone() }.check().unwrap_err().contains("replicas = 0"));
        assert!(Censorship { side: 0, ..peaceful.clone() }.check().unwrap_err().contains("side"));
        assert!(Censorship { routes: 0, ..peaceful }.check().unwrap_err().contains("routes"));
    }
}
