//! What nodes send each other.

use super::table::{Contact, Heard, named};
use super::tally::Purpose;
use super::world::{Act, Node, World};
use crate::kademlia::table::Named;
use grid::time::Time;

/// Bytes of a request: two identifiers of 20 bytes, a number of 20 that the answer repeats, and what kind it is.
const REQUEST: f64 = 61.0;
/// Bytes of an answer without what it answers.
const ANSWER: f64 = 41.0;
/// Bytes of a node in an answer: 20 of identifier, 18 of address.
const NAME: f64 = 38.0;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    FindNode,
    FindValue,
    Store,
    Ping,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) key: u64,
    pub(super) kind: Kind,
    pub(super) purpose: Purpose,
    /// For which lookup; 0 for none.
    pub(super) lookup: u64,
    pub(super) deadline: Time,
}

impl World<'_> {
    pub(super) fn send(&mut self, from: u32, to: u32, key: u64, kind: Kind, purpose: Purpose, lookup: u64) {
        let way = self.weather.latency(self.node(from).position, self.nodes[to as usize].position, &mut self.chance);
        self.tally.requests += 1.0;
        let deadline = self.now + self.plan.timeout();
        self.agenda.push(self.now + way, Act::Arrive(Request { from, to, key, kind, purpose, lookup, deadline }));
    }

    /// A request comes to where it was sent, where perhaps nobody is.
    pub(super) fn arrive(&mut self, request: Request) {
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

    pub(super) fn answered(&mut self, request: Request, names: &[Named], has: bool) {
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

    pub(super) fn silence(&mut self, request: Request) {
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
