//! The grid as the experiments with several networks see it: the hops that ship, in the other networks' latencies, and
//! hostile nodes that drop what they should pass on.
//!
//! Everybody's links are open and nobody is busy, so what a hop is expected to cost is its latency. Each route of a lookup
//! does without all nodes of those before, for which the origin would have to know the whole ways.

use core::time::Duration;
use std::collections::BTreeSet;

use grid::cell::{Cell, Shape};
use grid::neighbours::{COMPARED, Cost};

use crate::chance::Chance;
use crate::field::infested::Infested;
use crate::field::walk::{Aim, Goal, Walk, World};
use crate::field::{self, Field, Node};
use crate::kademlia::draws::mix;
use crate::link::{Position, Weather};
use crate::machine;

const POSITION: u64 = 21;

/// A grid whose nodes lie in the plane of latencies.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    infested: Infested,
    weather: Weather,
    seed: u64,
}

impl World for Grid {
    fn field(&self) -> &Field {
        self.infested.all()
    }

    fn cost(&self, chooser: Node, candidate: Node, _: Cell) -> Cost {
        Cost { suspected: false, delay: self.latency(chooser, candidate) }
    }

    fn compared(&self) -> usize {
        COMPARED
    }

    fn drops(&self, node: Node) -> bool {
        self.infested.is_hostile(node)
    }
}

/// How a lookup is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    /// Routes that are tried, one after the other.
    pub(super) attempts: usize,
    /// How long the answer on each is awaited.
    pub(super) timeout: Duration,
}

/// What came of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// Hops of the route that arrived, if one did.
    pub(super) hops: Option<u32>,
    /// Messages sent in all.
    pub(super) messages: u32,
    /// Until the answer was there, or the last attempt had taken its time.
    pub(super) latency: Duration,
}

impl Grid {
    /// So many honest and hostile nodes in random cells.
    pub(super) fn random(shape: Shape, (honest, hostile): (u32, u32), seed: u64) -> Result<Self, String> {
        let infested = Infested::random(shape, honest.into(), hostile.into(), seed);
        Ok(Self { infested: infested.map_err(|error| error.to_string())?, weather: Weather::default(), seed })
    }

    pub(super) const fn infested(&self) -> &Infested {
        &self.infested
    }

    /// One way.
    fn latency(&self, one: Node, other: Node) -> Duration {
        let [one, other] = [one, other].map(|node| Position::of_hash(mix(self.seed ^ POSITION, node.name())));
        self.weather.base(one, other)
    }

    /// Tries routes one after the other, to the nearest aim first and around all of them, until an honest node of an
    /// aim has the request; each has no node with the others in common.
    pub(super) fn look_up(&self, retries: Retries, (from, aims): (Node, &[Aim]), chance: &mut Chance) -> Found {
        let (mut found, mut walk, mut used) = (Found::default(), Walk::default(), BTreeSet::new());
        let mut aims = aims.to_vec();
        aims.sort_by_key(|aim| from.cell().distance(&aim.cell()));
        for aim in aims.into_iter().cycle().take(retries.attempts) {
            // Who is beside a cell sees that all its nodes have been tried, and says so at once: no walk finds a way.
            if self.is_used_up(aim, &used) {
                continue;
            }
            let arrival = walk.go(self, (from, aim), |node| !used.contains(&node.name()), chance.generator());
            if let Some(arrival) = arrival {
                let hops = u32::from(arrival.hops);
                let one_way: Duration = walk.path().windows(2).map(|hop| self.latency(hop[0], hop[1])).sum();
                let latency = found.latency + 2 * one_way;
                return Found { hops: Some(hops), messages: found.messages + arrival.messages + hops, latency };
            }
            found.messages += walk.messages();
            found.latency += retries.timeout;
            used.extend(walk.path().iter().skip(1).map(|node| node.name()));
        }
        found
    }

    /// Whether all nodes of a cell are used. A node that is aimed at never is.
    fn is_used_up(&self, aim: Aim, used: &BTreeSet<u64>) -> bool {
        let Aim::Cell(cell) = aim else { return false };
        let count = self.field().count(cell).into();
        (0..count).filter_map(|number| self.field().node_in(cell, number)).all(|node| used.contains(&node.name()))
    }

    /// Bytes of memory that the model takes for a node.
    pub(super) fn bytes_per_node(&self) -> f64 {
        let (all, honest) = (self.infested.all(), self.infested.honest());
        crate::figures::ratio(all.bytes() + honest.bytes(), all.nodes())
    }
}

/// A grid's shape from parameters.
///
/// # Errors
/// Why there is none, or why so many nodes do not fit into it.
pub(super) fn shape_of(dims: u32, side: u32, nodes: u64) -> Result<Shape, String> {
    let narrow = |_| format!("side = {side}, dims = {dims}: they have to be below 65,536 and 256");
    let (dims, side) = (u8::try_from(dims).map_err(narrow)?, u16::try_from(side).map_err(narrow)?);
    let shape = Shape::new(dims, side).map_err(|error| error.to_string())?;
    field::check(shape, nodes, machine::free_memory()).map_err(|error| error.to_string())?;
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Retries = Retries { attempts: 1, timeout: Duration::from_secs(1) };

    /// The mean distance of two random cells is `d (1 - 1/g)`; a get's answer goes back the same way.
    #[test]
    fn hops_are_the_coordinates_that_differ() {
        let shape = Shape::new(4, 8).unwrap();
        let grid = Grid::random(shape, (65_536, 0), 1).unwrap();
        let (mut chance, mut sum) = (Chance::new(2), 0);
        for _ in 0..20_000 {
            let from = grid.infested().random_honest(&mut chance).unwrap();
            let to = shape.cell_at(chance.number());
            let found = grid.look_up(ONE, (from, &[Aim::Cell(to)]), &mut chance);
            let hops = found.hops.unwrap();
            assert_eq!((hops, found.messages), (from.cell().distance(&to).into(), 2 * hops));
            let least = 2 * hops * grid.weather.least;
            assert!((least..=least + 2 * hops * grid.weather.span).contains(&found.latency), "{found:?}");
            sum += hops;
        }
        assert!((f64::from(sum) / 20_000.0 / 3.5 - 1.0).abs() < 0.01, "{sum}");
    }

    #[test]
    fn a_hostile_node_on_the_way_ends_a_route() {
        let grid = Grid::random(Shape::new(4, 8).unwrap(), (32_768, 8192), 1).unwrap();
        let (mut chance, mut first, mut any) = (Chance::new(2), 0, 0);
        for _ in 0..5000 {
            let [from, to] = [0; 2].map(|_| grid.infested().random_honest(&mut chance).unwrap());
            let mut arrives = |attempts| {
                let found = grid.look_up(Retries { attempts, ..ONE }, (from, &[Aim::Node(to)]), &mut chance);
                u32::from(found.hops.is_some())
            };
            first += arrives(1);
            any += arrives(8);
        }
        // A fifth is hostile, and d (1 - 1/g) - 1 = 2.5 nodes on average stand between: 0.8^2.5 = 0.57.
        assert!((2600..3200).contains(&first), "{first}");
        assert!(any > 4900, "{any}");
    }

    /// A record's cell keeps it in hostile nodes, too: each of `d` hops is needed with a chance of `1 - 1/g` and is honest
    /// with `1 - f`.
    #[test]
    fn a_hostile_node_of_the_cell_does_not_answer() {
        let shape = Shape::new(4, 8).unwrap();
        let grid = Grid::random(shape, (32_768, 8192), 1).unwrap();
        let (mut chance, mut found) = (Chance::new(2), 0);
        for _ in 0..5000 {
            let from = grid.infested().random_honest(&mut chance).unwrap();
            let aim = Aim::Cell(shape.cell_at(chance.number()));
            found += u32::from(grid.look_up(ONE, (from, &[aim]), &mut chance).hops.is_some());
        }
        let expected = 5000.0 * (0.125 + 0.875 * 0.8_f64).powi(4);
        // Four standard deviations are 140; a cell has few nodes, of which chance makes some more hostile than others.
        assert!((f64::from(found) - expected).abs() < 200.0, "{found}, {expected} expected");
    }

    /// Of four candidates the nearest is taken: the mean of the least of four is well below that of one.
    #[test]
    fn the_nearest_candidate_is_chosen_by_who_chooses() {
        let shape = Shape::new(4, 8).unwrap();
        let grid = Grid::random(shape, (65_536, 0), 1).unwrap();
        let (mut chance, mut walk) = (Chance::new(2), Walk::default());
        let (mut chosen, mut random) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..3000 {
            let [from, to] = [0; 2].map(|_| grid.infested().random_honest(&mut chance).unwrap());
            walk.go(&grid, (from, to.cell()), |_| true, chance.generator()).unwrap();
            if let [first, second, ..] = walk.path() {
                chosen += grid.latency(*first, *second);
                random += grid.latency(from, to);
            }
        }
        assert!(chosen.mul_f64(1.5) < random, "{chosen:?}, {random:?} at random");
    }
}
