#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Leaves: nodes that ask and do nothing for others, and what becomes of them when they grow.

use core::time::Duration;
use std::collections::BTreeSet;

use grid::config::Config;
use grid::id::NodeId;
use grid::input::Command;
use grid::level::Level;
use grid::output::Event;
use sim::identity::HostIndex;
use sim::network::Network;
use sim::oracle::{self, RosterErrors};
use sim::scenario::Scenario;

const DIMS: usize = 2;
const NODES: usize = 64;

/// 64 nodes on 4 x 4 cells, then so many leaves, all settled.
fn with_leaves(leaves: usize, config: Config, seed: u64) -> (Scenario, Vec<HostIndex>) {
    let mut scenario = Scenario::new(2, 4, seed).unwrap();
    scenario.grow(NODES, Duration::from_millis(300)).unwrap();
    scenario.network.run_for(Duration::from_secs(60));
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "before the leaves come");
    scenario.network.set_config(Config { level: Level::Leaf, ..config });
    let begin = scenario.network.hosts().len();
    for number in 0..leaves {
        scenario.network.add(Some(number % NODES)).unwrap();
        scenario.network.run_for(Duration::from_millis(100));
    }
    scenario.network.run_for(Duration::from_secs(20));
    (scenario, (begin..begin + leaves).collect())
}

/// Whom a host has open links to, and in how many directions.
fn links(network: &Network, host: HostIndex) -> (usize, usize) {
    let home = network.book().cell(host);
    let linked: Vec<_> = network.hosts()[host].overlay.peers().into_iter().filter(|peer| peer.linked).collect();
    let axes: BTreeSet<_> = linked.iter().map(|peer| home.shared_line(&peer.cell)).collect();
    (linked.len(), axes.len())
}

/// Asks cells in turn from one host after the other; how many were answered, and by how many hops at most.
fn ask(network: &mut Network, hosts: &[HostIndex], count: usize) -> (usize, u8) {
    let cells: Vec<_> = oracle::occupied_cells(network).into_iter().collect();
    let tickets: BTreeSet<_> = (0..count)
        .map(|number| {
            let ticket = network.ticket();
            let command = Command::Echo { ticket, target: cells[number % cells.len()] };
            network.command(hosts[number % hosts.len()], command);
            network.run_for(Duration::from_millis(5));
            ticket
        })
        .collect();
    network.run_for(Duration::from_secs(30));
    let told = network.take_told().into_iter().filter_map(|told| match told.event {
        Event::EchoDone { ticket, outcome: Ok(report) } if tickets.contains(&ticket) => Some(report.hops),
        _ => None,
    });
    let hops: Vec<u8> = told.collect();
    (hops.len(), hops.iter().copied().max().unwrap_or_default())
}

#[test]
fn a_leaf_has_a_link_for_each_axis_and_is_in_no_roster() {
    let (mut scenario, leaves) = with_leaves(32, Config::default(), 1);
    let network = &scenario.network;
    assert!(leaves.iter().all(|&leaf| network.hosts()[leaf].overlay.status().joined));
    assert!(leaves.iter().all(|&leaf| links(network, leaf) == (DIMS, DIMS)));
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "as if no leaf were there");
    let names: BTreeSet<NodeId> = leaves.iter().map(|&leaf| network.book().id(leaf)).collect();
    let hosted: usize = (0..NODES).map(|host| network.hosts()[host].overlay.status().leaves).sum();
    assert_eq!(hosted, DIMS * leaves.len());
    for host in 0..NODES {
        let peers = network.hosts()[host].overlay.peers();
        assert!(peers.iter().all(|peer| names.contains(&peer.id) == peer.leaf && !(peer.leaf && peer.neighbour)));
    }
    oracle::invariant_contacts_reach_neighbours_only(network).unwrap();
    oracle::invariant_links_are_symmetric(network).unwrap();
    // What the others ask and put goes as if the leaves were not there.
    let before: Vec<u64> = leaves.iter().map(|&leaf| scenario.network.traffic().of_host(leaf).messages).collect();
    let normal: Vec<HostIndex> = (0..NODES).collect();
    let begun = scenario.network.now();
    assert_eq!(ask(&mut scenario.network, &normal, 2000), (2000, 2));
    let (seconds, network) = (scenario.network.now().since(begun).as_secs(), &scenario.network);
    // Its own pings, and what these are answered: four messages in two seconds at most.
    for (place, &leaf) in leaves.iter().enumerate() {
        let messages = network.traffic().of_host(leaf).messages - before[place];
        assert!(messages <= 2 * seconds + 4, "{messages} in {seconds} s, though it asked nothing");
        assert_eq!(network.hosts()[leaf].overlay.status().records, 0);
    }
}

#[test]
fn leaves_ask_and_put_like_others_by_one_hop_more() {
    let (mut scenario, leaves) = with_leaves(16, Config::default(), 2);
    let (answered, most) = ask(&mut scenario.network, &leaves, 1000);
    assert_eq!(answered, 1000);
    assert!(usize::from(most) <= DIMS + 1, "{most} hops");
    // Records that anybody puts, leaves among them, are found by anybody, and no leaf keeps one.
    let (pointers, outcome) = scenario.put_records(200);
    assert_eq!(outcome.succeeded(), 200, "{outcome:?}");
    let found = scenario.get_records(&pointers);
    assert_eq!(found.succeeded(), 200, "{found:?}");
    assert!(leaves.iter().all(|&leaf| scenario.network.hosts()[leaf].disk.records.is_empty()));
    oracle::invariant_records_are_where_they_belong(&scenario.network).unwrap();
}

#[test]
fn a_leaf_that_loses_a_host_finds_another() {
    let (mut scenario, leaves) = with_leaves(8, Config::default(), 3);
    let network = &mut scenario.network;
    // One of the two hosts of each is killed, or vanishes.
    for (number, &leaf) in leaves.iter().enumerate() {
        let peers = network.hosts()[leaf].overlay.peers();
        let host = peers.iter().find(|peer| peer.linked).map(|peer| network.book().host(peer.id));
        match host {
            Some(host) if number % 2 == 0 => network.kill(host),
            Some(host) => network.silence(host),
            None => {}
        }
    }
    network.run_for(Duration::from_secs(120));
    assert!(leaves.iter().all(|&leaf| links(network, leaf) == (DIMS, DIMS)));
    let (answered, _) = ask(network, &leaves, 500);
    assert_eq!(answered, 500);
    // It comes back without an introducer, by the hosts that it remembers.
    let leaf = leaves[0];
    network.kill(leaf);
    network.run_for(Duration::from_secs(30));
    network.restart(leaf, None).unwrap();
    network.run_for(Duration::from_secs(30));
    assert_eq!(links(network, leaf), (DIMS, DIMS));
    assert_eq!(ask(network, &[leaf], 100).0, 100);
}

#[test]
fn a_leaf_that_is_left_to_it_becomes_a_node_like_any_other() {
    let config = Config { grow_after: Some(Duration::from_secs(60)), ..Config::default() };
    let (mut scenario, leaves) = with_leaves(32, config, 4);
    assert_eq!(scenario.roster_errors(), RosterErrors::default());
    scenario.network.run_for(Duration::from_secs(120));
    let network = &scenario.network;
    assert!(leaves.iter().all(|&leaf| network.hosts()[leaf].overlay.level() == Level::Normal));
    assert!((0..NODES).all(|host| network.hosts()[host].overlay.status().leaves == 0));
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "they are in all rosters, and have theirs");
    oracle::invariant_contacts_reach_neighbours_only(&scenario.network).unwrap();
    let all: Vec<HostIndex> = (0..NODES + leaves.len()).collect();
    assert_eq!(ask(&mut scenario.network, &all, 1000), (1000, 2));
    let told = scenario.network.hosts()[leaves[0]].overlay.status();
    assert!(told.neighbours > DIMS, "{told:?}");
}

/// Nodes in these cells of a grid of so many coordinates a side, one after the other, and then a leaf that is introduced by one of
/// them.
fn leaf_among(
    side: u16,
    cells: &[[u16; 2]],
    home: [u16; 2],
    introducer: HostIndex,
    seed: u64,
) -> (Scenario, HostIndex) {
    let mut scenario = Scenario::new(2, side, seed).unwrap();
    let cell = |scenario: &Scenario, place: [u16; 2]| scenario.network.shape().cell(&place).unwrap();
    for (number, &place) in cells.iter().enumerate() {
        let place = cell(&scenario, place);
        scenario.network.add_in(place, (number > 0).then_some(0)).unwrap();
        scenario.network.run_for(Duration::from_secs(20));
    }
    scenario.network.set_config(Config { level: Level::Leaf, ..Config::default() });
    let place = cell(&scenario, home);
    let leaf = scenario.network.add_in(place, Some(introducer)).unwrap();
    (scenario, leaf)
}

/// A leaf has joined through whomever it came, has so many hosts, and is answered within so many hops. Returns through how many
/// it had fewer hosts.
fn is_let_in(side: u16, cells: &[[u16; 2]], home: [u16; 2], hosts: usize, seed: u64) -> usize {
    let mut fewer = 0;
    for introducer in 0..cells.len() {
        let (mut scenario, leaf) = leaf_among(side, cells, home, introducer, seed);
        scenario.network.run_for(Duration::from_secs(300));
        let told = format!("a leaf in {home:?} through {introducer} of {cells:?}, seed {seed}");
        assert!(scenario.network.hosts()[leaf].overlay.status().joined, "{told}");
        let links = links(&scenario.network, leaf).0;
        assert!((1..=hosts).contains(&links), "{told}: {links} links");
        fewer += usize::from(links < hosts);
        let told_by = (0..cells.len()).map(|host| scenario.network.hosts()[host].overlay.status().leaves);
        assert_eq!(told_by.sum::<usize>(), links, "{told}");
        let (answered, most) = ask(&mut scenario.network, &[leaf], 20);
        assert_eq!(answered, 20, "{told}");
        // A sparse grid leads around, and the first hop may lead no nearer.
        assert!(usize::from(most) <= DIMS + 3, "{told}: {most} hops");
    }
    fewer
}

#[test]
fn where_nobody_is_on_its_lines_a_stranger_or_one_of_its_cell_lets_a_leaf_in() {
    // Wherever three nodes lie on 2 x 2 cells: on both lines of the leaf, on one, on none. Where the way from one line to the other
    // is longer than a join may go, it has one host.
    let mut fewer = 0;
    for place in 0..64_u16 {
        let cells = [place % 4, place / 4 % 4, place / 16].map(|cell| [cell % 2, cell / 2]);
        let beside = |axis: usize| cells.iter().any(|cell| cell[axis] == 1 && cell[1 - axis] == 0);
        let hosts = (usize::from(beside(0)) + usize::from(beside(1))).max(1);
        fewer += is_let_in(2, &cells, [0, 0], hosts, u64::from(place));
    }
    assert!(fewer <= 6, "{fewer} of 192");
    // Others answer for the vacant cells of its lines, and none of them may welcome it.
    for seed in 0..8 {
        assert_eq!(is_let_in(8, &[[0, 0], [1, 0]], [5, 5], 1, seed), 0);
        assert_eq!(is_let_in(8, &[[0, 0], [1, 0], [0, 1], [1, 1], [2, 2], [3, 2], [2, 0]], [5, 5], 1, seed), 0);
    }
}

#[test]
fn a_leaf_that_hangs_on_a_stranger_takes_a_host_as_soon_as_there_is_one() {
    for own in [[1, 1], [5, 5]] {
        let (mut scenario, leaf) = leaf_among(8, &[[0, 0], [1, 0], [0, 1], own], [5, 5], 3, 6);
        scenario.network.run_for(Duration::from_secs(30));
        assert_eq!(scenario.network.hosts()[3].overlay.status().leaves, 1);
        scenario.network.set_config(Config::default());
        let cells = [[5, 1], [1, 5]].map(|place| scenario.network.shape().cell(&place).unwrap());
        for cell in cells {
            scenario.network.add_in(cell, Some(0)).unwrap();
        }
        scenario.network.run_for(Duration::from_secs(900));
        assert_eq!(links(&scenario.network, leaf), (DIMS, DIMS), "one on each line, and nobody else any more");
        assert_eq!(scenario.network.hosts()[3].overlay.status().leaves, 0);
        assert_eq!(ask(&mut scenario.network, &[leaf], 100).0, 100);
    }
}
