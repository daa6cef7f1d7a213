//! What is as it is at the moment of the question.

use grid::cell::{Cell, Shape};
use grid::overlay::NeighbourStatus;
use grid::queue::Class;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use std::sync::atomic::AtomicU64;

use super::labels;
use super::process::Process;
use crate::gateway::TrustEntry;
use crate::handle::NodeStatus;
use crate::tunnels::{Counts, TunnelStatus};

type Float = Gauge<f64, AtomicU64>;

/// A node's state, from which gauges are made.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) status: NodeStatus,
    pub(crate) peers: Vec<NeighbourStatus>,
    pub(crate) shape: Shape,
    pub(crate) trust: Vec<TrustEntry>,
    pub(crate) tunnels: TunnelStatus,
    pub(crate) datasets: usize,
    pub(crate) process: Process,
}

/// The gauges of one moment. They are made for each answer, so that nothing is told of what is gone.
pub(super) fn registry(snapshot: &Snapshot) -> Registry {
    let mut registry = Registry::default();
    let ours = registry.sub_registry_with_prefix("rook");
    node(ours, snapshot);
    rosters(ours, snapshot);
    connections(ours, snapshot);
    gateway(ours, snapshot);
    tunnels(ours, &snapshot.tunnels);
    process(registry.sub_registry_with_prefix("process"), &snapshot.process);
    registry
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register_with_unit(name, help, Unit::Bytes, gauge);
}

fn float(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Float::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn by_class(registry: &mut Registry, name: &str, help: &str, unit: Option<Unit>, values: [usize; 3]) {
    let family = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for class in Class::ALL {
        let value = i64::try_from(values[class.index()]).unwrap_or(i64::MAX);
        family.get_or_create(&[("class", labels::class(class))]).set(value);
    }
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, family),
        None => registry.register(name, help, family),
    }
}

fn node(registry: &mut Registry, snapshot: &Snapshot) {
    let status = &snapshot.status.status;
    gauge(registry, "joined", "1 if the node has joined its grid, else 0", status.joined.into());
    gauge(registry, "neighbours", "Nodes in the rosters", status.neighbours as u64);
    gauge(registry, "leaves", "Leaves that the node is host to", status.leaves as u64);
    gauge(
        registry,
        "cells_known",
        "Cells of its lines in which it knows somebody, its own included",
        status.cells_known,
    );
    gauge(registry, "cells_vacant", "Cells of its lines in which it knows nobody", status.vacant_cells);
    gauge(registry, "records", "Records that are kept", status.records as u64);
    bytes(registry, "records", "Bytes that they take, about", status.record_bytes);
    bytes(
        registry,
        "records_quota",
        "Bytes that they may take; beyond that those of lowest priority are evicted",
        status.quota,
    );
    by_class(registry, "queue", "Neighbours' requests that wait for their turn, by class", None, status.queued);
    let outbound = snapshot.status.outbound;
    by_class(registry, "link_queue", "Bytes that wait for the links, by class", Some(Unit::Bytes), outbound);
    gauge(registry, "datasets", "Datasets that the node publishes or serves", snapshot.datasets as u64);
}

/// The rosters against what the other lines let expect. Nodes fall into cells at random, `m` to a cell on average, so that
/// a line of `g` cells has `g m` of them, give or take the root of that; `m` is taken from the cells of all other lines.
fn rosters(registry: &mut Registry, snapshot: &Snapshot) {
    let (me, shape) = (snapshot.status.cell, snapshot.shape);
    let cells: Vec<Cell> = snapshot.peers.iter().filter(|peer| peer.neighbour).map(|peer| peer.cell).collect();
    let rosters = Family::<[(&'static str, String); 1], Gauge>::default();
    let expected = Family::<[(&'static str, String); 1], Float>::default();
    for axis in shape.axes() {
        let label = [("axis", axis.index().to_string())];
        let on_line = cells.iter().filter(|&&cell| cell == me || me.shared_line(&cell) == Some(axis)).count() + 1;
        rosters.get_or_create(&label).set(i64::try_from(on_line).unwrap_or(i64::MAX));
        expected.get_or_create(&label).set(mean_elsewhere(shape, me, &cells, Some(axis)) * f64::from(shape.side()));
    }
    registry.register("roster_nodes", "Nodes on each line of the node's cell, itself included, by axis", rosters);
    registry.register(
        "roster_expected_nodes",
        "Nodes that are to be expected on that line, from the mean of the other lines' cells times g",
        expected,
    );
    let mean = mean_elsewhere(shape, me, &cells, None);
    float(
        registry,
        "cell_mean_nodes",
        "m: the mean number of nodes in the cells that this node can see, itself included",
        mean,
    );
}

/// The mean number of nodes in the cells of all lines but one.
fn mean_elsewhere(shape: Shape, me: Cell, cells: &[Cell], but: Option<grid::cell::Axis>) -> f64 {
    let is_elsewhere = |cell: &Cell| *cell == me || but.is_none() || me.shared_line(cell) != but;
    let nodes = cells.iter().filter(|cell| is_elsewhere(cell)).count() + 1;
    let seen = shape.neighbourhood(me).filter(is_elsewhere).count();
    nodes as f64 / seen.max(1) as f64
}

fn connections(registry: &mut Registry, snapshot: &Snapshot) {
    let counters = &snapshot.status.counters;
    gauge(registry, "connections", "Connections open now, those without a link included", counters.connections as u64);
    counter(
        registry,
        "connections_refused",
        "Connections turned away because too many had shown no credential",
        counters.refused_connections,
    );
    counter(
        registry,
        "greetings_failed",
        "Connections cut because their greeting was wrong, late or missing",
        counters.failed_greetings,
    );
    counter(
        registry,
        "links_broken",
        "Links cut because of what came over them, or because the other side did not read on",
        counters.cut_links,
    );
    counter(registry, "cards_refused", "Cards in messages that did not verify", counters.refused_cards);
}

fn gateway(registry: &mut Registry, snapshot: &Snapshot) {
    let trust = &snapshot.trust;
    let sum = |of: fn(&TrustEntry) -> u64| trust.iter().map(of).sum::<u64>();
    gauge(
        registry,
        "checks",
        "Statements of dataset servers that were checked, of all servers that are remembered, over restarts",
        sum(|entry| entry.checks.into()),
    );
    gauge(registry, "lies", "Those of them that were wrong", sum(|entry| entry.mismatches.into()));
    gauge(
        registry,
        "server_timeouts",
        "Questions that dataset servers did not answer",
        sum(|entry| entry.timeouts.into()),
    );
    bytes(
        registry,
        "dataset_received",
        "Bytes that came from dataset servers since the start",
        sum(|entry| entry.bytes),
    );
    let servers = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    let count = |standing: &'static str, of: fn(&TrustEntry) -> bool| {
        let number = trust.iter().filter(|entry| of(entry)).count();
        servers.get_or_create(&[("standing", standing)]).set(i64::try_from(number).unwrap_or(i64::MAX));
    };
    count("shunned", |entry| entry.shunned.is_some());
    count("flagged", |entry| entry.shunned.is_none() && entry.flagged);
    count("fair", |entry| entry.shunned.is_none() && !entry.flagged);
    registry.register(
        "servers",
        "Dataset servers that are remembered, by standing; shunned ones lied and are asked no more",
        servers,
    );
}

/// What it carries for others. Of its own tunnels nothing is told here, where no token is asked for.
fn tunnels(registry: &mut Registry, status: &TunnelStatus) {
    let Counts { outward, homeward, set_ups, unreadable, replayed, stale, no_room, withdrawn, .. } = status.counts;
    gauge(registry, "circuits", "Circuits that begin at, lead over or end at the node", status.circuits as u64);
    let by = |label: &'static str, values: &[(&'static str, u64)]| {
        let family = Family::<[(&'static str, &'static str); 1], Counter>::default();
        values.iter().for_each(|&(word, value)| _ = family.get_or_create(&[(label, word)]).inc_by(value));
        family
    };
    let cells = by("direction", &[("homeward", homeward), ("outward", outward)]);
    registry.register("tunnel_cells", "Cells of others' tunnels that were passed on, by direction", cells);
    let set_ups = by(
        "outcome",
        &[
            ("no_room", no_room),
            ("replayed", replayed),
            ("stale", stale),
            ("taken", set_ups),
            ("unreadable", unreadable),
            ("withdrawn", withdrawn),
        ],
    );
    registry.register(
        "tunnel_set_ups",
        "Set-ups of tunnels that came from neighbours, by outcome; no_room are those of too many",
        set_ups,
    );
}

fn process(registry: &mut Registry, process: &Process) {
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by(process.cpu.as_secs_f64());
    registry.register_with_unit("cpu", "Processor time of the process, user and system", Unit::Seconds, cpu);
    bytes(registry, "resident_memory", "Memory of the process that is really there", process.resident_bytes);
    gauge(registry, "open_fds", "Files and sockets that the process has open", process.open_files);
    gauge(registry, "max_fds", "How many it may have open", process.most_files.unwrap_or(u64::MAX));
    gauge(registry, "threads", "Threads of the process", process.threads);
}
