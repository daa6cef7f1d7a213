//! A grid of processes that all cover what they send: it grows, keeps records, and is asked through tunnels.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod tunnels_support;

use std::time::Instant;

use cli_support::{Node, Place, scrape};
use serde_json::Value;
use tunnels_support::{grid_with, tunnels};

/// How many slots were filled with something.
fn slots(node: &Node, filling: &str) -> u64 {
    let page = scrape(&node.api);
    let line = format!("rook_slots_total{{filling=\"{filling}\"}} ");
    page.lines().find_map(|one| one.strip_prefix(&line)).unwrap().parse().unwrap()
}

#[test]
fn a_grid_with_cover_does_all_that_others_do() {
    let place = Place::new();
    let begun = Instant::now();
    let nodes = grid_with(&place, 2, 2, &["--cover", "6Mbit/s"]);
    println!("16 nodes are linked after {:?}", begun.elapsed());
    let (writer, reader) = (&nodes[2], &nodes[9]);
    let value = vec![b'c'; 20_000];
    let file = place.write("value", &value);
    let begun = Instant::now();
    let put = place.json(["put", file.to_str().unwrap(), "--json", "--api", &writer.api]);
    println!("put after {:?}", begun.elapsed());
    let pointer = put["pointer"].as_str().unwrap();
    for round in 0..3 {
        let begun = Instant::now();
        let out = place.path(&format!("copy-{round}"));
        place.ok(["get", "--tunnel", pointer, "--output", out.to_str().unwrap(), "--api", &reader.api]);
        println!("got through a tunnel after {:?}", begun.elapsed());
        assert!(std::fs::read(out).unwrap() == value);
    }
    let told = tunnels(&place, reader);
    let cover: &Value = &told["cover"];
    assert_eq!((cover["kbit_per_second"].as_u64(), cover["pace"].as_str()), (Some(6000), Some("poisson")));
    let (links, gap) = (cover["links"].as_f64().unwrap(), cover["gap_s"].as_f64().unwrap());
    assert!((gap - links * 10_240.0 / 6e6).abs() < 1e-6, "{cover}");
    let filled = ["cell", "messages", "cover"].map(|filling| slots(reader, filling));
    println!("slots of the reader, with cells, messages and nothing: {filled:?}");
    assert!(filled.iter().all(|&slots| slots > 0), "{filled:?}");
}

#[test]
fn what_it_costs_is_said_before_and_nonsense_is_refused() {
    let place = Place::new();
    let grid = place.grid("cover", 2, 2);
    let identity = place.mint(&grid, "id.pem");
    let run = |more: &[&str]| {
        let mut args = place.run_args(&identity, "data");
        args.extend(more.iter().map(|&one| one.to_owned()));
        args
    };
    for (rubbish, said) in [("205", "205kbit/s"), ("1kbit/s", "at least 11kbit/s"), ("2MB/s", "2Mbit/s")] {
        let error = place.fails(2, run(&["--cover", rubbish]));
        assert!(error.contains(said), "{rubbish}: {error}");
    }
    let pace = place.fails(2, run(&["--cover", "1Mbit/s", "--cover-pace", "regular"]));
    assert!(pace.contains("constant or poisson"), "{pace}");
    assert!(place.fails(2, run(&["--cover-pace", "constant"])).contains("--cover RATE"));
    let config = place.write("cover.toml", b"cover = \"205kbit/s\"\ncover_pace = \"constant\"\n");
    let node = place.node(&run(&["--config", config.to_str().unwrap()]));
    let cover = &tunnels(&place, &node)["cover"];
    assert_eq!((cover["kbit_per_second"].as_u64(), cover["pace"].as_str()), (Some(205), Some("constant")));
    let text = place.ok(["tunnels", "--api", &node.api]);
    assert!(text.contains("cover: 205 kbit/s as soon as there is a link (constant)"), "{text}");
}
