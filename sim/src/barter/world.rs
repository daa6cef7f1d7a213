//! The network, event by event.

use core::time::Duration;

use grid::id::NodeId;
use grid::ledger::tariff::{self, Work};
use grid::ledger::verdict::Verdict;
use grid::time::Time;

use super::node::{Node, Response, Try};
use super::tally::{Share, Sides, Tally};
use super::{Barter, Conduct};
use crate::adversary::draws;
use crate::chance::Chance;
use crate::queue::Queue;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A node wants something.
    Wants(u32),
    /// A server has done what it was at.
    Done(u32, Try),
    /// A try has waited for as long as it may.
    Late(Try),
    /// All leeches take new identities.
    Renew,
}

#[derive(Debug)]
struct Request {
    from: u32,
    /// Who is asked just now, and who was before.
    tried: Vec<u32>,
    born: Time,
    price: Work,
    /// Begun by the server that has it.
    begun: bool,
    open: bool,
    /// How many tens of exchanges the pair had when it was last tried.
    tens: u32,
    /// It is to be passed on to that node, the partner of who asks.
    mill: Option<u32>,
}

/// A network and its future.
pub(super) struct World<'a> {
    model: &'a Barter,
    chance: Chance,
    now: Time,
    nodes: Vec<Node>,
    /// What others know each by.
    names: Vec<NodeId>,
    /// How many identities whitewashers had before.
    generation: u32,
    /// Each node's place on a ring on which the nearest are neighbours, and who is at each place.
    places: Vec<u32>,
    ring: Vec<u32>,
    future: Queue<Event>,
    requests: Vec<Request>,
    /// Requests between two nodes so far, in either direction: a square of all nodes.
    exchanges: Vec<u32>,
    tally: Tally,
    /// From when to when requests are counted as late ones, and when the measured time begins.
    late: (Time, Time),
    begin: Time,
}

/// How long mills work before the measured time, in seconds, and at which load.
const IDLE: (f64, f64) = (1000.0, 0.5);

impl<'a> World<'a> {
    pub(super) fn new(model: &'a Barter, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut ring: Vec<u32> = (0..model.nodes).collect();
        for index in (1..ring.len()).rev() {
            ring.swap(index, chance.index(index + 1));
        }
        let mut places = vec![0; ring.len()];
        (0..).zip(&ring).for_each(|(place, &node)| places[node as usize] = place);
        let idle = if model.conduct == Conduct::Mills { IDLE.0 } else { 0.0 };
        let after = |seconds: f64| Time::ZERO + Duration::from_secs_f64(idle + seconds);
        let mut world = Self {
            nodes: (0..model.nodes).map(|_| Node::new(model)).collect(),
            names: (0..model.nodes).map(|node| name(node, 0)).collect(),
            generation: 0,
            exchanges: vec![0; ring.len() * ring.len()],
            now: Time::ZERO,
            future: Queue::default(),
            requests: Vec::new(),
            tally: Tally::default(),
            late: (after(model.seconds / 2.0), after(model.seconds)),
            begin: after(0.0),
            model,
            chance,
            places,
            ring,
        };
        world.make_leeches();
        world
    }

    /// Pairs of leeches are next to each other; others stand anywhere, since the ring is in random order.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the nodes")]
    fn make_leeches(&mut self) {
        let count = (f64::from(self.model.nodes) * self.model.leeches).round() as u32;
        let gap = self.model.nodes.checked_div(count.div_ceil(2)).unwrap_or(0);
        for number in 0..count {
            let place = number / 2 * gap + number % 2;
            let node = self.ring[place as usize];
            self.nodes[node as usize].conduct = Some(self.model.conduct);
        }
        self.tally.nodes = Sides { honest: u64::from(self.model.nodes - count), leech: u64::from(count) };
        self.tally.identities = u64::from(count);
    }

    pub(super) fn run(mut self) -> Tally {
        for node in 0..self.model.nodes {
            self.plan_next(node);
        }
        if self.model.conduct == Conduct::Whitewashes {
            self.plan(self.model.period_s, Event::Renew);
        }
        // What was asked for last is seen through to its end, under the same load.
        let rest = self.model.patience_s * f64::from(self.model.attempts + 1);
        let end = self.late.1 + Duration::from_secs_f64(rest);
        while let Some((now, event)) = self.future.pop_until(end) {
            self.now = now;
            match event {
                Event::Wants(node) => self.on_wants(node),
                Event::Done(server, one) => self.on_done(server, one),
                Event::Late(one) => self.on_late(one),
                Event::Renew => self.on_renew(),
            }
        }
        self.judge();
        self.tally
    }

    fn plan(&mut self, seconds: f64, event: Event) {
        self.future.push(self.now + Duration::from_secs_f64(seconds), event);
    }

    fn plan_next(&mut self, node: u32) {
        let load = if self.now < self.begin { IDLE.1 } else { self.model.load };
        let wait = draws::exponential(&mut self.chance, 1.0 / load);
        self.plan(wait, Event::Wants(node));
    }

    fn is_leech(&self, node: u32) -> bool {
        self.nodes[node as usize].conduct.is_some()
    }

    /// The other one of a pair, if both are.
    fn partner(&self, node: u32) -> Option<u32> {
        let place = self.places[node as usize] as usize;
        let sides = [place + 1, place + self.ring.len() - 1];
        let pairs = matches!(self.nodes[node as usize].conduct, Some(Conduct::Colludes | Conduct::Mills));
        sides.map(|side| self.ring[side % self.ring.len()]).into_iter().find(|&other| pairs && self.is_leech(other))
    }

    /// Of a pair of mills the one that has the other one asked.
    fn mills_for(&self, node: u32) -> Option<u32> {
        let mills = self.nodes[node as usize].conduct == Some(Conduct::Mills);
        self.partner(node).filter(|&partner| mills && node < partner)
    }

    fn on_wants(&mut self, node: u32) {
        self.plan_next(node);
        let mill = self.mills_for(node);
        let waits = self.nodes[node as usize].conduct == Some(Conduct::Mills) && self.now < self.begin;
        if mill.is_none() && waits {
            return;
        }
        let moves = if mill.is_some() { 1 } else { [0, 1, 2, 3][self.chance.index(4)] };
        let price = tariff::request(0, moves);
        let tried = Vec::with_capacity(self.model.attempts as usize);
        let born = self.now;
        self.requests.push(Request { from: node, tried, born, price, begun: false, open: true, tens: 0, mill });
        if mill.is_none() && self.is_late(born) {
            let is_leech = self.is_leech(node);
            self.tally.late.of(is_leech).asked += 1;
        }
        self.next_try(self.requests.len() - 1);
    }

    fn is_late(&self, born: Time) -> bool {
        (self.late.0..self.late.1).contains(&born)
    }

    /// Tries the request at one neighbour after the other, until one takes it or all attempts are used up. What is dropped
    /// for it goes on as well.
    fn next_try(&mut self, request: usize) {
        let mut waiting = vec![request];
        while let Some(request) = waiting.pop() {
            while self.requests[request].tried.len() < self.model.attempts as usize {
                let Some(dropped) = self.offer(request) else { continue };
                waiting.extend(dropped);
                break;
            }
        }
    }

    /// Tries the request at another neighbour. `None` if that one refuses at once; else the requests that had to go.
    fn offer(&mut self, request: usize) -> Option<Vec<usize>> {
        let from = self.requests[request].from;
        let to = self.pick(from, request);
        self.requests[request].tried.push(to);
        self.note_exchange(request, to);
        let (asker, asked) = (self.name(from), self.name(to));
        self.nodes[from as usize].ledger.asking(self.now, asked);
        self.nodes[to as usize].ledger.asked(self.now, asker);
        let one = (request, self.tries(request));
        let is_partner = self.partner(to) == Some(from);
        match self.nodes[to as usize].responds(self.model, self.now, is_partner, &mut self.chance) {
            Response::Refuses => {
                self.refuse(request);
                None
            }
            Response::Ignores => {
                self.plan(self.model.patience_s, Event::Late(one));
                Some(Vec::new())
            }
            Response::Serves => {
                self.plan(self.model.patience_s, Event::Late(one));
                let dropped = self.enqueue(to, from, one);
                self.serve_next(to);
                Some(dropped)
            }
        }
    }

    /// One of a node's neighbours: half of the steps go forward around the ring, the others back.
    fn neighbour(&self, node: u32, step: u32) -> u32 {
        let (half, nodes) = (self.model.neighbours / 2, self.model.nodes);
        let ahead = if step < half { step + 1 } else { nodes - (step - half + 1) };
        self.ring[((self.places[node as usize] + ahead) % nodes) as usize]
    }

    /// A random neighbour that the request has not been to.
    fn pick(&mut self, from: u32, request: usize) -> u32 {
        loop {
            let step = u32::try_from(self.chance.below(self.model.neighbours.into())).unwrap_or(0);
            let node = self.neighbour(from, step);
            if !self.requests[request].tried.contains(&node) && self.requests[request].mill != Some(node) {
                return node;
            }
        }
    }

    /// How many tries it has had, which is the number of the current one.
    fn tries(&self, request: usize) -> u32 {
        u32::try_from(self.requests[request].tried.len()).unwrap_or(u32::MAX)
    }

    fn name(&self, node: u32) -> NodeId {
        self.names[node as usize]
    }

    fn note_exchange(&mut self, request: usize, to: u32) {
        let Request { from, mill, .. } = self.requests[request];
        let (less, more) = (from.min(to), from.max(to));
        let exchanges = &mut self.exchanges[less as usize * self.nodes.len() + more as usize];
        *exchanges += 1;
        let tens = *exchanges / 10;
        self.requests[request].tens = tens;
        if mill.is_none() && !self.is_leech(to) {
            let is_leech = self.is_leech(from);
            self.tally.tries.entry(tens).or_default().of(is_leech).asked += 1;
        }
    }

    fn enqueue(&mut self, server: u32, from: u32, one: Try) -> Vec<usize> {
        let order = self.model.order;
        let dropped = self.nodes[server as usize].push(order, &self.names, from, one);
        let dropped: Vec<_> =
            dropped.into_iter().filter(|&one| self.is_current(one)).map(|(request, _)| request).collect();
        dropped.iter().for_each(|&request| self.refuse(request));
        dropped
    }

    /// Whether the try still matters: not answered, given up or tried elsewhere since.
    fn is_current(&self, (request, number): Try) -> bool {
        self.requests[request].open && self.tries(request) == number
    }

    /// The neighbour that has the request does not serve it.
    fn refuse(&mut self, request: usize) {
        let from = self.requests[request].from;
        let Some(&to) = self.requests[request].tried.last() else { return };
        let (asker, asked) = (self.name(from), self.name(to));
        self.nodes[to as usize].ledger.denied(self.now, asker);
        self.nodes[from as usize].ledger.refused(self.now, asked);
        self.requests[request].open = self.tries(request) < self.model.attempts;
    }

    /// Begins the next service, if the server is free and something waits that still matters.
    fn serve_next(&mut self, server: u32) {
        while !self.nodes[server as usize].busy
            && let Some(one) = self.nodes[server as usize].pop(self.model.order, &self.names)
        {
            if self.is_current(one) {
                self.requests[one.0].begun = true;
                self.nodes[server as usize].busy = true;
                let seconds = draws::exponential(&mut self.chance, 1.0);
                self.plan(seconds, Event::Done(server, one));
            }
        }
    }

    fn on_done(&mut self, server: u32, (request, _): Try) {
        self.nodes[server as usize].busy = false;
        self.requests[request].open = false;
        let Request { from, price, mill, born, .. } = self.requests[request];
        let (asker, asked) = (self.name(from), self.name(server));
        self.nodes[server as usize].ledger.gave(self.now, asker, price);
        self.nodes[from as usize].ledger.received(self.now, asked, price);
        match mill {
            Some(partner) => self.grind(server, partner),
            None => self.count(from, server, price, born, request),
        }
        self.serve_next(server);
    }

    /// The server has the partner do the rest.
    fn grind(&mut self, server: u32, partner: u32) {
        let price = tariff::request(0, 0);
        let name = self.name(partner);
        self.nodes[server as usize].ledger.received(self.now, name, price);
        self.tally.work.leech += price.units();
    }

    fn count(&mut self, from: u32, server: u32, price: Work, born: Time, request: usize) {
        let (is_leech, by_leech) = (self.is_leech(from), self.is_leech(server));
        if !is_leech {
            *self.tally.work.of(by_leech) += price.units();
        }
        if self.is_late(born) {
            self.tally.late.of(is_leech).served += 1;
            *self.tally.waits.of(is_leech) += self.now.since(born).as_secs_f64();
        }
        if by_leech {
            return;
        }
        *self.tally.taken.of(is_leech) += price.units();
        let tens = self.requests[request].tens;
        self.tally.tries.entry(tens).or_default().of(is_leech).served += 1;
    }

    fn on_late(&mut self, one: Try) {
        if self.is_current(one) && !self.requests[one.0].begun {
            self.refuse(one.0);
            self.next_try(one.0);
        }
    }

    fn on_renew(&mut self) {
        let leeches: Vec<u32> = (0..self.model.nodes).filter(|&node| self.is_leech(node)).collect();
        self.generation += 1;
        for node in leeches {
            self.names[node as usize] = name(node, self.generation);
            self.tally.identities += u64::from(self.now < self.late.1);
        }
        self.plan(self.model.period_s, Event::Renew);
    }

    /// What honest nodes think of their neighbours in the end.
    fn judge(&mut self) {
        for node in (0..self.model.nodes).filter(|&node| !self.is_leech(node)).collect::<Vec<_>>() {
            for step in 0..self.model.neighbours {
                let other = self.neighbour(node, step);
                let found = self.nodes[node as usize].ledger.verdict(self.now, &self.name(other)) == Verdict::Leech;
                let is_leech = self.is_leech(other);
                let share: &mut Share = self.tally.verdicts.of(is_leech);
                share.asked += 1;
                share.served += u64::from(found);
            }
        }
    }
}

/// A node's name in its so-manyeth life.
fn name(node: u32, generation: u32) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&node.to_be_bytes());
    bytes[4..8].copy_from_slice(&generation.to_be_bytes());
    NodeId::from_bytes(bytes)
}
