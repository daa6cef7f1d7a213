//! The ledger of real processes: it counts, survives a restart, and a damaged file is put aside.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::time::Duration;

use cli_support::{Node, Place, eventually};
use serde_json::Value;

fn accounts(place: &Place, api: &str) -> Vec<Value> {
    place.json(["ledger", "--json", "--api", api])["accounts"].as_array().unwrap().clone()
}

/// The sum of a figure over all accounts.
fn sum(accounts: &[Value], name: &str) -> f64 {
    accounts.iter().map(|account| account[name].as_f64().unwrap()).sum()
}

/// Two nodes in two cells, the second with its arguments.
fn pair(place: &Place) -> (Node, Node, Vec<String>) {
    let grid = place.grid("ledger", 1, 2);
    let first = place.mint(&grid, "0.pem");
    let mut first = place.node(&place.run_args(&first, "data-0"));
    first.wait_for("joined", Duration::from_secs(60));
    let second = place.mint(&grid, "1.pem");
    let mut args = place.run_args(&second, "data-1");
    args.extend(["--peer".to_owned(), first.listen[0].clone()]);
    let mut second = place.node(&args);
    second.wait_for("joined", Duration::from_secs(60));
    (first, second, args)
}

#[test]
fn work_is_counted_on_both_sides_and_survives_a_restart_but_not_damage() {
    let place = Place::new();
    let (first, second, args) = pair(&place);
    // Whichever cells keep them, some go to the other node.
    for number in 0..12 {
        let file = place.write("value", format!("value {number}").repeat(100));
        place.json(["put", file.to_str().unwrap(), "--json", "--api", &second.api]);
    }
    let both = eventually("both have accounts", Duration::from_secs(20), || {
        let both = (accounts(&place, &first.api), accounts(&place, &second.api));
        (sum(&both.0, "served") > 0.0 && sum(&both.1, "served_by_it") > 0.0).then_some(both)
    });
    assert!(sum(&both.1, "received") > 0.0, "{both:?}");
    assert_eq!(both.1[0]["weight"], 1.0);
    let table = place.ok(["ledger", "--api", &second.api]);
    assert!(table.trim_start().starts_with("id") && table.contains("received"), "{table}");
    let served = sum(&accounts(&place, &second.api), "served_by_it");

    second.terminate();
    let file = place.path("data-1").join("ledger.rook");
    let mut kept = std::fs::read(&file).unwrap();
    let again = place.node(&args);
    assert!(sum(&accounts(&place, &again.api), "served_by_it") >= served, "what was kept is there again");
    again.terminate();

    let middle = kept.len() / 2;
    kept[middle] ^= 1;
    std::fs::write(&file, &kept).unwrap();
    // With nobody there to serve it anew, which may go as fast as it is looked.
    first.terminate();
    let mut anew = place.node(&args);
    assert_eq!(sum(&accounts(&place, &anew.api), "served_by_it"), 0.0);
    assert_eq!(std::fs::read(place.path("data-1").join("ledger.damaged")).unwrap(), kept);
    anew.interrupt();
    anew.wait(Duration::from_secs(60));
    let errors = anew.errors();
    assert!(errors.contains("put aside") && errors.contains("checksum"), "{errors}");
    assert!(file.exists(), "a new one is kept");
}
