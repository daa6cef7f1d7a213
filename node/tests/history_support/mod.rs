//! Clients that write and read records through nodes that come and go, and what they saw.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "each test uses a part of it"
)]

pub mod history;

use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use self::history::{Event, History, Span};
use crate::cli_support::{Place, succeeded};

/// How many clients share the registers.
pub const CLIENTS: usize = 4;
/// Records that are rewritten; each client writes its share of them, and reads all.
pub const MUTABLE: usize = 40;
/// Records of both kinds at the end of the usual run, about: a client puts until there are so many.
const RECORDS: usize = 1000;
/// The least interval of the records, and a little more, for the clocks count whole seconds.
const REWRITE_EVERY: Duration = Duration::from_millis(2100);

/// How commands are run against a node.
pub trait Door: Clone + Send + Sync {
    fn output(&self, place: &Place, args: &[&str]) -> Output;
}

/// A record that is rewritten.
pub struct Register {
    pointer: String,
    /// The next version's number, and when it may be written. Only its own client locks it.
    next: Mutex<(u64, Instant)>,
}

/// What the clients share.
pub struct World<'a, D> {
    place: &'a Place,
    /// Nodes that are up.
    pub doors: RwLock<Vec<Option<D>>>,
    registers: Vec<Register>,
    /// Pointers and values of immutable records whose puts were acknowledged.
    pub stored: Mutex<Vec<(String, Vec<u8>)>>,
    pub history: Mutex<History>,
    pub failed_reads: AtomicUsize,
    pub failed_writes: AtomicUsize,
    /// What was said of what failed.
    pub complaints: Mutex<Vec<String>>,
}

fn value_of(register: usize, sequence: u64) -> Vec<u8> {
    // Long enough that half of one version and half of another would show.
    let word = format!("register {register} version {sequence}\n");
    word.into_bytes().into_iter().cycle().take(600 + (sequence as usize * 37) % 3000).collect()
}

impl<'a, D: Door> World<'a, D> {
    /// Puts the first version of all registers, through nodes that are all up.
    pub fn new(place: &'a Place, doors: Vec<D>) -> Self {
        let register = |(number, door): (usize, &D)| {
            let file = place.write(&format!("first-{number}"), value_of(number, 0));
            let args = ["put", file.to_str().unwrap(), "--mutable", "--every", "1s", "--max-size", "4096", "--json"];
            let put: Value = serde_json::from_str(&succeeded(door.output(place, &args))).unwrap();
            let pointer = put["pointer"].as_str().unwrap().to_owned();
            Register { pointer, next: Mutex::new((1, Instant::now() + REWRITE_EVERY)) }
        };
        let begun = Instant::now();
        let registers = (0..MUTABLE).zip(doors.iter().cycle()).map(register).collect();
        let mut history = History::default();
        for number in 0..MUTABLE {
            let first = Event::Write { sequence: 0, acknowledged: true };
            history.note(number, Span { begun, ended: Instant::now() }, first);
        }
        Self {
            place,
            doors: RwLock::new(doors.into_iter().map(Some).collect()),
            registers,
            stored: Mutex::default(),
            history: Mutex::new(history),
            failed_reads: AtomicUsize::new(0),
            failed_writes: AtomicUsize::new(0),
            complaints: Mutex::default(),
        }
    }

    fn complain(&self, count: &AtomicUsize, what: &str, output: &Output) {
        count.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&output.stderr);
        self.complaints.lock().unwrap().push(format!("a {what} failed: {}", text.trim()));
    }

    /// How many reads and writes failed so far.
    pub fn failed(&self) -> (usize, usize) {
        (self.failed_reads.load(Ordering::Relaxed), self.failed_writes.load(Ordering::Relaxed))
    }

    fn up(&self) -> Vec<D> {
        self.doors.read().unwrap().iter().flatten().cloned().collect()
    }

    /// One operation of one client.
    pub fn act(&self, client: usize, rng: &mut StdRng) {
        let up = self.up();
        let door = up.choose(rng).unwrap();
        match rng.random_range(0..10) {
            0..4 => {
                let own = (0..MUTABLE / CLIENTS).map(|number| number * CLIENTS + client);
                let due = own.filter(|&number| self.registers[number].next.lock().unwrap().1 <= Instant::now());
                match due.collect::<Vec<_>>().choose(rng) {
                    Some(&number) => self.rewrite(client, number, door),
                    None => self.read(rng.random_range(0..MUTABLE), door),
                }
            }
            4..6 => self.read(rng.random_range(0..MUTABLE), door),
            6 | 7 if self.stored.lock().unwrap().len() + MUTABLE < RECORDS => self.put(client, door, rng),
            _ => {
                let known = self.stored.lock().unwrap().choose(rng).cloned();
                if let Some((pointer, value)) = known {
                    self.read_immutable(&pointer, &value, door);
                }
            }
        }
    }

    fn rewrite(&self, client: usize, number: usize, door: &D) {
        let register = &self.registers[number];
        let mut next = register.next.lock().unwrap();
        let sequence = next.0;
        let file = self.place.write(&format!("value-{client}"), value_of(number, sequence));
        let begun = Instant::now();
        let text = sequence.to_string();
        let args = ["rewrite", &register.pointer, file.to_str().unwrap(), "--sequence", &text];
        let output = door.output(self.place, &args);
        let span = Span { begun, ended: Instant::now() };
        let acknowledged = output.status.success();
        if !acknowledged {
            self.complain(&self.failed_writes, "rewrite", &output);
        }
        // A number is never used again for another value: that would be equivocation.
        *next = (sequence + 1, Instant::now() + REWRITE_EVERY);
        self.history.lock().unwrap().note(number, span, Event::Write { sequence, acknowledged });
    }

    fn read(&self, number: usize, door: &D) {
        let begun = Instant::now();
        let output = door.output(self.place, &["get", &self.registers[number].pointer]);
        let span = Span { begun, ended: Instant::now() };
        if !output.status.success() {
            return self.complain(&self.failed_reads, "read", &output);
        }
        // The value says which version it is; it has to be that version to the last byte.
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let line = text.lines().next().unwrap_or_default();
        let sequence: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(output.stdout == value_of(number, sequence), "a torn value: {text}");
        self.history.lock().unwrap().note(number, span, Event::Read { sequence });
    }

    fn put(&self, client: usize, door: &D, rng: &mut StdRng) {
        let mut value = vec![0; rng.random_range(1..20_000)];
        rng.fill(&mut value[..]);
        let file = self.place.write(&format!("fresh-{client}"), &value);
        let output = door.output(self.place, &["put", file.to_str().unwrap()]);
        match output.status.success() {
            true => {
                let pointer = String::from_utf8(output.stdout).unwrap().trim().to_owned();
                self.stored.lock().unwrap().push((pointer, value));
            }
            false => self.complain(&self.failed_writes, "put", &output),
        }
    }

    fn read_immutable(&self, pointer: &str, value: &[u8], door: &D) {
        let output = door.output(self.place, &["get", pointer]);
        match output.status.success() {
            true => assert!(output.stdout == value, "another value than was put"),
            false => self.complain(&self.failed_reads, "read", &output),
        }
    }

    /// When all is quiet, everything that was acknowledged is there, by way of whichever node that is up.
    pub fn read_everything(&self) {
        let (failures, stored, up) = (self.failed().0, self.stored.lock().unwrap().clone(), self.up());
        let before = Instant::now();
        for (number, door) in (0..MUTABLE).zip(up.iter().cycle()) {
            self.read(number, door);
        }
        for ((pointer, value), door) in stored.iter().zip(up.iter().cycle()) {
            self.read_immutable(pointer, value, door);
        }
        let complaints = self.complaints.lock().unwrap();
        assert_eq!(self.failed().0, failures, "something that was acknowledged is not there: {:#?}", complaints.last());
        let history = self.history.lock().unwrap();
        for number in 0..MUTABLE {
            let (read, acknowledged) = (history.read_since(number, before), history.acknowledged(number));
            assert!(
                read >= acknowledged,
                "of record {number} {acknowledged:?} was acknowledged, and {read:?} is there"
            );
        }
    }

    /// What was done, in a line.
    pub fn summary(&self) -> String {
        let (history, (reads, writes)) = (self.history.lock().unwrap(), self.failed());
        format!(
            "{} rewrites and {} immutable records acknowledged, {writes} writes failed; {} reads of registers, {reads} reads failed",
            history.writes(),
            self.stored.lock().unwrap().len(),
            history.reads(),
        )
    }
}
