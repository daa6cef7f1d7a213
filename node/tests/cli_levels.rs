//! Leaves and strong nodes as processes.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::time::Duration;

use cli_support::{Node, Place, eventually};
use serde_json::Value;

const JOIN: Duration = Duration::from_secs(60);

/// Twelve normal nodes on 2 x 2 cells, one in each cell first, all joined.
fn grid(place: &Place) -> Vec<Node> {
    let grid = place.grid("levels", 2, 2);
    let mut identities = place.mint_of_each_cell(&grid, 4);
    identities.extend((4..12).map(|number| place.mint(&grid, &format!("any-{number}.pem"))));
    let mut nodes: Vec<Node> = Vec::new();
    for (number, identity) in identities.iter().enumerate() {
        let mut args = place.run_args(identity, &format!("data-{number}"));
        if let Some(first) = nodes.first() {
            args.extend(["--peer".to_owned(), first.listen[0].clone()]);
        }
        nodes.push(place.node(&args));
    }
    for node in &mut nodes {
        node.wait_for("joined", JOIN);
    }
    nodes
}

fn status(place: &Place, node: &Node) -> Value {
    place.json(["status", "--json", "--api", &node.api])
}

/// The neighbours that a node has links to.
fn linked(place: &Place, node: &Node) -> Vec<Value> {
    let peers = place.json(["peers", "--json", "--api", &node.api])["peers"].as_array().unwrap().clone();
    peers.into_iter().filter(|peer| peer["linked"] == true).collect()
}

fn with(mut args: Vec<String>, more: &[&str]) -> Vec<String> {
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    args
}

#[test]
fn a_leaf_asks_and_keeps_nothing_and_grows_when_it_was_left_to_it() {
    let place = Place::new();
    let nodes = grid(&place);
    let peer = nodes[0].listen[0].clone();
    let identity = place.mint(place.path("levels.toml"), "leaf.pem");
    let args = with(place.run_args(&identity, "leaf"), &["--level", "leaf", "--peer", &peer]);
    let mut leaf = place.node(&args);
    leaf.wait_for("joined", JOIN);
    eventually("one link for each axis", JOIN, || (linked(&place, &leaf).len() == 2).then_some(()));
    assert_eq!(status(&place, &leaf)["level"], "leaf");
    let hosted =
        |nodes: &[Node]| nodes.iter().map(|node| status(&place, node)["leaves"].as_u64().unwrap()).sum::<u64>();
    eventually("its introducer has let it go", JOIN, || (hosted(&nodes) == 2).then_some(()));
    for node in &nodes {
        let peers = place.json(["peers", "--json", "--api", &node.api]);
        let seen = peers["peers"].as_array().unwrap().iter().find(|peer| peer["id"] == leaf.id.as_str());
        assert!(seen.is_none_or(|peer| peer["leaf"] == true && peer["neighbour"] == false), "{seen:?}");
    }
    assert!(place.ok(["status", "--api", &leaf.api]).contains("leaf"));

    // What it puts is there for others, and the other way round; it keeps none of it.
    for (number, (from, to)) in [(&leaf, &nodes[5]), (&nodes[7], &leaf)].into_iter().enumerate() {
        for copy in 0..10 {
            let value = format!("value {number} {copy}");
            let file = place.write("value", &value);
            let put = place.json(["put", file.to_str().unwrap(), "--json", "--api", &from.api]);
            let pointer = put["pointer"].as_str().unwrap();
            assert_eq!(place.ok(["get", pointer, "--api", &to.api]), value);
        }
    }
    assert_eq!(status(&place, &leaf)["records"], 0);
    assert!(nodes.iter().any(|node| status(&place, node)["records"] != 0));

    // It comes back by the hosts that it remembers, as a leaf that grows.
    leaf.terminate();
    let args = with(place.run_args(&identity, "leaf"), &["--level", "leaf", "--grow-after", "5s"]);
    let mut leaf = place.node(&args);
    leaf.wait_for("joined", JOIN);
    leaf.wait_for("grown", JOIN);
    let near = status(&place, &nodes[0])["links"].as_u64().unwrap();
    println!("a leaf grown up; its introducer has {near} links");
    eventually("links to all neighbours, on both sides", JOIN, || {
        let peers = linked(&place, &leaf);
        let told = |peer: &Value| {
            let node = nodes.iter().find(|node| peer["id"] == node.id.as_str())?;
            let back = linked(&place, node).into_iter().find(|back| back["id"] == leaf.id.as_str())?;
            (back["neighbour"] == true).then_some(())
        };
        (peers.len() > 2 && peers.iter().all(|peer| peer["neighbour"] == true && told(peer).is_some())).then_some(())
    });
    assert_eq!(status(&place, &leaf)["level"], "normal");
    assert_eq!(hosted(&nodes), 0);
}

/// `rook status` of a strong node tells of each of its identities, by their names in order.
fn shows_all(place: &Place, strong: &Node, names: &[String]) {
    let also = eventually("all have joined", JOIN, || {
        let also = status(place, strong)["also"].as_array().unwrap().clone();
        also.iter().all(|node| node["joined"] == true).then_some(also)
    });
    let mut shown: Vec<&str> = also.iter().map(|node| node["id"].as_str().unwrap()).collect();
    shown.push(&strong.id);
    shown.sort_unstable();
    assert_eq!(shown, names);
    assert!(also.iter().all(|node| node["links"].as_u64() > Some(0) && node["listen"].as_array().unwrap().len() == 1));
    let text = place.ok(["status", "--api", &strong.api]);
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("also")).count(), 3, "{text}");
    assert!(also.iter().all(|node| text.contains(&node["id"].as_str().unwrap()[..8])), "{text}");
}

#[test]
fn a_strong_node_is_several_in_one_process() {
    let place = Place::new();
    let mut nodes = grid(&place);
    let peer = nodes[0].listen[0].clone();
    let grid = place.path("levels.toml");
    let files: Vec<String> =
        (0..4).map(|number| place.mint(&grid, &format!("strong-{number}.pem")).to_str().unwrap().to_owned()).collect();
    // The grid that is said is that of all its identities: no file beside theirs has to say it.
    for file in &files {
        std::fs::remove_file(format!("{file}.grid.toml")).unwrap();
    }
    let mut args = place.run_args(files[0].as_ref(), "strong");
    args.extend(
        ["--level", "strong", "--quota", "4MB", "--peer", &peer, "--grid", grid.to_str().unwrap()].map(str::to_owned),
    );
    for file in &files[1..] {
        args.extend(["--also".to_owned(), file.clone()]);
    }
    let mut strong = place.node(&args);
    let mut names: Vec<String> = vec![strong.id.clone()];
    for _ in &files[1..] {
        names.push(strong.wait_for("also_joined", JOIN)["id"].as_str().unwrap().to_owned());
    }
    eventually("the first has joined", JOIN, || (status(&place, &strong)["joined"] == true).then_some(()));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    shows_all(&place, &strong, &names);
    // The others take each for a node like any other.
    for name in &names {
        eventually("somebody has each for a neighbour", JOIN, || {
            nodes
                .iter()
                .any(|node| {
                    linked(&place, node).iter().any(|peer| peer["id"] == name.as_str() && peer["neighbour"] == true)
                })
                .then_some(())
        });
    }
    let folders = std::fs::read_dir(place.path("strong").join("also")).unwrap().count();
    assert_eq!(folders, 3, "each has a folder of its own");
    // All of them say farewell: nobody waits for a timeout to find out.
    strong.terminate();
    for name in &names {
        eventually("it is gone from all rosters", Duration::from_secs(10), || {
            nodes
                .iter()
                .all(|node| {
                    let peers = place.json(["peers", "--json", "--api", &node.api]);
                    peers["peers"].as_array().unwrap().iter().all(|peer| peer["id"] != name.as_str())
                })
                .then_some(())
        });
    }
    nodes.drain(..).for_each(Node::terminate);
}

#[test]
fn what_does_not_go_together_is_said_before_anything_starts() {
    let place = Place::new();
    let grid = place.grid("levels", 2, 2);
    let identity = place.mint(&grid, "one.pem");
    let other = place.mint(place.grid("elsewhere", 2, 3), "other.pem");
    let (one, other) = (identity.to_str().unwrap(), other.to_str().unwrap());
    let refused = |status: i32, more: &[&str], expected: &str| {
        let said = place.fails(status, with(place.run_args(&identity, "data"), more));
        assert!(said.contains(expected), "{more:?}: {said}");
    };
    refused(2, &["--level", "branch"], "leaf, normal or strong");
    refused(2, &["--level", "leaf"], "--peer");
    refused(2, &["--level", "strong"], "--also");
    refused(2, &["--also", one], "--level strong");
    refused(2, &["--grow-after", "5min"], "--level leaf");
    refused(2, &["--level", "leaf", "--grow-after", "soon"], "30min");
    refused(1, &["--level", "strong", "--also", one], "each is for one node");
    refused(1, &["--level", "strong", "--also", other], "elsewhere");
    refused(1, &["--level", "strong", "--also", "nowhere.pem"], "nowhere.pem");
    let third = place.mint(&grid, "third.pem");
    let highest = ["--listen", "/ip4/127.0.0.1/tcp/65535", "--level", "strong", "--also", third.to_str().unwrap()];
    let said = place.fails(1, with(place.run_args(&identity, "untouched"), &highest));
    assert!(said.contains("there is no port 1 above it") && !place.path("untouched").exists(), "{said}");
    let config = place.write("run.toml", "level = \"branch\"\n");
    refused(1, &["--config", config.to_str().unwrap()], "run.toml");
}
