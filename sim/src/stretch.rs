//! The experiment "stretch": how much longer requests are under way than they would be on the direct path.
//!
//! Nodes lie in a synthetic internet ([`crate::internet`]). Each request goes from a random node to the cell of another;
//! its stretch is the time of its way over the time from the origin directly to the node where it ends. Hops are
//! chosen by the code that ships ([`grid::route`]), under one of four rules.

use core::time::Duration;

use grid::cell::{Cell, Shape};
use grid::neighbours::{COMPARED, Cost, MOST_COMPARED};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::walk::{Walk, World};
use crate::field::{self, Field, Node};
use crate::figures::{mean, quantile};
use crate::internet::{Internet, Site};
use crate::machine;

/// What a candidate is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All alike: any candidate is taken.
    Random,
    /// The latency of the hop to it.
    Latency,
    /// That, and what it says of the ways along the axes that are left: what ships.
    Ways,
    /// That, and the direct path from it to the nearest node of the target's cell: what exact coordinates of everybody
    /// would tell, if the origin knew them.
    Coordinates,
}

/// The parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stretch {
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis.
    pub side: u16,
    /// Expected nodes a cell.
    pub per_cell: u32,
    /// What a candidate is expected to cost.
    pub rule: Rule,
    /// How many candidates are compared.
    pub compared: u8,
    /// Milliseconds of the longest access line, one way.
    pub access_ms: f64,
    /// Requests.
    pub requests: u32,
}

impl Default for Stretch {
    /// What ships, in a grid of two axes.
    fn default() -> Self {
        let compared = u8::try_from(COMPARED).unwrap_or(u8::MAX);
        Self { dims: 2, side: 32, per_cell: 8, rule: Rule::Ways, compared, access_ms: 12.0, requests: 20_000 }
    }
}

/// A field whose nodes have sites.
struct Net {
    field: Field,
    internet: Internet,
    rule: Rule,
    compared: usize,
    /// Nodes before each cell, by the cell's number.
    before: Vec<usize>,
    sites: Vec<Site>,
    /// Milliseconds to the nearest node of a cell, averaged over the cells of a line: by node, then by axis.
    ways: Vec<f32>,
}

impl Net {
    fn new(model: &Stretch, seed: u64) -> Result<Self, String> {
        let shape = model.shape()?;
        let field = Field::random(shape, model.nodes()?, seed).map_err(|error| error.to_string())?;
        let before = field.counts().iter().scan(0, |sum, &count| {
            let before = *sum;
            *sum += usize::from(count);
            Some(before)
        });
        let (internet, mut chance) = (Internet::new(model.access_ms, seed), Chance::of(seed, 2));
        let sites = (0..field.nodes()).map(|_| internet.site(&mut chance)).collect();
        let (before, compared) = (before.collect(), usize::from(model.compared));
        let mut net = Self { field, internet, rule: model.rule, compared, before, sites, ways: Vec::new() };
        if model.rule == Rule::Ways {
            net.ways = net.all_ways();
        }
        Ok(net)
    }

    fn number(&self, node: Node) -> usize {
        let cell = usize::try_from(self.field.shape().index(node.cell())).unwrap_or(0);
        self.before[cell] + usize::from(node.rank())
    }

    fn millis(&self, one: Node, other: Node) -> f32 {
        self.internet.millis(self.sites[self.number(one)], self.sites[self.number(other)])
    }

    fn nodes_of(&self, cell: Cell) -> impl Iterator<Item = Node> + '_ {
        (0..usize::from(self.field.count(cell))).filter_map(move |rank| self.field.node_in(cell, rank))
    }

    fn nearest(&self, from: Node, cell: Cell) -> Option<f32> {
        self.nodes_of(cell).map(|node| self.millis(from, node)).reduce(f32::min)
    }

    fn all_ways(&self) -> Vec<f32> {
        let nodes = (0..self.field.nodes()).filter_map(|number| self.field.node(number));
        nodes.flat_map(|node| self.field.shape().axes().map(move |axis| self.way(node, axis))).collect()
    }

    fn way(&self, node: Node, axis: grid::cell::Axis) -> f32 {
        let others = self.field.shape().line(node.cell(), axis).filter(|&cell| cell != node.cell());
        let nearest = others.filter_map(|cell| self.nearest(node, cell));
        let (count, sum) = nearest.fold((0.0, 0.0), |(count, sum), millis| (count + 1.0, sum + millis));
        if count == 0.0 { 0.0 } else { sum / count }
    }

    /// What is left of the way behind a candidate, as far as the rule knows.
    fn onward(&self, candidate: Node, target: Cell) -> f32 {
        match self.rule {
            Rule::Random | Rule::Latency => 0.0,
            Rule::Ways => {
                let first = self.number(candidate) * usize::from(self.field.shape().dims());
                let cell = candidate.cell();
                let ways = cell.differing_axes(&target).map(|axis| self.ways[first + axis.index()]);
                ways.sum()
            }
            Rule::Coordinates if candidate.cell() == target => 0.0,
            Rule::Coordinates => self.nearest(candidate, target).unwrap_or(0.0),
        }
    }
}

impl World for Net {
    fn field(&self) -> &Field {
        &self.field
    }

    fn cost(&self, chooser: Node, candidate: Node, target: Cell) -> Cost {
        let millis = self.millis(chooser, candidate) + self.onward(candidate, target);
        Cost { suspected: false, delay: Duration::from_secs_f32(millis / 1e3) }
    }

    fn compared(&self) -> usize {
        if self.rule == Rule::Random { 1 } else { self.compared }
    }
}

impl Stretch {
    fn shape(&self) -> Result<Shape, String> {
        Shape::new(self.dims, self.side).map_err(|error| error.to_string())
    }

    fn nodes(&self) -> Result<u64, String> {
        Ok(self.shape()?.cells().saturating_mul(self.per_cell.into()))
    }
}

impl Model for Stretch {
    const NAME: &'static str = "stretch";

    fn check(&self) -> Result<(), String> {
        if !(1..=MOST_COMPARED).contains(&usize::from(self.compared)) {
            return Err(format!("compared = {}: candidates that are compared are 1 to {MOST_COMPARED}", self.compared));
        }
        if !(2.0..=1000.0).contains(&self.access_ms) {
            return Err(format!("access_ms = {}: the longest access line takes 2 to 1000 ms", self.access_ms));
        }
        if self.requests == 0 {
            return Err("requests has to be 1 or more".into());
        }
        field::check(self.shape()?, self.nodes()?, machine::free_memory()).map_err(|error| error.to_string())
    }

    /// `load` is the greatest number of requests that a node passed on or answered over the mean; the quantile beside it is
    /// of the nodes.
    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let (net, mut chance, mut walk) = (Net::new(self, seed)?, Chance::of(seed, 1), Walk::default());
        let (mut stretches, mut ways, mut hops) = (Vec::new(), Vec::new(), 0.0);
        let mut load = vec![0_u32; net.sites.len()];
        for _ in 0..self.requests {
            let [from, to] = [0; 2].map(|_| net.field.random_node(&mut chance));
            let (Some(from), Some(to)) = (from, to) else { return Err("there is nobody".into()) };
            if from.cell() == to.cell() {
                continue;
            }
            walk.go(&net, (from, to.cell()), |_| true, chance.generator()).ok_or("a request found no way")?;
            let way: f32 = walk.path().windows(2).map(|hop| net.millis(hop[0], hop[1])).sum();
            walk.path()[1..].iter().for_each(|&node| load[net.number(node)] += 1);
            hops += f64::from(u32::try_from(walk.path().len() - 1).unwrap_or(u32::MAX));
            if let Some(&end) = walk.path().last() {
                stretches.push(f64::from(way / net.millis(from, end)));
                ways.push(f64::from(way));
            }
        }
        let mut load: Vec<f64> = load.into_iter().map(f64::from).collect();
        let mean_load = mean(&load);
        Ok(Measures::from([
            ("stretch_p50", quantile(&mut stretches, 0.5)),
            ("stretch_p95", quantile(&mut stretches, 0.95)),
            ("one_way_ms_p50", quantile(&mut ways, 0.5)),
            ("one_way_ms_p95", quantile(&mut ways, 0.95)),
            ("hops", hops / f64::from(u32::try_from(ways.len()).unwrap_or(u32::MAX))),
            ("load", quantile(&mut load, 1.0) / mean_load),
            ("load_p999", quantile(&mut load, 0.999) / mean_load),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(rule: Rule) -> Stretch {
        Stretch { side: 8, rule, requests: 3000, ..Stretch::default() }
    }

    #[test]
    fn knowing_more_makes_ways_shorter() {
        let p50 = |rule| small(rule).trial(1).unwrap()["one_way_ms_p50"];
        let [random, latency, ways] = [Rule::Random, Rule::Latency, Rule::Ways].map(p50);
        assert!(random > 1.5 * latency && latency > ways, "{random} {latency} {ways}");
    }

    #[test]
    fn one_axis_has_no_detours() {
        let line = Stretch { dims: 1, side: 8, ..small(Rule::Ways) };
        let measures = line.trial(1).unwrap();
        assert_eq!((measures["stretch_p50"], measures["stretch_p95"], measures["hops"]), (1.0, 1.0, 1.0));
    }

    #[test]
    fn a_seed_decides_everything_and_what_cannot_be_is_refused() {
        assert_eq!(small(Rule::Ways).trial(3), small(Rule::Ways).trial(3));
        assert_ne!(small(Rule::Ways).trial(3), small(Rule::Ways).trial(4));
        let refused = [
            (Stretch { compared: 0, ..small(Rule::Ways) }, "compared"),
            (Stretch { access_ms: f64::NAN, ..small(Rule::Ways) }, "access_ms"),
            (Stretch { requests: 0, ..small(Rule::Ways) }, "requests"),
            (Stretch { side: 0, ..small(Rule::Ways) }, "side"),
        ];
        for (model, word) in refused {
            assert!(model.check().unwrap_err().contains(word));
        }
    }
}
