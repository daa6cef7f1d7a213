//! Tunnels over real processes: who puts and gets is not seen, and a killed relay is survived.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod tunnels_support;

use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually};
use serde_json::Value;
use tunnels_support::{grid, grid_with, names_on, tunnels, way};

fn get(place: &Place, node: &Node, pointer: &str, value: &[u8]) -> Duration {
    let (copy, begun) = (place.path("copy"), Instant::now());
    place.ok(["get", pointer, "--tunnel", "-o", copy.to_str().unwrap(), "--api", &node.api]);
    assert!(std::fs::read(copy).unwrap() == value, "what came back is not what was put");
    begun.elapsed()
}

#[test]
fn records_go_through_tunnels_and_a_killed_relay_is_survived() {
    let place = Place::new();
    let mut nodes = grid(&place);
    let value: Vec<u8> = (0..1_500_000_u32).map(|n| (n ^ n >> 9) as u8).collect();
    let file = place.write("value", &value);
    let (writer, reader) = (nodes.swap_remove(5), nodes.swap_remove(9));

    let put = place.json(["put", "--tunnel", file.to_str().unwrap(), "--json", "--api", &writer.api]);
    let pointer = put["pointer"].as_str().unwrap();
    println!("put through a tunnel: {put}");
    println!("the first get took {:?}", get(&place, &reader, pointer, &value));
    println!("the second get took {:?}", get(&place, &reader, pointer, &value));

    let path = way(&place, &reader);
    assert_eq!(path.len(), 4, "three relays and a last node: {path:?}");
    assert!(!path.contains(&reader.id) && path.iter().all(|id| path.iter().filter(|one| *one == id).count() == 1));
    let relayed = |node: &Node| tunnels(&place, node)["relayed"][1].as_u64().unwrap();
    for relay in path[..3].iter().filter_map(|id| nodes.iter().find(|node| node.id == *id)) {
        assert!(relayed(relay) > value.len() as u64 / 1280, "{} relays the file", relay.id);
    }

    // Another reader's tunnels end with its node, and then they are charged for: each node by the one that had it carry.
    // It is one that nobody else has had carry much, which would end and be charged for as well.
    let cells = |node: &Node| {
        tunnels(&place, node)["relayed"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>()
    };
    let user = nodes.iter().position(|node| cells(node) < 100).unwrap();
    let user = nodes.swap_remove(user);
    get(&place, &user, pointer, &value);
    let ways: Vec<Vec<String>> = tunnels(&place, &user)["own"].as_array().unwrap().iter().map(names_on).collect();
    let (id, amount) = (user.id.clone(), value.len() as f64);
    user.terminate();
    let charged = |at: &str, to: &str, side: &str| {
        let node = nodes.iter().chain([&writer, &reader]).find(|node| node.id == at)?;
        let ledger = place.json(["ledger", "--json", "--api", &node.api]);
        let account = ledger["accounts"].as_array().unwrap().iter().find(|account| account["id"] == to)?;
        account[side].as_f64().filter(|&work| work > amount)
    };
    let begun = eventually("the tunnel's relay charges for it", Duration::from_secs(30), || {
        ways.iter().find_map(|way| Some((way, charged(&way[0], &id, "given")?)))
    });
    println!("the first relay charges {} bytes of work", begun.1);
    for (at, pair) in begun.0.windows(2).enumerate() {
        let (before, after) = (&pair[0], &pair[1]);
        let sides = eventually("both sides count", Duration::from_secs(30), || {
            let sides = [charged(before, after, "received"), charged(after, before, "given")];
            sides.iter().all(Option::is_some).then_some(sides)
        });
        println!("relay {} and who comes after it: {sides:?}", at + 1);
        // It may be the first one of another tunnel.
        let knows = ways.iter().any(|way| way[0] == *after);
        assert!(knows || charged(after, &id, "given").is_none(), "{after} is a first relay of none of {ways:?}");
    }

    for node in &nodes {
        get(&place, node, pointer, &value);
    }
    let own = nodes.iter().flat_map(|node| tunnels(&place, node)["own"].as_array().unwrap().clone());
    let mut laid: Vec<f64> = own.map(|tunnel| tunnel["laid_in_ms"].as_f64().unwrap()).collect();
    laid.sort_by(f64::total_cmp);
    assert!(laid.len() >= nodes.len(), "each has laid one: {laid:?}");
    // The links have no length here, so that this is what the nodes add to the round trip of a path.
    println!(
        "{} tunnels were laid within {:.1} ms at least, {:.1} in the middle, {:.1} at most",
        laid.len(),
        laid[0],
        laid[laid.len() / 2],
        laid[laid.len() - 1]
    );

    for place_on_way in [1, 0, 2] {
        let victim = way(&place, &reader)[place_on_way].clone();
        // The writer's node may be a relay of the reader; it has done its part.
        if let Some(at) = nodes.iter().position(|node| node.id == victim) {
            nodes.swap_remove(at).kill();
            println!(
                "relay {} was killed; the next get took {:?}",
                place_on_way + 1,
                get(&place, &reader, pointer, &value)
            );
        }
    }
}

/// Once the lines of a grid are certified, relays have to show that theirs are, and another cell of the line is asked.
#[test]
fn relays_are_drawn_from_certified_rosters() {
    let place = Place::new();
    let config = place.write("rook.toml", b"[protocol]\nroster_epoch_ms = 20000\n");
    let nodes = grid_with(&place, 2, 2, &["--config", config.to_str().unwrap()]);
    let (writer, reader) = (&nodes[5], &nodes[9]);
    let value = vec![7; 5000];
    let file = place.write("value", &value);
    let put = place.json(["put", "--tunnel", file.to_str().unwrap(), "--json", "--api", &writer.api]);
    let pointer = put["pointer"].as_str().unwrap();
    // Seldom true: by now somebody has been there for an epoch on a slow machine alone.
    println!("certified at first: {}", tunnels(&place, writer)["certified"]);

    let lines = |node: &Node| {
        let status = place.json(["status", "--json", "--api", &node.api]);
        let lines = status["rosters"].as_array().unwrap().clone();
        lines.iter().filter(|line| !line["members"].is_null()).count()
    };
    for node in &nodes {
        eventually("certifies its lines", Duration::from_secs(120), || (lines(node) == 2).then_some(()));
    }
    println!("the first get took {:?}", get(&place, reader, pointer, &value));
    println!("the second get took {:?}", get(&place, reader, pointer, &value));
    let seen = tunnels(&place, reader);
    assert_eq!((&seen["certified"], &seen["deceivers"]), (&true.into(), &0.into()), "{seen}");
    assert_eq!(way(&place, reader).len(), 4);
    // The same first relays for all tunnels, two of them by turns.
    let ways = seen["own"].as_array().unwrap().clone();
    let mut firsts: Vec<_> = ways.iter().map(|one| one["way"][0].as_str().unwrap().to_owned()).collect();
    firsts.sort();
    firsts.dedup();
    assert!(!ways.is_empty() && firsts.len() <= 2, "{seen}");
}
