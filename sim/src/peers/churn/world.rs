//! The events.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::time::Time;

use super::ChurnPeers;
use super::lookup::{Errand, Lookup};
use super::messages::{Kind, Request};
use super::table::{Contact, Table, named};
use super::tally::{Purpose, Tally};
use crate::chance::Chance;
use crate::churn::session::Sessions;
use crate::experiment::Measures;
use crate::kademlia::Kademlia;
use crate::kademlia::table::Named;
use crate::link::{Position, Weather};
use crate::peers::network::Figures;
use crate::queue::Queue;

pub(super) struct Node {
    pub(super) contact: Contact,
    pub(super) position: Position,
    pub(super) alive: bool,
    pub(super) joined: bool,
    pub(super) table: Table,
    /// Records, and when they were last given to this node.
    pub(super) records: BTreeMap<u64, Time>,
}

pub(super) enum Act {
    Arrive(Request),
    Answer(Request, Vec<Named>, bool),
    Silence(Request),
    End(u32),
    Refresh(u32),
    Republish(u32, u64),
    Get,
    Put,
}

pub(super) struct World<'a> {
    pub(super) plan: &'a ChurnPeers,
    pub(super) chance: Chance,
    pub(super) weather: Weather,
    sessions: Sessions,
    pub(super) now: Time,
    pub(super) agenda: Queue<Act>,
    pub(super) nodes: Vec<Node>,
    living: Vec<u32>,
    pub(super) lookups: BTreeMap<u64, Lookup>,
    lookups_begun: u64,
    /// Keys of the records that were put.
    known: Vec<u64>,
    pub(super) tally: Tally,
}

impl<'a> World<'a> {
    /// A network whose tables are as full as can be, each record with its `k` closest nodes.
    pub(super) fn new(plan: &'a ChurnPeers, seed: u64) -> Self {
        let mut world = Self {
            plan,
            chance: Chance::new(seed),
            weather: Weather::default(),
            sessions: Sessions::of_median(minutes(plan.median_minutes)),
            now: Time::ZERO,
            agenda: Queue::default(),
            nodes: Vec::new(),
            living: Vec::new(),
            lookups: BTreeMap::new(),
            lookups_begun: 0,
            known: Vec::new(),
            tally: Tally::default(),
        };
        let ids: Vec<u64> = (0..plan.nodes).map(|_| world.chance.number()).collect();
        ids.iter().for_each(|&id| world.add(id));
        world.fill_tables(&ids, seed);
        (0..plan.records).for_each(|_| world.place_record());
        world
    }

    /// Somebody comes.
    fn add(&mut self, id: u64) {
        let node = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let contact = Contact { node, id };
        let (position, table) = (Position::random(&mut self.chance), Table::new(id, self.plan.k));
        self.nodes.push(Node { contact, position, alive: true, joined: false, table, records: BTreeMap::new() });
        self.living.push(node);
        let session = self.sessions.draw(&mut self.chance);
        self.agenda.push(self.now + session, Act::End(node));
        let first_refresh = minutes(self.plan.refresh_minutes).mul_f64(self.chance.unit());
        self.agenda.push(self.now + first_refresh, Act::Refresh(node));
    }

    /// Buckets as in the model without tables.
    fn fill_tables(&mut self, ids: &[u64], seed: u64) {
        let network = Kademlia::new(self.plan.k, seed, ids.to_vec(), Vec::new());
        let places: BTreeMap<u64, u32> = self.nodes.iter().map(|node| (node.contact.id, node.contact.node)).collect();
        for node in &mut self.nodes {
            node.joined = true;
            let Some(place) = network.ids().find(node.contact.id) else { continue };
            for id in network.known(place).into_iter().map(|known| network.ids().at(known)) {
                places.get(&id).into_iter().for_each(|&known| _ = node.table.heard(Contact { node: known, id }));
            }
        }
    }

    fn place_record(&mut self) {
        let key = self.chance.number();
        let mut all: Vec<Named> = self.nodes.iter().map(|node| named(node.contact, key)).collect();
        all.sort_unstable();
        for holder in all.into_iter().take(self.plan.k) {
            self.keep(holder.node, key);
        }
        self.known.push(key);
    }

    pub(super) fn run(mut self) -> Measures {
        let end = self.now + minutes(self.plan.minutes);
        self.plan_next(self.plan.gets_per_minute, Act::Get);
        self.plan_next(self.plan.puts_per_minute, Act::Put);
        while let Some((at, act)) = self.agenda.pop_until(end) {
            self.now = at;
            self.perform(act);
        }
        let node_seconds = f64::from(self.plan.nodes) * 60.0 * self.plan.minutes;
        let mut measures = self.tally.measures(node_seconds);
        let (mut holders, mut lost) = (Figures::default(), Figures::default());
        for &key in &self.known {
            let holding = self.living.iter().filter(|&&node| self.node(node).records.contains_key(&key)).count();
            holders.push(f64::from(u32::try_from(holding).unwrap_or(u32::MAX)));
            lost.push(f64::from(u8::from(holding == 0)));
        }
        measures.extend([("lost", lost.mean()), ("holders", holders.mean())]);
        measures
    }

    pub(super) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    pub(super) fn node_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    fn plan_next(&mut self, per_minute: f64, act: Act) {
        if per_minute > 0.0 {
            self.agenda.push(self.now + Duration::from_secs_f64(60.0 / per_minute), act);
        }
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Arrive(request) => self.arrive(request),
            Act::Answer(request, names, has) => self.answered(request, &names, has),
            Act::Silence(request) => self.silence(request),
            Act::End(node) => self.replace(node),
            Act::Refresh(node) => self.refresh(node),
            Act::Republish(node, key) => self.republish(node, key),
            Act::Get => self.get(),
            Act::Put => self.put(),
        }
    }

    /// A node vanishes, and another comes that knows one that has joined.
    fn replace(&mut self, gone: u32) {
        let node = self.node_mut(gone);
        (node.alive, node.joined) = (false, false);
        node.records.clear();
        self.living.retain(|&living| living != gone);
        let introducer = self.joined();
        let id = self.chance.number();
        self.add(id);
        let (Some(introducer), Some(&newcomer)) = (introducer, self.living.last()) else { return };
        let contact = self.node(introducer).contact;
        self.node_mut(newcomer).table.heard(contact);
        self.look_up(newcomer, id, Errand::Join);
    }

    /// A random node that has joined.
    fn joined(&mut self) -> Option<u32> {
        let tries = 50 * self.living.len().max(1);
        (0..tries).find_map(|_| self.chance.pick(&self.living).filter(|&node| self.nodes[node as usize].joined))
    }

    fn get(&mut self) {
        self.plan_next(self.plan.gets_per_minute, Act::Get);
        let (Some(node), Some(key)) = (self.joined(), self.chance.pick(&self.known)) else { return };
        if self.node(node).records.contains_key(&key) {
            self.tally.got(true, true, Duration::ZERO);
        } else {
            self.look_up(node, key, Errand::Get);
        }
    }

    fn put(&mut self) {
        self.plan_next(self.plan.puts_per_minute, Act::Put);
        if let Some(node) = self.joined() {
            let key = self.chance.number();
            self.look_up(node, key, Errand::Put);
        }
    }

    /// Refreshes all buckets.
    fn refresh(&mut self, node: u32) {
        if self.node(node).alive {
            let levels = self.node(node).table.depth() + 1;
            self.fill(node, levels, Errand::Refresh);
            self.agenda.push(self.now + minutes(self.plan.refresh_minutes), Act::Refresh(node));
        }
    }

    /// Looks up a random identifier in each of the farthest buckets.
    fn fill(&mut self, node: u32, levels: u32, errand: Errand) {
        let id = self.node(node).contact.id;
        for level in 0..levels {
            let target = id ^ (1 << (63 - level)) ^ (self.chance.number() >> level >> 1);
            self.look_up(node, target, errand);
        }
    }

    /// A node has a record, now again.
    pub(super) fn keep(&mut self, node: u32, key: u64) {
        let now = self.now;
        if self.node_mut(node).records.insert(key, now).is_none() {
            let wait = minutes(self.plan.republish_minutes).mul_f64(0.9 + 0.2 * self.chance.unit());
            self.agenda.push(now + wait, Act::Republish(node, key));
        }
    }

    /// Stores a record again, unless it was stored here meanwhile.
    fn republish(&mut self, node: u32, key: u64) {
        let Some(&given) = self.node(node).records.get(&key) else { return };
        let every = minutes(self.plan.republish_minutes).mul_f64(0.9 + 0.2 * self.chance.unit());
        let due = given + minutes(self.plan.republish_minutes).mul_f64(0.9);
        if due > self.now {
            self.agenda.push(given + every.max(self.now.since(given)), Act::Republish(node, key));
            return;
        }
        let now = self.now;
        self.node_mut(node).records.insert(key, now);
        self.agenda.push(now + every, Act::Republish(node, key));
        self.look_up(node, key, Errand::Republish);
    }

    fn look_up(&mut self, node: u32, target: u64, errand: Errand) {
        let known = self.node(node).table.closest(target, self.plan.k);
        self.lookups_begun += 1;
        let lookup = Lookup::new(node, target, errand, self.now, self.plan.k, &known);
        self.lookups.insert(self.lookups_begun, lookup);
        self.go_on(self.lookups_begun);
    }

    /// Sends what may be sent, and ends what has nothing under way.
    pub(super) fn go_on(&mut self, number: u64) {
        let Some(lookup) = self.lookups.get_mut(&number) else { return };
        let mut next = Vec::new();
        while !lookup.storing && lookup.under_way < self.plan.alpha {
            let Some(seen) = lookup.list.next(|_| false) else { break };
            lookup.under_way += 1;
            next.push(seen.named.node);
        }
        let (owner, target, errand, waits) = (lookup.owner, lookup.target, lookup.errand, lookup.under_way > 0);
        let kind = if errand == Errand::Get { Kind::FindValue } else { Kind::FindNode };
        for to in next {
            self.send(owner, to, target, kind, errand.purpose(), number);
        }
        if !waits {
            self.arrived(number);
        }
    }

    /// Nobody closer is left to ask, or all stores have come to something.
    fn arrived(&mut self, number: u64) {
        let Some(lookup) = self.lookups.remove(&number) else { return };
        let Lookup { owner, target, .. } = lookup;
        match lookup.errand {
            Errand::Get => {
                let exists = self.living.iter().any(|&node| self.node(node).records.contains_key(&target));
                self.tally.got(false, exists, self.now.since(lookup.begun));
            }
            Errand::Put if lookup.storing => {
                self.tally.put(lookup.stored > 0);
                if lookup.stored > 0 {
                    self.known.push(target);
                }
            }
            Errand::Put => self.store_new(number, lookup),
            Errand::Republish => {
                for to in lookup.answered.iter().take(self.plan.k) {
                    self.send(owner, to.node, target, Kind::Store, Purpose::Repair, 0);
                }
            }
            Errand::Join => {
                self.node_mut(owner).joined = true;
                self.tally.join_latency.push(1000.0 * self.now.since(lookup.begun).as_secs_f64());
                let neighbour = self.node(owner).table.depth();
                self.fill(owner, neighbour, Errand::Fill);
            }
            Errand::Refresh | Errand::Fill => {}
        }
    }

    /// The closest nodes to a new record are known: they are to store it, of whom the node itself may be one.
    fn store_new(&mut self, number: u64, mut lookup: Lookup) {
        let Lookup { owner, target, .. } = lookup;
        let own = named(self.node(owner).contact, target);
        let mut closest = lookup.answered.clone();
        let place = closest.partition_point(|other| *other < own);
        if place < self.plan.k {
            self.keep(owner, target);
            lookup.stored += 1;
        }
        closest.truncate(self.plan.k - lookup.stored);
        (lookup.storing, lookup.under_way) = (true, closest.len());
        self.lookups.insert(number, lookup);
        for to in &closest {
            self.send(owner, to.node, target, Kind::Store, Purpose::Client, number);
        }
        if closest.is_empty() {
            self.arrived(number);
        }
    }
}

fn minutes(count: f64) -> Duration {
    Duration::from_secs_f64(60.0 * count)
}
