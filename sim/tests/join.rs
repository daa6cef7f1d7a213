#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::print_stdout, reason = "a test may fail")]
//! The network of the plan: 2,000 nodes join one after another through a single introducer, and lose a third.

use core::time::Duration;

use sim::oracle::{self, RosterErrors};
use sim::scenario::Scenario;

const SEED: u64 = 2003;

#[test]
fn two_thousand_nodes_join_lose_a_third_and_repair() {
    let mut scenario = Scenario::new(3, 8, SEED).unwrap();
    scenario.grow(2000, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(Duration::from_secs(120));
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "seed {SEED}");

    let (keys, puts) = scenario.put_records(1000);
    assert_eq!(keys.len(), 1000, "{:?}, seed {SEED}", puts.failures);
    assert_eq!(puts.by_hops, [(3, 1000)].into(), "cells by put, seed {SEED}");
    let requests = scenario.ask_random_cells(10_000);
    assert_eq!((requests.succeeded(), requests.most_hops()), (10_000, 3), "{:?}, seed {SEED}", requests.failures);

    assert_eq!(scenario.silence_share(0.3).len(), 600);
    // One record in some ten thousand lies on so few nodes that all of them may vanish at once.
    let kept = keys.iter().filter(|pointer| oracle::holders(&scenario.network, &pointer.key()) > 0).count();
    assert!(kept >= 998, "{kept} of 1000 records are left, seed {SEED}");
    let (gets, requests) = (scenario.begin_getting(&keys), scenario.begin_asking(10_000));
    let (gets, requests) = (scenario.finish(gets), scenario.finish(requests));
    assert!(requests.success() >= 0.99, "{:?}, seed {SEED}", requests.failures);
    assert!(gets.succeeded() + 1 >= kept, "{:?}, seed {SEED}", gets.failures);

    scenario.network.run_for(Duration::from_secs(240));
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "after repair, seed {SEED}");
    let (gets, requests) = (scenario.get_records(&keys), scenario.ask_random_cells(10_000));
    let failures = (&gets.failures, &requests.failures);
    assert_eq!((gets.succeeded(), requests.succeeded()), (kept, 10_000), "{failures:?}, seed {SEED}");

    oracle::invariant_contacts_reach_neighbours_only(&scenario.network).unwrap();
    oracle::invariant_records_are_where_they_belong(&scenario.network).unwrap();
    println!(
        "{} events; mean hops {:.3}; traffic {:?}",
        scenario.network.happened(),
        requests.mean_hops(),
        scenario.network.traffic().total()
    );
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_another() {
    let trace = |seed| {
        let mut scenario = Scenario::new(2, 6, seed).unwrap();
        scenario.grow(120, Duration::from_millis(200)).unwrap();
        scenario.silence_share(0.2);
        scenario.network.run_for(Duration::from_secs(60));
        (scenario.network.trace(), scenario.network.happened())
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1).0, trace(2).0);
}
