#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Cells that are none of a tunnel: they end nothing but what they are of, and others do not notice.

mod net_support;

use std::time::Duration;

use futures::AsyncWriteExt;
use net_support::attacker::{Attacker, is_cut, others_do_not_notice, victim};
use node::tunnels::{Counts, Tunnels};
use node::wire::piece::append_cell;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tunnel::cell::{CELL, Cell, CircuitId, SET_UP};

/// Waits until the figures are as wanted.
async fn counted(tunnels: &Tunnels, what: &str, wanted: impl Fn(&Counts) -> bool) -> Counts {
    let mut last = Counts::default();
    for _ in 0..400 {
        last = tunnels.status().await.unwrap().counts;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: {last:?}")
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_in_cells_is_counted_and_does_no_harm() {
    let (victim, honest) = victim().await;
    let tunnels =
        Tunnels::start(victim.handle.clone(), victim.folder.path().to_owned(), node::tunnels::ExitPolicy::default())
            .unwrap();
    assert!(
        Tunnels::start(victim.handle.clone(), victim.folder.path().to_owned(), node::tunnels::ExitPolicy::default())
            .is_err(),
        "a node has its tunnels once"
    );
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    let mut rng = StdRng::seed_from_u64(7);
    let circuit = |number| CircuitId::opened(number).unwrap();
    let mut units = Vec::new();
    for number in 1..=2000 {
        let (mut bytes, mut set_up) = (Box::new([0; CELL]), [0; SET_UP]);
        rng.fill(&mut bytes[..]);
        rng.fill(&mut set_up[..]);
        append_cell(&mut units, &Cell::from_bytes(bytes));
        append_cell(&mut units, &Cell::set_up(circuit(number), &set_up));
        append_cell(&mut units, &Cell::destroy(circuit(number)));
        append_cell(&mut units, &Cell::cover());
        // Id 0 with a kind that does not exist.
        let mut unknown = Box::new([0; CELL]);
        unknown[2] = 9;
        append_cell(&mut units, &Cell::from_bytes(unknown));
    }
    stream.write_all(&units).await.unwrap();
    stream.flush().await.unwrap();
    let counts =
        counted(&tunnels, "all cells are seen", |counts| counts.cover >= 2000 && counts.malformed >= 2000).await;
    assert!(counts.unknown + counts.withdrawn >= 3900, "random ids and ended circuits name nothing: {counts:?}");
    let refused = counts.unreadable + counts.no_room + counts.withdrawn;
    assert_eq!(refused, 2000, "no set-up opens, and most are not tried: {counts:?}");
    assert!(counts.unreadable < 500, "what a neighbour may cost us is bounded: {counts:?}");
    assert_eq!((counts.set_ups, tunnels.status().await.unwrap().circuits), (0, 0));
    others_do_not_notice(&victim, &honest).await;
    assert!(!is_cut(stream, Duration::from_secs(1)).await, "cells of circuits that have just ended are no offence");
}

/// Nobody has to relay: without tunnels cells are dropped, and the link goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_tunnels_drops_cells() {
    let (victim, honest) = victim().await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    let mut units = Vec::new();
    (0..20_000).for_each(|_| append_cell(&mut units, &Cell::cover()));
    stream.write_all(&units).await.unwrap();
    others_do_not_notice(&victim, &honest).await;
    assert!(!is_cut(stream, Duration::from_secs(1)).await);
}
