//! The experiment "stretch": how much longer requests are under way than they would be on the direct path.
//!
//! Nodes lie in a synthetic internet ([`crate::internet`]). Each request goes from a random node to the cell of another;
//! its stretch is the time of its way over the time from the origin directly to the node where it ends. Hops are
//! chosen by the code that ships ([`grid::route`]), under one of five rules. Beside them stands the shortest of all ways
//! that correct a coordinate with each hop: what nobody can better who does not know more than there is.

mod net;

use grid::cell::Shape;
use grid::neighbours::{COMPARED, MOST_COMPARED};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;
use crate::experiment::{Measures, Model};
use crate::field::walk::Walk;
use crate::field::{self, Field, Node};
use crate::figures::{mean, quantile};
use crate::machine;
use net::Net;

/// Requests that a node makes from one telling of loads to the next.
const PER_ROUND: u64 = 3;
/// Requests of which the shortest way is looked for.
const SHORTEST: u32 = 2000;

/// What a candidate is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All alike: any candidate is taken.
    Random,
    /// The latency of the hop to it.
    Latency,
    /// That, and what it says of the ways along the axes that are left.
    Ways,
    /// That, and how much more it says to have taken than others: what ships.
    Loads,
    /// Latency, and the direct path from it to the nearest node of the target's cell: what exact coordinates of everybody
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
    /// Requests before those that are measured, so that loads have been told.
    pub warm_up: u32,
    /// Requests that are measured.
    pub requests: u32,
}

impl Default for Stretch {
    /// What ships, in a grid of two axes.
    fn default() -> Self {
        let compared = u8::try_from(COMPARED).unwrap_or(u8::MAX);
        let (rule, access_ms) = (Rule::Loads, 12.0);
        Self { dims: 2, side: 32, per_cell: 8, rule, compared, access_ms, warm_up: 0, requests: 20_000 }
    }
}

impl Stretch {
    fn shape(&self) -> Result<Shape, String> {
        Shape::new(self.dims, self.side).map_err(|error| error.to_string())
    }

    /// Whether as many moves lead from a node to another's cell as there are axes.
    fn is_far(&self, from: Node, to: Node) -> bool {
        from.cell().distance(&to.cell()) == self.dims
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
    /// of the nodes. `shortest` is the stretch of the shortest ways, `far` what it is where each coordinate has to be corrected: in a
    /// small world many requests are of one move, for which there is no choice.
    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let field = Field::random(self.shape()?, self.nodes()?, seed).map_err(|error| error.to_string())?;
        let mut net = Net::new(field, self.access_ms, (self.rule, self.compared), seed);
        let (mut chance, mut walk) = (Chance::of(seed, 1), Walk::default());
        let (mut stretches, mut far, mut ways, mut hops) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        let mut load = vec![0_u32; usize::try_from(self.nodes()?).unwrap_or(usize::MAX)];
        let round = self.nodes()?.saturating_mul(PER_ROUND);
        let requests = u64::from(self.warm_up) + u64::from(self.requests);
        for number in 0..requests {
            if number % round == round - 1 {
                net.tell_loads();
            }
            let Some((from, to)) = pair(&net, &mut chance) else { continue };
            walk.go(&net, (from, to.cell()), |_| true, chance.generator()).ok_or("a request found no way")?;
            let taken = &walk.path()[1..];
            net.take(taken);
            let Some(&end) = taken.last().filter(|_| number >= u64::from(self.warm_up)) else { continue };
            taken.iter().for_each(|&node| load[net.number(node)] += 1);
            let way: f32 = walk.path().windows(2).map(|hop| net.millis(hop[0], hop[1])).sum();
            hops += f64::from(u32::try_from(taken.len()).unwrap_or(u32::MAX));
            let stretch = f64::from(way / net.millis(from, end));
            stretches.push(stretch);
            far.extend(self.is_far(from, to).then_some(stretch));
            ways.push(f64::from(way));
        }
        let mut chance = Chance::of(seed, 3);
        let pairs = (0..self.requests.min(SHORTEST)).filter_map(|_| pair(&net, &mut chance));
        let (mut shortest, mut shortest_far) = (Vec::new(), Vec::new());
        for (from, to) in pairs {
            let Some((way, direct)) = net.shortest(from, to.cell()) else { continue };
            let stretch = f64::from(way / direct);
            shortest.push(stretch);
            shortest_far.extend(self.is_far(from, to).then_some(stretch));
        }
        let mut load: Vec<f64> = load.into_iter().map(f64::from).collect();
        let mean_load = mean(&load);
        Ok(Measures::from([
            ("stretch_p50", quantile(&mut stretches, 0.5)),
            ("stretch_p95", quantile(&mut stretches, 0.95)),
            ("far_p50", quantile(&mut far, 0.5)),
            ("far_p95", quantile(&mut far, 0.95)),
            ("shortest_far_p50", quantile(&mut shortest_far, 0.5)),
            ("shortest_far_p95", quantile(&mut shortest_far, 0.95)),
            ("shortest_p50", quantile(&mut shortest, 0.5)),
            ("shortest_p95", quantile(&mut shortest, 0.95)),
            ("one_way_ms_p50", quantile(&mut ways, 0.5)),
            ("one_way_ms_p95", quantile(&mut ways, 0.95)),
            ("hops", hops / f64::from(u32::try_from(ways.len()).unwrap_or(u32::MAX))),
            ("load", quantile(&mut load, 1.0) / mean_load),
            ("load_p999", quantile(&mut load, 0.999) / mean_load),
        ]))
    }
}

/// Two random nodes of different cells, or none if the cells are the same.
fn pair(net: &Net, chance: &mut Chance) -> Option<(Node, Node)> {
    let [from, to] = [0; 2].map(|_| net.field.random_node(chance));
    from.zip(to).filter(|(from, to)| from.cell() != to.cell())
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

    /// Who is shunned while others are busy is not shunned for ever, and who lies best is not swamped.
    #[test]
    fn loads_that_are_told_are_evened_out() {
        let busy = |rule| Stretch { warm_up: 30_000, requests: 60_000, compared: 8, ..small(rule) }.trial(1).unwrap();
        let [random, ways, loads] = [Rule::Random, Rule::Ways, Rule::Loads].map(busy);
        assert!(ways["load"] > 3.0, "the best-placed are swamped: {}", ways["load"]);
        assert!(loads["load"] < 2.0, "not if they say so: {}", loads["load"]);
        assert!(loads["stretch_p50"] < 1.1 * ways["stretch_p50"], "and the ways are hardly longer");
        assert!(random["stretch_p95"] > 1.5 * loads["stretch_p95"], "{random:?} {loads:?} {ways:?}");
    }

    /// No rule's way is shorter than the shortest.
    #[test]
    fn the_shortest_way_is_that() {
        let field = Field::random(Shape::new(3, 4).unwrap(), 512, 1).unwrap();
        let (net, mut chance) = (Net::new(field, 12.0, (Rule::Ways, 16), 1), Chance::new(5));
        let (mut walk, mut longer) = (Walk::default(), 0);
        for _ in 0..300 {
            let Some((from, to)) = pair(&net, &mut chance) else { continue };
            walk.go(&net, (from, to.cell()), |_| true, chance.generator()).unwrap();
            let way: f32 = walk.path().windows(2).map(|hop| net.millis(hop[0], hop[1])).sum();
            let (shortest, _) = net.shortest(from, to.cell()).unwrap();
            assert!(shortest <= way + 0.001 || walk.path().len() > 1 + usize::from(from.cell().distance(&to.cell())));
            longer += u32::from(way > shortest * 1.001);
            let direct = from.cell().distance(&to.cell()) == 1;
            assert!(
                !direct
                    || (shortest - net.nodes_of(to.cell()).map(|end| net.millis(from, end)).fold(f32::MAX, f32::min))
                        .abs()
                        < 0.001
            );
        }
        assert!(longer > 100, "and chosen hop by hop it is not found every time");
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
