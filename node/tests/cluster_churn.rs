//! 32 real processes, of which one is killed and started again every five seconds, while clients write and read: what
//! they saw is checked against what one atomic register for each record could have shown them.
//!
//! ```text
//! ROOK_CHURN_SECONDS=300 cargo test -p node --test cluster_churn -- --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;
#[path = "cluster_churn/history.rs"]
mod history;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use history::{Event, History, Span};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const NODES: usize = 32;
const CLIENTS: usize = 4;
/// Records that are rewritten; each client writes its share of them, and reads all.
const MUTABLE: usize = 40;
/// Records of both kinds at the end of the usual run, about: a client puts until there are so many.
const RECORDS: usize = 1000;
const KILL_EVERY: Duration = Duration::from_secs(5);
const DOWN: Duration = Duration::from_secs(2);
/// The least interval of the records, and a little more, for the clocks count whole seconds.
const REWRITE_EVERY: Duration = Duration::from_millis(2100);

/// A node that runs, or is down for a moment.
struct Member {
    identity: PathBuf,
    data: String,
    node: Mutex<Option<Node>>,
}

/// A record that is rewritten.
struct Register {
    pointer: String,
    /// The next version's number, and when it may be written. Only its own client locks it.
    next: Mutex<(u64, Instant)>,
}

/// What the clients share.
struct World<'a> {
    place: &'a Place,
    apis: RwLock<Vec<Option<String>>>,
    registers: Vec<Register>,
    /// Pointers and values of immutable records whose puts were acknowledged.
    stored: Mutex<Vec<(String, Vec<u8>)>>,
    history: Mutex<History>,
    failed_reads: AtomicUsize,
    failed_writes: AtomicUsize,
    over: AtomicBool,
}

fn value_of(register: usize, sequence: u64) -> Vec<u8> {
    // Long enough that half of one version and half of another would show.
    let word = format!("register {register} version {sequence}\n");
    word.into_bytes().into_iter().cycle().take(600 + (sequence as usize * 37) % 3000).collect()
}

#[test]
fn a_register_stays_atomic_while_nodes_die_and_come_back() {
    let seed = std::env::var("ROOK_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    let time = std::env::var("ROOK_CHURN_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    println!("ROOK_TEST_SEED={seed} ROOK_CHURN_SECONDS={time}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let members = start(&place);
    let apis = members.iter().map(|member| Some(member.node.lock().unwrap().as_ref().unwrap().api.clone())).collect();
    let world = World {
        place: &place,
        apis: RwLock::new(apis),
        registers: (0..MUTABLE).map(|number| register(&place, &members, number)).collect(),
        stored: Mutex::default(),
        history: Mutex::default(),
        failed_reads: AtomicUsize::new(0),
        failed_writes: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let now = Instant::now();
    for number in 0..MUTABLE {
        let first = Event::Write { sequence: 0, acknowledged: true };
        world.history.lock().unwrap().note(number, Span { begun: now, ended: now }, first);
    }
    let kills = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, mut rng) = (&world, StdRng::seed_from_u64(rng.random()));
            scope.spawn(move || {
                while !world.over.load(Ordering::Relaxed) {
                    world.act(client, &mut rng);
                }
            });
        }
        // However this ends, the clients must end too.
        let kills = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            kill_and_restart(&world, &members, Duration::from_secs(time), &mut rng)
        }));
        world.over.store(true, Ordering::Relaxed);
        kills.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let stored = world.stored.lock().unwrap().clone();
    world.read_everything(&stored);
    let history = world.history.lock().unwrap();
    println!(
        "{kills} kills; {} rewrites and {} immutable records acknowledged, {} writes failed; {} reads of registers, {} reads failed",
        history.writes(),
        stored.len(),
        world.failed_writes.load(Ordering::Relaxed),
        history.reads(),
        world.failed_reads.load(Ordering::Relaxed),
    );
    let faults = history.faults();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(history.reads() > 100 && history.writes() > 2 * MUTABLE && stored.len() > 20, "the clients did too little");
    drop(members);
}

fn start(place: &Place) -> Vec<Member> {
    let grid = place.grid("churn", 2, 3);
    let mut members: Vec<Member> = Vec::new();
    let mut peer = None;
    for number in 0..NODES {
        let (identity, data) = (place.mint(&grid, &format!("{number}.pem")), format!("data-{number}"));
        let mut args = place.run_args(&identity, &data);
        args.extend(peer.iter().flat_map(|peer: &String| ["--peer".to_owned(), peer.clone()]));
        let node = place.node(&args);
        peer.get_or_insert_with(|| node.listen[0].clone());
        members.push(Member { identity, data, node: Mutex::new(Some(node)) });
    }
    for member in &members {
        member.node.lock().unwrap().as_mut().unwrap().wait_for("joined", Duration::from_secs(120));
    }
    members
}

fn register(place: &Place, members: &[Member], number: usize) -> Register {
    let api = members[number % NODES].node.lock().unwrap().as_ref().unwrap().api.clone();
    let file = place.write(&format!("first-{number}"), value_of(number, 0));
    let args =
        ["put", file.to_str().unwrap(), "--mutable", "--every", "1s", "--max-size", "4096", "--json", "--api", &api];
    let pointer = place.json(args)["pointer"].as_str().unwrap().to_owned();
    Register { pointer, next: Mutex::new((1, Instant::now() + REWRITE_EVERY)) }
}

/// Kills a random node every five seconds, and starts it again after two. Returns how many were killed.
fn kill_and_restart(world: &World<'_>, members: &[Member], time: Duration, rng: &mut StdRng) -> usize {
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let victim = rng.random_range(0..members.len());
        let member = &members[victim];
        world.apis.write().unwrap()[victim] = None;
        member.node.lock().unwrap().take().unwrap().kill();
        kills += 1;
        std::thread::sleep(DOWN);
        let node = world.place.node(&world.place.run_args(&member.identity, &member.data));
        wait_until_joined(world.place, &node);
        world.apis.write().unwrap()[victim] = Some(node.api.clone());
        *member.node.lock().unwrap() = Some(node);
        std::thread::sleep((KILL_EVERY * kills as u32).saturating_sub(begun.elapsed()));
    }
    kills
}

/// Waits until a node has joined; one that does not shows what it knows.
fn wait_until_joined(place: &Place, node: &Node) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = place.json(["status", "--json", "--api", &node.api]);
        if status["joined"] == true {
            return;
        }
        if Instant::now() > deadline {
            panic!("not joined: {status:#}\n{}", place.ok(["peers", "--api", &node.api]));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl World<'_> {
    /// One operation of one client.
    fn act(&self, client: usize, rng: &mut StdRng) {
        let api = self.apis.read().unwrap().iter().flatten().cloned().collect::<Vec<_>>();
        let api = api.choose(rng).unwrap();
        match rng.random_range(0..10) {
            0..4 => {
                let own = (0..MUTABLE / CLIENTS).map(|number| number * CLIENTS + client);
                let due = own.filter(|&number| self.registers[number].next.lock().unwrap().1 <= Instant::now());
                match due.collect::<Vec<_>>().choose(rng) {
                    Some(&number) => self.rewrite(client, number, api),
                    None => self.read(rng.random_range(0..MUTABLE), api),
                }
            }
            4..6 => self.read(rng.random_range(0..MUTABLE), api),
            6 | 7 if self.stored.lock().unwrap().len() + MUTABLE < RECORDS => self.put(client, api, rng),
            _ => {
                let known = self.stored.lock().unwrap().choose(rng).cloned();
                if let Some((pointer, value)) = known {
                    self.read_immutable(&pointer, &value, api);
                }
            }
        }
    }

    fn rewrite(&self, client: usize, number: usize, api: &str) {
        let register = &self.registers[number];
        let mut next = register.next.lock().unwrap();
        let sequence = next.0;
        let file = self.place.write(&format!("value-{client}"), value_of(number, sequence));
        let begun = Instant::now();
        let text = sequence.to_string();
        let args = ["rewrite", &register.pointer, file.to_str().unwrap(), "--sequence", &text, "--api", api];
        let output = self.place.output(args);
        let span = Span { begun, ended: Instant::now() };
        let acknowledged = output.status.success();
        if !acknowledged {
            self.failed_writes.fetch_add(1, Ordering::Relaxed);
            println!("a rewrite failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        // A number is never used again for another value: that would be equivocation.
        *next = (sequence + 1, Instant::now() + REWRITE_EVERY);
        self.history.lock().unwrap().note(number, span, Event::Write { sequence, acknowledged });
    }

    fn read(&self, number: usize, api: &str) {
        let begun = Instant::now();
        let output = self.place.output(["get", &self.registers[number].pointer, "--api", api]);
        let span = Span { begun, ended: Instant::now() };
        if !output.status.success() {
            self.failed_reads.fetch_add(1, Ordering::Relaxed);
            return println!("a read failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        // The value says which version it is; it has to be that version to the last byte.
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let line = text.lines().next().unwrap_or_default();
        let sequence: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(output.stdout == value_of(number, sequence), "a torn value: {text}");
        self.history.lock().unwrap().note(number, span, Event::Read { sequence });
    }

    fn put(&self, client: usize, api: &str, rng: &mut StdRng) {
        let mut value = vec![0; rng.random_range(1..20_000)];
        rng.fill(&mut value[..]);
        let file = self.place.write(&format!("fresh-{client}"), &value);
        let output = self.place.output(["put", file.to_str().unwrap(), "--api", api]);
        match output.status.success() {
            true => {
                let pointer = String::from_utf8(output.stdout).unwrap().trim().to_owned();
                self.stored.lock().unwrap().push((pointer, value));
            }
            false => {
                self.failed_writes.fetch_add(1, Ordering::Relaxed);
                println!("a put failed: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
        }
    }

    fn read_immutable(&self, pointer: &str, value: &[u8], api: &str) {
        let output = self.place.output(["get", pointer, "--api", api]);
        if output.status.success() {
            assert!(output.stdout == value, "another value than was put");
        } else {
            self.failed_reads.fetch_add(1, Ordering::Relaxed);
            println!("a read failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }

    /// When all is quiet, everything that was acknowledged is there.
    fn read_everything(&self, stored: &[(String, Vec<u8>)]) {
        let failures = self.failed_reads.load(Ordering::Relaxed);
        let apis: Vec<String> = self.apis.read().unwrap().iter().flatten().cloned().collect();
        for (number, api) in (0..MUTABLE).zip(apis.iter().cycle()) {
            self.read(number, api);
        }
        for ((pointer, value), api) in stored.iter().zip(apis.iter().cycle()) {
            self.read_immutable(pointer, value, api);
        }
        assert_eq!(self.failed_reads.load(Ordering::Relaxed), failures, "something that was acknowledged is not there");
    }
}
