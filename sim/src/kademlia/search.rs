//! Iterative lookups: the node that looks up asks, and asks whom it is named.
//!
//! It takes the `k` closest of its own contacts and keeps some requests under way, always to the closest that it has
//! not asked yet; each answer names `k` contacts. It has finished when the `k` closest that it has seen have answered.
//!
//! S/Kademlia deals the first contacts out to `d` lists and continues with each by itself; no node is asked twice in
//! the whole lookup, so that the paths are disjoint (section 4.4 of its paper). A path that asks a hostile node is lost
//! to it, since hostile nodes name hostile nodes only, and these can be closer than all honest ones seen so far.
//!
//! Time passes as in the simulated network of state machines: an answer comes after twice the one-way latency between
//! two places on a torus ([`crate::link`]), without jitter.

use core::time::Duration;

use super::Kademlia;
use super::ids::BITS;
use super::shortlist::{Seen, Shortlist};
use super::table::Named;
use crate::link::{Position, Weather};

/// When a lookup is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The `k` closest nodes seen have answered: what a put needs.
    #[default]
    AllClosest,
    /// The closest honest node has answered: what finding a node needs.
    Closest,
    /// An honest one of the `k` closest nodes has answered, all of which have the record: what a get needs.
    Holder,
}

/// What hostile nodes do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// They name the hostile nodes that are closest to the target.
    #[default]
    Lie,
    /// They do not answer.
    Silence,
    /// The path that asks one ends there: what the analysis of S/Kademlia assumes (section 3.2 of its paper).
    Capture,
    /// Nothing.
    None,
}

/// How to look up.
#[derive(Clone, Debug)]
pub struct Search {
    /// Requests under way at a time on each path.
    pub alpha: usize,
    /// Disjoint paths; 1 is Kademlia.
    pub paths: usize,
    /// When it is over.
    pub goal: Goal,
    /// What hostile nodes do.
    pub attack: Attack,
    /// How long an answer is awaited.
    pub timeout: Duration,
    /// How long messages take.
    pub weather: Weather,
}

/// What came of a lookup.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Hops to the closest honest node, if it was found: 1 if it was among the own contacts.
    pub hops: Option<u32>,
    /// Requests sent.
    pub asked: usize,
    /// Answers received.
    pub answered: usize,
    /// Requests to hostile nodes.
    pub hostile_asked: usize,
    /// Whether all honest ones of the `k` closest nodes have answered, and there are any.
    pub all: bool,
    /// Hops to the first of the `k` closest nodes that has answered and is honest, if one has.
    pub holder: Option<u32>,
    /// When it was over.
    pub latency: Duration,
}

impl Kademlia {
    /// A node looks up a target.
    pub fn look_up(&self, search: &Search, from: u32, target: u64) -> Found {
        let mut lookup = Lookup::new(self, search, from, target);
        lookup.begin();
        lookup.run();
        lookup.found
    }
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    arrives: Duration,
    number: usize,
    path: usize,
    seen: Seen,
    silent: bool,
}

#[derive(Debug)]
struct Lookup<'a> {
    network: &'a Kademlia,
    search: &'a Search,
    from: u32,
    target: u64,
    position: Position,
    paths: Vec<Shortlist>,
    under_way: Vec<usize>,
    flights: Vec<Flight>,
    /// In order.
    asked: Vec<u32>,
    /// The honest ones of the `k` closest nodes that have not answered yet, closest first.
    awaited: Vec<u32>,
    closest: Option<u32>,
    lie: Option<Vec<Named>>,
    found: Found,
}

impl<'a> Lookup<'a> {
    fn new(network: &'a Kademlia, search: &'a Search, from: u32, target: u64) -> Self {
        let mut awaited = network.ids.closest(target, network.k);
        awaited.retain(|&node| search.attack == Attack::None || !network.is_hostile(node));
        Self {
            network,
            search,
            from,
            target,
            position: network.position(from),
            paths: vec![Shortlist::new(network.k); search.paths],
            under_way: vec![0; search.paths],
            flights: Vec::new(),
            asked: vec![from],
            closest: awaited.first().copied(),
            awaited,
            lie: None,
            found: Found::default(),
        }
    }

    /// Takes the first contacts, and is what is looked for if it is.
    fn begin(&mut self) {
        self.note(self.from, 0);
        let mut known = Vec::new();
        self.network.answer(self.from, self.target, &mut known);
        for (place, &named) in known.iter().enumerate() {
            self.paths[place % self.search.paths].insert(named, 1);
        }
    }

    fn run(&mut self) {
        while !self.is_over() {
            self.ask();
            let Some(flight) = self.land() else { break };
            self.found.latency = flight.arrives;
            self.under_way[flight.path] -= 1;
            if flight.silent {
                self.paths[flight.path].did_not_answer(flight.seen.named);
            } else {
                self.hear(flight);
            }
        }
        self.found.all = self.found.holder.is_some() && self.awaited.is_empty();
    }

    fn is_over(&self) -> bool {
        match self.search.goal {
            Goal::AllClosest => false,
            Goal::Closest => self.found.hops.is_some(),
            Goal::Holder => self.found.holder.is_some(),
        }
    }

    /// Sends requests as long as more may be under way.
    fn ask(&mut self) {
        for path in 0..self.paths.len() {
            while self.under_way[path] < self.search.alpha {
                let asked = &self.asked;
                let Some(seen) = self.paths[path].next(|node| asked.binary_search(&node).is_ok()) else { break };
                self.send(path, seen);
            }
        }
    }

    fn send(&mut self, path: usize, seen: Seen) {
        let node = seen.named.node;
        if let Err(place) = self.asked.binary_search(&node) {
            self.asked.insert(place, node);
        }
        let hostile = self.network.is_hostile(node);
        let silent = hostile && self.search.attack == Attack::Silence;
        let round_trip = 2 * self.search.weather.base(self.position, self.network.position(node));
        let wait = if silent { self.search.timeout } else { round_trip };
        let arrives = self.found.latency + wait;
        self.flights.push(Flight { arrives, number: self.found.asked, path, seen, silent });
        self.under_way[path] += 1;
        self.found.asked += 1;
        self.found.hostile_asked += usize::from(hostile);
    }

    /// The next answer, or the next that does not come.
    fn land(&mut self) -> Option<Flight> {
        let key = |place: &usize| (self.flights[*place].arrives, self.flights[*place].number);
        let first = (0..self.flights.len()).min_by_key(key)?;
        Some(self.flights.swap_remove(first))
    }

    fn hear(&mut self, flight: Flight) {
        let Seen { named: Named { node, .. }, depth, .. } = flight.seen;
        self.found.answered += 1;
        let path = &mut self.paths[flight.path];
        path.answered(flight.seen.named);
        let hostile = self.network.is_hostile(node);
        if hostile && self.search.attack == Attack::Capture {
            path.abandon();
            return;
        }
        if hostile && self.search.attack == Attack::Lie {
            let lie = self.lie.get_or_insert_with(|| self.network.lie(self.target));
            lie.iter().for_each(|&named| path.insert(named, depth + 1));
            return;
        }
        let mut answer = Vec::with_capacity(BITS as usize);
        self.network.answer(node, self.target, &mut answer);
        answer.iter().for_each(|&named| path.insert(named, depth + 1));
        self.note(node, depth);
    }

    /// An honest node has answered.
    fn note(&mut self, node: u32, depth: u32) {
        if self.closest == Some(node) {
            self.found.hops = Some(depth);
        }
        if let Some(place) = self.awaited.iter().position(|&awaited| awaited == node) {
            self.awaited.remove(place);
            self.found.holder.get_or_insert(depth);
        }
    }
}

impl Found {
    /// Hops to what was looked for, if it was found. Who looks for all of the closest is as far as the closest.
    pub fn hops_to(&self, goal: Goal) -> Option<u32> {
        match goal {
            Goal::AllClosest => self.hops.filter(|_| self.all),
            Goal::Closest => self.hops,
            Goal::Holder => self.holder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kademlia::draws::Draws;

    fn search(alpha: usize, paths: usize, goal: Goal) -> Search {
        let timeout = Duration::from_secs(1);
        Search { alpha, paths, goal, attack: Attack::Lie, timeout, weather: Weather::default() }
    }

    #[test]
    fn without_hostile_nodes_everything_is_found() {
        for nodes in [1, 2, 19, 20, 21, 100, 5000] {
            let network = Kademlia::random(20, 4, nodes, 0.0);
            let mut draws = Draws::new(1);
            for _ in 0..200 {
                let (from, target) = (network.honest_node(&mut draws).unwrap(), draws.number());
                for paths in [1, 4] {
                    let found = network.look_up(&search(3, paths, Goal::AllClosest), from, target);
                    assert!(found.all && found.holder.is_some() && found.hops.is_some(), "{nodes} nodes: {found:?}");
                    assert!(found.asked == found.answered && found.hostile_asked == 0);
                    assert!(found.asked + 1 >= 20.min(nodes as usize), "{nodes} nodes: {found:?}");
                    let holder = network.look_up(&search(3, paths, Goal::Holder), from, target);
                    assert!(holder.holder.is_some() && holder.asked <= found.asked);
                }
            }
        }
    }

    #[test]
    fn a_lookup_that_asks_a_hostile_node_early_is_lost() {
        // Far from the target everybody hostile is closer than whom an honest node names.
        let network = Kademlia::random(20, 6, 20_000, 0.3);
        let mut draws = Draws::new(2);
        let tries: Vec<Found> = (0..400)
            .map(|_| {
                network.look_up(&search(1, 1, Goal::Closest), network.honest_node(&mut draws).unwrap(), draws.number())
            })
            .collect();
        let lost = tries.iter().filter(|found| found.hops.is_none()).count();
        // One to three nodes are asked before the closest, each of which is hostile with a chance of 0.3.
        assert!((80..200).contains(&lost), "{lost}");
        assert!(tries.iter().all(|found| found.hops.is_some() || found.hostile_asked > 0));
    }

    #[test]
    fn silence_costs_time_and_nothing_else() {
        let network = Kademlia::random(20, 6, 2000, 0.2);
        let mut draws = Draws::new(3);
        for _ in 0..100 {
            let (from, target) = (network.honest_node(&mut draws).unwrap(), draws.number());
            let silent = Search { attack: Attack::Silence, ..search(3, 1, Goal::AllClosest) };
            let found = network.look_up(&silent, from, target);
            assert!(found.all && found.answered + found.hostile_asked == found.asked, "{found:?}");
        }
    }
}
