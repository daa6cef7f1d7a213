//! Out of the grid over real processes: only where a node's owner has said so, and only there.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod tunnels_support;

use std::time::Duration;

use cli_support::Place;
use tunnels_support::fetch::{Proxy, curl_is_missing, fetch, http, let_out, refused};
use tunnels_support::{grid, tunnels};

#[test]
fn strangers_are_let_out_where_an_owner_says_so_and_nowhere_else() {
    if curl_is_missing() {
        return;
    }
    let place = Place::new();
    let nodes = grid(&place);
    let visitor = &nodes[3];
    let proxy = &Proxy::open(&place, visitor);
    let (open, closed) = (http(), http());
    let why = refused(&place, proxy, &open.to_string(), 2);
    assert!(why.contains("no node of the grid") && why.contains(&open.port().to_string()), "{why}");

    // The grid of this test is on loopback, so its exit leads there; a node of the internet refuses such a rule.
    let rules = format!("policy = [\"accept 127.0.0.1:{}\"]\nprivate_networks = \"true\"\n", open.port());
    let config = place.write("exit.toml", format!("[exit]\n{rules}").as_bytes());
    let identity = place.mint(place.path("tunnels.toml"), "exit.pem");
    let mut args = place.run_args(&identity, "data-exit");
    args.extend(["--peer", nodes[0].listen[0].as_str(), "--config", config.to_str().unwrap()].map(str::to_owned));
    let mut exit = place.node(&args);
    exit.wait_for("joined", Duration::from_secs(60));
    assert_eq!(tunnels(&place, &exit)["exit"][0], format!("accept 127.0.0.1/32:{}", open.port()));
    assert_eq!(tunnels(&place, visitor)["exit"].as_array().unwrap().len(), 0);

    let_out(proxy, open);
    println!("by address: {:?}", fetch(&place, proxy, &open.to_string(), 100_000));
    println!("by name: {:?}", fetch(&place, proxy, &format!("localhost:{}", open.port()), 1_000_000));
    let way = tunnels(&place, visitor)["own"].as_array().unwrap().clone();
    let way = way.iter().find(|tunnel| tunnel["visits"] == true).unwrap()["way"].clone();
    assert_eq!(way.as_array().unwrap().last().unwrap(), exit.id.as_str());

    // Another port of the same machine, which no exit has told of.
    assert!(refused(&place, proxy, &closed.to_string(), 2).contains("no node of the grid"));
    // A port that is told, at an address that is not: the exit itself refuses.
    let elsewhere = format!("127.0.0.2:{}", open.port());
    assert!(refused(&place, proxy, &elsewhere, 2).contains("policy does not lead to"));
    assert!(refused(&place, proxy, &format!("no-such-host.invalid:{}", open.port()), 4).contains("not found"));
}

#[test]
fn a_policy_that_opens_the_owners_house_is_refused() {
    let place = Place::new();
    let grid = place.grid("house", 2, 2);
    let identity = place.mint(&grid, "id.pem");
    let run = |more: &[&str]| {
        let mut args = place.run_args(&identity, "data");
        args.extend(more.iter().map(|&one| one.to_owned()));
        args
    };
    let loopback = place.fails(2, run(&["--exit", "accept *:80", "--exit", "accept 127.0.0.1:*"]));
    assert!(loopback.contains("accept 127.0.0.1/32:*") && loopback.contains("would let strangers reach"), "{loopback}");
    let rubbish = place.fails(2, run(&["--exit", "accept everything"]));
    assert!(rubbish.contains("accept everything") && rubbish.contains("accept *:443"), "{rubbish}");
    let config = place.write("exit.toml", b"[exit]\npolicy = [\"accept 192.168.0.0/16:22\"]\n");
    let config = config.to_str().unwrap();
    assert!(place.fails(2, run(&["--config", config])).contains("the private network"));
    let checked = place.fails(1, ["config", "check", config]);
    assert!(checked.contains("exit.toml") && checked.contains("exit.policy"), "{checked}");
}
