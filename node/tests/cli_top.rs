//! `rook top` against two real nodes: as plain text it says what other commands say, and in a terminal it takes that over,
//! goes on when its node does not, and gives it back.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;
mod terminal;

use std::time::Duration;

use cli_support::{Node, Place, eventually};
use rustix::process::Signal;
use serde_json::Value;
use terminal::Screened;

/// Minting and joining on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two nodes in two cells, and the arguments of the second.
fn pair(place: &Place) -> (Node, Node, Vec<String>) {
    let grid = place.grid("top", 1, 2);
    let first = place.mint(&grid, "0.pem");
    let mut first = place.node(&place.run_args(&first, "data-0"));
    first.wait_for("joined", PATIENCE);
    let second = place.mint(&grid, "1.pem");
    let mut args = place.run_args(&second, "data-1");
    args.extend(["--peer".to_owned(), first.listen[0].clone()]);
    let mut second = place.node(&args);
    second.wait_for("joined", PATIENCE);
    (first, second, args)
}

/// What other commands say of a node, in the words of `rook top`.
fn said(place: &Place, api: &str) -> Vec<String> {
    let ask = |command: &str| place.json([command, "--json", "--api", api]);
    let (status, peers) = (ask("status"), ask("peers"));
    let cell: Vec<u64> = status["cell"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    let count = |name: &str, one: &str| match status[name].as_u64().unwrap() {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    };
    let peers: &Vec<Value> = peers["peers"].as_array().unwrap();
    let short = |id: &Value| id.as_str().unwrap()[..12].to_owned();
    let mut words = vec![
        format!("rook {}  {cell:?}  joined  top, 1 axis of 2", short(&status["id"])),
        format!("  v{}  up ", status["version"].as_str().unwrap()),
        count("neighbours", "neighbour"),
        count("links", "link"),
        format!("{}, ", count("records", "record")),
        format!("Neighbours {}, by cell", peers.len()),
    ];
    words.extend(peers.iter().map(|peer| short(&peer["id"])));
    words
}

#[test]
fn plain_text_says_what_status_and_peers_say() {
    let place = Place::new();
    let (first, second, _) = pair(&place);
    for number in 0..3 {
        let file = place.write("value", format!("value {number}"));
        place.json(["put", file.to_str().unwrap(), "--json", "--api", &second.api]);
    }
    let own = place.json(["status", "--json", "--api", &first.api]);
    assert!(own["records"].as_u64().unwrap() + own["neighbours"].as_u64().unwrap() > 1, "{own}");
    for node in [&first, &second] {
        // The node goes on living between the questions.
        let text = eventually("both say the same", PATIENCE, || {
            let (before, text) = (said(&place, &node.api), place.ok(["top", "--once", "--api", &node.api]));
            before.iter().all(|word| text.contains(word.as_str())).then_some(text)
        });
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        for pane in ["Map: x", "Node", "Requests, by name", "Ledger", "Servers 0", "Tunnels 0", "Warnings"] {
            assert!(text.lines().any(|line| line.starts_with(pane)), "no {pane} in {text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let text = place.ok(["top", "--once", "--api", &second.api]);
    assert!(text.lines().any(|line| line.starts_with("own") && line.contains("put") && line.ends_with('3')), "{text}");
    let mut narrow = place.rook(["top", "--api", &second.api]);
    let narrow = cli_support::succeeded(narrow.env("COLUMNS", "40").output().unwrap());
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "no terminal, so it is as with --once: {narrow}");
}

#[test]
fn what_is_wrong_is_told() {
    let place = Place::new();
    let error = place.fails(1, ["top", "--once", "--api", "127.0.0.1:1"]);
    assert!(error.contains("127.0.0.1:1") && error.contains("rook run"), "{error}");
    let error = place.fails(2, ["top", "--interval", "0.1"]);
    assert!(error.contains("0.1") && error.contains("0.2"), "{error}");
}

#[test]
fn a_terminal_is_taken_over_and_given_back() {
    let place = Place::new();
    let (_first, second, _) = pair(&place);
    let start = |colours: bool| {
        let mut command = place.rook(["top", "--interval", "0.2", "--api", &second.api]);
        match colours {
            true => command.env_remove("NO_COLOR"),
            false => command.env("NO_COLOR", "1"),
        };
        let screened = Screened::start(command, 80, 24);
        screened.wait_for(&second.id[..12]);
        screened.wait_for("\u{250f}Neighbours");
        assert!(!screened.echoes(), "keys are taken at once, and not shown");
        screened
    };
    let given_back = |mut screened: Screened| {
        let status = screened.wait();
        let output = screened.output();
        assert_eq!(status.code(), Some(0), "{output}");
        let last = |code: &str| output.rfind(&format!("\u{1b}[?{code}")).unwrap_or_else(|| panic!("{output:?}"));
        assert!(last("1049h") < last("1049l"), "it is left on the other screen: {output:?}");
        assert!(last("25l") < last("25h"), "the cursor is hidden: {output:?}");
        assert!(screened.echoes(), "the terminal is as it was");
        output
    };
    let mut screened = start(true);
    // Only what changes is written: words that nothing was in the place of.
    screened.press("8");
    screened.wait_for("well.");
    screened.press("?");
    screened.wait_for("Shift-Tab");
    screened.press("?q");
    let output = given_back(screened);
    assert!(output.contains("38;5;"), "no colours: {output:?}");
    let mut screened = start(false);
    screened.press("\u{3}");
    let output = given_back(screened);
    assert!(!output.contains("38;5;") && !output.contains("48;5;"), "colours: {output:?}");
    let mut screened = start(true);
    screened.press("\u{1b}");
    given_back(screened);
    let screened = start(true);
    screened.signal(Signal::TERM);
    given_back(screened);
}

#[test]
fn it_goes_on_when_its_node_comes_back() {
    let place = Place::new();
    let (_first, second, mut args) = pair(&place);
    let (api, id) = (second.api.clone(), second.id.clone());
    let command = place.rook(["top", "--interval", "0.2", "--api", &api]);
    let mut screened = Screened::start(command, 80, 24);
    screened.wait_for(&id[..12]);
    second.kill();
    screened.wait_for(" (old)");
    let before = screened.output();
    assert!(before.contains(&api), "it says which node is not there: {before:?}");
    // At the same address, with a new token.
    let place_of_api = args.iter().position(|arg| arg == "127.0.0.1:0").unwrap();
    args[place_of_api] = api;
    let _again = place.node(&args);
    screened.wait_for_after(before.len(), "\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}\u{2501}");
    screened.press("q");
    assert_eq!(screened.wait().code(), Some(0));
}
