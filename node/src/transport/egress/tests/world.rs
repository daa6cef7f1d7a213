//! The bottleneck, and who sends over it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use futures::executor::block_on;
use futures::io::Cursor;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::wire::piece::{Unit, Units};

/// One way of a link. The other way is as long, and has no bottleneck unless it is a path of its own.
#[derive(Clone)]
pub(super) struct Path {
    pub(super) bytes_per_s: f64,
    /// Seconds from end to end.
    pub(super) way: f64,
    /// Each batch takes up to so many seconds longer.
    pub(super) jitter: f64,
    /// What the clock at the other end shows at the beginning, in seconds.
    pub(super) clock: f64,
    /// When that clock is put forward, and by how much.
    pub(super) jumps: Vec<(f64, f64)>,
}

/// Somebody who sends on the path with a number.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    path: usize,
    /// Bulk always waits; otherwise a small interactive message is sent now and then.
    bulk: bool,
    begins: f64,
}

impl Flow {
    pub(super) fn bulk(path: usize) -> Self {
        Self { path, bulk: true, begins: 0.0 }
    }

    /// The same later.
    pub(super) fn from(self, begins: f64) -> Self {
        Self { begins, ..self }
    }

    /// Interactive messages on the link of the first bulk flow of that path.
    pub(super) fn asking(path: usize) -> Self {
        Self { path, bulk: false, begins: 0.0 }
    }
}

#[derive(Debug, PartialEq, PartialOrd)]
enum Event {
    /// A flow may send.
    Send(usize),
    /// A batch arrives at the other end of a flow's link.
    Arrive(usize, Vec<u8>),
    /// So many marks have been read, the flow hears.
    Answer(usize, u64, u64),
}

/// When, in which order, what.
#[derive(Debug)]
struct Entry(f64, u64, Event);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

pub(super) struct World {
    rng: StdRng,
    paths: Vec<Path>,
    /// When each path will have sent what waits, and when the last batch on it arrives.
    free: Vec<(f64, f64)>,
    flows: Vec<Flow>,
    links: Vec<Egress>,
    far_marks: Vec<u64>,
    events: BinaryHeap<Reverse<Entry>>,
    count: u64,
    now: f64,
    delivered: Vec<f64>,
    waits: Vec<Vec<f64>>,
}

impl World {
    pub(super) fn new(seed: u64, paths: &[Path], flows: &[Flow]) -> Self {
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            free: vec![(0.0, 0.0); paths.len()],
            paths: paths.to_vec(),
            flows: flows.to_vec(),
            links: flows.iter().map(|_| Egress::new(&Limits::default(), Time::ZERO)).collect(),
            far_marks: vec![0; flows.len()],
            events: BinaryHeap::new(),
            count: 0,
            now: 0.0,
            delivered: vec![0.0; flows.len()],
            waits: vec![Vec::new(); flows.len()],
        };
        for (number, flow) in flows.iter().enumerate() {
            world.at(flow.begins, Event::Send(number));
        }
        world
    }

    fn at(&mut self, when: f64, event: Event) {
        self.count += 1;
        self.events.push(Reverse(Entry(when, self.count, event)));
    }

    pub(super) fn run(&mut self, until: f64) {
        while let Some(Reverse(Entry(when, ..))) = self.events.peek()
            && *when < until
        {
            let Some(Reverse(Entry(when, _, event))) = self.events.pop() else { return };
            self.now = when;
            match event {
                Event::Send(flow) => self.send(flow),
                Event::Arrive(flow, batch) => self.arrive(flow, batch),
                Event::Answer(flow, marks, at) => {
                    self.links[flow].on_reached(micros(self.now), Reached { marks, at }).unwrap();
                    self.send(flow);
                }
            }
        }
        self.now = until;
    }

    /// What was seen so far does not count.
    pub(super) fn forget(&mut self) {
        self.delivered.fill(0.0);
        self.waits.iter_mut().for_each(Vec::clear);
    }

    /// Bytes that have arrived of a flow.
    pub(super) fn delivered(&self, flow: usize) -> f64 {
        self.delivered[flow]
    }

    /// How much longer than on an idle link an interactive flow's messages took: the median, and all but one in a hundred.
    pub(super) fn waits(&self, flow: usize) -> (f64, f64) {
        let mut waits = self.waits[flow].clone();
        waits.sort_by(f64::total_cmp);
        (waits[waits.len() / 2], waits[waits.len() * 99 / 100])
    }

    fn send(&mut self, number: usize) {
        let flow = self.flows[number];
        let mut link = number;
        if flow.bulk {
            while self.links[number].lanes.bytes() < 1 << 20 {
                self.links[number].push(Class::Bulk, vec![0; 250_000]).unwrap();
            }
        } else {
            link = self.flows.iter().position(|other| other.bulk && other.path == flow.path).unwrap();
            let message = [(number as u64).to_be_bytes(), self.now.to_be_bytes()].concat();
            self.links[link].push(Class::Interactive, message).unwrap();
            let pause = self.rng.random_range(0.005..0.035);
            self.at(self.now + pause, Event::Send(number));
        }
        loop {
            let mut batch = Vec::new();
            self.links[link].fill(micros(self.now), &mut batch);
            if batch.is_empty() {
                return;
            }
            let path = &self.paths[flow.path];
            let (free, last) = &mut self.free[flow.path];
            *free = free.max(self.now) + batch.len() as f64 / path.bytes_per_s;
            *last = last.max(*free + path.way + self.rng.random::<f64>() * path.jitter);
            let when = *last;
            self.at(when, Event::Arrive(link, batch));
        }
    }

    fn arrive(&mut self, number: usize, batch: Vec<u8>) {
        let path = self.paths[self.flows[number].path].clone();
        self.delivered[number] += batch.len() as f64;
        let marks = self.far_marks[number];
        self.read(number, &path, batch);
        if self.far_marks[number] > marks {
            let jumped: f64 = path.jumps.iter().filter(|(when, _)| *when <= self.now).map(|(_, by)| by).sum();
            let at = ((self.now + path.clock + jumped) * 1e6) as i64;
            self.at(self.now + path.way, Event::Answer(number, self.far_marks[number], at.cast_unsigned()));
        }
    }

    /// Batches hold whole pieces, which is all that is looked at here: bulk's bytes do not matter.
    fn read(&mut self, number: usize, path: &Path, batch: Vec<u8>) {
        let mut rest = batch.as_slice();
        while let Some(kind) = rest.first() {
            let head = if *kind == 0x12 { 7 } else { 3 };
            match kind {
                0x30 => {
                    self.far_marks[number] += 1;
                    rest = &rest[1..];
                }
                _ => {
                    let length = usize::from(u16::from_be_bytes([rest[head - 2], rest[head - 1]]));
                    let (unit, others) = rest.split_at(head + length);
                    rest = others;
                    if *kind == 1
                        && let Ok(Unit::Message(message)) = block_on(Units::new(Cursor::new(unit), 100).next())
                    {
                        let (flow, sent) = message.split_at(8);
                        let flow = u64::from_be_bytes(flow.try_into().unwrap()) as usize;
                        let took = self.now - f64::from_be_bytes(sent.try_into().unwrap());
                        self.waits[flow].push(took - path.way);
                    }
                }
            }
        }
    }
}

fn micros(seconds: f64) -> Time {
    Time::from_micros((seconds * 1e6) as u64)
}

pub(super) fn ms(seconds: f64) -> f64 {
    seconds * 1000.0
}
