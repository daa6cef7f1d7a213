//! The experiment "geometry": where nodes fall by chance, and what a rook finds on its way.
//!
//! `N = x · g^d` nodes are put into random cells. Nothing else is simulated: no joining, no failures, no traffic. Beside
//! each measure stands what the design expects:
//!
//! - neighbours: `m = x (d (g - 1) + 1)`, without the node itself;
//! - vacant cells: `e^-x` of all. Their number in a network has the variance `c e^-x (1 - (1 + x) e^-x)` with `c` cells
//!   (W. Feller, *An Introduction to Probability Theory*, I, section IV.2, for large `c`);
//! - hops between random nodes: `d (1 - 1/g)` on average, `d` at most;
//! - no direct way: two cells that differ in `k` coordinates have `k` cells between them that a first hop may reach and
//!   that lie on a shortest way; all are vacant with chance `e^-xk`, if `k` is 2 or more.

mod network;
mod way;

use grid::cell::Shape;
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use network::Occupancy;
use way::Way;

/// Two bytes each: half a gigabyte on each thread.
const MOST_CELLS: u64 = 1 << 28;

/// Some ten seconds to draw.
const MOST_NODES: f64 = 1e9;

/// A network to be drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct Geometry {
    /// `d`, axes.
    pub dims: u8,
    /// `g`, coordinates on each axis.
    pub side: u16,
    /// `x`, nodes for each cell on average.
    pub density: f64,
    /// Pairs of random nodes, between whose cells ways are looked for.
    pub pairs: u32,
}

impl Default for Geometry {
    /// The smaller network of the pre-design of 2003.
    fn default() -> Self {
        Self { dims: 2, side: 8, density: 4.0, pairs: 20_000 }
    }
}

impl Geometry {
    fn shape(&self) -> Result<Shape, String> {
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        if shape.cells() > MOST_CELLS {
            let fits = (2..self.side).rev().find(|side| u64::from(*side).pow(self.dims.into()) <= MOST_CELLS);
            return Err(format!(
                "{}^{} cells need more than {} MiB for each thread: side = {} would do",
                self.side,
                self.dims,
                MOST_CELLS >> 19,
                fits.unwrap_or(2)
            ));
        }
        Ok(shape)
    }

    /// `N`, rounded.
    #[expect(clippy::cast_precision_loss, reason = "cells are at most 2^28")]
    fn nodes(&self, shape: Shape) -> f64 {
        (self.density * shape.cells() as f64).round()
    }
}

impl Model for Geometry {
    const NAME: &'static str = "geometry";

    #[expect(clippy::cast_precision_loss, reason = "cells are at most 2^28")]
    fn check(&self) -> Result<(), String> {
        let shape = self.shape()?;
        if !self.density.is_finite() || self.nodes(shape) < 2.0 {
            let least = 2.0 / shape.cells() as f64;
            return Err(format!("density = {} leaves fewer than two nodes: {least} or more would do", self.density));
        }
        if self.nodes(shape) > MOST_NODES {
            let most = MOST_NODES / shape.cells() as f64;
            return Err(format!("density = {} makes more than {MOST_NODES:e} nodes: at most {most}", self.density));
        }
        // Counts of a cell are 16 bits wide, and Poisson's tail is far from 65,535 at this mean.
        if self.density > 50_000.0 {
            return Err(format!("density = {}: at most 50000 nodes in a cell can be counted", self.density));
        }
        if self.pairs == 0 {
            return Err("pairs = 0 measures no ways: take 20000".into());
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let shape = self.shape()?;
        let mut chance = Chance::new(seed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: at most MOST_NODES")]
        let nodes = self.nodes(shape) as u64;
        let network = Occupancy::draw(shape, nodes, &mut chance);
        let mut measures = self.of_cells(&network);
        measures.extend(self.of_ways(&network, &mut chance));
        Ok(measures)
    }
}

impl Geometry {
    /// What the cells' counts show.
    #[expect(clippy::cast_precision_loss, reason = "cells are at most 2^28")]
    fn of_cells(&self, network: &Occupancy) -> Measures {
        let shape = network.shape();
        let (cells, x) = (shape.cells() as f64, self.density);
        let (vacancy, expected) = (network.vacant() as f64 / cells, (-x).exp());
        let error = (expected * (1.0 - (1.0 + x) * expected) / cells).sqrt();
        Measures::from([
            ("nodes", network.nodes() as f64),
            ("neighbours", network.mean_neighbours()),
            ("neighbours_expected", x * shape.neighbour_cells() as f64),
            ("vacancy", vacancy),
            ("vacancy_expected", expected),
            ("vacancy_errors_off", (vacancy - expected) / error),
        ])
    }

    /// What ways between random pairs show.
    fn of_ways(&self, network: &Occupancy, chance: &mut Chance) -> Measures {
        let (mut hops, mut most, mut no_first, mut none) = (0_u64, 0, 0_u32, 0_u32);
        for _ in 0..self.pairs {
            let (from, to) = network.random_pair(chance);
            let way = Way::between(network, from, to);
            hops += u64::from(way.hops);
            most = most.max(way.hops);
            no_first += u32::from(!way.has_first_hop);
            none += u32::from(!way.is_open);
        }
        let pairs = f64::from(self.pairs);
        #[expect(clippy::cast_precision_loss, reason = "at most 8 hops for each of 2^32 pairs")]
        let mean_hops = hops as f64 / pairs;
        Measures::from([
            ("hops", mean_hops),
            ("hops_expected", self.expected_hops()),
            ("hops_ratio", mean_hops / self.expected_hops()),
            ("max_hops", f64::from(most)),
            ("no_first_hop", f64::from(no_first) / pairs),
            ("no_first_hop_expected", self.expected_no_first_hop()),
            ("no_way", f64::from(none) / pairs),
        ])
    }

    /// `d (1 - 1/g)`.
    fn expected_hops(&self) -> f64 {
        f64::from(self.dims) * (1.0 - f64::from(self.side).recip())
    }

    /// `e^-xk` over the binomial chances that two random cells differ in `k` coordinates, `k` being 2 or more.
    fn expected_no_first_hop(&self) -> f64 {
        let (equal, d) = (f64::from(self.side).recip(), i32::from(self.dims));
        let mut ways = f64::from(self.dims);
        let mut sum = 0.0;
        for k in 2..=d {
            ways *= f64::from(d - k + 1) / f64::from(k);
            sum += ways * (1.0 - equal).powi(k) * equal.powi(d - k) * (-self.density * f64::from(k)).exp();
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dims: u8, side: u16, density: f64) -> Geometry {
        Geometry { dims, side, density, pairs: 20_000 }
    }

    /// The table of the pre-design: g = 8, d = 2, x = 4 makes m = 60; g = 10, d = 6, x = 4 makes N = 4,000,000, m = 220.
    #[test]
    fn the_table_of_2003() {
        let small = of(2, 8, 4.0).trial(1).unwrap();
        assert_eq!((small["nodes"], small["neighbours_expected"], small["max_hops"]), (256.0, 60.0, 2.0));
        assert!((small["neighbours"] / 60.0 - 1.0).abs() < 0.05, "{small:?}");
        let large = of(6, 10, 4.0).trial(1).unwrap();
        assert_eq!((large["nodes"], large["neighbours_expected"], large["max_hops"]), (4e6, 220.0, 6.0));
        assert!((large["neighbours"] / 220.0 - 1.0).abs() < 0.001, "{large:?}");
        assert!((large["hops"] / 5.4 - 1.0).abs() < 0.01, "{large:?}");
        assert!(large["vacancy_errors_off"].abs() < 4.0, "{large:?}");
    }

    #[test]
    fn first_hops_are_missing_as_often_as_expected() {
        let mut found = 0.0;
        for seed in 1..=10 {
            found += of(3, 8, 0.5).trial(seed).unwrap()["no_first_hop"] / 10.0;
        }
        let expected = of(3, 8, 0.5).expected_no_first_hop();
        assert!((found / expected - 1.0).abs() < 0.1, "{found} {expected}");
    }

    #[test]
    fn impossible_networks_are_refused_with_what_would_do() {
        let refused = |model: Geometry, hint: &str| {
            let error = model.check().unwrap_err();
            assert!(error.contains(hint), "{error}");
        };
        refused(of(0, 8, 4.0), "1 to 8");
        refused(of(2, 0, 4.0), "at least 2");
        refused(of(8, 65_535, 4.0), "2^63");
        refused(of(6, 40, 4.0), "side = 25");
        refused(of(2, 8, 0.0), "0.03125");
        refused(of(2, 8, f64::NAN), "density");
        refused(of(6, 10, 5000.0), "at most 1000");
        refused(Geometry { pairs: 0, ..Geometry::default() }, "pairs");
    }
}
