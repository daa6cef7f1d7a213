//! Cover traffic on real sockets: who watches all lines of a node sees the same whether it fetches through tunnels or not; and
//! sees it at once where there are no send slots.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod net_support;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use grid::record::Pointer;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use net_support::tap::{Seen, Socket, Tap};
use net_support::{Node, Setup, mint_in, parameters, record};
use node::daemon::{Cover, Limits};
use node::tunnels::{ExitPolicy, Tunnels};
use node::wire::piece::SLOT;
use sim::figures::{distance, distance_by_chance};
use tokio::time::sleep;
use tunnel::cell::CELL;
use tunnel::slots::Pace;

/// Nodes of each cell of a grid of two by two.
const PER_CELL: usize = 2;
/// Of each node: those of its cell and of the two cells on its lines.
const LINKS: usize = 3 * PER_CELL - 1;
/// Slots of a link in a second.
const SLOTS: u32 = 50;
/// What Yamux and Noise put around each write: 12 bytes, and 2 of length and 16 of the tag.
const HEADS: usize = 30;
/// How long is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// The value that is fetched, in bytes: hundreds of cells there and back.
const VALUE: usize = 50_000;

struct Watched {
    nodes: Vec<(Node, Tunnels)>,
    tap: Tap,
    /// The port of the node that fetches.
    port: u16,
    pointer: Pointer,
}

fn tcp(address: &Multiaddr) -> u16 {
    let port = address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
    port.unwrap()
}

/// A grid in which every line passes the observer.
async fn grid(cover: Option<Cover>) -> Watched {
    let (parameters, tap) = (parameters(2, 2), Tap::default());
    let mut nodes: Vec<(Node, Tunnels)> = Vec::new();
    for number in 0..4 * PER_CELL {
        let cell = [u16::from(number % 4 > 1), u16::from(number % 2 > 0)];
        let place: Socket = tap.socket();
        let mut setup = Setup::new(&parameters, mint_in(&parameters, &cell));
        setup.limits = Limits { cover, ..Limits::default() };
        setup.advertise.push(format!("/ip4/127.0.0.1/tcp/{}", place.port).parse().unwrap());
        setup.peers.extend(nodes.first().map(|(first, _)| first.advertised.clone()));
        let node = setup.start().await;
        place.arrived(tcp(&node.address));
        let tunnels = Tunnels::start(node.handle.clone(), node.folder.path().join("keys"), ExitPolicy::default());
        nodes.push((node, tunnels.unwrap()));
    }
    for (node, _) in &nodes {
        node.until("links to all neighbours", |s| {
            s.status.joined && s.status.neighbours == LINKS && s.status.links >= LINKS
        })
        .await;
    }
    let value: Vec<u8> = (0..VALUE).map(|n| (n ^ n >> 8).to_le_bytes()[0]).collect();
    let record = record(&parameters, &value);
    let pointer = record.pointer().clone();
    nodes[0].0.handle.put(record).await.unwrap();
    let port = tcp(&nodes[5].0.address);
    Watched { nodes, tap, port, pointer }
}

impl Watched {
    /// What was seen on each of the lines on which the node sends, within a time.
    fn seen(&self, since: Instant, until: Instant) -> Vec<Vec<Seen>> {
        let lines = self.tap.of(self.port);
        lines.iter().map(|line| line.seen(since, until)).filter(|seen| !seen.is_empty()).collect()
    }

    /// Watches the node while it does nothing, for so long, and while it fetches through tunnels, as often as it can.
    async fn watch(&self, idle: Duration) -> [Vec<Vec<Seen>>; 2] {
        let tunnels = &self.nodes[5].1;
        // The first way takes a while to be laid.
        tunnels.get(&self.pointer, 0).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        let quiet = Instant::now();
        sleep(idle).await;
        let busy = Instant::now();
        let mut fetched = 0;
        while busy.elapsed() < WATCHED {
            tunnels.get(&self.pointer, 0).await.unwrap();
            fetched += 1;
        }
        println!("fetched {fetched} times");
        [self.seen(quiet, busy), self.seen(busy, busy + WATCHED)]
    }
}

fn gaps(lines: &[Vec<Seen>]) -> Vec<Duration> {
    let pairs = lines.iter().flat_map(|seen| seen.windows(2));
    pairs.map(|pair| pair[1].at - pair[0].at).collect()
}

fn bytes(lines: &[Vec<Seen>]) -> usize {
    lines.iter().flatten().map(|seen| seen.bytes).sum()
}

/// How far the distributions of gaps are apart, and what chance exceeds once in a million times.
fn apart(quiet: &[Duration], busy: &[Duration]) -> (f64, f64) {
    let [mut a, mut b] = [quiet, busy].map(|gaps| gaps.iter().map(Duration::as_secs_f64).collect::<Vec<_>>());
    (distance(&mut a, &mut b), distance_by_chance(a.len(), b.len(), 1e-6))
}

/// What has the size of one slot, or of several that were read together, and all.
fn slots(lines: &[Vec<Seen>]) -> (usize, usize) {
    let mut sizes = lines.iter().flatten().map(|seen| seen.bytes);
    let all = sizes.clone().count();
    (sizes.by_ref().filter(|&bytes| bytes % (SLOT + HEADS) == 0).count(), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_a_node_with_cover_does_not_see_what_it_does() {
    let kbit_per_second = NonZeroU32::new(SLOTS * u32::try_from(8 * CELL * LINKS).unwrap() / 1000).unwrap();
    let grid = grid(Some(Cover { kbit_per_second, pace: Pace::Poisson })).await;
    let [quiet, busy] = grid.watch(WATCHED).await;
    let (distance, bound) = apart(&gaps(&quiet), &gaps(&busy));
    let ratio = bytes(&busy) as f64 / bytes(&quiet) as f64;
    println!(
        "{} and {} gaps: {distance:.4} apart, bound {bound:.4}; bytes {ratio:.4}",
        gaps(&quiet).len(),
        gaps(&busy).len()
    );
    assert!(distance < bound, "{distance} {bound}");
    // The number of slots in that time has a standard deviation of its root, which is 1.4 % of 5,000.
    let slots_seen = f64::from(SLOTS) * LINKS as f64 * WATCHED.as_secs_f64();
    assert!((ratio - 1.0).abs() < 5.0 * (2.0 / slots_seen).sqrt(), "{ratio}");
    for (name, seen) in [("quiet", &quiet), ("busy", &busy)] {
        let (slots, all) = slots(seen);
        println!("{name}: {slots} of {all} are slots");
        // Beside slots there are Yamux's windows, one for each 128 KiB read, and pings.
        assert!(slots as f64 > 0.96 * all as f64, "{slots} of {all}");
    }
    // What the test would see: a clock that is a quarter faster while something waits.
    let faster: Vec<Duration> = gaps(&busy).iter().map(|gap| gap.div_f64(1.25)).collect();
    let (distance, bound) = apart(&gaps(&quiet), &faster);
    println!("a clock that is a quarter faster: {distance:.4} apart, bound {bound:.4}");
    assert!(distance > bound, "{distance} {bound}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_a_node_without_sees_it_at_once() {
    // A node that does nothing says so little that twenty seconds of it are a sample of seventy.
    let [quiet, busy] = grid(None).await.watch(3 * WATCHED).await;
    let ratio = 3.0 * bytes(&busy) as f64 / bytes(&quiet) as f64;
    let (distance, bound) = apart(&gaps(&quiet), &gaps(&busy));
    println!("{distance:.4} apart, bound {bound:.4}; bytes {ratio:.1}");
    assert!(distance > 2.0 * bound && ratio > 10.0, "{distance} {bound} {ratio}");
}
