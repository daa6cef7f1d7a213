//! Cover traffic on real sockets: who watches all lines of a node sees the same whether it fetches through tunnels or not; and
//! sees it at once where there are no send slots.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a test")]

mod net_support;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use grid::record::Pointer;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use net_support::tap::{Seen, Socket, Tap};
use net_support::{Node, Setup, mint_in, parameters, record};
use node::daemon::{Cover, Limits};
use node::tunnels::{ExitPolicy, Tunnels};
use tokio::time::sleep;
use tunnel::slots::Pace;

/// Nodes of each cell of a grid of two by two.
const PER_CELL: usize = 2;
/// Of each node: those of its cell and of the two cells on its lines.
const LINKS: usize = 3 * PER_CELL - 1;
/// Slots of a link in a second.
const SLOTS: u32 = 50;
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

    /// Watches the node while it does nothing, and while it fetches through tunnels, as often as it can.
    async fn watch(&self) -> [Vec<Vec<Seen>>; 2] {
        let tunnels = &self.nodes[5].1;
        // The first way takes a while to be laid.
        tunnels.get(&self.pointer, 0).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        let quiet = Instant::now();
        sleep(WATCHED).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_an_observer_sees() {
    let cover = Cover { kbit_per_second: NonZeroU32::new(SLOTS * 1024 / 100 * 5).unwrap(), pace: Pace::Poisson };
    let grid = grid(Some(cover)).await;
    let [quiet, busy] = grid.watch().await;
    for (name, seen) in [("quiet", &quiet), ("busy", &busy)] {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for one in seen.iter().flatten() {
            *sizes.entry(one.bytes).or_default() += 1;
        }
        println!("{name}: {} lines, {} gaps, {} bytes, {sizes:?}", seen.len(), gaps(seen).len(), bytes(seen));
    }
}
