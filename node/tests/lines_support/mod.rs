//! Grids of processes each of whose links is a long line: it passes a relay of ours.

#![allow(unreachable_pub, reason = "tests use it")]

use std::sync::Arc;
use std::time::Duration;

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
