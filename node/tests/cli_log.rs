//! The log of a real node.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::collections::BTreeMap;
use std::time::Duration;

use cli_support::{Node, Place, eventually};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// What a node says on standard error from its start to its end.
fn log_of(place: &Place, more: &[&str]) -> String {
    let identity = place.mint("local", "first.pem");
    let mut args = place.run_args(&identity, "first");
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    let mut command = place.rook(args);
    command.env("ROOK_LOG", "debug");
    let mut node = Node::of(command);
    node.wait_for("joined", PATIENCE);
    node.interrupt();
    assert!(node.wait(PATIENCE).success());
    node.errors()
}

#[test]
fn for_programs_every_line_is_an_object() {
    let log = log_of(&Place::new(), &["--log-format", "json"]);
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    assert!(!lines.is_empty(), "nothing was logged");
    for line in &lines {
        let has = |field: &str| !line[field].is_null();
        assert!(has("timestamp") && has("level") && has("target") && line["fields"].is_object(), "{line}");
    }
}

#[test]
fn for_people_lines_are_text() {
    let log = log_of(&Place::new(), &[]);
    assert!(log.contains("DEBUG"), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_err()), "{log}");
}

/// A node of each cell: a put into the opposite corner crosses two links, and all three nodes know it by one name.
#[test]
fn a_request_is_followed_over_the_logs_of_all_nodes_on_its_way() {
    let place = Place::new();
    let grid = place.grid("followed", 2, 2);
    let mut nodes: Vec<Node> = Vec::new();
    let mut first: Option<String> = None;
    for (number, identity) in place.mint_of_each_cell(&grid, 4).into_iter().enumerate() {
        let mut args = place.run_args(&identity, &format!("data-{number}"));
        args.extend(["--log-format".to_owned(), "json".to_owned()]);
        args.extend(first.iter().flat_map(|peer| ["--peer".to_owned(), peer.clone()]));
        let mut command = place.rook(args);
        command.env("ROOK_LOG", "warn,rook::requests=debug");
        let mut node = Node::of(command);
        let ready = node.wait_for("ready", PATIENCE);
        node.wait_for("joined", PATIENCE);
        ready["api"].as_str().unwrap().clone_into(&mut node.api);
        first = first.or_else(|| Some(ready["listen"][0].as_str().unwrap().to_owned()));
        nodes.push(node);
    }
    for node in &nodes {
        eventually("both neighbours are linked", PATIENCE, || {
            let peers = place.json(["peers", "--json", "--api", &node.api]);
            let peers = peers["peers"].as_array().unwrap();
            (peers.iter().filter(|peer| peer["neighbour"] == true && peer["linked"] == true).count() == 2).then_some(())
        });
    }
    // In the cell (0, 0).
    let origin = &nodes[0];
    // Records live in several cells each, so that of a few some lives there.
    for number in 0..4 {
        let file = place.write("value", format!("value {number}"));
        place.json(["put", file.to_str().unwrap(), "--json", "--api", &origin.api]);
    }
    let mut steps: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for node in &mut nodes {
        node.interrupt();
        assert!(node.wait(PATIENCE).success());
        for line in node.errors().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["target"], "rook::requests", "{line}");
            let fields = line["fields"].clone();
            steps.entry(fields["request"].as_str().unwrap().to_owned()).or_default().push(fields);
        }
    }
    // Each link's step is in the logs of both its ends.
    let whole = steps.values().find(|steps| {
        let of = |hops: u64| steps.iter().filter(|step| step["hops"] == hops && step["target"] == "[1, 1]").count();
        let back = steps.iter().filter(|step| !step["outcome"].is_null() && step["answered"] == "[1, 1]").count();
        steps.iter().all(|step| step["kind"] == "put") && of(0) == 2 && of(1) == 2 && back == 4
    });
    assert!(whole.is_some(), "{steps:#?}");
}
