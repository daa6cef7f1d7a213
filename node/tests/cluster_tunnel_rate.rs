//! How much of the slowest link's rate one stream through a tunnel of three relays gets, between processes each of whose links
//! is slow and long: each passes a relay of ours, which is as slow as a line over the internet.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod cli_support;
mod lines_support;
mod net_support;
mod tunnels_support;

use std::process::Command;
use std::time::{Duration, Instant};

use cli_support::{Node, Place};
use lines_support::{Laid, is_one_round_trip};
use net_support::door::Doors;
use net_support::relay::{Line, relay};
use tunnels_support::fetch::{Proxy, curl_is_missing, fetch, http, let_out, open_to};
use tunnels_support::tunnels;

const NODES: usize = 12;
/// Of every link, each way, in bytes a second.
const RATE: u64 = 1_000_000;
/// One way of each link: three relays and the last node are four links, and 50 ms there and back.
const WAY: Duration = Duration::from_micros(6250);
const LINKS: u32 = 4;
/// What is fetched (`ROOK_STREAM_MB` for more): long enough that laying the tunnel, and finding out how fast it is, is not most of it.
const MEGABYTES: usize = 10;
/// The aim is 0.8, and 0.80 to 0.83 are reached on a machine that has two compilers running beside. What is asked for here leaves room for a
/// busier one; a window of 16 KiB would come to a third.
const LEAST: f64 = 0.65;

/// A grid of processes of which the last lets strangers out to a port of this machine.
async fn grid(place: &Place, doors: &std::sync::Arc<Doors>, web: std::net::SocketAddr) -> Vec<Node> {
    let config = place.write("exit.toml", open_to(web));
    lines_support::grid(place, doors, NODES, &["--config".to_owned(), config.to_str().unwrap().to_owned()]).await
}

/// What is fetched, in bytes.
fn bytes() -> usize {
    1_000_000 * std::env::var("ROOK_STREAM_MB").map_or(MEGABYTES, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_through_three_relays_fills_the_slowest_link() {
    if curl_is_missing() {
        return;
    }
    let (place, web) = (Place::new(), http());
    let doors = Doors::of_rate(RATE, |_, _| WAY);
    let nodes = grid(&place, &doors, web).await;
    let visitor = &nodes[3];
    let proxy = &Proxy::open(&place, visitor);
    let_out(proxy, web);
    let bytes = bytes();
    let share = |took: Duration| bytes as f64 / took.as_secs_f64() / RATE as f64;
    let through = fetch(&place, proxy, &web.to_string(), bytes);
    let ways = tunnels(&place, visitor)["own"].as_array().unwrap().clone();
    let way = ways.iter().find(|tunnel| tunnel["visits"] == true).unwrap()["way"].as_array().unwrap().clone();
    let laid: Vec<Laid> = ways.iter().map(|tunnel| Laid::of(tunnel, WAY)).collect();
    for Laid { links, took, round_trip } in &laid {
        println!(
            "a tunnel stood after {took:.1} ms; its links are {links:.1} ms there and back; measured {round_trip:.1?}"
        );
    }
    is_one_round_trip(&laid);
    // Where the exit is nobody's neighbour one more node leads on to it, which makes the way longer than it is reckoned.
    assert!(way.len() >= LINKS as usize, "three relays and the exit: {way:?}");
    // The same without a tunnel, over one such link that is as long as all of them.
    let direct = relay(web.to_string(), Line { bytes_per_s: RATE, way: WAY * LINKS, buffer: 100_000 }).await;
    let begun = Instant::now();
    let copy = place.path("direct");
    let url = format!("http://127.0.0.1:{}/{bytes}", direct.port);
    let curl = Command::new("curl").args(["-sS", "--noproxy", "*", "-o"]).arg(&copy).arg(url).status().unwrap();
    let beside = begun.elapsed();
    assert!(curl.success() && std::fs::metadata(copy).unwrap().len() == bytes as u64);
    println!(
        "over {} nodes {through:?}, {:.3} of the link's rate; without {beside:?}, {:.3}",
        way.len(),
        share(through),
        share(beside)
    );
    assert!(share(through) >= LEAST, "{}", share(through));
}
