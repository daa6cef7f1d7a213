#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Links between nodes of one process, over every transport.

mod net_support;

use std::time::Duration;

use grid::config::Config;
use grid::record::Record;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use net_support::door::Doors;
use net_support::{Node, Setup, mint, mint_in, parameters, record};

async fn pair(listen: &'static str) -> (Node, Node) {
    let grid = parameters(1, 2);
    // It is links that are tried: that a disk is slow under so much is no failure.
    let config = Config { replicate_timeout: Duration::from_secs(25), ..Config::default() };
    let setup = || Setup { listen: vec![listen], config: config.clone(), ..Setup::new(&grid, mint(&grid)) };
    let first = setup().start().await;
    let second = setup().joining(&first).start().await;
    first.linked(1).await;
    second.linked(1).await;
    (first, second)
}

/// A node that tells others another address than the one at which it listens is dialled there, by those who know it from
/// others as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_dialled_where_it_says_that_it_is_reached() {
    let grid = parameters(1, 2);
    let doors = Doors::new(|_, _| Duration::ZERO);
    let start = |number: usize, advertise: Multiaddr, peers: Vec<Multiaddr>| {
        let (grid, doors) = (&grid, &doors);
        async move {
            let setup = Setup { advertise: vec![advertise], peers, ..Setup::new(grid, mint(grid)) };
            let node = setup.start().await;
            doors.arrived(number, tcp_port(&node.address));
            node
        }
    };
    let door: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", doors.open(0).await).parse().unwrap();
    let first = start(0, door.clone(), Vec::new()).await;
    let status = first.status().await;
    assert!(status.advertised[0].to_string().starts_with(&door.to_string()), "{status:?}");
    let second = Setup { peers: vec![first.advertised.clone()], ..Setup::new(&grid, mint(&grid)) }.start().await;
    doors.arrived(1, tcp_port(&second.address));
    second.linked(1).await;
    // Nobody can dial the third, so a link between it and the first is one that it has opened.
    let third = start(2, "/ip4/127.0.0.1/tcp/1".parse().unwrap(), vec![second.address.clone()]).await;
    third.linked(2).await;
    assert!(doors.visits().contains(&(1, 0)) && doors.visits().contains(&(2, 0)), "{:?}", doors.visits());
}

fn tcp_port(address: &Multiaddr) -> u16 {
    let port = |part| if let Protocol::Tcp(port) = part { Some(port) } else { None };
    address.iter().find_map(port).unwrap()
}

async fn links_and_stores(listen: &'static str) {
    let (first, second) = pair(listen).await;
    let record = record(&parameters(1, 2), &[7; 100_000]);
    let put = second.handle.put(record.clone()).await.unwrap();
    assert_eq!(put.nodes, 2, "{put:?}");
    let got = first.handle.get(record.pointer(), 0).await.unwrap();
    assert_eq!(got.record, record);
    second.handle.leave().await;
    first.until("the other has left", |status| status.status.links == 0 && status.status.neighbours == 0).await;
    first.handle.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_and_ipv4() {
    links_and_stores("/ip4/127.0.0.1/tcp/0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_and_ipv6() {
    links_and_stores("/ip6/::1/tcp/0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_quic_and_ipv4() {
    links_and_stores("/ip4/127.0.0.1/udp/0/quic-v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_quic_and_ipv6() {
    links_and_stores("/ip6/::1/udp/0/quic-v1").await;
}

/// Both ends write bulk at the same time: over Yamux that has led to deadlocks (rust-libp2p#5410).
async fn bulk_both_ways(listen: &'static str) {
    let (first, second) = pair(listen).await;
    let grid = parameters(1, 2);
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..60_u8 {
        for (side, node) in [(0, &first), (1, &second)] {
            let handle = node.handle.clone();
            let value: Vec<u8> = std::iter::repeat_n([number, side], 131_072).flatten().collect();
            let record = record(&grid, &value);
            puts.spawn(async move { handle.put(record).await });
        }
    }
    let all = async {
        while let Some(put) = puts.join_next().await {
            assert_eq!(put.unwrap().unwrap().nodes, 2);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("no deadlock");
    assert_eq!((first.status().await.status.records, second.status().await.status.records), (120, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_both_ways_over_tcp() {
    bulk_both_ways("/ip4/127.0.0.1/tcp/0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_both_ways_over_quic() {
    bulk_both_ways("/ip4/127.0.0.1/udp/0/quic-v1").await;
}

/// Three nodes that hear of each other at the same moment dial each other at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_dials_leave_one_link() {
    let grid = parameters(1, 2);
    let first = Setup::new(&grid, mint(&grid)).start().await;
    let others = [Setup::new(&grid, mint(&grid)).joining(&first), Setup::new(&grid, mint(&grid)).joining(&first)];
    let [second, third] = others.map(|setup| tokio::spawn(setup.start()));
    let (second, third) = (second.await.unwrap(), third.await.unwrap());
    for node in [&first, &second, &third] {
        node.linked(2).await;
    }
    // Nothing flaps: the links of five seconds later are the same ones.
    let mut events = first.handle.events();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(events.try_recv().is_err(), "no link came or went");
    for node in [&first, &second, &third] {
        assert_eq!(node.status().await.counters.connections, 2, "surplus connections are closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_identity_on_two_machines_the_newer_credential_counts() {
    let grid = parameters(1, 2);
    let first = Setup::new(&grid, mint(&grid)).start().await;
    let identity = mint(&grid);
    let old = Setup::new(&grid, identity.clone()).joining(&first).start().await;
    first.linked(1).await;
    // Credentials count seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let new = Setup::new(&grid, identity).joining(&first).start().await;
    new.linked(1).await;
    old.until("the older one is cut", |status| status.status.links == 0).await;
    let peers = first.handle.peers().await.unwrap();
    assert!(peers.iter().any(|peer| peer.id == new.id && peer.linked), "{peers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_comes_back_without_an_introducer() {
    let grid = parameters(1, 2);
    let first = Setup::new(&grid, mint(&grid)).start().await;
    let identity = mint(&grid);
    let second = Setup::new(&grid, identity.clone()).joining(&first).start().await;
    second.linked(1).await;
    let record = record(&grid, b"kept over a restart");
    second.handle.put(record.clone()).await.unwrap();
    second.handle.leave().await;
    first.until("it has left", |status| status.status.links == 0).await;
    let again = Setup::new(&grid, identity).start_in(second.folder).await;
    again.linked(1).await;
    assert_eq!(again.status().await.status.records, 1);
    assert_eq!(again.handle.get(record.pointer(), 0).await.unwrap().record, record);
}

/// More records than one comparison can name, the largest as large as the grid allows.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_cell_gets_its_records() {
    let grid = parameters(1, 2);
    let first = Setup::new(&grid, mint_in(&grid, &[0])).start().await;
    let mut records: Vec<Record> = (0..1500_u32).map(|number| record(&grid, &number.to_be_bytes())).collect();
    records.push(record(&grid, &vec![7; grid.max_record_bytes as usize]));
    for record in &records {
        first.handle.put(record.clone()).await.unwrap();
    }
    let second = Setup::new(&grid, mint_in(&grid, &[0])).joining(&first).start().await;
    let all = records.len();
    second.until("it has what its cell has", |status| status.status.records == all).await;
    first.handle.leave().await;
    for record in records.iter().rev().take(100) {
        let got = second.handle.get(record.pointer(), 0).await.unwrap();
        assert_eq!((got.hops, &got.record), (0, record));
    }
}

/// The last node of its cell leaves, and of the cells that should have its records one is vacant.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_cell_empty_hands_its_records_over() {
    let grid = parameters(1, 5);
    let first = Setup::new(&grid, mint_in(&grid, &[0])).start().await;
    let mut others = Vec::new();
    for cell in 1..4 {
        others.push(Setup::new(&grid, mint_in(&grid, &[cell])).joining(&first).start().await);
    }
    for node in others.iter().chain([&first]) {
        node.linked(3).await;
    }
    for number in 0..40_u32 {
        others[0].handle.put(record(&grid, &number.to_be_bytes())).await.unwrap();
    }
    let held = first.status().await.status.records;
    assert!(held >= 10, "{held}");
    let begun = std::time::Instant::now();
    first.handle.leave().await;
    let took = begun.elapsed();
    println!("handed {held} records over in {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    for node in &others {
        assert_eq!(node.status().await.status.records, 40, "each cell that is left has everything");
    }
}
