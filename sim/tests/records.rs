#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Records that last: rewritten, expired, evicted, handed over, and looked after between their cells.

use core::time::Duration;

use grid::cell::{Cell, Shape};
use grid::config::Config;
use grid::id::RecordKey;
use grid::input::Command;
use grid::message::StoreFailure;
use grid::output::{Event, GetReport, PutReport, RequestFailure};
use grid::parameters::Parameters;
use grid::placement::replica_cells;
use grid::record::{Pointer, Record, Rules, Subject, Terms};
use proptest::prelude::*;
use sim::link::Weather;
use sim::network::Network;
use sim::oracle;
use sim::records::{self, BEGINNING};
use sim::scenario::Scenario;

const WRITER: [u8; 32] = [7; 32];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn grown(side: u16, nodes: usize, seed: u64, config: Config) -> Scenario {
    let parameters = Parameters { shape: Shape::new(2, side).unwrap(), ..Parameters::local() };
    let network = Network::new(parameters, config, Weather::default(), seed);
    let mut scenario = Scenario { network, record_bytes: 100 };
    scenario.grow(nodes, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(seconds(60));
    scenario
}

fn rules(scenario: &Scenario) -> Rules {
    *scenario.network.rules()
}

/// What the wall clock shows.
fn now(scenario: &Scenario) -> u64 {
    BEGINNING + scenario.network.now().as_micros() / 1_000_000
}

fn put(scenario: &mut Scenario, host: usize, record: &Record) -> Result<PutReport, RequestFailure> {
    let ticket = scenario.network.ticket();
    scenario.network.command(host, Command::Put { ticket, record: record.clone() });
    scenario.network.run_for(seconds(31));
    let told = scenario.network.take_told().into_iter();
    let mut outcomes = told.filter_map(|told| match told.event {
        Event::PutDone { ticket: done, outcome } if done == ticket => Some(outcome),
        _ => None,
    });
    outcomes.next().unwrap()
}

fn get(scenario: &mut Scenario, host: usize, pointer: &Pointer) -> Result<GetReport, RequestFailure> {
    let ticket = scenario.network.ticket();
    scenario.network.command(host, Command::Get { ticket, pointer: pointer.clone(), chunk: 0 });
    scenario.network.run_for(seconds(31));
    let told = scenario.network.take_told().into_iter();
    let mut outcomes = told.filter_map(|told| match told.event {
        Event::GetDone { ticket: done, outcome } if done == ticket => Some(outcome),
        _ => None,
    });
    outcomes.next().unwrap()
}

fn holders(scenario: &Scenario, key: RecordKey) -> Vec<usize> {
    let network = &scenario.network;
    network.living().into_iter().filter(|&host| network.hosts()[host].disk.records.contains_key(&key)).collect()
}

fn nodes_in(scenario: &Scenario, cell: Cell) -> Vec<usize> {
    let network = &scenario.network;
    network.living().into_iter().filter(|&host| network.book().cell(host) == cell).collect()
}

fn mutable(scenario: &Scenario, interval: u32) -> Pointer {
    records::mutable(WRITER, interval, 1000, &rules(scenario)).unwrap()
}

fn version(scenario: &Scenario, pointer: &Pointer, sequence: u64, value: &[u8]) -> Record {
    records::version(pointer, sequence, now(scenario), value, &rules(scenario)).unwrap()
}

#[test]
fn a_rewrite_is_seen_from_everywhere() {
    let mut scenario = grown(3, 30, 1, Config::default());
    let pointer = mutable(&scenario, 10);
    for sequence in 0..5 {
        let record = version(&scenario, &pointer, sequence, &[u8::try_from(sequence).unwrap(); 50]);
        assert_eq!(put(&mut scenario, 3, &record).unwrap().cells, 3);
        for host in [0, 11, 29] {
            let found = get(&mut scenario, host, &pointer).unwrap();
            assert_eq!(found.record, record);
            assert!(found.cells >= 2, "a quorum was heard");
        }
    }
}

#[test]
fn what_a_cell_does_not_keep_is_said_and_why() {
    let mut scenario = grown(3, 30, 2, Config::default());
    let pointer = mutable(&scenario, 1000);
    let refused = |failure| Err(RequestFailure::Refused(failure));
    let first = version(&scenario, &pointer, 0, b"first");
    put(&mut scenario, 3, &first).unwrap();
    let later = records::version(&pointer, 3, now(&scenario) + 5000, b"later", &rules(&scenario)).unwrap();
    assert_eq!(put(&mut scenario, 4, &later), refused(StoreFailure::Future));

    let early = version(&scenario, &pointer, 1, b"early");
    let failure = put(&mut scenario, 4, &early).unwrap_err();
    let RequestFailure::Refused(StoreFailure::TooEarly { seconds: wait }) = failure else { panic!("{failure}") };
    assert!((900..=1000).contains(&wait), "{wait}");
    scenario.network.run_for(seconds(1000));
    let second = version(&scenario, &pointer, 1, b"second");
    put(&mut scenario, 4, &second).unwrap();
    assert_eq!(put(&mut scenario, 5, &first), refused(StoreFailure::Superseded { sequence: 1 }));
    assert_eq!(put(&mut scenario, 5, &second).unwrap().cells, 3, "the same once more is no fault");

    let terms = records::terms(Subject::Mutable { writer: WRITER, interval: 9 }, 10);
    let yesterday = Terms { from: grid::time::Day::of_unix(BEGINNING - 3 * 86_400), days: 1, ..terms };
    let old = records::pay(yesterday, 0, &rules(&scenario)).unwrap();
    let old = version(&scenario, &old, 0, b"old");
    assert_eq!(put(&mut scenario, 6, &old), refused(StoreFailure::Expired));
}

#[test]
fn a_writer_that_equivocates_is_shown_with_both_values() {
    let mut scenario = grown(3, 30, 3, Config::default());
    let pointer = mutable(&scenario, 10);
    let (one, other) = (version(&scenario, &pointer, 0, b"one"), version(&scenario, &pointer, 0, b"other"));
    put(&mut scenario, 3, &one).unwrap();
    assert_eq!(put(&mut scenario, 20, &other), Err(RequestFailure::Refused(StoreFailure::Equivocation)));
    scenario.network.run_for(seconds(120));
    let hash = |record: &Record| record.version().unwrap().head.hash;
    for host in [0, 9, 25] {
        let found = get(&mut scenario, host, &pointer).unwrap().record;
        let told = found.version().unwrap().twin.unwrap().hash;
        let mut both = [hash(&found), told];
        both.sort_unstable();
        let mut expected = [hash(&one), hash(&other)];
        expected.sort_unstable();
        assert_eq!(both, expected, "the proof is complete");
    }
    // The writer goes on, and its fault is behind it: a later version stands for itself.
    let next = version(&scenario, &pointer, 1, b"next");
    put(&mut scenario, 7, &next).unwrap();
    assert_eq!(get(&mut scenario, 1, &pointer).unwrap().record, next);
}

/// One cell has a version that no quorum has, since its put failed: once somebody has read it, nobody reads an earlier.
#[test]
fn a_version_that_was_read_stays_read() {
    let quiet = Config { audit_every: seconds(86_400), reconcile_every: seconds(86_400), ..Config::default() };
    for seed in 0..6 {
        let mut scenario = grown(3, 30, seed, quiet.clone());
        let pointer = mutable(&scenario, 1);
        let first = version(&scenario, &pointer, 0, b"first");
        put(&mut scenario, 3, &first).unwrap();
        let cells = replica_cells(scenario.network.shape(), &pointer.key().routing_key());
        let spoiled: Vec<usize> = cells[1..].iter().flat_map(|&cell| nodes_in(&scenario, cell)).collect();
        spoiled.iter().for_each(|&host| scenario.network.set_disk_full(host, true));
        let second = version(&scenario, &pointer, 1, b"second");
        let failure = put(&mut scenario, 4, &second).unwrap_err();
        assert!(matches!(failure, RequestFailure::TooFewCells { stored: 1, .. }), "{failure}");
        spoiled.iter().for_each(|&host| scenario.network.set_disk_full(host, false));
        let mut newest = 0;
        for host in (0..30).step_by(3) {
            let found = get(&mut scenario, host, &pointer).unwrap();
            let sequence = found.record.version().unwrap().head.sequence;
            assert!(sequence >= newest, "seed {seed}: {sequence} after {newest}");
            newest = sequence;
        }
    }
}

#[test]
fn what_has_expired_is_dropped_and_not_given_any_more() {
    let mut scenario = grown(3, 30, 5, Config::default());
    let (pointers, _) = scenario.put_records(5);
    assert_eq!(scenario.get_records(&pointers).succeeded(), 5);
    // The month is over: all nodes' clocks say so.
    for host in scenario.network.living() {
        let unix = now(&scenario) + 33 * 86_400;
        scenario.network.command(host, Command::Clock(unix));
    }
    let failure = get(&mut scenario, 3, &pointers[0]).unwrap_err();
    assert!(matches!(failure, RequestFailure::NotFound { .. }), "{failure}");
    scenario.network.run_for(seconds(700));
    assert!(pointers.iter().all(|pointer| holders(&scenario, pointer.key()).is_empty()));
}

#[test]
fn the_cheapest_goes_when_space_runs_out() {
    let config = Config { quota: 100_000, ..Config::default() };
    let mut scenario = grown(2, 8, 6, config);
    let rules = rules(&scenario);
    let value = |number: u8| [number; 9_000];
    let unpaid: Vec<Record> = (0..3).map(|i| records::immutable(&value(i), -3, &rules).unwrap()).collect();
    let paid: Vec<Record> = (10..34).map(|i| records::immutable(&value(i), 0, &rules).unwrap()).collect();
    for record in unpaid.iter().chain(&paid[..6]) {
        put(&mut scenario, 1, record).unwrap();
    }
    assert!(unpaid.iter().all(|record| !holders(&scenario, record.key()).is_empty()), "there is room for all");
    let mut refused = 0;
    for record in &paid[6..] {
        refused += usize::from(put(&mut scenario, 2, record).is_err());
    }
    // Whatever had to go, it was never something that was paid in full.
    for record in &paid[..6] {
        assert_eq!(scenario.get_records(&[record.pointer().clone()]).succeeded(), 1);
    }
    let left = unpaid.iter().filter(|record| !holders(&scenario, record.key()).is_empty()).count();
    assert!(left < unpaid.len() && refused > 0, "{left} unpaid left, {refused} refused");
    for host in scenario.network.living() {
        let bytes: u64 = scenario.network.hosts()[host].disk.records.values().map(Record::weight).sum();
        assert!(bytes <= 100_000, "{bytes}");
    }
    // Somebody who pays more is let in.
    let urgent = Terms { priority: 4, ..paid[0].pointer().terms().clone() };
    let pointer = records::pay(urgent, 0, &rules).unwrap();
    let record = Record::check(pointer, paid[0].body().clone(), &rules, &records::Books).unwrap();
    put(&mut scenario, 3, &record).unwrap();
}

/// The last node of a cell gives what it has to the cells that will stand in for it.
#[test]
fn the_last_of_a_cell_hands_over_before_it_leaves() {
    let quiet = Config { audit_every: seconds(86_400), ..Config::default() };
    let mut scenario = grown(4, 40, 7, quiet);
    let (pointers, _) = scenario.put_records(60);
    let cells = |scenario: &Scenario, pointer: &Pointer| {
        oracle::cells_that_hold(&scenario.network).get(&pointer.key()).map_or(0, |cells| cells.len())
    };
    let home = replica_cells(scenario.network.shape(), &pointers[0].key().routing_key())[0];
    let residents = nodes_in(&scenario, home);
    for host in residents {
        scenario.network.leave(host);
    }
    assert!(nodes_in(&scenario, home).is_empty());
    for pointer in &pointers {
        assert!(cells(&scenario, pointer) >= 3, "{} cells", cells(&scenario, pointer));
    }
}

/// As [`grown`], with the first seed from `seed` on that leaves no cell vacant: where one is, other cells stand in for it
/// for good.
fn grown_everywhere(side: u16, nodes: usize, seed: u64, config: &Config) -> Scenario {
    let everywhere =
        |scenario: &Scenario| oracle::occupied_cells(&scenario.network).len() == usize::from(side) * usize::from(side);
    let mut scenarios = (seed..seed + 20).map(|seed| grown(side, nodes, seed, config.clone()));
    scenarios.find(everywhere).unwrap()
}

/// A cell whose nodes have all died is settled again: what it should have, it gets from the records' other cells.
#[test]
fn a_cell_that_died_out_is_filled_again() {
    let mut scenario = grown_everywhere(4, 60, 8, &Config::default());
    let (pointers, _) = scenario.put_records(60);
    let shape = scenario.network.shape();
    let is_of =
        |cell: Cell, pointer: &&Pointer| replica_cells(shape, &pointer.key().routing_key())[..3].contains(&cell);
    let home = replica_cells(shape, &pointers[0].key().routing_key())[0];
    for host in nodes_in(&scenario, home) {
        scenario.network.silence(host);
    }
    // The others give to those that stand in.
    scenario.network.run_for(seconds(180));
    let holding = oracle::cells_that_hold(&scenario.network);
    for pointer in pointers.iter().filter(|pointer| is_of(home, pointer)) {
        assert!(holding[&pointer.key()].len() >= 3, "{:?}", holding[&pointer.key()]);
    }
    let introducer = scenario.network.living()[0];
    let newcomer = scenario.network.add_in(home, Some(introducer)).unwrap();
    scenario.network.run_for(seconds(150));
    let disk = &scenario.network.hosts()[newcomer].disk;
    for pointer in pointers.iter().filter(|pointer| is_of(home, pointer)) {
        assert!(disk.records.contains_key(&pointer.key()), "{:?}", pointer.key());
    }
    // And those that stood in need not any more.
    scenario.network.run_for(seconds(300));
    let holding = oracle::cells_that_hold(&scenario.network);
    let exactly_home = |pointer: &Pointer| {
        let cells = &holding[&pointer.key()];
        let homes = &replica_cells(shape, &pointer.key().routing_key())[..3];
        cells.len() == 3 && cells.iter().all(|cell| homes.contains(cell))
    };
    assert!(pointers.iter().all(exactly_home), "{holding:?}");
    assert_eq!(scenario.get_records(&pointers).succeeded(), 60);
    oracle::invariant_records_are_where_they_belong(&scenario.network).unwrap();
}

/// Audits cost little when there is nothing to do, and do not grow with time.
#[test]
fn audits_of_a_healthy_grid_move_no_records() {
    let mut scenario = grown_everywhere(3, 30, 9, &Config::default());
    scenario.put_records(200);
    scenario.network.run_for(seconds(120));
    let bytes = |scenario: &Scenario| {
        let traffic = scenario.network.traffic();
        (traffic.of(sim::traffic::Purpose::Repair), traffic.total())
    };
    let (before, _) = bytes(&scenario);
    scenario.network.run_for(seconds(600));
    let (after, _) = bytes(&scenario);
    let each = after.since(before).bytes / 600 / 30;
    // 200 records in three cells of nine with 3.3 nodes each: 20 records a node, two other cells, 34 bytes in each
    // minute, over 1.3 links, and a request around each batch.
    assert!(each < 150, "{each} bytes a second and node");
    let belongs = |(key, cells): (&RecordKey, &std::collections::BTreeSet<Cell>)| {
        cells.len() == 3
            && cells.iter().all(|cell| replica_cells(scenario.network.shape(), &key.routing_key())[..3].contains(cell))
    };
    assert!(oracle::cells_that_hold(&scenario.network).iter().all(belongs));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 12, ..ProptestConfig::default() })]

    /// Whatever happens between two rewrites, nobody who has seen a version sees an earlier one, as long as no more than
    /// one node is down at a time.
    #[test]
    fn sequences_never_go_back(seed in 0..1000_u64, acts in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 5..25)) {
        let mut scenario = grown(2, 14, seed, Config::default());
        let pointer = mutable(&scenario, 1);
        let (mut sequence, mut acknowledged, mut seen) = (0, None, None);
        let mut down: Option<usize> = None;
        for (act, index) in acts {
            let living = scenario.network.living();
            let host = living[index.index(living.len())];
            match act {
                0 => {
                    let record = version(&scenario, &pointer, sequence, &sequence.to_be_bytes());
                    if put(&mut scenario, host, &record).is_ok() {
                        acknowledged = Some(sequence);
                    }
                    sequence += 1;
                }
                1 if down.is_none() && host != 0 => {
                    scenario.network.kill(host);
                    down = Some(host);
                }
                2 => if let Some(host) = down.take() {
                    scenario.network.restart(host, Some(0)).unwrap();
                    scenario.network.run_for(seconds(5));
                },
                _ => if let Ok(found) = get(&mut scenario, host, &pointer) {
                    let found = found.record.version().map(|version| version.head.sequence);
                    prop_assert!(found >= acknowledged, "{found:?} after {acknowledged:?} was acknowledged");
                    prop_assert!(found >= seen, "{found:?} after {seen:?} was seen");
                    seen = found;
                } else {
                    prop_assert!(acknowledged.is_none(), "what was acknowledged is not found");
                },
            }
        }
    }
}
