//! How long tunnels take to lay over long lines, between processes: one round trip of their links, and what their nodes add to it.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::wildcard_enum_match_arm, reason = "a test")]

mod cli_support;
mod lines_support;
mod net_support;
mod tunnels_support;

use std::time::{Duration, Instant};

use cli_support::{Place, eventually};
use lines_support::{Laid, grid, is_one_round_trip};
use net_support::door::Doors;
use net_support::relay::{Line, relay};
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

/// Says how much longer tunnels took than cells over the lines alone, and than their own cells since.
fn say(what: &str, all: &[Laid], four_lines: f64) {
    let lines = |one: &Laid| four_lines * one.links / (2 * LINKS * WAY).as_secs_f64() / 1e3;
    for one in all {
        let own = one.round_trip.map(|round_trip| one.took - round_trip);
        println!("{what}: {:.1} ms, {:.1} after its lines, {own:.1?} after its cells", one.took, one.took - lines(one));
    }
    spread(&format!("{what}, after the round trip of the lines"), all.iter().map(|one| one.took - lines(one)));
    let own = all.iter().filter_map(|one| Some(one.took - one.round_trip?));
    spread(&format!("{what}, after the shortest round trip of a cell since"), own);
}

fn spread(what: &str, more: impl Iterator<Item = f64>) {
    let mut more: Vec<f64> = more.collect();
    more.sort_by(f64::total_cmp);
    let within = more.iter().filter(|&&more| more <= AIM).count();
    let at = |part: usize| more.get(more.len().saturating_sub(1) * part / 2).copied();
    println!("{what}: {within} of {} within {AIM} ms; {:.1?} least, middle, most", more.len(), [at(0), at(1), at(2)]);
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
        let own = eventually("the spares stand", Duration::from_secs(60), || {
            // What was not laid is laid anew when a tunnel is used. A get may fail while the grid is young.
            _ = place.output(["get", "--tunnel", pointer, "--output", copy.to_str().unwrap(), "--api", &node.api]);
            let own = tunnels(&place, node)["own"].as_array().unwrap().clone();
            (own.len() >= OWN).then_some(own)
        });
        at_once.extend(own.iter().map(|tunnel| Laid::of(tunnel, WAY)));
    }
    // Then one to the exit.
    let mut alone = Vec::new();
    for node in &nodes[..NODES - 1] {
        let_out(&Proxy::open(&place, node), web);
        let own = tunnels(&place, node)["own"].as_array().unwrap().clone();
        let visits = own.iter().filter(|tunnel| tunnel["visits"] == true);
        alone.extend(visits.map(|tunnel| Laid::of(tunnel, WAY)));
    }
    let four_lines = lines_alone().await;
    println!("{LINKS} lines of {WAY:?}: {four_lines:.1} ms without nodes");
    say("three at once", &at_once, four_lines);
    say("one", &alone, four_lines);
    is_one_round_trip(&alone);
}
