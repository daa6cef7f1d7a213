//! The log of a real node.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::time::Duration;

use cli_support::{Node, Place};
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
