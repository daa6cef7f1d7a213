//! Datasets over real processes, some of which lie, fail or are killed: whoever reads gets the publisher's values or a
//! reason why not, and who lied is known by name.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
#[path = "cluster_datasets/disturbed.rs"]
mod disturbed;
#[path = "cluster_datasets/http.rs"]
mod http;
#[path = "cluster_datasets/transfers.rs"]
mod transfers;
#[path = "cluster_datasets/world.rs"]
mod world;

use std::time::{Duration, Instant};

use cli_support::eventually;
use dataset::climate::Layout;
use world::{NAME, WORLD, World, chunked, expected, same_values, text};

/// A publisher, an honest mirror, one with a fault, and a gateway: everything that is read is right. Returns the numbers
/// of the faulty one and the gateway.
fn with_a_faulty_mirror(fault: &str) -> (World, usize, usize) {
    let mut world = World::new();
    world.start(&[]);
    world.start(&[]);
    let faulty = world.start(&["--faulty", fault]);
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &WORLD, Layout::Classic);
    let copy = world.climate("copy.nc", &WORLD, chunked());
    world.publish(&file, &[], &[&copy, &copy]);
    world.await_servers(gateway, 3);

    let (expected, path) = (expected(&file, ""), format!("/{NAME}.dods"));
    let begun = Instant::now();
    let mut reads = 0;
    eventually("the faulty server was asked", Duration::from_secs(90), || {
        let answer = world.get(&path);
        assert_eq!(answer.header("rook-validation"), "signed");
        assert!(answer.ok() == expected, "wrong values were delivered");
        reads += 1;
        let standing = world.standing(gateway, faulty)?;
        (!standing["shunned"].is_null() || standing["timeouts"] != 0).then_some(())
    });
    println!("{fault}: {reads} reads of {} bytes right, found out after {:?}", expected.len(), begun.elapsed());
    let output = world.place.path("got.nc");
    world.dataset(gateway, &["get", NAME, "-o", text(&output)]);
    same_values(&file, &output);
    for honest in 0..2 {
        assert_eq!(world.shunned(gateway, honest), None);
    }
    (world, faulty, gateway)
}

/// What `rook dataset check` says of the faulty server, which it has to find.
fn checked(world: &World, faulty: usize, gateway: usize) -> serde_json::Value {
    let output = world.place.output(["dataset", "check", NAME, "--all", "--json", "--api", &world.nodes[gateway].api]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let servers = said["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 3);
    for server in servers.iter().filter(|server| server["id"] != world.nodes[faulty].id.as_str()) {
        assert!(server["wrong"].is_null() && server["groups"].as_u64() > Some(90), "{server}");
    }
    servers.iter().find(|server| server["id"] == world.nodes[faulty].id.as_str()).unwrap().clone()
}

fn a_liar_is_found(fault: &str) {
    let (world, faulty, gateway) = with_a_faulty_mirror(fault);
    let why = world.shunned(gateway, faulty);
    assert_eq!(why.as_deref(), Some("sent data that the publisher has not signed"));
    let report = checked(&world, faulty, gateway);
    assert_eq!(report["lied"], true, "{report}");
    assert!(report["faults"].as_u64() > Some(3), "its first lie is not all that is told: {report}");
    println!("{fault}: {}", report["wrong"]);
}

fn a_failure_is_no_lie(fault: &str) {
    let (world, faulty, gateway) = with_a_faulty_mirror(fault);
    assert_eq!(world.shunned(gateway, faulty), None);
    let report = checked(&world, faulty, gateway);
    assert_eq!(report["lied"], false, "{report}");
    println!("{fault}: {}", report["wrong"]);
}

#[test]
fn a_server_that_lies_is_found() {
    a_liar_is_found("lie:1");
}

#[test]
fn a_server_that_changes_the_last_byte_is_found() {
    a_liar_is_found("last-byte:1");
}

#[test]
fn a_server_that_ends_early_is_replaced() {
    a_failure_is_no_lie("truncate");
}

#[test]
fn a_server_that_goes_silent_is_replaced() {
    a_failure_is_no_lie("stall");
}

/// Servers in cells of their own, the last of which with a fault each, and a gateway; the publisher has signed no values.
fn compared(honest: usize, faults: &[&str]) -> (World, std::path::PathBuf, usize) {
    let mut world = World::new();
    (0..honest).for_each(|_| _ = world.start(&[]));
    faults.iter().for_each(|fault| _ = world.start(&["--faulty", fault]));
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &WORLD, Layout::Classic);
    let copy = world.climate("copy.nc", &WORLD, chunked());
    world.publish(&file, &["--without-roots"], &vec![copy.as_path(); honest + faults.len() - 1]);
    world.await_servers(gateway, honest + faults.len());
    (world, file, gateway)
}

fn a_minority_is_outvoted(fault: &str) {
    let (world, file, gateway) = compared(3, &[fault]);
    let expected = expected(&file, "");
    let mut said = String::new();
    for _ in 0..3 {
        let answer = world.get(&format!("/{NAME}.dods"));
        said = answer.header("rook-validation").to_owned();
        assert!(said.starts_with("cross-checked in ") && said.contains("credibility 0."), "{said}");
        assert!(answer.ok() == expected, "wrong values were delivered");
    }
    let faulty = world.standing(gateway, 3).unwrap();
    println!("{fault}: {said}; of the faulty one: {faulty}");
    assert!(!faulty["shunned"].is_null() || faulty["flagged"] == true, "{faulty}");
    for honest in 0..3 {
        assert_eq!(world.shunned(gateway, honest), None, "{:#?}", world.trust(gateway));
    }
}

#[test]
fn without_roots_a_liar_is_outvoted() {
    a_minority_is_outvoted("lie:1");
}

#[test]
fn without_roots_one_who_frames_others_is_outvoted() {
    a_minority_is_outvoted("frame");
}

#[test]
fn without_roots_a_liar_that_checks_right_convicts_itself() {
    // It signs wrong answers, and right checks of the same requests: one honest server is enough.
    let (world, file, gateway) = compared(1, &["lie:1"]);
    let expected = expected(&file, "");
    let why = eventually("the liar was asked", Duration::from_secs(60), || {
        assert!(world.get(&format!("/{NAME}.dods")).ok() == expected, "wrong values were delivered");
        world.shunned(gateway, 1)
    });
    assert_eq!(why, "signed two answers to one request");
    let honest = world.standing(gateway, 0).unwrap();
    println!("one against one: {why}; of the honest one: {honest}");
    assert!(honest["shunned"].is_null() && honest["flagged"] == false, "{honest}");
    let answer = world.get(&format!("/{NAME}.dods?sst.sst[0][0:9][0:9]"));
    assert!(answer.header("rook-validation").starts_with("unchecked"), "{}", answer.header("rook-validation"));
}

#[test]
fn any_of_the_checksums_compares() {
    let (mut world, file, _) = compared(2, &["lie:1"]);
    let expected = expected(&file, "");
    for (checksum, warns) in [("sha256", false), ("md5", true)] {
        let gateway = world.start_gateway(&["--checksum", checksum]);
        world.await_servers(gateway, 3);
        let answer = world.get(&format!("/{NAME}.dods"));
        let said = answer.header("rook-validation").to_owned();
        assert!(answer.ok() == expected, "wrong values were delivered");
        println!("{checksum}: {said}");
        for honest in 0..2 {
            let standing = world.standing(gateway, honest).unwrap();
            assert!(
                standing["shunned"].is_null() && standing["mismatches"] == 0 && standing["passed"] != 0,
                "{standing}"
            );
        }
        let node = &mut world.nodes[gateway];
        node.interrupt();
        assert!(node.wait(Duration::from_secs(20)).success());
        assert_eq!(node.errors().contains("MD5 can be forged"), warns);
    }
}

#[test]
fn if_all_servers_disagree_nothing_is_delivered() {
    let (world, _, gateway) = compared(1, &["frame", "frame"]);
    let answer = world.get(&format!("/{NAME}.dods?sst"));
    println!("all disagree: {} {}", answer.status, answer.text());
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().starts_with("Error {"), "{}", answer.text());
    assert!(answer.text().contains("nothing is delivered"), "{}", answer.text());
    for node in &world.nodes[..3] {
        assert!(answer.text().contains(&node.id[..8]), "who said what: {}", answer.text());
    }
    let refused = world.place.fails(1, ["dataset", "get", NAME, "-o", "x.nc", "--api", &world.nodes[gateway].api]);
    assert!(refused.contains("disagree"), "{refused}");
}

#[test]
fn disputes_are_settled_by_recomputing() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.start(&[]));
    let liar = world.start(&["--faulty", "lie:1"]);
    let gateway = world.start_gateway(&["--proofs", "disputes"]);
    let file = world.climate("published.nc", &WORLD, Layout::Classic);
    let copy = world.climate("copy.nc", &WORLD, chunked());
    world.publish(&file, &[], &[&copy, &copy]);
    world.await_servers(gateway, 3);
    let expected = expected(&file, "");
    let why = eventually("the liar was asked", Duration::from_secs(90), || {
        assert!(world.get(&format!("/{NAME}.dods")).ok() == expected, "wrong values were delivered");
        world.shunned(gateway, liar)
    });
    println!("disputes: {why}; {:#?}", world.trust(gateway));
    assert!(
        why.contains("signed an answer that its source data contradict") || why.contains("has not signed"),
        "{why}"
    );
    for honest in 0..2 {
        assert_eq!(world.shunned(gateway, honest), None);
    }
}

#[test]
fn a_private_server_is_read_along_the_grid() {
    let mut world = World::new();
    let server = world.start(&["--hide-data-address"]);
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &WORLD, chunked());
    world.publish(&file, &[], &[]);
    let head = world.await_servers(gateway, 1);
    assert_eq!(head["servers"][0]["addresses"].as_array().map(Vec::len), Some(0), "{head}");
    let shown = world.place.ok(["dataset", "show", NAME, "--api", &world.nodes[gateway].api]);
    assert!(shown.contains("along the grid"), "{shown}");
    let begun = Instant::now();
    let answer = world.get(&format!("/{NAME}.dods"));
    assert_eq!(answer.header("rook-validation"), "signed");
    let expected = expected(&file, "");
    assert!(answer.ok() == expected);
    println!("along the grid: {} bytes in {:?}", expected.len(), begun.elapsed());
    let output = world.place.path("got.nc");
    world.dataset(gateway, &["get", NAME, "-o", text(&output)]);
    same_values(&file, &output);
    assert_eq!(world.shunned(gateway, server), None);
}
