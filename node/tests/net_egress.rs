#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may fail"
)]
//! What an interactive exchange takes while bulk fills the link between two nodes, which goes through a relay of ours
//! that is as slow and as far as a link over the internet.

mod net_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use grid::cell::Cell;
use grid::parameters::Parameters;
use grid::record::{Pointer, Rules};
use net_support::attacker::tcp_address;
use net_support::relay::{Line, relay};
use net_support::{Node, Setup, mint_in, parameters};
use node::handle::NodeHandle;
use node::stamps::{self, Wanted};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Chunks that are fetched at once, as `rook get` of a large file does.
const AT_ONCE: usize = 8;

/// Records lie in one cell, so that the other node has to fetch them.
fn one_replica() -> Parameters {
    Parameters { replica_cells: 1, ..parameters(1, 2) }
}

/// Two nodes of different cells, the second of which knows the first by the relay, if there is a line.
async fn pair(line: Option<Line>) -> (Node, Node) {
    let grid = one_replica();
    let first = Setup::new(&grid, mint_in(&grid, &[0])).start().await;
    let mut second = Setup::new(&grid, mint_in(&grid, &[1]));
    let peer = first.address.iter().last().unwrap();
    second.peers.push(match line {
        Some(line) => {
            let port = relay(tcp_address(&first), line).await.port;
            format!("/ip4/127.0.0.1/tcp/{port}").parse::<libp2p::Multiaddr>().unwrap().with(peer)
        }
        None => first.address.clone(),
    });
    let second = second.start().await;
    first.linked(1).await;
    second.linked(1).await;
    (first, second)
}

/// A file that the first node stores, and the numbers of its chunks that the second has to fetch from it. The first
/// chunk is what somebody waits for; the others are bulk.
async fn file(first: &Node, second: &Node, seed: u8) -> (Pointer, Vec<u32>) {
    let rules = Rules::of(&one_replica());
    let value: Vec<u8> = (0..12 << 18_u32).map(|at| (at >> 10) as u8 ^ seed).collect();
    let wanted = Wanted::default();
    let (terms, tree) = stamps::immutable(&value, &wanted, &rules);
    let bits = wanted.bits(&terms, &rules);
    let pointer = stamps::pay(terms, bits, &rules, 1, &()).unwrap();
    let mut remote = Vec::new();
    for (number, bytes) in (0..).zip(value.chunks(1 << 18)) {
        let record = stamps::chunk(&pointer, &tree, number, bytes, &rules).unwrap();
        first.handle.put(record).await.unwrap();
        if second.handle.get(&pointer, number).await.unwrap().hops > 0 && number > 0 {
            remote.push(number);
        }
    }
    assert!(!remote.is_empty(), "2^-11");
    (pointer, remote)
}

/// Fetches chunks again and again until told to stop; counts the bytes.
struct Bulk {
    tasks: JoinSet<()>,
    bytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Bulk {
    fn start(reader: &NodeHandle, (pointer, chunks): &(Pointer, Vec<u32>)) -> Self {
        let (mut tasks, bytes, stop) = (JoinSet::new(), Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        for task in 0..AT_ONCE {
            let (reader, pointer, chunks) = (reader.clone(), pointer.clone(), chunks.clone());
            let (bytes, stop) = (bytes.clone(), stop.clone());
            tasks.spawn(async move {
                for number in chunks.iter().cycle().skip(task) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match reader.get(&pointer, *number).await {
                        Ok(got) => _ = bytes.fetch_add(got.record.value().len() as u64, Ordering::Relaxed),
                        // A link that is full may make a request fail; the next one is tried at once.
                        Err(error) => println!("a get failed: {error}"),
                    }
                }
            });
        }
        Self { tasks, bytes, stop }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How long echoes take, one after another, in milliseconds, in ascending order.
async fn echoes(asker: &NodeHandle, cell: Cell, count: usize) -> Vec<f64> {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        asker.echo(cell).await.unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        sleep(Duration::from_millis(10)).await;
    }
    times.sort_by(f64::total_cmp);
    times
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Echoes with and without bulk, one way or both; checks how many times longer the median takes, and what bulk gets.
async fn bulk_against_interactive(line: Line, both_ways: bool) {
    let (first, second) = pair(Some(line)).await;
    let there = file(&first, &second, 1).await;
    let back = file(&second, &first, 2).await;
    let cell = first.status().await.cell;
    let idle = echoes(&second.handle, cell, 200).await;
    let mut bulk = vec![Bulk::start(&second.handle, &there)];
    if both_ways {
        bulk.push(Bulk::start(&first.handle, &back));
    }
    // Until it has filled what buffers there are.
    sleep(Duration::from_secs(3)).await;
    let (begun, before) = (Instant::now(), bulk.iter().map(Bulk::bytes).collect::<Vec<_>>());
    let busy = echoes(&second.handle, cell, 200).await;
    while begun.elapsed() < Duration::from_secs(8) {
        sleep(Duration::from_millis(100)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rates: Vec<f64> = bulk.iter().zip(before).map(|(b, from)| (b.bytes() - from) as f64 / seconds).collect();
    for one in bulk {
        one.stop().await;
    }
    let shares: Vec<f64> = rates.iter().map(|rate| rate / line.bytes_per_s as f64).collect();
    println!("{line:?}, bulk {}:", if both_ways { "both ways" } else { "one way" });
    println!("| echo | idle ms | busy ms | ratio |\n| --- | ---: | ---: | ---: |");
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let (idle, busy) = (quantile(&idle, share), quantile(&busy, share));
        println!("| {name} | {idle:.1} | {busy:.1} | {:.2} |", busy / idle);
    }
    println!("bulk has {shares:.3?} of the line's bytes");
    // The margins are for a machine that does other things as well.
    let ratio = quantile(&busy, 0.5) / quantile(&idle, 0.5);
    let most = if both_ways { 6.0 } else { 3.0 };
    assert!(ratio < most, "the median takes {ratio:.2} times as long");
    assert!(shares.iter().all(|share| *share > 0.4), "{shares:?}");
}

/// 10 Mbit/s, 20 ms there and back, and a buffer of 200 ms.
fn slow_line() -> Line {
    Line { bytes_per_s: 1_250_000, way: Duration::from_millis(10), buffer: 250_000 }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_one_way() {
    bulk_against_interactive(slow_line(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_both_ways() {
    bulk_against_interactive(slow_line(), true).await;
}

/// What bulk reaches over loopback, where nothing but the two nodes is in its way. `ROOK_EGRESS_MIB` says how much of it.
#[tokio::test(flavor = "multi_thread")]
async fn bulk_on_loopback() {
    let mib: u64 = std::env::var("ROOK_EGRESS_MIB").map_or(32, |text| text.parse().unwrap());
    let (first, second) = pair(None).await;
    let there = file(&first, &second, 1).await;
    let (begun, bulk) = (Instant::now(), Bulk::start(&second.handle, &there));
    while bulk.bytes() < mib << 20 {
        sleep(Duration::from_millis(1)).await;
    }
    let rate = bulk.bytes() as f64 / begun.elapsed().as_secs_f64();
    println!("{:.1} MB/s", rate / 1e6);
    bulk.stop().await;
    assert_eq!(first.status().await.counters.cut_links, 0);
}
