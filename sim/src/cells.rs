//! The grid as nothing but how many nodes are in each cell: enough to compare routes in it with other networks'.
//!
//! A node is a cell and a number in it. Routing is that of the protocol with everybody's links open and nobody busy:
//! each hop corrects one coordinate, and of up to four random candidates the nearest is taken; a sidestep along
//! another axis where nobody can correct any, twice at most.

use core::time::Duration;

use crate::kademlia::draws::{Draws, mix};
use crate::link::{Position, Weather};

const POSITION: u64 = 21;
const PLACES: u64 = 22;
/// Candidates that are compared for a hop, as `grid::route` does.
const CANDIDATES: usize = 4;
const SIDESTEPS: u32 = 2;

/// A node: its cell, and which of the cell's nodes. Honest ones have the lower numbers.
pub type Resident = (usize, u32);

/// A grid.
#[derive(Clone, Debug)]
pub struct Cells {
    side: usize,
    /// How far the numbers of two cells are apart that differ by one on an axis.
    strides: Vec<usize>,
    honest: Vec<u32>,
    hostile: Vec<u32>,
    /// Honest nodes of the cell that has most.
    most_honest: u32,
    seed: u64,
}

/// Where a request is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To any node of a cell.
    Cell(usize),
    /// To one node, whom all its neighbours know.
    Node(Resident),
}

impl Aim {
    fn cell(self) -> usize {
        match self {
            Self::Cell(cell) | Self::Node((cell, _)) => cell,
        }
    }

    fn is_at(self, at: Resident) -> bool {
        match self {
            Self::Cell(cell) => at.0 == cell,
            Self::Node(node) => at == node,
        }
    }
}

/// What came of a request on one route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// Nodes that it was given to.
    pub hops: u32,
    /// One way.
    pub latency: Duration,
    /// Whether it came to an honest node where it was to go, over honest nodes.
    pub arrived: bool,
}

/// What came of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// Hops of the route that arrived, if one did.
    pub hops: Option<u32>,
    /// Messages sent in all.
    pub messages: u32,
    /// Until the answer was there, or the last attempt had taken its time.
    pub latency: Duration,
}

impl Cells {
    /// A grid of `side^dims` cells with nodes in random ones.
    pub fn random(dims: u32, side: u32, seed: u64, honest: u32, hostile: u32) -> Self {
        let side = side as usize;
        let strides: Vec<usize> = (0..dims).map(|axis| side.pow(axis)).collect();
        let mut draws = Draws::new(mix(seed, PLACES));
        let cells = u32::try_from(side.pow(dims)).unwrap_or(u32::MAX);
        let mut place = |count: u32| {
            let mut counts = vec![0; cells as usize];
            (0..count).for_each(|_| counts[draws.below(cells) as usize] += 1);
            counts
        };
        let (honest, hostile) = (place(honest), place(hostile));
        let most_honest = honest.iter().copied().max().unwrap_or(0);
        Self { side, strides, honest, hostile, most_honest, seed }
    }

    /// How many cells there are.
    pub fn count(&self) -> usize {
        self.honest.len()
    }

    /// Honest and hostile nodes of a cell.
    pub fn residents(&self, cell: usize) -> (u32, u32) {
        (self.honest[cell], self.hostile[cell])
    }

    /// Honest and hostile nodes in the cells that differ from this one in at most one coordinate.
    pub fn neighbourhood(&self, cell: usize) -> (u32, u32) {
        let axes = 0..self.strides.len();
        let others = axes.flat_map(|axis| self.line(cell, axis)).filter(|&other| other != cell);
        others.chain([cell]).fold((0, 0), |sum, cell| (sum.0 + self.honest[cell], sum.1 + self.hostile[cell]))
    }

    /// A random honest node, if there is one.
    pub fn honest_node(&self, draws: &mut Draws) -> Option<Resident> {
        // A cell is taken with a chance that grows with its nodes, so that each node is as likely.
        (self.most_honest > 0).then(|| {
            loop {
                let cell = self.random_cell(draws);
                let place = draws.below(self.most_honest);
                if place < self.honest[cell] {
                    break (cell, place);
                }
            }
        })
    }

    /// A random cell.
    pub fn random_cell(&self, draws: &mut Draws) -> usize {
        draws.below(u32::try_from(self.count()).unwrap_or(u32::MAX)) as usize
    }

    /// The cells of a line.
    fn line(&self, cell: usize, axis: usize) -> impl Iterator<Item = usize> + '_ {
        let first = cell - self.coordinate(cell, axis) * self.strides[axis];
        (0..self.side).map(move |at| first + at * self.strides[axis])
    }

    fn coordinate(&self, cell: usize, axis: usize) -> usize {
        cell / self.strides[axis] % self.side
    }

    /// The cell with one coordinate of another.
    fn corrected(&self, cell: usize, axis: usize, to: usize) -> usize {
        let (from, to) = (self.coordinate(cell, axis), self.coordinate(to, axis));
        cell - from * self.strides[axis] + to * self.strides[axis]
    }

    /// In how many coordinates two cells differ.
    pub fn distance(&self, one: usize, other: usize) -> usize {
        (0..self.strides.len()).filter(|&axis| self.coordinate(one, axis) != self.coordinate(other, axis)).count()
    }

    fn position(&self, (cell, place): Resident) -> Position {
        Position::of_hash(mix(mix(self.seed ^ POSITION, cell as u64), u64::from(place)))
    }

    /// Sends a request over nodes that are not among the `used`, and notes them there.
    pub fn route(
        &self,
        weather: &Weather,
        draws: &mut Draws,
        from: Resident,
        aim: Aim,
        used: &mut Vec<Resident>,
    ) -> Passage {
        let mut passage = Passage { hops: 0, latency: Duration::ZERO, arrived: false };
        let (mut at, mut sidesteps) = (from, SIDESTEPS);
        while !aim.is_at(at) {
            let next = self.step(weather, draws, at, aim, used, &mut sidesteps);
            let Some(next) = next else { return passage };
            passage.hops += 1;
            passage.latency += weather.base(self.position(at), self.position(next));
            let hostile = next.1 >= self.honest[next.0];
            // Whom all routes go to in the end may be on each of them.
            if hostile || Aim::Node(next) != aim {
                used.push(next);
            }
            if hostile {
                return passage;
            }
            at = next;
        }
        Passage { arrived: true, ..passage }
    }

    /// The next hop: somebody who corrects a coordinate, else somebody aside.
    fn step(
        &self,
        weather: &Weather,
        draws: &mut Draws,
        at: Resident,
        aim: Aim,
        used: &[Resident],
        sidesteps: &mut u32,
    ) -> Option<Resident> {
        if let Aim::Node(node) = aim
            && self.distance(at.0, node.0) <= 1
        {
            return Some(node);
        }
        let forward = self.candidate(weather, draws, at, self.towards(at.0, aim.cell()), used);
        if forward.is_some() || *sidesteps == 0 {
            return forward;
        }
        *sidesteps -= 1;
        let axes = 0..self.strides.len();
        let aside = axes.flat_map(|axis| self.line(at.0, axis)).filter(|&cell| cell != at.0).collect();
        self.candidate(weather, draws, at, aside, used)
    }

    /// The cells that correct a coordinate.
    fn towards(&self, cell: usize, goal: usize) -> Vec<usize> {
        let corrected = (0..self.strides.len()).map(|axis| self.corrected(cell, axis, goal));
        corrected.filter(|&next| next != cell).collect()
    }

    /// The nearest of some random nodes in these cells.
    fn candidate(
        &self,
        weather: &Weather,
        draws: &mut Draws,
        at: Resident,
        cells: Vec<usize>,
        used: &[Resident],
    ) -> Option<Resident> {
        let residents = |cell: usize| self.honest[cell] + self.hostile[cell];
        let free =
            |cell: usize| (0..residents(cell)).map(move |place| (cell, place)).filter(|node| !used.contains(node));
        let total: u32 = cells.iter().map(|&cell| residents(cell)).sum();
        let taken = used.iter().any(|(cell, _)| cells.contains(cell));
        let mut nodes: Vec<Resident> = Vec::new();
        if taken || (total as usize) <= CANDIDATES {
            let all: Vec<Resident> = cells.iter().flat_map(|&cell| free(cell)).collect();
            let mut chosen = Vec::new();
            draws.subset(CANDIDATES, u32::try_from(all.len()).unwrap_or(u32::MAX), &mut chosen);
            nodes.extend(chosen.iter().map(|&place| all[place as usize]));
        } else {
            let mut chosen = Vec::new();
            draws.subset(CANDIDATES, total, &mut chosen);
            nodes.extend(chosen.iter().filter_map(|&place| self.nth(&cells, place)));
        }
        let here = self.position(at);
        nodes.into_iter().min_by_key(|&node| (weather.base(here, self.position(node)), node))
    }

    /// The node with this number among all in these cells.
    fn nth(&self, cells: &[usize], mut place: u32) -> Option<Resident> {
        for &cell in cells {
            let residents = self.honest[cell] + self.hostile[cell];
            if place < residents {
                return Some((cell, place));
            }
            place -= residents;
        }
        None
    }

    /// Tries routes one after the other, to the nearest aim first and around all of them, until one arrives; each has
    /// no node with the others in common.
    pub fn look_up(
        &self,
        weather: &Weather,
        timeout: Duration,
        draws: &mut Draws,
        from: Resident,
        aims: &[Aim],
        attempts: usize,
    ) -> Found {
        let mut found = Found::default();
        let mut used = vec![from];
        let mut aims = aims.to_vec();
        aims.sort_by_key(|aim| self.distance(from.0, aim.cell()));
        for aim in aims.into_iter().cycle().take(attempts) {
            let passage = self.route(weather, draws, from, aim, &mut used);
            if passage.arrived {
                found.hops = Some(passage.hops);
                found.messages += 2 * passage.hops;
                found.latency += 2 * passage.latency;
                break;
            }
            found.messages += passage.hops;
            found.latency += timeout;
        }
        found
    }

    /// Bytes of memory that the model takes for a node.
    #[expect(clippy::cast_precision_loss, reason = "sizes of memory are far below 2^53")]
    pub fn bytes_per_node(&self) -> f64 {
        let nodes: u64 = self.honest.iter().chain(&self.hostile).map(|&count| u64::from(count)).sum();
        8.0 * self.count() as f64 / nodes.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean distance of two random cells is `d (1 - 1/g)`.
    #[test]
    fn hops_are_the_coordinates_that_differ() {
        let cells = Cells::random(4, 8, 1, 65_536, 0);
        let mut draws = Draws::new(2);
        let mut hops = 0;
        for _ in 0..20_000 {
            let (from, to) = (cells.honest_node(&mut draws).unwrap(), cells.random_cell(&mut draws));
            let passage = cells.route(&Weather::default(), &mut draws, from, Aim::Cell(to), &mut Vec::new());
            assert!(passage.arrived && passage.hops as usize == cells.distance(from.0, to));
            hops += passage.hops;
        }
        assert!((f64::from(hops) / 20_000.0 / 3.5 - 1.0).abs() < 0.01, "{hops}");
    }

    #[test]
    fn a_hostile_node_on_the_way_ends_a_route() {
        let cells = Cells::random(4, 8, 1, 32_768, 8192);
        let mut draws = Draws::new(2);
        let (mut first, mut any) = (0, 0);
        for _ in 0..5000 {
            let from = cells.honest_node(&mut draws).unwrap();
            let aim = Aim::Node(cells.honest_node(&mut draws).unwrap());
            let look = |attempts, draws: &mut Draws| {
                let timeout = Duration::from_secs(1);
                cells.look_up(&Weather::default(), timeout, draws, from, &[aim], attempts).hops.is_some()
            };
            first += u32::from(look(1, &mut draws));
            any += u32::from(look(8, &mut draws));
        }
        // A fifth is hostile, and d (1 - 1/g) - 1 = 2.5 nodes on average stand between: 0.8^2.5 = 0.57.
        assert!((2600..3200).contains(&first), "{first}");
        assert!(any > 4900, "{any}");
    }

    #[test]
    fn a_neighbourhood_is_a_cell_and_its_lines() {
        let cells = Cells::random(3, 4, 5, 6400, 640);
        let count = |cell: usize, of: &[u32]| -> u32 {
            (0..64).filter(|&other| cells.distance(cell, other) <= 1).map(|other: usize| of[other]).sum()
        };
        for cell in 0..64 {
            assert_eq!(cells.neighbourhood(cell), (count(cell, &cells.honest), count(cell, &cells.hostile)));
        }
    }
}
