//! The network in which ways are measured: a field whose nodes lie in a synthetic internet.

use core::time::Duration;

use grid::cell::{Axis, Cell};
use grid::load::{Load, median, surcharge};
use grid::neighbours::Cost;

use super::Rule;
use crate::chance::Chance;
use crate::field::walk::World;
use crate::field::{Field, Node};
use crate::internet::{Internet, Site};

/// The share of what a node has taken that counts a round of pings later: five rounds are as long as a request lasts in
/// [`grid::load`] where each neighbour is pinged once a minute.
const KEPT: f64 = 0.8;

/// A field whose nodes have sites.
pub(super) struct Net {
    pub(super) field: Field,
    internet: Internet,
    rule: Rule,
    compared: usize,
    /// Nodes before each cell, by the cell's number.
    before: Vec<usize>,
    sites: Vec<Site>,
    /// Milliseconds to the nearest node of a cell, averaged over the cells of a line: by node, then by axis.
    ways: Vec<f32>,
    loads: Loads,
}

/// How much each node has taken.
struct Loads {
    /// Since it was told last.
    fresh: Vec<u32>,
    /// Of late; what is told is this, rounded.
    taken: Vec<f64>,
    told: Vec<Load>,
    /// The median of what was told: a node's neighbours are hundreds, and their median is nearly that of all.
    median: f64,
}

impl Loads {
    fn none(nodes: usize) -> Self {
        Self { fresh: vec![0; nodes], taken: vec![0.0; nodes], told: vec![Load::default(); nodes], median: 0.0 }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and the cast saturates")]
    fn tell(&mut self) {
        for (taken, fresh) in self.taken.iter_mut().zip(&mut self.fresh) {
            *taken = *taken * KEPT + f64::from(std::mem::take(fresh));
        }
        self.told = self.taken.iter().map(|taken| Load::of_requests(taken.round() as u32)).collect();
        self.median = median(&mut self.told.clone());
    }
}

impl Net {
    pub(super) fn new(field: Field, access_ms: f64, (rule, compared): (Rule, u8), seed: u64) -> Self {
        let before = field.counts().iter().scan(0, |sum, &count| {
            let before = *sum;
            *sum += usize::from(count);
            Some(before)
        });
        let (internet, mut chance) = (Internet::new(access_ms, seed), Chance::of(seed, 2));
        let sites: Vec<Site> = (0..field.nodes()).map(|_| internet.site(&mut chance)).collect();
        let (before, compared, loads) = (before.collect(), usize::from(compared), Loads::none(sites.len()));
        let mut net = Self { field, internet, rule, compared, before, sites, ways: Vec::new(), loads };
        if matches!(rule, Rule::Ways | Rule::Loads) {
            net.ways = net.all_ways();
        }
        net
    }

    /// A node's number among all.
    pub(super) fn number(&self, node: Node) -> usize {
        let cell = usize::try_from(self.field.shape().index(node.cell())).unwrap_or(0);
        self.before[cell] + usize::from(node.rank())
    }

    /// The time of one way.
    pub(super) fn millis(&self, one: Node, other: Node) -> f32 {
        self.internet.millis(self.sites[self.number(one)], self.sites[self.number(other)])
    }

    /// The nodes of a cell.
    pub(super) fn nodes_of(&self, cell: Cell) -> impl Iterator<Item = Node> + '_ {
        (0..usize::from(self.field.count(cell))).filter_map(move |rank| self.field.node_in(cell, rank))
    }

    /// Nodes have taken a request.
    pub(super) fn take(&mut self, nodes: &[Node]) {
        for &node in nodes {
            let number = self.number(node);
            self.loads.fresh[number] += 1;
        }
    }

    /// Everybody tells its neighbours how much it has taken.
    pub(super) fn tell_loads(&mut self) {
        self.loads.tell();
    }

    fn nearest(&self, from: Node, cell: Cell) -> Option<f32> {
        self.nodes_of(cell).map(|node| self.millis(from, node)).reduce(f32::min)
    }

    fn all_ways(&self) -> Vec<f32> {
        let nodes = (0..self.field.nodes()).filter_map(|number| self.field.node(number));
        nodes.flat_map(|node| self.field.shape().axes().map(move |axis| self.way(node, axis))).collect()
    }

    fn way(&self, node: Node, axis: Axis) -> f32 {
        let others = self.field.shape().line(node.cell(), axis).filter(|&cell| cell != node.cell());
        let nearest = others.filter_map(|cell| self.nearest(node, cell));
        let (count, sum) = nearest.fold((0.0, 0.0), |(count, sum), millis| (count + 1.0, sum + millis));
        if count == 0.0 { 0.0 } else { sum / count }
    }

    /// A node's ways, one an axis.
    fn ways_of(&self, node: Node) -> &[f32] {
        let dims = usize::from(self.field.shape().dims());
        let first = self.number(node) * dims;
        &self.ways[first..first + dims]
    }

    /// What is left of the way behind a candidate, as far as the rule knows.
    fn onward(&self, candidate: Node, target: Cell) -> f32 {
        match self.rule {
            Rule::Random | Rule::Latency => 0.0,
            Rule::Ways | Rule::Loads => {
                let ways = self.ways_of(candidate);
                candidate.cell().differing_axes(&target).map(|axis| ways[axis.index()]).sum()
            }
            Rule::Coordinates if candidate.cell() == target => 0.0,
            Rule::Coordinates => self.nearest(candidate, target).unwrap_or(0.0),
        }
    }

    /// What a candidate's load makes it cost more.
    fn surcharge(&self, chooser: Node, candidate: Node) -> Duration {
        if self.rule != Rule::Loads {
            return Duration::ZERO;
        }
        let ways = self.ways_of(chooser);
        let way = f64::from(ways.iter().sum::<f32>()) / f64::from(self.field.shape().dims());
        let load = f64::from(self.loads.told[self.number(candidate)].requests());
        surcharge(load, self.loads.median, Duration::from_secs_f64(way / 1e3))
    }

    /// Milliseconds of the shortest of all ways that correct a coordinate with each hop, and of the direct path to the node
    /// where it ends; `None` if a cell that every way needs is vacant.
    pub(super) fn shortest(&self, from: Node, target: Cell) -> Option<(f32, f32)> {
        let axes: Vec<Axis> = from.cell().differing_axes(&target).collect();
        // By the axes that are corrected, a bit each: the nodes of the cell, and how long it takes to each.
        let mut reached: Vec<Vec<(Node, f32)>> = vec![vec![(from, 0.0)]];
        for corrected in 1..1_usize << axes.len() {
            let bits = || (0..axes.len()).filter(|bit| corrected >> bit & 1 == 1);
            let cell = bits().fold(from.cell(), |cell, bit| cell.with(axes[bit], target.coordinate(axes[bit])));
            let least = |node: Node| {
                let before = bits().flat_map(|bit| &reached[corrected ^ 1 << bit]);
                Some((node, before.map(|&(by, millis)| millis + self.millis(by, node)).reduce(f32::min)?))
            };
            let nodes = self.nodes_of(cell).filter_map(least).collect();
            reached.push(nodes);
        }
        let ends = reached.last()?.iter();
        ends.map(|&(end, way)| (way, self.millis(from, end))).min_by(|one, other| one.0.total_cmp(&other.0))
    }
}

impl World for Net {
    fn field(&self) -> &Field {
        &self.field
    }

    fn cost(&self, chooser: Node, candidate: Node, target: Cell) -> Cost {
        let millis = self.millis(chooser, candidate) + self.onward(candidate, target);
        let delay = Duration::from_secs_f32(millis / 1e3) + self.surcharge(chooser, candidate);
        Cost { suspected: false, delay }
    }

    fn compared(&self) -> usize {
        if self.rule == Rule::Random { 1 } else { self.compared }
    }
}
