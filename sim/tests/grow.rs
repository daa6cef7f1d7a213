#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]
//! The network of 20,000 in small, and what a part of it answers when the rest vanishes.

use core::time::Duration;

use sim::oracle::{self, RosterErrors};
use sim::scenario::{Growth, Loss, Scenario};

const GROWTH: Growth =
    Growth { nodes: 320, every: Duration::from_millis(50), introducers: 8, settle: Duration::from_secs(60) };

fn grown(seed: u64) -> Scenario {
    let mut scenario = Scenario::new(2, 8, seed).unwrap();
    let mut counts = Vec::new();
    let grown = scenario.grow_as(&GROWTH, |count| counts.push(count)).unwrap();
    assert!(counts.into_iter().eq(1..=320));
    assert_eq!(grown.times.len(), 320);
    assert!(grown.percentile(95).unwrap() < 10_000.0, "{grown:?}");
    scenario
}

#[test]
fn a_network_grows_through_several_and_answers_in_as_many_hops_as_geometry_says() {
    let mut scenario = grown(1);
    assert_eq!(scenario.roster_errors(), RosterErrors::default());
    let Loss { before, after } = scenario.lose(0.3, 2000);
    assert_eq!(before.outcome.succeeded(), 2000);
    // d(1 - 1/g) = 1.75, and each coordinate is right already with chance 1/8: four standard deviations.
    let error = (2.0 * (1.0 / 8.0) * (7.0 / 8.0) / 2000.0_f64).sqrt();
    assert!((before.outcome.mean_hops() - 1.75).abs() < 4.0 * error, "{:?}", before.outcome);
    assert_eq!((before.cells.len(), after.cells.len()), (320, 224));
    assert!(after.outcome.success() >= 0.995, "{:?}", after.outcome);
    oracle::invariant_contacts_reach_neighbours_only(&scenario.network).unwrap();
}

#[test]
fn growth_is_decided_by_the_seed() {
    let traces = [1, 1, 2].map(|seed| grown(seed).network.trace().value());
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}
