#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]
//! Small networks in which nodes come and go.

use core::f64::consts::LN_2;

use sim::churn::plan::Plan;
use sim::churn::report::Report;
use sim::churn::simulate;

const MINUTES: f64 = 10.0;

fn plan(median_minutes: f64, graceful: f64, killed: f64, seed: u64) -> Plan {
    Plan {
        nodes: 120,
        dims: 2,
        side: 5,
        median_minutes,
        hours: MINUTES / 60.0,
        records: 200,
        record_bytes: 64,
        gets_per_minute: 100.0,
        puts_per_minute: 10.0,
        graceful,
        killed,
        seed,
    }
}

/// What holds however nodes come and go.
fn holds_always(report: &Report) {
    let Report { plan, population, gets, puts, records, first_records, bytes_per_node_and_second: bytes, .. } = report;
    // Deaths are Poisson: five standard deviations.
    let expected = 120.0 * LN_2 * MINUTES / plan.median_minutes;
    let deaths = f64::from(u32::try_from(population.deaths).unwrap());
    assert!((deaths - expected).abs() < 5.0 * expected.sqrt(), "{population:?}");
    assert_eq!(population.deaths, population.arrivals);
    assert!((population.mean_living - 120.0).abs() < 1e-6, "{population:?}");
    assert!(population.mean_joined <= population.mean_living && population.joins <= population.arrivals);

    assert_eq!((gets.outcome.asked + gets.asker_gone, puts.outcome.asked + puts.asker_gone), (1000, 100));
    assert_eq!(gets.outcome.succeeded() + gets.missed + gets.of_lost, gets.outcome.asked, "{gets:?}");
    assert_eq!((gets.wrong, gets.outcome.failures.get("no outcome")), (0, None));

    assert_eq!(first_records.stored, 200);
    // The last put may end after the records were counted.
    assert!((0..=1).contains(&(200 + puts.outcome.succeeded() - records.stored)), "{records:?} {puts:?}");
    assert_eq!(records.by_cells.values().sum::<usize>(), records.stored);
    assert!(records.lost <= records.in_fewer_than_2_cells && first_records.lost <= records.lost, "{records:?}");

    assert!([bytes.client, bytes.repair, bytes.upkeep, bytes.join].iter().all(|&rate| rate > 0.0), "{bytes:?}");
    assert_eq!(report.leaked_contacts, 0);
}

#[test]
fn it_is_decided_by_the_seed() {
    let one = simulate(&plan(10.0, 0.3, 0.3, 1)).unwrap();
    assert_eq!(simulate(&plan(10.0, 0.3, 0.3, 1)).unwrap(), one);
    assert_ne!(simulate(&plan(10.0, 0.3, 0.3, 2)).unwrap().trace, one.trace);
}

#[test]
fn nearly_all_is_found_however_nodes_go() {
    for (graceful, killed) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)] {
        let report = simulate(&plan(10.0, graceful, killed, 3)).unwrap();
        println!("{report}\n");
        holds_always(&report);
        assert!(report.gets.success > 0.9 && report.puts.success > 0.9, "{report}");
        assert!(report.population.mean_joined > 110.0, "{report}");
    }
}

#[test]
fn what_is_lost_is_seen_to_be_lost() {
    // Two nodes a cell, and a median session of a minute.
    let report = simulate(&Plan { side: 8, ..plan(1.0, 0.0, 0.0, 4) }).unwrap();
    println!("{report}");
    holds_always(&report);
    assert!(report.records.lost > 0 && report.gets.of_lost > 0, "{report}");
}

#[test]
fn impossible_plans_are_refused() {
    assert!(simulate(&Plan { nodes: 1, ..plan(10.0, 0.0, 0.0, 1) }).is_err());
    assert!(simulate(&plan(10.0, 0.6, 0.6, 1)).is_err());
}
