//! How long tunnels take to lay over long lines, between processes: one round trip of their links, and what their nodes add to it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a test")]

mod cli_support;
mod lines_support;
mod net_support;
mod tunnels_support;

use std::time::{Duration, Instant};

use cli_support::{Place, eventually};
use lines_support::grid;
use net_support::door::Doors;
use net_support::relay::{Line, relay};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tunnels_support::fetch::{Proxy, curl_is_missing, http, let_out, open_to};
use tunnels_support::tunnels;

const NODES: usize = 12;
/// Of every link, each way, in bytes a second: 100 Mbit/s.
const RATE: u64 = 12_500_000;
/// One way of each link: three relays and the last node are four links, and 50 ms there and back.
const WAY: Duration = Duration::from_micros(6250);
const LINKS: u32 = 4;
/// Bytes of a cell, with what the layers below add to it.
const CELL: usize = 1350;
/// A node's tunnels for what it asks: the one in use and two spares.
const OWN: usize = 3;
/// What the nodes are to add to the round trip of the links at most, in milliseconds, on a machine that has nothing else to do.
const AIM: f64 = 5.0;

/// How long a cell's bytes take over as many lines as a tunnel of three relays has links, and back, without any node: the median, in
/// milliseconds. What it exceeds the lines' length by are the relays of this test.
async fn lines_alone() -> f64 {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut address = echo.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut end, _) = echo.accept().await.unwrap();
        end.set_nodelay(true).unwrap();
        let mut cell = [0; CELL];
        while end.read_exact(&mut cell).await.is_ok() {
            end.write_all(&cell).await.unwrap();
        }
    });
    for _ in 0..LINKS {
        let line = Line { bytes_per_s: RATE, way: WAY, buffer: 100_000 };
        address = format!("127.0.0.1:{}", relay(address, line).await.port);
    }
    let mut begin = TcpStream::connect(address).await.unwrap();
    begin.set_nodelay(true).unwrap();
    let mut rounds = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        begin.write_all(&[7; CELL]).await.unwrap();
        begin.read_exact(&mut [0; CELL]).await.unwrap();
        rounds.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// A tunnel that was laid: over how many nodes, in which time, and the shortest round trip of its cells since, in milliseconds.
#[derive(Clone, Copy)]
struct Laid {
    nodes: usize,
    took: f64,
    round_trip: Option<f64>,
}

impl Laid {
    fn of(tunnel: &Value) -> Self {
        let nodes = tunnel["way"].as_array().unwrap().len();
        let took = tunnel["laid_in_ms"].as_f64().unwrap();
        assert!(took >= links(nodes), "faster than its links: {tunnel}");
        Self { nodes, took, round_trip: tunnel["round_trip_ms"].as_f64() }
    }
}

/// The length of so many links, there and back, in milliseconds.
fn links(nodes: usize) -> f64 {
    2.0 * nodes as f64 * WAY.as_secs_f64() * 1e3
}

/// Says how much longer than a cell's round trip tunnels took.
fn say(what: &str, all: &[Laid]) {
    let with = all.iter().filter_map(|one| Some((one, one.took - one.round_trip?)));
    with.clone().for_each(|(one, more)| {
        println!("{what}: {:.1} ms over {} nodes, {more:.1} more than the round trip", one.took, one.nodes);
    });
    let mut more: Vec<f64> = with.map(|(_, more)| more).collect();
    more.sort_by(f64::total_cmp);
    let within = more.iter().filter(|&&more| more <= AIM).count();
    println!(
        "{what}: {} tunnels stood {:.1} ms after a round trip at least, {:.1} in the middle, {:.1} at most; {within} within {AIM}",
        more.len(),
        more[0],
        more[more.len() / 2],
        more[more.len() - 1]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_are_laid_in_one_round_trip() {
    if curl_is_missing() {
        return;
    }
    let (place, doors, web) = (Place::new(), Doors::of_rate(RATE, |_, _| WAY), http());
    let config = place.write("exit.toml", open_to(web));
    let nodes = grid(&place, &doors, NODES, &["--config".to_owned(), config.to_str().unwrap().to_owned()]).await;
    let file = place.write("value", b"a record");
    let put = place.json(["put", file.to_str().unwrap(), "--json", "--api", &nodes[0].api]);
    let pointer = put["pointer"].as_str().unwrap();
    let copy = place.path("copy");
    // A node lays three at once when it first asks for something, and learns by them who can be a relay.
    let mut at_once = Vec::new();
    for node in &nodes {
        place.ok(["get", "--tunnel", pointer, "--output", copy.to_str().unwrap(), "--api", &node.api]);
        let own = eventually("the spares stand", Duration::from_secs(60), || {
            let own = tunnels(&place, node)["own"].as_array().unwrap().clone();
            (own.len() >= OWN).then_some(own)
        });
        at_once.extend(own.iter().map(Laid::of));
    }
    // Then one to the exit.
    let mut alone = Vec::new();
    for node in &nodes[..NODES - 1] {
        let_out(&Proxy::open(&place, node), web);
        let own = tunnels(&place, node)["own"].as_array().unwrap().clone();
        alone.extend(own.iter().filter(|tunnel| tunnel["visits"] == true).map(Laid::of));
    }
    println!("{LINKS} lines of {WAY:?}: {:.1} ms without nodes", lines_alone().await);
    say("three at once", &at_once);
    say("one", &alone);
    // One that was delayed by something else says nothing of the code; that of the fastest is what it can do.
    let fastest = alone.iter().map(|one| one.took / links(one.nodes)).min_by(f64::total_cmp).unwrap();
    assert!(fastest < 2.0, "more than one round trip: {fastest} of the links' own");
}
