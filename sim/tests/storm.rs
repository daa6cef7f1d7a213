#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]
//! A crowd that knows a single node comes all at once: all get in, and that node carries a bounded load meanwhile.

use core::time::Duration;

use grid::config::Config;
use sim::oracle::{self, RosterErrors};
use sim::scenario::{Scenario, Storm, Stormed};

const SECOND: Duration = Duration::from_secs(1);
/// Nodes that are there before.
const ESTABLISHED: usize = 32;
const NEWCOMERS: usize = 300;
/// Strangers that a node lets in at a time: far fewer than come.
const GUESTS: usize = 32;
/// Welcomes that a node seals at a time.
const WELCOMES: usize = 64;

/// A small network that few newcomers at a time get into.
fn established(dims: u8, side: u16, seed: u64) -> (Scenario, Config) {
    let config = Config { max_guests: GUESTS, ..Config::default() };
    let mut scenario = Scenario::new(dims, side, seed).unwrap();
    scenario.network.set_config(config.clone());
    scenario.grow(ESTABLISHED, SECOND / 2).unwrap();
    scenario.network.run_for(SECOND * 120);
    (scenario, config)
}

/// All have come in by then, and what the introducer had in hand was bounded.
fn all_is_well(scenario: &mut Scenario, config: &Config, stormed: &Stormed, last: Duration) {
    println!("{:?} failed; the introducer had {:?} at most", stormed.joins.failed_tries, stormed.most);
    println!("half in after {:?} ms, all after {:?} ms", stormed.joins.percentile(50), stormed.joins.percentile(100));
    assert_eq!(stormed.joins.within(last), NEWCOMERS, "{:?}", stormed.joins.percentile(100));
    let most = stormed.most;
    assert!(most.guests <= config.max_guests && most.bridges <= config.max_guests / 2, "{most:?}");
    assert!(most.queued <= config.work_queue.entries && most.under_way <= config.max_forwarding, "{most:?}");
    assert!(most.sealing <= WELCOMES, "{most:?}");
    let neighbours = scenario.network.hosts()[0].overlay.status().neighbours;
    assert!(most.links <= neighbours + config.max_guests + config.max_guests / 2, "{neighbours} neighbours, {most:?}");
    // It was a storm: many were sent away, and came again.
    assert!(stormed.joins.tries() >= NEWCOMERS / 2, "{:?}", stormed.joins.failed_tries);
    scenario.network.run_for(SECOND * 120);
    assert_eq!(scenario.roster_errors(), RosterErrors::default());
    let asked = scenario.ask_random_cells(500);
    assert_eq!(asked.succeeded(), 500, "{asked:?}");
    oracle::invariant_contacts_reach_neighbours_only(&scenario.network).unwrap();
}

#[test]
fn a_crowd_gets_in_through_one_node_where_many_need_a_bridge() {
    for seed in 1..=3 {
        // Less than a node a cell, and a sixteenth of one before: most newcomers know too few neighbours for a while.
        let (mut scenario, config) = established(3, 8, seed);
        let storm = Storm { newcomers: NEWCOMERS, within: SECOND, service: Duration::ZERO, patience: SECOND * 600 };
        let stormed = scenario.storm(&storm).unwrap();
        all_is_well(&mut scenario, &config, &stormed, SECOND * 90);
    }
}

#[test]
fn a_crowd_gets_in_through_one_node_that_is_slow() {
    let (mut scenario, config) = established(2, 16, 1);
    // A hundred requests a second, and each newcomer has three.
    let storm = Storm { newcomers: NEWCOMERS, within: SECOND, service: SECOND / 100, patience: SECOND * 600 };
    let stormed = scenario.storm(&storm).unwrap();
    assert!(stormed.most.queued > 0);
    all_is_well(&mut scenario, &config, &stormed, SECOND * 120);
}

#[test]
fn a_storm_is_decided_by_its_seed() {
    let trace = |seed| {
        let mut scenario = Scenario::new(2, 8, seed).unwrap();
        scenario.grow(8, SECOND / 2).unwrap();
        let storm = Storm { newcomers: 60, within: SECOND, service: SECOND / 1000, patience: SECOND * 60 };
        let stormed = scenario.storm(&storm).unwrap();
        assert_eq!(stormed.joins.times.len(), 60);
        (scenario.network.trace().value(), stormed)
    };
    let traces = [1, 1, 2].map(trace);
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0].0, traces[2].0);
}
