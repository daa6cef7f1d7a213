//! A join storm on real sockets: a crowd of nodes that know one node, a process, comes at once. All get in, and the process's
//! links and memory stay bounded; what it took of a processor is told. `ROOK_STORM_NODES=1000` for a large crowd.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod crowd_support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use crowd_support::{in_file, joined, mint_on_all_cores, prepare};
use futures::future::join_all;
use grid::cell::Shape;
use grid::config::Config;
use grid::output::Event;
use grid::parameters::Parameters;
use hashcash::SecretIdentity;
use node::config::grid_file;
use node::daemon::{self, NodeOptions};
use node::handle::NodeHandle;
use node::minting;
use node::verifier::Verifier;
use rustix::param::clock_ticks_per_second;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::time::sleep;

/// Newcomers in the ordinary run.
const NEWCOMERS: usize = 60;
/// Nodes that are there before, besides the introducer.
const ESTABLISHED: usize = 7;
/// Strangers that the introducer lets in at a time in the ordinary run: far fewer than come. Half of these places are for bridges, and of the
/// nodes that are there before each may need one, since by chance none of them is on a line with another.
const GUESTS: usize = 2 * (ESTABLISHED + 1);
/// What the time limits of all nodes allow for, besides the usual.
const SLOW: Duration = Duration::from_secs(1);
/// What the introducer's memory may grow by for each newcomer, as a link of the largest size that a test met has taken, in KiB.
const KIB_EACH: u64 = 400;

/// The grid of a storm, and how the introducer is set.
struct Storm {
    parameters: Parameters,
    newcomers: usize,
    /// As in the settings, if they are not the usual ones.
    guests: Option<usize>,
    patience: Duration,
}

impl Storm {
    fn of(newcomers: usize) -> Self {
        // A node has about 15 neighbours in either.
        let (shape, guests) = match newcomers {
            0..=300 => (Shape::new(2, 8), Some(GUESTS)),
            _ => (Shape::new(4, 6), None),
        };
        let parameters = Parameters {
            name: "storm".into(),
            shape: shape.unwrap(),
            identity_bits: 4,
            modulus_bits: 1024,
            ..Parameters::local()
        };
        let patience = Duration::from_secs(120 + newcomers as u64 / 2);
        Self { parameters, newcomers, guests, patience }
    }

    fn most_guests(&self) -> usize {
        self.guests.unwrap_or(Config::default().max_guests)
    }
}

/// How a node of the crowd behaves. All of it shares one machine, and much of what a node waits for, the answers to its probes
/// included, waits for a processor: time limits are those of slow links, each node dials few others at a time, and what it does
/// when nothing happens it does less often.
fn unhurried() -> Config {
    let (probe_every, exchange_every) = (Duration::from_secs(10), Duration::from_secs(30));
    Config { max_dialing: 8, probe_every, exchange_every, ..Config::default().on_slow_links(SLOW) }
}

fn newcomers() -> usize {
    std::env::var("ROOK_STORM_NODES").map_or(NEWCOMERS, |nodes| nodes.parse().unwrap())
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident_kib: u64,
    most_kib: u64,
    cpu: Duration,
}

fn taken(pid: u32) -> Taken {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the program's name, which may hold anything, user and system time are the 12th and 13th field (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let cpu = Duration::from_millis(ticks * 1000 / clock_ticks_per_second());
    Taken { resident_kib: field("VmRSS:"), most_kib: field("VmHWM:"), cpu }
}

/// Why joins of some nodes failed, and links of theirs ended, until somebody has seen enough.
#[derive(Clone, Default)]
struct Trouble(Arc<Mutex<BTreeMap<String, usize>>>);

impl Trouble {
    async fn watch(self, mut events: broadcast::Receiver<Event>) {
        loop {
            let what = match events.recv().await {
                Ok(Event::JoinFailed { step, why, .. }) => {
                    let words = why.split(' ').filter(|word| !word.chars().any(|letter| letter.is_ascii_digit()));
                    format!("{step:?}: {}", words.collect::<Vec<_>>().join(" "))
                }
                Ok(Event::NeighbourDown(_)) => "a neighbour was lost".to_owned(),
                Ok(_) => continue,
                Err(broadcast::error::RecvError::Lagged(_)) => "events were missed".to_owned(),
                Err(broadcast::error::RecvError::Closed) => return,
            };
            *self.0.lock().unwrap().entry(what).or_default() += 1;
        }
    }

    fn print(&self) {
        for (what, count) in self.0.lock().unwrap().iter() {
            println!("  {count} times {what}");
        }
    }
}

/// Waits until all have joined; tells when how many had.
async fn all_join(nodes: &[NodeHandle], patience: Duration, mut watch: impl FnMut(usize, Duration)) -> Duration {
    let began = Instant::now();
    loop {
        let (joined, took) = (joined(nodes).await, began.elapsed());
        watch(joined, took);
        if joined == nodes.len() {
            return took;
        }
        assert!(took < patience, "{joined} of {} have joined after {took:?}", nodes.len());
        sleep(Duration::from_millis(250)).await;
    }
}

fn introducer(place: &Place, storm: &Storm) -> Node {
    let grid = place.write("storm.toml", grid_file::write(&storm.parameters));
    let identity = place.mint(&grid, "introducer.pem");
    let mut args = place.run_args(&identity, "introducer");
    let (guests, config) = (storm.most_guests(), unhurried());
    let times = [
        ("hop_timeout_ms", config.hop_timeout),
        ("answer_timeout_ms", config.answer_timeout),
        ("probe_timeout_ms", config.probe_timeout),
        ("join_timeout_ms", config.join_timeout),
    ];
    let times = in_file(&times);
    let config = place.write("introducer.toml", format!("[protocol]\nmax_guests = {guests}\n{times}"));
    args.extend(["--config".to_owned(), config.to_str().unwrap().to_owned()]);
    place.node(&args)
}

#[test]
fn a_crowd_of_real_nodes_gets_in_through_one() {
    let (place, storm) = (Place::new(), Storm::of(newcomers()));
    let mut introducer = introducer(&place, &storm);
    let began = Instant::now();
    let mut identities =
        mint_on_all_cores(ESTABLISHED + storm.newcomers, || minting::mint_quickly(&storm.parameters).unwrap());
    println!("{} identities minted in {:?}", identities.len(), began.elapsed());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(&place, &storm, &mut introducer, &mut identities));
    assert!(introducer.runs());
    introducer.terminate();
}

async fn run(place: &Place, storm: &Storm, introducer: &mut Node, identities: &mut Vec<SecretIdentity>) {
    let (verifier, peer) = (Verifier::new(storm.parameters.clone()), introducer.listen[0].parse().unwrap());
    let numbered = identities.drain(..).enumerate();
    let mut prepared: Vec<NodeOptions> = numbered
        .map(|(number, identity)| prepare(&place.path(""), number, identity, &verifier, &peer, unhurried()))
        .collect();
    let (mut established, delayed) = (Vec::new(), Trouble::default());
    for options in prepared.drain(..ESTABLISHED) {
        let node = daemon::start(options).await.unwrap();
        tokio::spawn(delayed.clone().watch(node.events()));
        established.push(node);
    }
    let patience = Duration::from_secs(60);
    all_join(&established, patience, |_, took| {
        if took >= patience {
            delayed.print();
        }
    })
    .await;

    let before = taken(introducer.pid());
    let began = Instant::now();
    let started = join_all(prepared.into_iter().map(|options| tokio::spawn(daemon::start(options)))).await;
    let crowd: Vec<NodeHandle> = started.into_iter().map(|node| node.unwrap().unwrap()).collect();
    let trouble = Trouble::default();
    for node in &crowd {
        tokio::spawn(trouble.clone().watch(node.events()));
    }
    println!("{} newcomers started in {:?}", crowd.len(), began.elapsed());
    let (mut most_links, mut most_strangers, mut told) = (0, 0, 0);
    let took = all_join(&crowd, storm.patience, |joined, took| {
        let (links, strangers) = links(place, introducer);
        (most_links, most_strangers) = (most_links.max(links), most_strangers.max(strangers));
        if joined >= told + crowd.len().div_ceil(20) || joined == crowd.len() {
            println!("{joined} joined after {took:?}; the introducer has {links} links, {strangers} with strangers");
            trouble.print();
            println!("  the crowd's processor time: {:?}", taken(std::process::id()).cpu);
            told = joined;
        }
    })
    .await;
    let after = taken(introducer.pid());
    let (links_left, strangers_left) = links(place, introducer);
    println!(
        "all {} joined {took:?} after the last was started; the introducer had {most_links} links at most, {most_strangers} with \
         strangers, and has {links_left} and {strangers_left} now",
        crowd.len()
    );
    println!(
        "its memory: {} MiB before, {} MiB at most, {} MiB now; its processor time: {:?}",
        before.resident_kib >> 10,
        after.most_kib >> 10,
        after.resident_kib >> 10,
        after.cpu.saturating_sub(before.cpu)
    );
    // Newcomers, and half as many that need a bridge.
    assert!(most_strangers <= storm.most_guests() * 3 / 2, "{most_strangers} strangers");
    let grown = after.most_kib.saturating_sub(before.resident_kib);
    assert!(grown < KIB_EACH * storm.newcomers as u64 + (32 << 10), "{grown} KiB");
    join_all(crowd.iter().chain(&established).map(|node| node.stop())).await;
}

/// The introducer's links, and those of them that lead to strangers.
fn links(place: &Place, introducer: &Node) -> (usize, usize) {
    let peers = tokio::task::block_in_place(|| place.json(["peers", "--json", "--api", &introducer.api]));
    let linked: Vec<&Value> = peers["peers"].as_array().unwrap().iter().filter(|peer| peer["linked"] == true).collect();
    let strangers = linked.iter().filter(|peer| peer["neighbour"] == false).count();
    (linked.len(), strangers)
}
