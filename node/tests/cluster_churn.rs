//! 32 real processes, of which one is killed and started again every five seconds, while clients write and read: what
//! they saw is checked against what one atomic register for each record could have shown them.
//!
//! ```text
//! ROOK_CHURN_SECONDS=300 cargo test -p node --test cluster_churn -- --nocapture
//! ```
//!
//! With 2000 seconds there are as many kills as in a day of a grid of this size in which nodes stay for an hour, and memory has
//! to be flat.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod history_support;
mod memory_support;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use history_support::{CLIENTS, Door, MUTABLE, World};
use memory_support::Samples;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const NODES: usize = 32;
/// Nodes that are not killed, and whose memory is looked at. The others live for two minutes in the mean.
const LASTING: usize = 8;
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// From how many kills on memory has to be flat: 24 nodes die as often in a day if half of them stay for an hour.
const DAY: usize = 400;
/// By how many KiB a minute nodes may grow then, in the mean of the last quarter.
const FLAT: f64 = 64.0;
const KILL_EVERY: Duration = Duration::from_secs(5);
const DOWN: Duration = Duration::from_secs(2);

/// A node that runs, or is down for a moment.
struct Member {
    identity: PathBuf,
    data: String,
    node: Mutex<Option<Node>>,
}

/// The address of a node's API.
#[derive(Clone)]
struct Api(String);

impl Door for Api {
    fn output(&self, place: &Place, args: &[&str]) -> Output {
        place.output(args.iter().chain(&["--api", &self.0]))
    }
}

#[test]
fn a_register_stays_atomic_while_nodes_die_and_come_back() {
    let seed = std::env::var("ROOK_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    let time = std::env::var("ROOK_CHURN_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    println!("ROOK_TEST_SEED={seed} ROOK_CHURN_SECONDS={time}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let members = start(&place);
    let doors = members.iter().map(|member| Api(member.node.lock().unwrap().as_ref().unwrap().api.clone())).collect();
    let (world, over, samples) = (World::new(&place, doors), AtomicBool::new(false), Mutex::new(Samples::default()));
    let kills = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, over, mut rng) = (&world, &over, StdRng::seed_from_u64(rng.random()));
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    world.act(client, &mut rng);
                }
            });
        }
        let pids: Vec<u32> =
            members[..LASTING].iter().map(|member| member.node.lock().unwrap().as_ref().unwrap().pid()).collect();
        let (watched, samples) = (&over, &samples);
        scope.spawn(move || {
            let begun = Instant::now();
            while !watched.load(Ordering::Relaxed) {
                pids.iter().for_each(|&pid| samples.lock().unwrap().note(pid, begun.elapsed()));
                std::thread::sleep(LOOK);
            }
        });
        // However this ends, the clients must end too.
        let kills = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            kill_and_restart(&place, &world, &members, Duration::from_secs(time), &mut rng)
        }));
        over.store(true, Ordering::Relaxed);
        kills.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    world.read_everything();
    println!("{kills} kills; {}", world.summary());
    world.complaints.lock().unwrap().iter().for_each(|complaint| println!("{complaint}"));
    let (history, stored) = (world.history.lock().unwrap(), world.stored.lock().unwrap().len());
    let faults: Vec<String> = history.faults().iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(history.reads() > 100 && history.writes() > 2 * MUTABLE && stored > 20, "the clients did too little");
    let grows = samples.into_inner().unwrap().tell();
    assert!(kills < DAY || grows < FLAT, "memory grows");
    drop(members);
}

fn run_args(place: &Place, identity: &Path, data: &str) -> Vec<String> {
    // What has been used lately fills much memory in its time, and would hide whether anything else grows.
    let config = place.write("rook.toml", "cache = '1MiB'\n");
    let mut args = place.run_args(identity, data);
    args.extend(["--config", config.to_str().unwrap()].map(str::to_owned));
    args
}

fn start(place: &Place) -> Vec<Member> {
    let grid = place.grid("churn", 2, 3);
    let mut members: Vec<Member> = Vec::new();
    let mut peer = None;
    for number in 0..NODES {
        let (identity, data) = (place.mint(&grid, &format!("{number}.pem")), format!("data-{number}"));
        let mut args = run_args(place, &identity, &data);
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

/// Kills a random node every five seconds, and starts it again after two. Returns how many were killed.
fn kill_and_restart(
    place: &Place,
    world: &World<'_, Api>,
    members: &[Member],
    time: Duration,
    rng: &mut StdRng,
) -> usize {
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < time {
        let victim = rng.random_range(LASTING..members.len());
        let member = &members[victim];
        world.doors.write().unwrap()[victim] = None;
        member.node.lock().unwrap().take().unwrap().kill();
        kills += 1;
        std::thread::sleep(DOWN);
        let node = place.node(&run_args(place, &member.identity, &member.data));
        wait_until_joined(place, &node);
        world.doors.write().unwrap()[victim] = Some(Api(node.api.clone()));
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
