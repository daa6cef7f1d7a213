//! What tunnels cost a core: cells relayed, sealed and opened, set-ups made, taken and answered; beside them Sphinx
//! packets of Nym, which carry their set-up in each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sphinx_packet::SphinxPacket;
use sphinx_packet::crypto::{PrivateKey, PublicKey};
use sphinx_packet::header::delays;
use sphinx_packet::packet::builder::SphinxPacketBuilder;
use sphinx_packet::route::{Destination, DestinationAddressBytes, Node, NodeAddressBytes};
use tunnel::bucket::Rate;
use tunnel::cell::Cell;
use tunnel::keys::{Hop, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::payload::{Command, MOST};
use tunnel::replay::Limits;
use tunnel::table::{Config, Output, Table, TunnelId};

/// Three relays and the last node.
const HOPS: usize = 4;

struct Net {
    now: Moment,
    tables: Vec<Table>,
    path: Vec<Hop>,
    rng: ChaCha20Rng,
}

impl Net {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let set_ups = Rate { burst: u32::MAX, every: Duration::from_nanos(1) };
        let replays = Limits { window: 2, entries: usize::MAX };
        let config = Config { set_ups, circuits: usize::MAX, of_neighbour: usize::MAX, replays, ..Config::default() };
        let mut path = Vec::new();
        let mut tables = Vec::new();
        for _ in 0..=HOPS {
            let secret = OnionSecret::draw(&mut rng);
            let name = Name::from_bytes(*OnionSecret::draw(&mut rng).public().as_bytes());
            path.push(Hop { name, onion: secret.public() });
            tables.push(Table::new(name, secret, config));
        }
        Self { now: Moment::new(Duration::from_secs(1), 1_800_000_000), tables, path, rng }
    }

    /// Gives a cell to a node and takes the one that it sends.
    fn pass(&mut self, from: usize, to: usize, cell: Cell, out: &mut Vec<Output>) -> Option<Cell> {
        out.clear();
        self.tables[to].handle(self.now, self.path[from].name, cell, &mut self.rng, out);
        sent(out)
    }

    /// Takes a cell along these nodes, each of which does all that it has to, and gives what the last of them sends.
    fn along(&mut self, nodes: &[usize], mut cell: Cell) -> Cell {
        for way in nodes.windows(2) {
            let Some(next) = self.pass(way[0], way[1], cell, &mut Vec::new()) else { unreachable!("cells go on") };
            self.settle(way[1]);
            cell = next;
        }
        cell
    }

    /// Ends all tunnels at all nodes when there are many, lest memory is what is measured.
    fn clear(&mut self) {
        let mut out = Vec::new();
        if self.tables[0].len() > 1000 {
            for (at, table) in self.tables.iter_mut().enumerate() {
                let others = self.path.iter().enumerate().filter(|&(other, _)| other != at);
                others.for_each(|(_, hop)| table.link_lost(hop.name, &mut out));
                out.clear();
            }
        }
    }

    fn say(&mut self, at: usize, tunnel: TunnelId, out: &mut Vec<Output>) -> Cell {
        out.clear();
        let said = self.tables[at].send(tunnel, Command::Data, &[7; MOST], out);
        let Some(cell) = sent(out).filter(|_| said.is_ok()) else { unreachable!("the tunnel stands") };
        cell
    }

    /// Has a node agree on the keys of what it has passed on.
    fn settle(&mut self, node: usize) {
        let mut out = Vec::new();
        while self.tables[node].is_unsettled() {
            self.tables[node].settle(&mut self.rng, &mut out);
        }
    }

    /// Sends a set-up off.
    fn open(&mut self) -> (TunnelId, Cell) {
        let mut out = Vec::new();
        let opened = self.tables[0].open(self.now, &self.path[1..], &mut self.rng, &mut out);
        let (Ok(tunnel), Some(cell)) = (opened, sent(&mut out)) else { unreachable!("there is room") };
        (tunnel, cell)
    }

    /// Lays a tunnel; gives the names that its ends have for it.
    fn lay(&mut self) -> (TunnelId, TunnelId) {
        let (near, mut cell) = self.open();
        let mut out = Vec::new();
        cell = self.along(&[0, 1, 2, 3], cell);
        let Some(answer) = self.pass(3, 4, cell, &mut out) else { unreachable!("the last node answers") };
        let arrived =
            out.iter().find_map(|output| if let Output::Arrived { tunnel } = output { Some(*tunnel) } else { None });
        let Some(far) = arrived else { unreachable!("the last node knows that it is") };
        let cell = self.along(&[4, 3, 2, 1], answer);
        self.pass(1, 0, cell, &mut out);
        (near, far)
    }
}

fn sent(out: &mut Vec<Output>) -> Option<Cell> {
    let at = out.iter().position(|output| matches!(output, Output::Send { .. }))?;
    if let Output::Send { cell, .. } = out.swap_remove(at) { Some(cell) } else { None }
}

/// Times one step for each of a number of cells that were prepared before, a few hundred at a time. Between these old tunnels are
/// ended: what was prepared would otherwise open circuits of which their opener knows nothing any more.
fn timed<T>(
    count: u64,
    net: &mut Net,
    mut prepare: impl FnMut(&mut Net) -> T,
    mut step: impl FnMut(&mut Net, T, &mut Vec<Output>),
) -> Duration {
    let (mut left, mut spent, mut out) = (count, Duration::ZERO, Vec::new());
    while left > 0 {
        net.clear();
        let some = left.min(256);
        let prepared: Vec<T> = (0..some).map(|_| prepare(net)).collect();
        let start = Instant::now();
        for one in prepared {
            step(net, one, &mut out);
            black_box(&mut out);
        }
        spent += start.elapsed();
        left -= some;
    }
    spent
}

/// Cells at one relay and at both ends.
fn cells(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a cell of a tunnel over 3 relays");
    group.throughput(Throughput::Elements(1));
    let mut net = Net::new();
    group.bench_function("relayed outward", |b| {
        let (near, _) = net.lay();
        let make = |net: &mut Net| net.say(0, near, &mut Vec::new());
        b.iter_custom(|count| timed(count, &mut net, make, |net, cell, out| drop(net.pass(0, 1, cell, out))));
    });
    group.bench_function("relayed homeward", |b| {
        let (_, far) = net.lay();
        let make = |net: &mut Net| net.say(HOPS, far, &mut Vec::new());
        b.iter_custom(|count| timed(count, &mut net, make, |net, cell, out| drop(net.pass(HOPS, HOPS - 1, cell, out))));
    });
    group.bench_function("sealed by the initiator", |b| {
        let (near, _) = net.lay();
        b.iter_custom(|count| timed(count, &mut net, |_| (), |net, (), out| drop(net.say(0, near, out))));
    });
    group.bench_function("opened by the last node", |b| {
        let (near, _) = net.lay();
        let make = |net: &mut Net| {
            let cell = net.say(0, near, &mut Vec::new());
            net.along(&[0, 1, 2, 3], cell)
        };
        b.iter_custom(|count| timed(count, &mut net, make, |net, cell, out| drop(net.pass(HOPS - 1, HOPS, cell, out))));
    });
    group.bench_function("sealed by the last node", |b| {
        let (_, far) = net.lay();
        b.iter_custom(|count| timed(count, &mut net, |_| (), |net, (), out| drop(net.say(HOPS, far, out))));
    });
    group.bench_function("opened by the initiator", |b| {
        let (_, far) = net.lay();
        let make = |net: &mut Net| {
            let cell = net.say(HOPS, far, &mut Vec::new());
            net.along(&[4, 3, 2, 1], cell)
        };
        b.iter_custom(|count| timed(count, &mut net, make, |net, cell, out| drop(net.pass(1, 0, cell, out))));
    });
    group.finish();
}

/// Set-ups at the initiator and at one relay.
fn set_ups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a set-up over 3 relays");
    group.throughput(Throughput::Elements(1));
    let mut net = Net::new();
    group.bench_function("made by the initiator", |b| {
        b.iter_custom(|count| timed(count, &mut net, |_| (), |net, (), _| drop(black_box(net.open()))));
    });
    group.bench_function("passed on by a relay", |b| {
        b.iter_custom(|count| {
            timed(count, &mut net, |net| net.open().1, |net, cell, out| drop(net.pass(0, 1, cell, out)))
        });
    });
    group.bench_function("passed on by a relay, and its keys", |b| {
        b.iter_custom(|count| {
            let make = |net: &mut Net| {
                // What was passed on before and not settled is not this one's.
                net.settle(1);
                net.open().1
            };
            timed(count, &mut net, make, |net, cell, out| {
                drop(net.pass(0, 1, cell, out));
                net.settle(1);
            })
        });
    });
    group.bench_function("answered by a relay", |b| {
        b.iter_custom(|count| {
            let make = |net: &mut Net| {
                let cell = net.open().1;
                net.along(&[0, 1, 2, 3, 4, 3, 2], cell)
            };
            timed(count, &mut net, make, |net, cell, out| drop(net.pass(2, 1, cell, out)))
        });
    });
    group.bench_function("answer read by the initiator", |b| {
        b.iter_custom(|count| {
            let make = |net: &mut Net| {
                let cell = net.open().1;
                net.along(&[0, 1, 2, 3, 4, 3, 2, 1], cell)
            };
            timed(count, &mut net, make, |net, cell, out| drop(net.pass(1, 0, cell, out)))
        });
    });
    group.finish();
}

/// A packet of Nym's Sphinx with about the payload of a cell: what each cell would cost without circuits.
fn sphinx(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a Sphinx packet over 3 nodes");
    group.throughput(Throughput::Elements(1));
    let secrets: Vec<PrivateKey> = (1..=3).map(|byte| PrivateKey::from([byte; 32])).collect();
    let node = |(byte, secret)| Node::new(NodeAddressBytes::from_bytes([byte; 32]), PublicKey::from(secret));
    let route: Vec<Node> = (1..).zip(&secrets).map(node).collect();
    let delays = delays::generate_from_average_duration(route.len(), Duration::from_millis(10));
    let destination = Destination::new(DestinationAddressBytes::from_bytes([9; 32]), [4; 16]);
    let builder = SphinxPacketBuilder::new().with_payload_size(MOST);
    let make = || builder.build_packet([7; MOST / 2], &route, &destination, &delays);
    group.bench_function("made", |b| b.iter(|| black_box(make().is_ok())));
    let Ok(packet) = make() else { unreachable!("the message fits") };
    let bytes = packet.to_bytes();
    group.bench_function("unwrapped by a node", |b| {
        let copy = || SphinxPacket::from_bytes(&bytes);
        let process = |packet: Result<SphinxPacket, _>| packet.map(|packet| packet.process(&secrets[0]).is_ok());
        b.iter_batched(copy, process, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, cells, set_ups, sphinx);
criterion_main!(benches);
