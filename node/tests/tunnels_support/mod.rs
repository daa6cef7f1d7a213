//! A grid of processes over which tunnels can be laid.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

pub mod fetch;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::cli_support::{Node, Place, eventually};

const NODES: usize = 16;

/// A grid of processes of which each has links to all its neighbours.
pub fn grid(place: &Place) -> Vec<Node> {
    grid_with(place, 2, 2, &[])
}

/// The same on as many cells, four axes of two, with one node in each. They join in the order of their cells, so that each
/// finds a neighbour: a grid that is mostly vacant does not always grow together.
pub fn grid_of_four_axes(place: &Place) -> Vec<Node> {
    let grid = place.grid("tunnels", 4, 2);
    run(place, &place.mint_of_each_cell(&grid, NODES), &[])
}

/// The same, of so many axes and cells on each, with further arguments for every node.
pub fn grid_with(place: &Place, dims: u8, side: u16, more: &[&str]) -> Vec<Node> {
    let grid = place.grid("tunnels", dims, side);
    let identities: Vec<PathBuf> = (0..NODES).map(|number| place.mint(&grid, &format!("{number}.pem"))).collect();
    run(place, &identities, more)
}

fn run(place: &Place, identities: &[PathBuf], more: &[&str]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for (number, identity) in identities.iter().enumerate() {
        let mut args = place.run_args(identity, &format!("data-{number}"));
        args.extend(more.iter().map(|&one| one.to_owned()));
        if let Some(first) = nodes.first() {
            args.extend(["--peer".to_owned(), first.listen[0].clone()]);
        }
        nodes.push(place.node(&args));
    }
    nodes.iter_mut().for_each(|node| _ = node.wait_for("joined", Duration::from_secs(120)));
    for node in &nodes {
        eventually("open links to all neighbours", Duration::from_secs(90), || {
            let peers = place.json(["peers", "--json", "--api", &node.api]);
            let peers = peers["peers"].as_array().unwrap();
            let mut neighbours = peers.iter().filter(|peer| peer["neighbour"] == true).peekable();
            (neighbours.peek().is_some() && neighbours.all(|peer| peer["linked"] == true)).then_some(())
        });
    }
    nodes
}

pub fn tunnels(place: &Place, node: &Node) -> Value {
    place.json(["tunnels", "--json", "--api", &node.api])
}

/// The way of the tunnel that is in use.
pub fn way(place: &Place, node: &Node) -> Vec<String> {
    names_on(&tunnels(place, node)["own"][0])
}

/// The nodes on the way of a tunnel.
pub fn names_on(tunnel: &Value) -> Vec<String> {
    tunnel["way"].as_array().unwrap().iter().map(|node| node.as_str().unwrap().to_owned()).collect()
}
