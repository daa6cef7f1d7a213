//! Datasets through the real program and a small real grid: published, served from another layout, found, and there
//! again after a restart.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use cli_support::{Node, Place, eventually};
use dataset::climate::{self, Climate, Layout};
use serde_json::Value;

/// Long enough that versions with an interval of a second may follow each other.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

fn small(place: &Place, name: &str, days: u32, layout: Layout) -> String {
    let path = place.path(name);
    climate::write(&path, &Climate { days, ..Climate::SMALL }, layout).unwrap();
    text(&path)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Two nodes of a grid of two cells, and the arguments that start each.
fn grid(place: &Place) -> (Vec<Node>, Vec<Vec<String>>) {
    let file = place.grid("datasets", 1, 2);
    let (mut nodes, mut all_args): (Vec<Node>, Vec<Vec<String>>) = Default::default();
    for number in 0..2 {
        let identity = place.mint(&file, &format!("{number}.pem"));
        let mut args = place.run_args(&identity, &format!("data-{number}"));
        args.extend(nodes.iter().take(1).flat_map(|first| ["--peer".to_owned(), first.listen[0].clone()]));
        let mut node = place.node(&args);
        node.wait_for("joined", Duration::from_secs(60));
        nodes.push(node);
        all_args.push(args);
    }
    for node in &nodes {
        eventually("they know each other", Duration::from_secs(40), || {
            (place.json(["status", "--json", "--api", &node.api])["neighbours"] == 1).then_some(())
        });
    }
    (nodes, all_args)
}

fn dataset(place: &Place, node: &Node, args: &[&str]) -> Value {
    place.json([&["dataset"], args, &["--json", "--api", &node.api]].concat())
}

#[test]
fn a_dataset_is_published_served_and_there_again() {
    let place = Place::new();
    let (mut nodes, args) = grid(&place);
    let one = small(&place, "one.nc", 3, Layout::Classic);
    let added = dataset(&place, &nodes[0], &["add", "climate", &one, "--server", "--every", "1s", "--days", "1"]);
    let pointer = added["pointer"].as_str().unwrap().to_owned();
    assert_eq!((added["sequence"].as_u64(), added["files"].as_u64()), (Some(0), Some(1)));
    let again = dataset(&place, &nodes[0], &["add", "climate", &one]);
    assert_eq!((again["sequence"].as_u64(), &again["version"]), (None, &added["version"]), "there is nothing new");

    // The next version, from a path relative to where the command runs.
    sleep(NEXT_SECOND);
    small(&place, "two.nc", 4, Layout::Classic);
    let next = dataset(&place, &nodes[0], &["add", "climate", "two.nc"]);
    assert_eq!((next["sequence"].as_u64(), next["pointer"].as_str()), (Some(1), Some(&*pointer)));

    // Another node serves it from a copy in another layout.
    let copy = small(&place, "copy.nc", 4, Layout::Hdf5);
    let manifest = text(&place.path("climate.manifest"));
    place.ok(["dataset", "show", "climate", "--manifest", &manifest, "--api", &nodes[0].api]);
    let refused =
        place.fails(1, ["dataset", "serve", "climate", &one, "--manifest", &manifest, "--api", &nodes[1].api]);
    assert!(refused.contains("was published with the shape"), "{refused}");
    let served = dataset(&place, &nodes[1], &["serve", "climate", &copy, "--manifest", &manifest]);
    assert_eq!((&served["version"], served["sequence"].as_u64()), (&next["version"], Some(1)));
    let shown = eventually("both serve it", Duration::from_secs(30), || {
        let shown = dataset(&place, &nodes[0], &["show", "climate"]);
        (shown["head"]["servers"].as_array().unwrap().len() == 2).then_some(shown)
    });
    assert_eq!(shown["head"]["pointer"].as_str(), Some(&*pointer));
    assert_eq!(shown["here"]["versions"].as_array().unwrap().len(), 2);

    // The publisher ends, and comes back.
    let node = nodes.remove(0);
    let id = node.id.clone();
    node.terminate();
    let mut restart = args[0].clone();
    restart.extend(["--peer".to_owned(), nodes[0].listen[0].clone()]);
    let node = place.node(&restart);
    assert_eq!(node.id, id);
    eventually("it serves both versions again", Duration::from_secs(60), || {
        let listed = dataset(&place, &node, &["list"]);
        let here = &listed["datasets"][0];
        let served = here["versions"].as_array().unwrap().iter().filter(|version| version["served"] == true).count();
        (served == 2 && !here["announced_in_cells"].is_null()).then_some(())
    });
    let table = place.ok(["dataset", "list", "--api", &node.api]);
    assert!(table.contains("climate") && table.contains("served") && table.contains("two.nc"), "{table}");

    let refused = place.fails(1, ["dataset", "forget", "climate", "--api", &node.api]);
    assert!(refused.contains("publishes or serves the dataset climate itself"), "{refused}");
    place.ok(["dataset", "remove", "climate", "--api", &node.api]);
    assert_eq!(dataset(&place, &node, &["list"])["datasets"].as_array().unwrap().len(), 0);
    place.ok(["dataset", "forget", "climate", "--api", &node.api]);
    let refused = place.fails(1, ["dataset", "remove", "climate", "--api", &node.api]);
    assert!(refused.contains("neither publishes nor serves"), "{refused}");
}

#[test]
fn what_cannot_be_a_dataset_is_refused_with_the_reason() {
    let place = Place::new();
    let (nodes, _) = grid(&place);
    let add =
        |status, name: &str, path: &str| place.fails(status, ["dataset", "add", name, path, "--api", &nodes[0].api]);
    let refused = add(2, "a/b", "x.nc");
    assert!(refused.contains("a dataset's name is made of letters"), "{refused}");
    let refused = add(2, "sst", "gs://bucket/x.nc");
    assert!(refused.contains("is no place for files"), "{refused}");
    let refused = add(1, "sst", "missing.nc");
    assert!(refused.contains("missing.nc does not exist"), "{refused}");
    let refused = add(1, "sst", &text(&place.write("text.nc", "no data")));
    assert!(refused.contains("text.nc"), "{refused}");
    let refused = place.fails(1, ["dataset", "show", "sst", "--api", &nodes[0].api]);
    assert!(refused.contains("nobody offers a dataset sst"), "{refused}");
    let refused = place.fails(1, ["dataset", "serve", "sst", "x.nc", "--api", &nodes[0].api]);
    assert!(refused.contains("nobody offers a dataset sst"), "{refused}");
}
