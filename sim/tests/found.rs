#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::print_stdout, reason = "a test may fail")]
//! Nodes that were told of nobody, and find each other.

use core::time::Duration;

use grid::config::Config;
use grid::output::Event;
use sim::identity::HostIndex;
use sim::oracle::RosterErrors;
use sim::scenario::Scenario;

const WAIT: Duration = Duration::from_secs(3);
/// Nobody has this address.
const NOBODY: HostIndex = 10_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Hosts that know nobody, and found the grid if they find nobody.
fn strangers(count: usize, seed: u64) -> Scenario {
    let mut scenario = Scenario::new(2, 2, seed).unwrap();
    scenario.network.set_config(Config { found_after: WAIT, ..Config::default() });
    for _ in 0..count {
        scenario.network.add(None).unwrap();
    }
    scenario
}

/// How often each event came that a test asks for.
fn count(scenario: &mut Scenario, of: impl Fn(&Event) -> bool) -> usize {
    scenario.network.told().iter().filter(|told| of(&told.event)).count()
}

fn joined(event: &Event) -> bool {
    matches!(event, Event::Joined { .. })
}

fn is_one_grid(scenario: &mut Scenario, seed: u64) {
    assert_eq!(scenario.roster_errors(), RosterErrors::default(), "seed {seed}");
    let asked = scenario.ask_random_cells(50);
    assert_eq!(asked.succeeded(), 50, "{:?}, seed {seed}", asked.failures);
}

#[test]
fn who_finds_nobody_founds_the_grid_after_a_while() {
    let mut scenario = strangers(1, 1);
    scenario.network.run_for(WAIT - Duration::from_millis(100));
    assert_eq!(count(&mut scenario, joined), 0);
    scenario.network.run_for(seconds(1));
    assert_eq!(count(&mut scenario, joined), 1);
}

/// Whoever is on the network may say what he likes.
#[test]
fn addresses_of_nobody_hold_nothing_up_and_are_not_talked_about() {
    let mut scenario = strangers(1, 2);
    for _ in 0..4 {
        (0..40).for_each(|number| scenario.network.find(0, NOBODY + number));
        scenario.network.run_for(seconds(1));
    }
    assert_eq!(count(&mut scenario, joined), 1);
    assert_eq!(count(&mut scenario, |event| matches!(event, Event::JoinFailed { .. })), 0);
    // Nor do they keep out somebody who is there.
    let other = scenario.network.add(Some(0)).unwrap();
    scenario.network.run_for(seconds(30));
    assert!(scenario.network.hosts()[other].joined);
    is_one_grid(&mut scenario, 2);
}

#[test]
fn several_that_start_at_the_same_moment_and_find_each_other_are_one_grid() {
    for seed in 10..30 {
        let mut scenario = strangers(3, seed);
        for (host, found) in [(0, 1), (1, 0), (2, 0), (0, 2), (1, 2), (2, 1)] {
            scenario.network.find(host, found);
        }
        scenario.network.run_for(seconds(120));
        assert_eq!(count(&mut scenario, joined), 3, "seed {seed}");
        is_one_grid(&mut scenario, seed);
    }
}

/// Datagrams are lost, or the cable comes later.
#[test]
fn two_that_have_founded_the_grid_each_are_one_when_they_find_each_other() {
    for seed in 40..60 {
        let mut scenario = strangers(2, seed);
        scenario.network.run_for(seconds(60));
        assert_eq!(count(&mut scenario, joined), 2, "seed {seed}");
        scenario.network.find(0, 1);
        if seed % 2 == 0 {
            scenario.network.find(1, 0);
        }
        scenario.network.run_for(seconds(60));
        is_one_grid(&mut scenario, seed);
    }
}

/// Two grids that have grown apart meet at their next round.
#[test]
fn two_grids_of_several_nodes_grow_together() {
    for seed in 70..80 {
        let mut scenario = strangers(2, seed);
        scenario.network.run_for(seconds(4));
        for introducer in [0, 1, 0, 1, 0, 1] {
            scenario.network.add(Some(introducer)).unwrap();
            scenario.network.run_for(seconds(1));
        }
        scenario.network.run_for(seconds(60));
        assert_ne!(scenario.roster_errors(), RosterErrors::default(), "seed {seed}");
        scenario.network.find(0, 1);
        scenario.network.run_for(seconds(300));
        is_one_grid(&mut scenario, seed);
    }
}
