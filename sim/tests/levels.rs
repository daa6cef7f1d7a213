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

/// Nodes in these cells of a grid of 8 x 8, one after the other, and then a leaf in 5, 5 that is introduced by one of them.
fn leaf_among(cells: &[(u16, u16)], introducer: HostIndex, seed: u64) -> (Scenario, HostIndex) {
    let mut scenario = Scenario::new(2, 8, seed).unwrap();
    let cell = |scenario: &Scenario, (a, b)| scenario.network.shape().cell(&[a, b]).unwrap();
    for (number, &place) in cells.iter().enumerate() {
        let place = cell(&scenario, place);
        scenario.network.add_in(place, (number > 0).then_some(0)).unwrap();
        scenario.network.run_for(Duration::from_secs(20));
    }
    scenario.network.set_config(Config { level: Level::Leaf, ..Config::default() });
    let place = cell(&scenario, (5, 5));
    let leaf = scenario.network.add_in(place, Some(introducer)).unwrap();
    (scenario, leaf)
}

#[test]
fn where_nobody_is_on_its_lines_a_stranger_lets_a_leaf_in() {
    // In the second grid others answer for the vacant cells of the leaf's lines, and none of them may welcome it; in the third
    // there is a host on one of its lines.
    let others: [&[(u16, u16)]; 3] =
        [&[(0, 0), (1, 0)], &[(0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (3, 2), (2, 0)], &[(0, 0), (5, 0), (0, 2)]];
    for (number, cells) in others.into_iter().enumerate() {
        for introducer in 0..cells.len() {
            for seed in 0..8 {
                let (mut scenario, leaf) = leaf_among(cells, introducer, seed);
                scenario.network.run_for(Duration::from_secs(30));
                let told = format!("grid {number}, introducer {introducer}, seed {seed}");
                assert!(scenario.network.hosts()[leaf].overlay.status().joined, "{told}");
                let hosts = (0..cells.len()).map(|host| scenario.network.hosts()[host].overlay.status().leaves);
                assert_eq!(hosts.sum::<usize>(), 1, "{told}");
                let (answered, most) = ask(&mut scenario.network, &[leaf], 50);
                assert_eq!(answered, 50, "{told}");
                assert!(most <= 4, "{told}: {most} hops");
            }
        }
    }
}

#[test]
fn a_leaf_that_hangs_on_a_stranger_takes_a_host_as_soon_as_there_is_one() {
    let (mut scenario, leaf) = leaf_among(&[(0, 0), (1, 0), (0, 1), (1, 1)], 3, 6);
    scenario.network.run_for(Duration::from_secs(30));
    assert_eq!(scenario.network.hosts()[3].overlay.status().leaves, 1);
    scenario.network.set_config(Config::default());
    let cells = [[5, 1], [1, 5]].map(|place| scenario.network.shape().cell(&place).unwrap());
    for cell in cells {
        scenario.network.add_in(cell, Some(0)).unwrap();
    }
    scenario.network.run_for(Duration::from_secs(900));
    assert_eq!(links(&scenario.network, leaf), (DIMS, DIMS), "one on each line, and no stranger any more");
    assert_eq!(scenario.network.hosts()[3].overlay.status().leaves, 0);
    assert_eq!(ask(&mut scenario.network, &[leaf], 100).0, 100);
}
