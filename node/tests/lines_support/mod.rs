//! Grids of processes each of whose links is a long line: it passes a relay of ours; and how long tunnels take to lay there.

#![allow(unreachable_pub, reason = "tests use it")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::cli_support::{Node, Place};
use crate::net_support::door::Doors;

fn tcp(address: &str) -> u16 {
    address.split('/').nth(4).unwrap().parse().unwrap()
}

/// A grid of two axes of two whose links are lines between these doors; the last of its nodes has further arguments.
pub async fn grid(place: &Place, doors: &Arc<Doors>, nodes: usize, last: &[String]) -> Vec<Node> {
    let grid = place.grid("tunnels", 2, 2);
    let (mut all, mut first) = (Vec::new(), None);
    for number in 0..nodes {
        let door = format!("/ip4/127.0.0.1/tcp/{}", doors.open(number).await);
        let mut args = place.run_args(&place.mint(&grid, &format!("{number}.pem")), &format!("data-{number}"));
        let listen = args.iter_mut().find(|arg| arg.starts_with("/ip4/")).unwrap();
        "/ip4/127.0.0.1/tcp/0".clone_into(listen);
        args.extend(["--advertise".to_owned(), door.clone()]);
        args.extend(first.iter().flat_map(|peer: &String| ["--peer".to_owned(), peer.clone()]));
        if number == nodes - 1 {
            args.extend_from_slice(last);
        }
        let node = place.node(&args);
        doors.arrived(number, tcp(&node.listen[0]));
        let identity = node.listen[0].rsplit('/').next().unwrap();
        first = first.or_else(|| Some(format!("{door}/p2p/{identity}")));
        all.push(node);
    }
    all.iter_mut().for_each(|node| _ = node.wait_for("joined", Duration::from_secs(120)));
    all
}

/// A tunnel that was laid; times are in milliseconds.
#[derive(Clone, Copy)]
pub struct Laid {
    /// The length of its links, there and back.
    pub links: f64,
    pub took: f64,
    /// The shortest round trip of its cells since; none if it was not used.
    pub round_trip: Option<f64>,
}

impl Laid {
    /// One of `rook tunnels --json`, where each link is so long one way.
    pub fn of(tunnel: &Value, way: Duration) -> Self {
        let nodes = u32::try_from(tunnel["way"].as_array().unwrap().len()).unwrap();
        let links = (2 * nodes * way).as_secs_f64() * 1e3;
        let took = tunnel["laid_in_ms"].as_f64().unwrap();
        assert!(took >= links, "faster than its links: {tunnel}");
        Self { links, took, round_trip: tunnel["round_trip_ms"].as_f64() }
    }
}

/// Fails if all tunnels took two round trips or more. One that was delayed by something else says nothing of the code; that of the
/// fastest is what it can do.
pub fn is_one_round_trip(all: &[Laid]) {
    let fastest = all.iter().map(|one| one.took / one.links).min_by(f64::total_cmp).unwrap();
    assert!(fastest < 2.0, "more than one round trip: {fastest} of the links' own");
}
