//! A grid of processes in bad weather: each node on a machine of its own (a network namespace), between them a seeded program of
//! ours that delays, loses and reorders packets; and what befalls machines: partitions, cables that come loose, nodes that stop
//! reading, clocks that jump, disks that fill, SIGKILL. Clients write and read all the time. At the end no record that was
//! acknowledged is lost, and nobody has read what nobody wrote.
//!
//! ```text
//! ROOK_WEATHER_MINUTES=30 cargo test --workspace --test cluster_weather -- --ignored --nocapture
//! ```
//!
//! It needs root, for namespaces; `iproute2`; and `faketime` for the clocks, without which they stay as they are.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a test"
)]

mod cli_support;
#[path = "cluster_weather/conditions.rs"]
mod conditions;
mod history_support;
mod memory_support;
mod netns_support;
#[path = "cluster_weather/sky.rs"]
mod sky;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use conditions::Weather;
use history_support::history::Fault;
use history_support::{CLIENTS, Door, MUTABLE, World};
use memory_support::Samples;
use netns_support::{Internet, Machine};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sky::Sky;

const MACHINES: usize = 20;
/// Machines whose disks are small; they are not killed, for such a disk goes with its process.
const SMALL_DISKS: usize = 2;
/// Machines whose clocks can be set.
const CLOCKS: usize = 2;
/// How long each fault lasts.
const LASTS: Duration = Duration::from_secs(15);
/// A minute in which nothing happens, before the first fault and after each round of all.
const CALM: Duration = Duration::from_secs(15);
/// The time between two things that one client does.
const PAUSE: Duration = Duration::from_millis(150);
/// How long something that is asked after a fault may take to count as done.
const IN_TIME: Duration = Duration::from_secs(5);
/// How long after a fault everything may take to work again.
const RECOVERED: Duration = Duration::from_secs(60);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// By how many KiB a minute nodes may grow in the last quarter of a run of that length, in the mean: seen was the half of it. In
/// a shorter one they are still young.
const FLAT: (u64, f64) = (20, 256.0);

/// What befalls the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ill {
    Latency,
    Loss,
    Reordering,
    Partition,
    Flapping,
    StopsReading,
    ClockJumps,
    DiskFills,
    Kill,
}

const ILLS: [Ill; 9] = [
    Ill::Latency,
    Ill::Loss,
    Ill::Reordering,
    Ill::Partition,
    Ill::Flapping,
    Ill::StopsReading,
    Ill::ClockJumps,
    Ill::DiskFills,
    Ill::Kill,
];

impl Door for Arc<Machine> {
    fn output(&self, place: &Place, args: &[&str]) -> Output {
        Machine::output(self, place, args)
    }
}

/// The machines and what they are in.
struct Stage {
    place: Place,
    sky: Sky,
    machines: Vec<Arc<Machine>>,
    nodes: Vec<Mutex<Option<Node>>>,
    /// Where the clock of a machine is set.
    clock: PathBuf,
    begun: Instant,
    /// The last one to go.
    _internet: Internet,
}

/// The library by which `faketime` sets the clock of one process; none if it is not installed.
fn faketime() -> Option<PathBuf> {
    let library = |arch: &str| PathBuf::from(format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketimeMT.so.1"));
    [library("x86_64"), library("aarch64")].into_iter().find(|path| path.exists())
}

fn identity(number: usize) -> String {
    format!("m{number}.pem")
}

fn data(place: &Place, number: usize) -> String {
    place.path(&format!("{}-data", identity(number))).to_str().unwrap().to_owned()
}

impl Stage {
    fn new(seed: u64) -> Option<Self> {
        if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
            println!("skipped: no TUN devices here ({error})");
            return None;
        }
        let mut internet = Internet::new("w")?;
        let place = Place::new();
        let (clock, grid) = (place.write("clock", "+0\n"), place.grid("weather", 2, 3));
        // What has been used lately fills much memory in its time, and would hide whether anything else grows.
        place.write("rook.toml", "cache = '1MiB'\n");
        let (mut machines, mut taps, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..MACHINES {
            place.mint(&grid, &identity(number));
            let (mut machine, tap, address) = internet.machine_on_tap(&format!("m{number}"));
            if number < SMALL_DISKS {
                let folder = data(&place, number);
                std::fs::create_dir(&folder).unwrap();
                let disk = r#"mount -t tmpfs -o size=64m,mode=700 none "$0" && exec "$@""#;
                machine.around = ["sh", "-c", disk, &folder].map(str::to_owned).into();
            } else if number < SMALL_DISKS + CLOCKS
                && let Some(library) = faketime()
            {
                let settings = ["env".into(), format!("LD_PRELOAD={}", library.display())];
                let more = [format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()), "FAKETIME_CACHE_DURATION=1".into()];
                let monotonic = ["FAKETIME_DONT_FAKE_MONOTONIC=1".into(), "FAKETIME_DISABLE_SHM=1".into()];
                machine.around = settings.into_iter().chain(more).chain(monotonic).collect();
            }
            machines.push(Arc::new(machine));
            taps.push(tap);
            numbers.push(address);
        }
        let sky = Sky::between(seed, taps, numbers);
        let nodes = (0..MACHINES).map(|_| Mutex::new(None)).collect();
        let stage = Self { place, sky, machines, nodes, clock, begun: Instant::now(), _internet: internet };
        let introducer = stage.start(0, None);
        (1..MACHINES).for_each(|number| _ = stage.start(number, Some(&introducer)));
        for node in &stage.nodes {
            node.lock().unwrap().as_mut().unwrap().wait_for("joined", Duration::from_secs(120));
        }
        Some(stage)
    }

    /// Starts the node of a machine, and returns where it listens.
    fn start(&self, number: usize, peer: Option<&str>) -> String {
        let config = self.place.path("rook.toml");
        let flags = ["--config", config.to_str().unwrap()];
        let node = self.machines[number].node(&self.place, &identity(number), peer, &flags);
        let listen = node.listen[0].clone();
        *self.nodes[number].lock().unwrap() = Some(node);
        listen
    }

    fn with_node<T>(&self, number: usize, act: impl FnOnce(&Node) -> T) -> T {
        act(self.nodes[number].lock().unwrap().as_ref().unwrap())
    }

    /// The folder of a node as it sees it itself, with the disk that it alone has.
    fn folder_within(&self, number: usize) -> PathBuf {
        let pid = self.with_node(number, Node::pid);
        PathBuf::from(format!("/proc/{pid}/root{}", data(&self.place, number)))
    }

    fn fill_disk(&self, number: usize) {
        let mut filler = std::fs::File::create(self.folder_within(number).join("filler")).unwrap();
        for size in [1 << 20, 1 << 12] {
            let block = vec![1; size];
            while filler.write_all(&block).is_ok() {}
        }
    }

    fn empty_disk(&self, number: usize) {
        std::fs::remove_file(self.folder_within(number).join("filler")).unwrap();
    }

    /// Lets one ill befall the machines for a while, and returns when all causes of it are gone.
    fn suffer(&self, ill: Ill, world: &World<'_, Arc<Machine>>, rng: &mut StdRng) {
        let mut others: Vec<usize> = (SMALL_DISKS + CLOCKS..MACHINES).collect();
        others.shuffle(rng);
        let victims: BTreeSet<usize> = others.into_iter().take(3).collect();
        let change = |change: fn(&mut Weather)| {
            self.sky.change(change);
            std::thread::sleep(LASTS);
        };
        match ill {
            Ill::Latency => change(|weather| weather.longer = 8.0),
            Ill::Loss => change(|weather| weather.loss = 0.1),
            Ill::Reordering => change(|weather| weather.overtaken = 0.3),
            Ill::Partition => {
                let mut all: Vec<usize> = (0..MACHINES).collect();
                all.shuffle(rng);
                let side = all.into_iter().take(MACHINES / 2).collect();
                self.sky.change(|weather| weather.side = Some(side));
                std::thread::sleep(LASTS);
            }
            Ill::Flapping => {
                let begun = Instant::now();
                while begun.elapsed() < LASTS {
                    for down in [victims.clone(), BTreeSet::new()] {
                        self.sky.change(|weather| weather.down = down);
                        std::thread::sleep(Duration::from_millis(rng.random_range(500..2500)));
                    }
                }
            }
            Ill::StopsReading => {
                victims.iter().for_each(|&victim| self.with_node(victim, Node::pause));
                self.without(&victims, world, || std::thread::sleep(LASTS));
                victims.iter().for_each(|&victim| self.with_node(victim, Node::go_on));
            }
            Ill::ClockJumps => {
                for jump in ["+3600\n", "-3600\n"] {
                    std::fs::write(&self.clock, jump).unwrap();
                    std::thread::sleep(LASTS / 2);
                }
                std::fs::write(&self.clock, "+0\n").unwrap();
                // The library looks each second.
                std::thread::sleep(Duration::from_millis(1100));
            }
            Ill::DiskFills => {
                (0..SMALL_DISKS).for_each(|number| self.fill_disk(number));
                std::thread::sleep(LASTS);
                (0..SMALL_DISKS).for_each(|number| self.empty_disk(number));
            }
            Ill::Kill => {
                victims.iter().for_each(|&victim| self.nodes[victim].lock().unwrap().take().unwrap().kill());
                self.without(&victims, world, || std::thread::sleep(LASTS / 2));
                victims.iter().for_each(|&victim| _ = self.start(victim, None));
            }
        }
        self.sky.change(|weather| *weather = Weather::fair());
    }

    /// Does something while clients leave some nodes alone.
    fn without(&self, some: &BTreeSet<usize>, world: &World<'_, Arc<Machine>>, act: impl FnOnce()) {
        let set = |up: bool| {
            let mut doors = world.doors.write().unwrap();
            some.iter().for_each(|&number| doors[number] = up.then(|| self.machines[number].clone()));
        };
        set(false);
        act();
        set(true);
    }

    /// How long after a moment a value could be put through each node and found through another in time: the median, and the last.
    fn recovers(&self, from: Instant) -> [Duration; 2] {
        let mut took: Vec<Duration> = std::thread::scope(|scope| {
            let one = |number| scope.spawn(move || self.recovers_one(number, from));
            let all: Vec<_> = (0..MACHINES).map(one).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        took.sort_unstable();
        [took[MACHINES / 2], took[MACHINES - 1]]
    }

    fn recovers_one(&self, number: usize, from: Instant) -> Duration {
        loop {
            match self.probe(number) {
                Ok(()) => return from.elapsed(),
                Err(error) => assert!(from.elapsed() < RECOVERED, "not recovered: {error}"),
            }
        }
    }

    /// Puts a value through a machine and gets it through the next but one.
    fn probe(&self, number: usize) -> Result<(), String> {
        let (here, there) = (&self.machines[number], &self.machines[(number + 2) % MACHINES]);
        let value = format!("{number} {:?}", self.begun.elapsed());
        let file = self.place.write(&format!("probe-{number}"), &value);
        let done = |what: &str, begun: Instant, output: Output| match (output.status.success(), begun.elapsed()) {
            (true, took) if took < IN_TIME => Ok(output.stdout),
            (true, took) => Err(format!("{what} at machine {number} took {took:?}")),
            (false, _) => {
                Err(format!("{what} at machine {number}: {}", String::from_utf8_lossy(&output.stderr).trim()))
            }
        };
        let begun = Instant::now();
        let pointer = done("a put", begun, here.output(&self.place, &["put", file.to_str().unwrap()]))?;
        let (pointer, begun) = (String::from_utf8(pointer).unwrap(), Instant::now());
        let got = done("a get", begun, there.output(&self.place, &["get", pointer.trim()]))?;
        assert_eq!(String::from_utf8(got).unwrap(), value);
        Ok(())
    }

    /// Looks at the memory of all nodes.
    fn look(&self, samples: &Mutex<Samples>) {
        let pids = self.nodes.iter().filter_map(|node| node.lock().unwrap().as_ref().map(Node::pid));
        pids.for_each(|pid| samples.lock().unwrap().note(pid, self.begun.elapsed()));
    }
}

#[test]
#[ignore = "five minutes, or as many as ROOK_WEATHER_MINUTES says; .ci/run runs it"]
fn nothing_is_lost_in_bad_weather() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (minutes, seed) = (number("ROOK_WEATHER_MINUTES", 5), number("ROOK_TEST_SEED", 1));
    println!("ROOK_WEATHER_MINUTES={minutes} ROOK_TEST_SEED={seed}");
    let Some(stage) = Stage::new(seed) else { return };
    let [least, mean, longest] = stage.sky.usual();
    println!("{MACHINES} machines, {least:.1?} to {longest:.1?} from each other one way, {mean:.1?} in the mean");
    if faketime().is_none() {
        println!("skipped: clocks do not jump, for `faketime` is not installed");
    }
    let (world, over, samples) =
        (World::new(&stage.place, stage.machines.clone()), AtomicBool::new(false), Mutex::new(Samples::default()));
    let mut rng = StdRng::seed_from_u64(seed);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, over, mut rng) = (&world, &over, StdRng::seed_from_u64(rng.random()));
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    world.act(client, &mut rng);
                    std::thread::sleep(PAUSE);
                }
            });
        }
        let (stage, samples, watched) = (&stage, &samples, &over);
        scope.spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                stage.look(samples);
                std::thread::sleep(LOOK);
            }
        });
        // However this ends, the clients must end too.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            rounds(stage, &world, Duration::from_secs(minutes * 60), &mut rng);
        }));
        over.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    check(&stage, &world);
    let grows = samples.into_inner().unwrap().tell();
    assert!(minutes < FLAT.0 || grows < FLAT.1, "memory grows");
}

/// Lets all ills befall the machines, one after the other, again and again until the time is over.
fn rounds(stage: &Stage, world: &World<'_, Arc<Machine>>, time: Duration, rng: &mut StdRng) {
    println!(
        "{:>7}  {:<13} {:>9} {:>12} {:>13} {:>11}",
        "at", "fault", "done", "reads failed", "writes failed", "recovered"
    );
    let done = || world.history.lock().unwrap().len() + world.stored.lock().unwrap().len();
    let phase = |name: &str, happen: &mut dyn FnMut()| {
        let (at, before, failed) = (stage.begun.elapsed().as_secs(), done(), world.failed());
        happen();
        let [half, all] = stage.recovers(Instant::now()).map(|took| took.as_secs_f64());
        let (count, (reads, writes)) = (done() - before, world.failed());
        let (reads, writes) = (reads - failed.0, writes - failed.1);
        println!("{at:>5} s  {name:<13} {count:>6} {reads:>13} {writes:>14} {half:>13.1} / {all:.1} s");
    };
    let calm = &mut || std::thread::sleep(CALM);
    phase("none", calm);
    while stage.begun.elapsed() < time {
        let mut ills = ILLS.to_vec();
        ills.shuffle(rng);
        for ill in ills.into_iter().filter(|&ill| ill != Ill::ClockJumps || faketime().is_some()) {
            phase(&format!("{ill:?}"), &mut || stage.suffer(ill, world, rng));
            for (number, node) in stage.nodes.iter().enumerate() {
                let mut node = node.lock().unwrap();
                let node = node.as_mut().unwrap();
                assert!(node.runs(), "the node of machine {number} has ended after {ill:?}: {}", node.errors());
            }
        }
        phase("none", calm);
    }
}

/// What has to hold at the end.
fn check(stage: &Stage, world: &World<'_, Arc<Machine>>) {
    world.read_everything();
    println!("{}", world.summary());
    let (sent, lost) = stage.sky.counts();
    println!("{sent} packets, of which {lost} were lost");
    let faults = world.history.lock().unwrap().faults();
    let (made_up, stale): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| matches!(fault, Fault::MadeUp(_)));
    println!(
        "{} reads of an older version than the newest, while machines were apart or just before or after that",
        stale.len()
    );
    assert!(made_up.is_empty(), "{made_up:#?}");
    let (history, stored) = (world.history.lock().unwrap(), world.stored.lock().unwrap().len());
    assert!(history.reads() > 100 && history.writes() > 2 * MUTABLE && stored > 20, "the clients did too little");
}
