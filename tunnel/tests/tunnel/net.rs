//! A few tables, and links between them that carry each cell at once.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks for what it is about")]
#![allow(clippy::vec_box, reason = "the test of memory wants a table in memory of its own")]

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tunnel::bucket::Rate;
use tunnel::cell::Cell;
use tunnel::keys::{Hop, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::payload::{Command, Payload};
use tunnel::table::{Config, Counts, Output, Table, TunnelId};

/// When tests begin.
pub(crate) const START: Moment = Moment { steady: Duration::from_secs(100), minute: 30_000_000 };

/// A cell on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) cell: Cell,
}

/// Does what a node does in a special place.
pub(crate) type Watch = fn(&mut dyn FnMut());

/// Node 0 lays tunnels over 1, 2, and so on.
pub(crate) struct Net {
    tables: Vec<Box<Table>>,
    hops: Vec<Hop>,
    events: Vec<Vec<Output>>,
    watch: Option<(usize, Watch)>,
    flights: VecDeque<Flight>,
    /// All that was on a link.
    pub(crate) seen: Vec<Flight>,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) now: Moment,
}

impl Net {
    /// Without a bound on set-ups.
    pub(crate) fn new(nodes: usize, seed: u64) -> Self {
        let set_ups = Rate { burst: u32::MAX, every: Duration::from_nanos(1) };
        Self::with_config(nodes, seed, Config { set_ups, ..Config::default() })
    }

    pub(crate) fn with_config(nodes: usize, seed: u64, config: Config) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut net = Self {
            tables: Vec::new(),
            hops: Vec::new(),
            events: vec![Vec::new(); nodes],
            watch: None,
            flights: VecDeque::new(),
            seen: Vec::new(),
            rng: rng.clone(),
            now: START,
        };
        for _ in 0..nodes {
            let secret = OnionSecret::draw(&mut rng);
            let name = Name::from_bytes(*OnionSecret::draw(&mut rng).public().as_bytes());
            net.hops.push(Hop { name, onion: secret.public() });
            net.tables.push(Box::new(Table::new(name, secret, config)));
        }
        net.rng = rng;
        net
    }

    /// From now on that node's table does all that it does within `watch`, and lies in what was allocated there.
    #[allow(dead_code, reason = "only the test of memory needs it")]
    pub(crate) fn watch(&mut self, node: usize, watch: Watch) {
        self.watch = Some((node, watch));
        let table = *self.tables.remove(node);
        let table = self.within(node, |_| Box::new(table));
        self.tables.insert(node, table);
    }

    fn within<T>(&mut self, node: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let Some((_, watch)) = self.watch.filter(|(watched, _)| *watched == node) else { return act(self) };
        let (mut act, mut result) = (Some(act), None);
        watch(&mut || result = act.take().map(|act| act(self)));
        result.unwrap()
    }

    #[allow(dead_code, reason = "only the test of memory needs it")]
    pub(crate) fn hop(&self, node: usize) -> Hop {
        self.hops[node]
    }

    pub(crate) fn table(&self, node: usize) -> &Table {
        &self.tables[node]
    }

    pub(crate) fn name(&self, node: usize) -> Name {
        self.hops[node].name
    }

    pub(crate) fn path(&self, hops: usize) -> Vec<Hop> {
        self.hops[1..=hops].to_vec()
    }

    pub(crate) fn counts(&self, node: usize) -> Counts {
        self.tables[node].counts()
    }

    pub(crate) fn events(&self, node: usize) -> &[Output] {
        &self.events[node]
    }

    pub(crate) fn forget(&mut self) {
        self.seen.clear();
        self.events.iter_mut().for_each(Vec::clear);
    }

    /// Lays a tunnel over that many nodes, and gives both ends' names of it.
    pub(crate) fn tunnel(&mut self, hops: usize) -> (TunnelId, TunnelId) {
        let near = self.open(hops);
        self.run();
        assert!(self.events[0].contains(&Output::Ready { tunnel: near }), "the tunnel stands");
        let arrived = self.events[hops].iter().rev().find_map(|event| match event {
            Output::Arrived { tunnel } => Some(*tunnel),
            _ => None,
        });
        (near, arrived.unwrap())
    }

    /// Sends a set-up off.
    pub(crate) fn open(&mut self, hops: usize) -> TunnelId {
        let path = self.path(hops);
        let (now, mut rng, mut out) = (self.now, self.rng.clone(), Vec::new());
        let tunnel = self.within(0, |net| net.tables[0].open(now, &path, &mut rng, &mut out)).unwrap();
        self.rng = rng;
        self.take(0, out);
        tunnel
    }

    /// Says something, and lets it travel.
    pub(crate) fn say(&mut self, node: usize, tunnel: TunnelId, bytes: &[u8]) {
        self.post(node, tunnel, bytes);
        self.run();
    }

    /// Says something that stays on the first link.
    pub(crate) fn post(&mut self, node: usize, tunnel: TunnelId, bytes: &[u8]) {
        self.with(node, |table, out| table.send(tunnel, Command::Data, bytes, out)).unwrap();
    }

    pub(crate) fn close(&mut self, node: usize, tunnel: TunnelId) {
        self.with(node, |table, out| table.close(tunnel, out));
        self.run();
    }

    /// Does something with a node's table, and takes what comes of it.
    pub(crate) fn with<T>(&mut self, node: usize, act: impl FnOnce(&mut Table, &mut Vec<Output>) -> T) -> T {
        let mut out = Vec::new();
        let result = self.within(node, |net| act(&mut net.tables[node], &mut out));
        self.take(node, out);
        result
    }

    /// What is on the links now.
    pub(crate) fn flights(&mut self) -> &mut VecDeque<Flight> {
        &mut self.flights
    }

    /// Hands one cell over.
    pub(crate) fn deliver(&mut self, flight: Flight) {
        let (now, from, to, mut out) = (self.now, self.hops[flight.from].name, flight.to, Vec::new());
        self.within(to, |net| net.tables[to].handle(now, from, flight.cell, &mut net.rng, &mut out));
        self.take(to, out);
    }

    /// Has a node agree on the keys of what it has passed on.
    pub(crate) fn settle(&mut self, node: usize) {
        let mut out = Vec::new();
        while self.tables[node].is_unsettled() {
            self.within(node, |net| net.tables[node].settle(&mut net.rng, &mut out));
        }
        self.take(node, out);
    }

    /// Lets everything travel, and nodes do at once what they may put off.
    pub(crate) fn run(&mut self) {
        while let Some(flight) = self.flights.pop_front() {
            let to = flight.to;
            self.deliver(flight);
            self.settle(to);
        }
    }

    /// What the other end said to a node.
    pub(crate) fn delivered(&self, node: usize) -> Vec<Payload> {
        let payloads = self.events[node].iter().filter_map(|event| match event {
            Output::Deliver { payload, .. } => Some(payload.clone()),
            _ => None,
        });
        payloads.collect()
    }

    fn take(&mut self, node: usize, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { to, cell } => {
                    let to = self.hops.iter().position(|hop| hop.name == to).unwrap();
                    let flight = Flight { from: node, to, cell };
                    self.seen.push(flight.clone());
                    self.flights.push_back(flight);
                }
                event => self.events[node].push(event),
            }
        }
    }
}
