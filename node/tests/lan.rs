//! Nodes that are told of nobody and find each other on the network that they share, in network namespaces.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod netns_support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually};
use netns_support::{Internet, Machine, is_ready};
use serde_json::Value;

/// For nodes to find each other and to join.
const PATIENCE: Duration = Duration::from_secs(90);

/// One network, on which machines come up.
struct Stage {
    place: Place,
    network: Internet,
}

/// A node and where it runs.
struct Running {
    node: Node,
    machine: Machine,
}

impl Stage {
    fn new(name: &str) -> Option<Self> {
        Some(Self { network: Internet::new(name)?, place: Place::new() })
    }

    fn machine(&mut self, name: &str) -> Machine {
        self.network.machine(name)
    }

    /// An identity of a grid.
    fn mint(&self, grid: &str, name: &str) -> String {
        let file = format!("{name}.pem");
        self.place.mint(grid, &file);
        file
    }

    /// Starts a node that is told of nobody.
    fn start(&self, machine: Machine, identity: &str, flags: &[&str]) -> Running {
        Running { node: machine.node(&self.place, identity, None, flags), machine }
    }

    fn json(&self, at: &Running, args: &[&str]) -> Value {
        serde_json::from_str(&at.machine.ok(&self.place, &[args, &["--json"]].concat())).unwrap()
    }

    /// The nodes to which one has links, neighbours and bridges.
    fn linked(&self, at: &Running) -> HashSet<String> {
        let peers = self.json(at, &["peers"]);
        let linked = peers["peers"].as_array().unwrap().iter().filter(|peer| peer["linked"] == true);
        linked.map(|peer| peer["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Each gets what any of them has put: where two grids have just become one, as soon as each leads the other on.
    fn is_one_grid(&self, nodes: &[&Running]) {
        for (number, from) in nodes.iter().enumerate() {
            let value = format!("value {number} of {}", from.node.id);
            let file = self.place.write("value", &value);
            let pointer = self.json(from, &["put", file.to_str().unwrap()])["pointer"].as_str().unwrap().to_owned();
            for to in nodes {
                let got =
                    || Some(to.machine.output(&self.place, &["get", &pointer])).filter(|got| got.status.success());
                assert_eq!(eventually("what was put is there", PATIENCE, got).stdout, value.as_bytes());
            }
        }
    }

    /// Each has a link to another, and over the links each is reached.
    fn hang_together(&self, nodes: &[&Running]) {
        let links = || {
            let mut reached = HashSet::from([nodes[0].node.id.clone()]);
            for _ in nodes {
                for node in nodes {
                    if reached.contains(&node.node.id) {
                        reached.extend(self.linked(node));
                    }
                }
            }
            nodes.iter().all(|node| reached.contains(&node.node.id)).then_some(())
        };
        eventually("links among all", PATIENCE, links);
    }
}

/// The grid `local` needs no flags.
#[test]
fn three_nodes_that_are_told_of_nobody_are_one_grid() {
    let Some(mut stage) = Stage::new("lan") else { return };
    let mut nodes = Vec::new();
    let mut seconds = Vec::new();
    for name in ["one", "two", "three"] {
        let (machine, identity) = (stage.machine(name), stage.mint("local", name));
        let before = Instant::now();
        let mut node = stage.start(machine, &identity, &[]);
        node.node.wait_for("joined", PATIENCE);
        seconds.push(before.elapsed());
        nodes.push(node);
    }
    println!("joined after {seconds:?}");
    let all: Vec<&Running> = nodes.iter().collect();
    stage.hang_together(&all);
    stage.is_one_grid(&all);
    // A leaf has nobody to join through either.
    let (machine, identity) = (stage.machine("leaf"), stage.mint("local", "leaf"));
    let mut leaf = stage.start(machine, &identity, &["--level", "leaf"]);
    leaf.node.wait_for("joined", PATIENCE);
    stage.is_one_grid(&[&nodes[0], &leaf]);
}

#[test]
fn nodes_that_start_at_the_same_moment_are_one_grid() {
    let Some(mut stage) = Stage::new("same") else { return };
    stage.place.grid("square", 2, 2);
    for (round, count) in [2, 2, 3].into_iter().enumerate() {
        let machines: Vec<Machine> = (0..count).map(|number| stage.machine(&format!("r{round}n{number}"))).collect();
        let identities: Vec<String> = machines.iter().map(|one| stage.mint("square.toml", one.name())).collect();
        let before = Instant::now();
        let begin = |(machine, identity): (Machine, String)| {
            let node = machine.begin(&stage.place, &identity, None, &["--mdns", "on"]);
            Running { node, machine }
        };
        let mut nodes: Vec<Running> = machines.into_iter().zip(identities).map(begin).collect();
        for Running { node, .. } in &mut nodes {
            is_ready(node);
            node.wait_for("joined", PATIENCE);
        }
        let all: Vec<&Running> = nodes.iter().collect();
        stage.hang_together(&all);
        println!("{count} nodes were one grid {:?} after they were started", before.elapsed());
        stage.is_one_grid(&all);
    }
}

/// Their cables are plugged in when each has founded the grid.
#[test]
fn nodes_that_were_apart_at_first_are_one_grid() {
    let Some(mut stage) = Stage::new("apart") else { return };
    stage.place.grid("square", 2, 2);
    let mut nodes = Vec::new();
    for name in ["here", "there"] {
        let (machine, identity) = (stage.machine(name), stage.mint("square.toml", name));
        stage.network.plug(&machine, false);
        let mut node = stage.start(machine, &identity, &["--mdns", "on"]);
        assert_eq!(node.node.wait_for("joined", PATIENCE)["neighbours"], 0);
        nodes.push(node);
    }
    for node in &nodes {
        assert!(stage.linked(node).is_empty());
        stage.network.plug(&node.machine, true);
    }
    let before = Instant::now();
    let all: Vec<&Running> = nodes.iter().collect();
    stage.hang_together(&all);
    println!("one grid {:?} after they were plugged in", before.elapsed());
    stage.is_one_grid(&all);
}

/// Long enough for those who look for each other to have found each other many times over.
const LONG: Duration = Duration::from_secs(15);

#[test]
fn who_does_not_look_stays_alone_and_nodes_of_other_grids_do_not_disturb() {
    let Some(mut stage) = Stage::new("off") else { return };
    ["square", "other"].iter().for_each(|grid| drop(stage.place.grid(grid, 2, 2)));
    let mut start = |grid: &str, name: &str, flags: &[&str]| {
        let (machine, identity) = (stage.machine(name), stage.mint(grid, name));
        let mut node = stage.start(machine, &identity, flags);
        let joined = node.node.wait_for("joined", PATIENCE);
        (node, joined["neighbours"].as_u64().unwrap())
    };
    // Off as others' usual, off as it is said, and the grid `local` told so.
    let quiet = [start("square.toml", "usual", &[]), start("square.toml", "said", &["--mdns", "off"])];
    let local = [start("local", "l1", &["--mdns", "off"]), start("local", "l2", &["--mdns", "off"])];
    // Who looks finds nobody who wants to be found, but another grid's.
    let (first, _) = start("other.toml", "o1", &["--mdns", "on"]);
    let before = Instant::now();
    let (alone, neighbours) = start("square.toml", "s1", &["--mdns", "on"]);
    println!("founded its grid {:?} after the start, beside another grid", before.elapsed());
    assert_eq!(neighbours, 0);
    let (second, _) = start("other.toml", "o2", &["--mdns", "on"]);
    std::thread::sleep(LONG);
    for (node, neighbours) in quiet.iter().chain(&local) {
        assert_eq!((*neighbours, stage.linked(node)), (0, HashSet::new()));
    }
    assert!(stage.linked(&alone).is_empty());
    stage.hang_together(&[&first, &second]);
    assert_eq!(stage.linked(&first), HashSet::from([second.node.id.clone()]));
    // The right one comes at last.
    let (machine, identity) = (stage.machine("s2"), stage.mint("square.toml", "s2"));
    let mut right = stage.start(machine, &identity, &["--mdns", "on"]);
    right.node.wait_for("joined", PATIENCE);
    stage.hang_together(&[&alone, &right]);
    stage.is_one_grid(&[&alone, &right]);
    assert_eq!(stage.linked(&first), HashSet::from([second.node.id.clone()]));
}

/// A name in DNS (RFC 1035): each part after its length.
fn name(parts: &[&str]) -> Vec<u8> {
    let part = |part: &&str| [&[u8::try_from(part.len()).unwrap()], part.as_bytes()].concat();
    [parts.iter().flat_map(part).collect::<Vec<u8>>(), vec![0]].concat()
}

/// A record in DNS.
fn record(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let (ttl, length) = (120_u32.to_be_bytes(), u16::try_from(data.len()).unwrap().to_be_bytes());
    [name, &[0, kind, 0, 1], &ttl, &length, data].concat()
}

/// An answer that nobody has asked for, of as many nodes that are not there.
fn answer(nodes: u16) -> Vec<u8> {
    let service = name(&["_p2p", "_udp", "local"]);
    let (mut pointers, mut texts) = (Vec::new(), Vec::new());
    for number in 0..nodes {
        let instance = name(&[&format!("nobody{number}")]);
        let text = format!("dnsaddr=/ip4/203.0.113.200/tcp/{}/p2p/{}", 1 + number, libp2p::PeerId::random());
        let text = [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        pointers.extend(record(&service, 12, &instance));
        texts.extend(record(&instance, 16, &text));
    }
    let count = nodes.to_be_bytes();
    [&[0, 0, 0x84, 0, 0, 0], count.as_slice(), &[0, 0], count.as_slice(), &pointers, &texts].concat()
}

#[test]
fn a_liar_on_the_network_holds_nobody_up() {
    let Some(mut stage) = Stage::new("liar") else { return };
    stage.place.grid("square", 2, 2);
    let liar = stage.machine("liar");
    stage.network.route_multicast(&liar);
    let (machine, identity) = (stage.machine("one"), stage.mint("square.toml", "one"));
    let before = Instant::now();
    let mut one = stage.start(machine, &identity, &["--mdns", "on"]);
    for _ in 0..20 {
        liar.multicast(&answer(10));
    }
    println!("lied to {:?} after the start", before.elapsed());
    assert_eq!(one.node.wait_for("joined", PATIENCE)["neighbours"], 0);
    println!("founded its grid {:?} after the start", before.elapsed());
    let (machine, identity) = (stage.machine("two"), stage.mint("square.toml", "two"));
    let mut two = stage.start(machine, &identity, &["--mdns", "on"]);
    for _ in 0..20 {
        liar.multicast(&answer(10));
    }
    two.node.wait_for("joined", PATIENCE);
    stage.hang_together(&[&one, &two]);
    stage.is_one_grid(&[&one, &two]);
    // Lies were heard, and somebody was dialled for them.
    let metrics = one.machine.metrics();
    let unreachable = r#"rook_dial_failures_total{why="unreachable"} "#;
    let dialled: u64 = metrics.lines().find_map(|line| line.strip_prefix(unreachable)?.parse().ok()).unwrap();
    println!("dialled nobody {dialled} times, for 400 lies");
    assert!((1..=100).contains(&dialled), "{dialled}");
}
