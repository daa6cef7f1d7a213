//! The experiment "scale": a network of millions, and lookups of random keys by random nodes in it.

use grid::cell::{Cell, Shape};
use grid::id::RoutingKey;
use grid::placement::drawn_cells;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::walk::{Arrival, Walk};
use crate::field::{self, Field};
use crate::figures::ratio;
use crate::machine;

/// Lookups that one generator draws: results do not depend on who does them, or when.
const BATCH: u64 = 1 << 12;
/// Nodes whose neighbours are counted, at most.
const SAMPLED: u64 = 4096;
/// The seed of lookups is the field's with this added, so that the two have nothing in common.
const LOOKUPS: u64 = 0x6c6f_6f6b_7570_7300;
/// Drawn cells of a key that are looked at, until one has somebody. With a node a cell, one key in 10^27 finds nobody.
const DRAWS: usize = 64;

/// What to build and what to ask of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scale {
    /// Nodes.
    pub nodes: u64,
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis; 0 takes the side at which a cell has about `density` nodes.
    pub side: u16,
    /// Nodes a cell that are aimed at where `side` is 0.
    pub density: f64,
    /// Lookups of random keys by random nodes.
    pub lookups: u64,
}

impl Default for Scale {
    /// The seed's own example.
    fn default() -> Self {
        Self { nodes: 4_000_000, dims: 6, side: 10, density: 4.0, lookups: 100_000 }
    }
}

/// What a number of lookups came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Lookups made.
    pub lookups: u64,
    /// Those that arrived, by hops.
    pub by_hops: Vec<u64>,
    /// Messages, without answers.
    pub messages: u64,
}

impl Tally {
    /// Lookups that arrived.
    pub fn arrived(&self) -> u64 {
        self.by_hops.iter().sum()
    }

    /// The share that arrived; 1 of nothing.
    pub fn success(&self) -> f64 {
        if self.lookups == 0 { 1.0 } else { ratio(self.arrived(), self.lookups) }
    }

    /// Mean hops of those that arrived.
    pub fn mean_hops(&self) -> f64 {
        let sum = self.by_hops.iter().zip(0_u64..).map(|(&count, hops)| count * hops).sum();
        ratio(sum, self.arrived())
    }

    /// The most hops that any took.
    pub fn most_hops(&self) -> usize {
        self.by_hops.iter().rposition(|&count| count > 0).unwrap_or(0)
    }

    fn note(&mut self, hops: usize) {
        if self.by_hops.len() <= hops {
            self.by_hops.resize(hops + 1, 0);
        }
        self.by_hops[hops] += 1;
    }

    fn add(mut self, other: &Self) -> Self {
        self.lookups += other.lookups;
        self.messages += other.messages;
        if self.by_hops.len() < other.by_hops.len() {
            self.by_hops.resize(other.by_hops.len(), 0);
        }
        self.by_hops.iter_mut().zip(&other.by_hops).for_each(|(sum, count)| *sum += count);
        self
    }
}

/// Routes lookups of random keys from random nodes, on all threads of the current pool. The same on any number of
/// them.
pub fn look_up(field: &Field, lookups: u64, seed: u64) -> Tally {
    let batches = (0..lookups.div_ceil(BATCH)).into_par_iter();
    let tallies = batches.map(|batch| {
        let mut chance = Chance::of(seed.wrapping_add(LOOKUPS), batch);
        let mut tally = Tally { lookups: BATCH.min(lookups - batch * BATCH), ..Tally::default() };
        let mut walk = Walk::default();
        for _ in 0..tally.lookups {
            if let Some(arrival) = one(field, &mut walk, &mut chance) {
                tally.note(arrival.hops.into());
                tally.messages += u64::from(arrival.messages);
            }
        }
        tally
    });
    tallies.reduce(Tally::default, |sum, tally| sum.add(&tally))
}

fn one(field: &Field, walk: &mut Walk, chance: &mut Chance) -> Option<Arrival> {
    let from = field.random_node(chance)?;
    let target = home_of(field, &random_key(chance))?;
    walk.go(field, (from, target), |_| true, chance.generator())
}

/// A key that nobody chose.
pub(crate) fn random_key(chance: &mut Chance) -> RoutingKey {
    let mut key = [0; 32];
    key.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&chance.number().to_le_bytes()));
    RoutingKey::from_bytes(key)
}

/// The first of a key's cells in which somebody lives.
pub(crate) fn home_of(field: &Field, key: &RoutingKey) -> Option<Cell> {
    drawn_cells(field.shape(), key).take(DRAWS).find(|&cell| field.count(cell) > 0)
}

impl Scale {
    /// The grid's shape, the side chosen if it was left open.
    ///
    /// # Errors
    /// Why there is none.
    pub fn shape(&self) -> Result<Shape, String> {
        let side = if self.side == 0 { self.fitting_side()? } else { self.side };
        Shape::new(self.dims, side).map_err(|error| error.to_string())
    }

    /// The side at which a cell has most nearly `density` nodes.
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and within u16")]
    fn fitting_side(&self) -> Result<u16, String> {
        if !(self.density > 0.0 && self.density <= field::MOST_PER_CELL) {
            return Err(format!("density = {} nodes a cell: take one in 0..{}", self.density, field::MOST_PER_CELL));
        }
        let side = (self.nodes as f64 / self.density).powf(1.0 / f64::from(self.dims.max(1))).round();
        Ok(side.clamp(2.0, f64::from(u16::MAX)) as u16)
    }

    /// Nodes that a node has as neighbours, on average over some.
    fn mean_neighbours(field: &Field, seed: u64) -> f64 {
        let mut chance = Chance::of(seed, u64::MAX);
        let sample = SAMPLED.min(field.nodes());
        let nodes = (0..sample).filter_map(|_| field.random_node(&mut chance));
        ratio(nodes.map(|node| field.neighbours_of(node)).sum(), sample)
    }
}

impl Model for Scale {
    const NAME: &'static str = "scale";

    fn check(&self) -> Result<(), String> {
        field::check(self.shape()?, self.nodes, machine::free_memory()).map_err(|error| error.to_string())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = self.shape()?;
        let field = Field::random(shape, self.nodes, seed).map_err(|error| error.to_string())?;
        let tally = look_up(&field, self.lookups, seed);
        let g = f64::from(shape.side());
        let vacant = field.counts().iter().filter(|&&count| count == 0).count() as u64;
        Ok(Measures::from([
            ("mean_hops", tally.mean_hops()),
            ("expected_hops", f64::from(shape.dims()) * (1.0 - 1.0 / g)),
            ("most_hops", f64::from(u32::try_from(tally.most_hops()).unwrap_or(u32::MAX))),
            ("success", tally.success()),
            ("messages", ratio(tally.messages, self.lookups)),
            ("neighbours", Self::mean_neighbours(&field, seed)),
            ("side", g),
            ("vacant", ratio(vacant, shape.cells())),
            ("bytes_per_node", ratio(field.bytes(), field.nodes())),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_d_times_one_minus_one_in_g() {
        let scale = Scale { nodes: 62_500, dims: 6, side: 5, lookups: 50_000, ..Scale::default() };
        let measures = scale.trial(1).unwrap();
        assert_eq!(measures["success"], 1.0);
        let (mean, expected) = (measures["mean_hops"], measures["expected_hops"]);
        assert!((mean / expected - 1.0).abs() < 0.01, "{mean} hops, {expected} expected");
        // m = x(d(g-1)+1), and one neighbour more than that in one's own cell, less oneself: Poisson's excess.
        let neighbours = measures["neighbours"];
        assert!((neighbours / 100.0 - 1.0).abs() < 0.02, "{neighbours} neighbours");
    }

    #[test]
    fn any_number_of_threads_gives_the_same_lookups() {
        let field = Field::random(Shape::new(4, 8).unwrap(), 16_384, 9).unwrap();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| look_up(&field, 30_000, 9))
        };
        assert_eq!(on(1), on(2));
    }

    #[test]
    fn a_side_is_found_and_impossible_wishes_are_refused() {
        let open = Scale { side: 0, nodes: 4_000_000, dims: 6, ..Scale::default() };
        assert_eq!(open.shape().unwrap().side(), 10);
        assert!(Scale { density: 0.0, ..open.clone() }.check().unwrap_err().contains("density"));
        assert!(Scale { dims: 9, ..Scale::default() }.check().unwrap_err().contains("dimensions"));
        assert!(Scale { nodes: 0, ..Scale::default() }.check().unwrap_err().contains("at least one node"));
    }
}
