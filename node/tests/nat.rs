//! Nodes behind routers that translate addresses, in network namespaces with the kernel's own translator.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod netns_support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually, succeeded};
use netns_support::{Internet, Machine, Nat};
use serde_json::Value;

/// For links to come up, relays and direct connections included.
const PATIENCE: Duration = Duration::from_secs(60);

/// A grid of one line, in which any two nodes are neighbours, on an internet.
struct Stage {
    place: Place,
    internet: Internet,
    introducer: String,
    cells: RefCell<HashSet<Vec<u64>>>,
}

/// A node and where it runs.
struct Running {
    node: Node,
    machine: Machine,
}

impl Stage {
    /// With so many nodes that have addresses of their own.
    fn new(name: &str, open: usize) -> Option<(Self, Vec<Running>)> {
        Some(Self::on(Internet::new(name)?, open))
    }

    fn on(internet: Internet, open: usize) -> (Self, Vec<Running>) {
        let place = Place::new();
        place.grid("line", 1, 8);
        let mut stage = Self { place, internet, introducer: String::new(), cells: RefCell::default() };
        let nodes = (0..open).map(|number| {
            let machine = stage.internet.machine(&format!("m{number}"));
            let node = stage.start(machine);
            if number == 0 {
                stage.introducer = node.node.listen[0].clone();
            }
            node
        });
        let nodes = nodes.collect();
        (stage, nodes)
    }

    fn start(&self, machine: Machine) -> Running {
        self.start_with(machine, &[])
    }

    fn start_with(&self, machine: Machine, flags: &[&str]) -> Running {
        let identity = format!("{}.pem", machine.name());
        self.mint(&identity);
        let peer = Some(self.introducer.as_str()).filter(|introducer| !introducer.is_empty());
        let mut node = machine.node(&self.place, &identity, peer, flags);
        node.wait_for("joined", PATIENCE);
        Running { node, machine }
    }

    /// An identity in a cell in which nobody is yet.
    fn mint(&self, name: &str) {
        for _ in 0..1000 {
            let (file, cell) = self.place.mint_with_cell(self.place.path("line.toml"), name);
            if self.cells.borrow_mut().insert(cell) {
                return;
            }
            std::fs::remove_file(file).unwrap();
        }
        panic!("no vacant cell");
    }

    fn home(&mut self, name: &str, nat: Nat) -> Running {
        let machine = self.internet.home(name, nat);
        self.start(machine)
    }

    fn json(&self, at: &Running, args: &[&str]) -> Value {
        serde_json::from_str(&at.machine.ok(&self.place, &[args, &["--json"]].concat())).unwrap()
    }

    fn reach(&self, at: &Running) -> Value {
        self.json(at, &["status"])["reach"].clone()
    }

    /// Waits until what is known of a node's reach is that.
    fn reach_is(&self, at: &Running, known: &str, relays: u64) {
        let is = |reach: &Value| reach["known"] == known && reach["relays"].as_u64() >= Some(relays);
        eventually(&format!("{known} with {relays} relays"), PATIENCE, || Some(self.reach(at)).filter(is));
    }

    /// Waits until one node has a link to another, and tells how long that took.
    fn linked(&self, here: &Running, there: &Running) -> Duration {
        let before = Instant::now();
        eventually("a link", PATIENCE, || {
            let peers = self.json(here, &["peers"]);
            let is = |peer: &&Value| peer["id"] == there.node.id.as_str() && peer["linked"] == true;
            peers["peers"].as_array().unwrap().iter().find(is).map(drop)
        });
        before.elapsed()
    }

    fn put(&self, at: &Running, name: &str, value: &str) -> String {
        let file = self.place.write(name, value);
        self.json(at, &["put", file.to_str().unwrap()])["pointer"].as_str().unwrap().to_owned()
    }

    fn get(&self, at: &Running, pointer: &str) -> String {
        at.machine.ok(&self.place, &["get", pointer])
    }

    /// Both get what the other has put.
    fn talk(&self, here: &Running, there: &Running) {
        for (from, to) in [(here, there), (there, here)] {
            let value = format!("from {} to {}", from.node.id, to.node.id);
            let pointer = self.put(from, "value", &value);
            assert_eq!(self.get(to, &pointer), value);
        }
    }
}

#[test]
fn a_node_behind_a_router_joins_is_found_and_serves() {
    let Some((mut stage, open)) = Stage::new("one", 3) else { return };
    for node in &open {
        stage.reach_is(node, "confirmed", 0);
        let listen = stage.json(node, &["status"])["listen"].as_array().unwrap().clone();
        assert_eq!(listen.iter().collect::<HashSet<_>>().len(), listen.len(), "{listen:?}");
    }
    let home = stage.home("home", Nat::PortKept);
    stage.reach_is(&home, "translated", 2);
    // Somebody who comes later and knows only the introducer.
    let machine = stage.internet.machine("later");
    let later = stage.start(machine);
    let took = stage.linked(&later, &home);
    println!("a newcomer had a link to the node behind the router after {took:?}");
    let values: Vec<String> = (0..20).map(|number| format!("value {number}")).collect();
    let pointers: Vec<String> = values.iter().map(|value| stage.put(&open[0], "value", value)).collect();
    let records = |at: &Running| stage.json(at, &["status"])["records"].as_u64().unwrap();
    eventually("records at the node behind the router", PATIENCE, || (records(&home) > 0).then_some(()));
    let kept = records(&home);
    for (value, pointer) in values.iter().zip(&pointers) {
        assert_eq!(stage.get(&later, pointer), *value);
        assert_eq!(stage.get(&home, pointer), *value);
    }
    println!("it keeps {kept} of {} records", values.len());
    // One relay goes, another takes its place.
    let mut open = open;
    open.pop().unwrap().node.kill();
    let before = Instant::now();
    stage.reach_is(&home, "translated", 2);
    let machine = stage.internet.machine("last");
    let last = stage.start(machine);
    stage.linked(&last, &home);
    println!("with two relays again, and found by another newcomer, {:?} after one was killed", before.elapsed());
    // All others go, the relays with them: what the last one has not, the node behind the router has or nobody.
    open.into_iter().chain([later]).for_each(|node| node.node.kill());
    let took = stage.linked(&last, &home);
    println!("linked to the node behind the router {took:?} after all others were killed");
    let answered = |metrics: &str| {
        let got = |line: &&str| line.starts_with(r#"rook_requests_answered_total{kind="get",outcome="done"}"#);
        metrics.lines().find(got).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
    };
    let before = answered(&home.machine.metrics()).unwrap();
    let mut got = 0;
    for (value, pointer) in values.iter().zip(&pointers) {
        let output = last.machine.output(&stage.place, &["get", pointer]);
        // Others had all copies of some.
        if output.status.success() {
            assert_eq!(succeeded(output), *value);
            got += 1;
        }
    }
    let served = answered(&home.machine.metrics()).unwrap() - before;
    println!("a newcomer gets {got} of {} values, {served} from the node behind the router", values.len());
    assert!(served > 0 && got >= served);
}

#[test]
fn two_nodes_behind_two_routers_talk_directly() {
    let Some((mut stage, open)) = Stage::new("two", 2) else { return };
    for node in &open {
        stage.reach_is(node, "confirmed", 0);
    }
    let here = stage.home("here", Nat::PortKept);
    stage.reach_is(&here, "translated", 2);
    let there = stage.home("there", Nat::PortKept);
    let took = stage.linked(&there, &here);
    let before = Instant::now();
    for node in [&here, &there] {
        eventually("a direct link", PATIENCE, || (stage.reach(node)["relayed_links"] == 0).then_some(()));
    }
    println!("linked after {took:?}, directly {:?} later", before.elapsed());
    // It was a link over a relay first, and the routers let no other through than one from both sides at once.
    let punched = |node: &Running| {
        let name = r#"libp2p_dcutr_events_total{event="DirectConnectionUpgradeSucceeded"} "#;
        let metrics = node.machine.metrics();
        metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap_or(0_u64)
    };
    let counts = [&here, &there].map(punched);
    assert!(counts.iter().any(|count| *count > 0), "{counts:?}");
    stage.linked(&here, &there);
    stage.talk(&here, &there);
}

#[test]
fn where_routers_draw_ports_two_nodes_talk_over_a_relay() {
    let Some((mut stage, open)) = Stage::new("rel", 2) else { return };
    for node in &open {
        stage.reach_is(node, "confirmed", 0);
    }
    let here = stage.home("here", Nat::PortDrawn);
    stage.reach_is(&here, "translated", 2);
    let there = stage.home("there", Nat::PortDrawn);
    println!("linked after {:?}", stage.linked(&there, &here));
    stage.talk(&here, &there);
    // Longer than until the link is opened anew, for another attempt at a direct one.
    std::thread::sleep(Duration::from_secs(30));
    stage.talk(&here, &there);
    assert_eq!(stage.reach(&here)["relayed_links"], 1);
    assert_eq!(stage.reach(&there)["relayed_links"], 1);
}

#[test]
fn a_router_forwards_ports_when_it_is_asked() {
    let Some((mut stage, _open)) = Internet::of_common_addresses("ask").map(|net| Stage::on(net, 1)) else { return };
    let Some(machine) = stage.internet.home_with_orders("home", &stage.place, true) else { return };
    let home = stage.start_with(machine, &["--map-ports"]);
    stage.reach_is(&home, "confirmed", 0);
    let machine = stage.internet.machine("later");
    let later = stage.start(machine);
    stage.linked(&later, &home);
    stage.talk(&later, &home);
    assert!(home.machine.orders().contains("port mapping accepted"), "{}", home.machine.orders());
    // Nobody relays for it.
    assert_eq!(stage.reach(&home)["relays"], 0);
    assert_eq!(stage.reach(&later)["relayed_links"], 0);
}

#[test]
fn a_router_that_refuses_costs_nothing() {
    let Some((mut stage, _open)) = Internet::of_common_addresses("ref").map(|net| Stage::on(net, 1)) else { return };
    let Some(machine) = stage.internet.home_with_orders("home", &stage.place, false) else { return };
    let home = stage.start_with(machine, &["--map-ports"]);
    stage.reach_is(&home, "translated", 1);
    eventually("an order", PATIENCE, || home.machine.orders().contains("port mapping rejected").then_some(()));
    let cpu = || process_time(home.node.pid());
    let (before, time) = (cpu(), Duration::from_secs(10));
    std::thread::sleep(time);
    let share = (cpu() - before).as_secs_f64() / time.as_secs_f64();
    println!("{:.2} % of a core", share * 100.0);
    assert!(share < 0.1, "{share}");
}

/// How long a process has had a processor (proc(5), in hundredths of a second).
fn process_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}
