//! The events.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::time::Time;

use super::ChurnPeers;
use super::lookup::{Errand, Lookup};
use super::table::{Contact, Heard, Table, named};
use super::tally::{Purpose, Tally};
use crate::chance::Chance;
use crate::churn::session::Sessions;
use crate::experiment::Measures;
use crate::kademlia::Kademlia;
use crate::kademlia::table::Named;
use crate::link::{Position, Weather};
use crate::peers::network::Figures;
use crate::queue::Queue;

/// Bytes of a request: two identifiers of 20 bytes, a number of 20 that the answer repeats, and what kind it is.
const REQUEST: f64 = 61.0;
/// Bytes of an answer without what it answers.
const ANSWER: f64 = 41.0;
/// Bytes of a node in an answer: 20 of identifier, 18 of address.
const NAME: f64 = 38.0;

struct Node {
    contact: Contact,
    position: Position,
    alive: bool,
    joined: bool,
    table: Table,
    /// Records, and when they were last given to this node.
    records: BTreeMap<u64, Time>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    FindNode,
    FindValue,
    Store,
    Ping,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Request {
    from: u32,
    to: u32,
    key: u64,
    kind: Kind,
    purpose: Purpose,
    /// 0 for none.
    lookup: u64,
    deadline: Time,
}

enum Act {
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
    plan: &'a ChurnPeers,
    chance: Chance,
    weather: Weather,
    sessions: Sessions,
    now: Time,
    agenda: Queue<Act>,
    nodes: Vec<Node>,
    living: Vec<u32>,
    lookups: BTreeMap<u64, Lookup>,
    lookups_begun: u64,
    /// Keys of the records that were put.
    known: Vec<u64>,
    tally: Tally,
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

    fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    fn node_mut(&mut self, node: u32) -> &mut Node {
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
    fn keep(&mut self, node: u32, key: u64) {
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
    fn go_on(&mut self, number: u64) {
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

    fn send(&mut self, from: u32, to: u32, key: u64, kind: Kind, purpose: Purpose, lookup: u64) {
        let way = self.weather.latency(self.node(from).position, self.nodes[to as usize].position, &mut self.chance);
        self.tally.requests += 1.0;
        let deadline = self.now + self.plan.timeout();
        self.agenda.push(self.now + way, Act::Arrive(Request { from, to, key, kind, purpose, lookup, deadline }));
    }

    /// A request comes to where it was sent, where perhaps nobody is.
    fn arrive(&mut self, request: Request) {
        let Request { from, to, key, kind, purpose, .. } = request;
        if !self.node(to).alive {
            self.agenda.push(request.deadline.max(self.now), Act::Silence(request));
            return;
        }
        let value = if matches!(kind, Kind::Store) { f64::from(self.plan.record_bytes) } else { 0.0 };
        self.tally.sent(purpose, REQUEST + value);
        self.hear_of(to, self.node(from).contact);
        let has = self.node(to).records.contains_key(&key);
        let (mut names, mut bytes) = (Vec::new(), ANSWER);
        match kind {
            Kind::Store => self.keep(to, key),
            Kind::Ping => {}
            Kind::FindValue if has => bytes += f64::from(self.plan.record_bytes),
            Kind::FindNode | Kind::FindValue => {
                names = self.node(to).table.closest(key, self.plan.k);
                bytes += NAME * f64::from(u32::try_from(names.len()).unwrap_or(u32::MAX));
            }
        }
        self.tally.sent(purpose, bytes);
        let way = self.weather.latency(self.node(to).position, self.node(from).position, &mut self.chance);
        if self.now + way > request.deadline {
            self.agenda.push(request.deadline.max(self.now), Act::Silence(request));
        } else {
            self.agenda.push(self.now + way, Act::Answer(request, names, has));
        }
    }

    /// Notes a contact. If it is new it is handed records, and if there is no place for it the longest unheard is asked.
    fn hear_of(&mut self, node: u32, contact: Contact) {
        match self.node_mut(node).table.heard(contact) {
            Heard::New => self.hand_over(node, contact),
            Heard::Full(longest) => self.send(node, longest.node, 0, Kind::Ping, Purpose::Upkeep, 0),
            Heard::Known | Heard::Waits => {}
        }
    }

    fn hand_over(&mut self, node: u32, contact: Contact) {
        let Node { table, records, .. } = self.node(node);
        let owed: Vec<u64> = records.keys().copied().filter(|&key| table.owes(key, contact)).collect();
        for key in owed {
            self.send(node, contact.node, key, Kind::Store, Purpose::Repair, 0);
        }
    }

    fn answered(&mut self, request: Request, names: &[Named], has: bool) {
        let Request { from, to, key, kind, lookup: number, .. } = request;
        if !self.node(from).alive {
            self.lookups.remove(&number);
            return;
        }
        let contact = self.node(to).contact;
        self.hear_of(from, contact);
        let Some(lookup) = self.lookups.get_mut(&number) else { return };
        lookup.under_way -= 1;
        match kind {
            Kind::Store => lookup.stored += 1,
            Kind::Ping => {}
            Kind::FindValue if has => {
                let latency = self.now.since(lookup.begun);
                self.lookups.remove(&number);
                self.tally.got(true, true, latency);
                return;
            }
            Kind::FindNode | Kind::FindValue => lookup.hear(named(contact, key), names),
        }
        self.go_on(number);
    }

    fn silence(&mut self, request: Request) {
        let Request { from, to, key, kind, lookup: number, .. } = request;
        if !self.node(from).alive {
            self.lookups.remove(&number);
            return;
        }
        self.tally.timeouts += 1.0;
        let contact = self.node(to).contact;
        if let Some(next) = self.node_mut(from).table.failed(contact) {
            self.hand_over(from, next);
        }
        let Some(lookup) = self.lookups.get_mut(&number) else { return };
        lookup.under_way -= 1;
        if !matches!(kind, Kind::Store) {
            lookup.list.did_not_answer(named(contact, key));
        }
        self.go_on(number);
    }
}

fn minutes(count: f64) -> Duration {
    Duration::from_secs_f64(60.0 * count)
}
