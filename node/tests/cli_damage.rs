//! A node whose database is damaged refuses to run on it, says what to do; and when that is done, gets its records back
//! from the others.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::time::Duration;

use cli_support::{Place, eventually};

const RECORDS: u64 = 30;

#[test]
fn a_damaged_database_is_refused_and_its_records_come_back_from_the_others() {
    let place = Place::new();
    // Two cells: all of them keep every record.
    let grid = place.grid("damage", 1, 2);
    let mut nodes = Vec::new();
    for number in 0..5 {
        let identity = place.mint(&grid, &format!("{number}.pem"));
        let mut args = place.run_args(&identity, &format!("data-{number}"));
        args.extend(
            nodes
                .first()
                .iter()
                .flat_map(|(first, _): &&(cli_support::Node, _)| ["--peer".to_owned(), first.listen[0].clone()]),
        );
        let mut node = place.node(&args);
        node.wait_for("joined", Duration::from_secs(60));
        nodes.push((node, args));
    }
    for number in 0..RECORDS {
        let file = place.write("value", format!("value {number}").repeat(500));
        place.json(["put", file.to_str().unwrap(), "--json", "--api", &nodes[0].0.api]);
    }
    let records = |api: &str| place.json(["status", "--json", "--api", api])["records"].as_u64().unwrap();
    assert_eq!(records(&nodes[4].0.api), RECORDS);

    let (node, args) = nodes.pop().unwrap();
    node.kill();
    let database = place.path("data-4").join("rook.redb");
    let mut bytes = std::fs::read(&database).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    std::fs::write(&database, &bytes).unwrap();

    let error = place.fails(1, &args);
    assert!(error.contains("rook.redb") && error.contains("damaged"), "{error}");
    assert!(error.contains("move"), "it says what to do: {error}");
    assert_eq!(std::fs::read(&database).unwrap(), bytes, "what is left of it is left alone");

    // What it says is done.
    std::fs::rename(&database, place.path("damaged.redb")).unwrap();
    let mut node = place.node(&args);
    node.wait_for("joined", Duration::from_secs(60));
    eventually("all records are back", Duration::from_secs(150), || (records(&node.api) == RECORDS).then_some(()));
    node.terminate();
}
