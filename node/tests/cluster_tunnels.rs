//! Tunnels over real processes: who puts and gets is not seen, and a killed relay is survived.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod tunnels_support;

use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually};
use tunnels_support::{grid, grid_with, tunnels, way};

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
