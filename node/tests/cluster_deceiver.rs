//! Relays among real processes that show forged rosters: lines on which nobody is but them and their colluders, all of whom have signed.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, clippy::print_stdout, reason = "a test")]

mod cli_support;
mod net_support;
mod tunnels_support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cli_support::{Node, Place, eventually};
use grid::cell::{Cell, Line, Shape};
use grid::certified::{Certificate, Claim, Epoch, Roster, SignedClaim};
use grid::id::NodeId;
use grid::parameters::Parameters;
use grid::peer::{Card, Peer};
use hashcash::SecretIdentity;
use libp2p::identity::Keypair;
use net_support::attacker::now;
use net_support::{Setup, cell_of, mint};
use node::config::grid_file;
use node::tunnels::{ExitPolicy, Forged, Tunnels};
use node::verifier::Verifier;
use tokio::task::JoinHandle;
use tunnels_support::{grid_with, names_on, tunnels};

/// Enough that somebody comes upon one: each node draws three ways of three relays at least.
const DECEIVERS: u64 = 4;
const EPOCH: Duration = Duration::from_secs(20);
/// How often a reader tries.
const TRIES: u32 = 3;
/// Colluders on each line of the deceiver.
const COLLUDERS: usize = 4;

/// A node that never runs: its card and its signature are all that it is for.
struct Colluder {
    keypair: Keypair,
    peer: Peer,
}

async fn colluder(verifier: &Verifier, identity: &SecretIdentity) -> Colluder {
    let keypair = Keypair::generate_ed25519();
    let (peer_id, now) = (keypair.public().to_peer_id().to_bytes(), now());
    let grid = *verifier.parameters().grid_id().as_bytes();
    let credential = identity.sign_credential(&grid, &peer_id, [9; 32], now, now + 86_400, &mut rand::rng()).unwrap();
    let (identity, credential) = (identity.identity().to_bytes(), credential.to_bytes());
    let peer = verifier.verify(Card { identity: identity.into(), credential: credential.into(), contact: None });
    Colluder { keypair, peer: peer.await.unwrap() }
}

/// Mints colluders until there are enough on a line, beside others.
async fn colluders_on(parameters: &Parameters, verifier: &Verifier, line: Line) -> Vec<Colluder> {
    let mut all = Vec::new();
    while all.len() < COLLUDERS {
        let identity = mint(parameters);
        if line.contains(&cell_of(parameters, &identity)) {
            all.push(colluder(verifier, &identity).await);
        }
    }
    all
}

/// The roster of a line on which there are the deceiver and these alone, signed by all of these.
fn forge(verifier: &Verifier, line: Line, deceiver: (NodeId, Cell), colluders: &[Colluder]) -> Certificate {
    let members = colluders.iter().map(|one| (one.peer.id(), one.peer.cell())).chain([deceiver]);
    let roster = Roster::new(line, members).unwrap();
    let claim = Claim::of(&roster, Epoch::of_unix(now(), EPOCH));
    let sign = |one: &Colluder| {
        let grid = verifier.parameters().grid_id();
        let signature = one.keypair.sign(&claim.signed_bytes(&grid, &one.peer.id())).unwrap().try_into().unwrap();
        SignedClaim::check(&one.peer, claim, signature, &grid, |_, _, _| true).unwrap()
    };
    Certificate::new(claim, roster, colluders.iter().map(sign).collect()).unwrap()
}

/// How many members the certified rosters of a node's lines have, by axis; 0 where none is certified.
fn certified(place: &Place, node: &Node) -> Vec<u64> {
    let status = place.json(["status", "--json", "--api", &node.api]);
    status["rosters"].as_array().unwrap().iter().map(|line| line["members"].as_u64().unwrap_or(0)).collect()
}

fn cell_of_process(place: &Place, node: &Node, shape: Shape) -> Cell {
    let status = place.json(["status", "--json", "--api", &node.api]);
    let cell: Vec<u16> = serde_json::from_value(status["cell"].clone()).unwrap();
    shape.cell(&cell).unwrap()
}

/// How many of these cells' nodes are on each line of one of them.
fn on_lines(cells: &[Cell], of: Cell, shape: Shape) -> Vec<u64> {
    let lines = shape.axes().map(|axis| Line::through(of, axis));
    lines.map(|line| cells.iter().filter(|cell| line.contains(cell)).count() as u64).collect()
}

#[test]
fn relays_that_forge_their_lines_are_found_out_and_used_no_more() {
    let place = Place::new();
    let config = place.write("rook.toml", format!("[protocol]\nroster_epoch_ms = {}\n", EPOCH.as_millis()));
    let nodes = grid_with(&place, 2, 2, &["--config", config.to_str().unwrap()]);
    let parameters = grid_file::read(Path::new(&place.path("tunnels.toml"))).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(deceive(&place, &nodes, &parameters));
}

/// A node of this process that deceives as long as its task runs.
struct Deceiver {
    node: net_support::Node,
    cell: Cell,
    colluders: Vec<String>,
    lies: JoinHandle<()>,
}

async fn deceiver(parameters: &Parameters, verifier: &Verifier, peer: &Node) -> Deceiver {
    let identity = mint(parameters);
    let cell = cell_of(parameters, &identity);
    let mut setup = Setup::new(parameters, identity);
    setup.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1"];
    setup.config.roster_epoch = EPOCH;
    setup.peers.push(peer.listen[0].parse().unwrap());
    let node = setup.start().await;
    node.handle.joined().await.unwrap();
    let tunnels = Tunnels::start(node.handle.clone(), node.folder.path().to_owned(), ExitPolicy::default()).unwrap();
    let mut lines = Vec::new();
    for line in parameters.shape.axes().map(|axis| Line::through(cell, axis)) {
        lines.push((line, colluders_on(parameters, verifier, line).await));
    }
    let peers: Vec<Peer> = lines.iter().flat_map(|(_, all)| all).map(|one| one.peer.clone()).collect();
    let colluders = peers.iter().map(|peer| peer.id().to_string()).collect();
    let (me, verifier) = ((node.id, cell), verifier.clone());
    let lies = tokio::spawn(async move {
        loop {
            let forged = lines.iter().map(|(line, all)| forge(&verifier, *line, me, all)).collect();
            tunnels.deceive(Forged { peers: peers.clone(), lines: forged });
            // Before the next epoch is a second old.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    Deceiver { node, cell, colluders, lies }
}

async fn deceive(place: &Place, nodes: &[Node], parameters: &Parameters) {
    let verifier = Verifier::new(parameters.clone());
    let mut deceivers = Vec::new();
    for _ in 0..DECEIVERS {
        deceivers.push(deceiver(parameters, &verifier, &nodes[0]).await);
    }
    let of_processes = nodes.iter().map(|node| cell_of_process(place, node, parameters.shape));
    let cells: Vec<Cell> = of_processes.chain(deceivers.iter().map(|one| one.cell)).collect();
    let colluders = deceivers.iter().flat_map(|one| one.colluders.iter().cloned()).collect();
    tokio::task::block_in_place(|| found_out(place, nodes, &cells, parameters.shape, &colluders));
    for one in deceivers {
        one.lies.abort();
        one.node.handle.stop().await;
    }
}

/// Each node reads through tunnels and finds out the deceivers that it comes upon.
fn found_out(place: &Place, nodes: &[Node], cells: &[Cell], shape: Shape, colluders: &BTreeSet<String>) {
    let file = place.write("value", vec![7; 5000]);
    let put = place.json(["put", file.to_str().unwrap(), "--json", "--api", &nodes[0].api]);
    let pointer = put["pointer"].as_str().unwrap();
    for (node, &cell) in nodes.iter().zip(cells) {
        let all = on_lines(cells, cell, shape);
        eventually("has all in its certified rosters", Duration::from_secs(120), || {
            (certified(place, node) == all).then_some(())
        });
    }
    let copy = place.path("copy");
    for node in nodes {
        let get = ["get", pointer, "--tunnel", "-o", copy.to_str().unwrap(), "--api", &node.api];
        // What a reader is told to do when every way that was drawn leads over one of them.
        let tries = (0..TRIES).find(|_| place.output(get).status.success());
        tries.filter(|&before| before > 0).inspect(|before| println!("a get was tried {before} times in vain"));
        assert!(tries.is_some(), "{}", place.fails(1, get));
        assert_eq!(std::fs::read(&copy).unwrap(), vec![7; 5000]);
    }
    let found: Vec<u64> = nodes.iter().map(|node| tunnels(place, node)["deceivers"].as_u64().unwrap()).collect();
    println!("deceivers found by the nodes: {found:?}");
    assert!(found.iter().any(|&found| found > 0), "nobody came upon one");
    assert!(found.iter().all(|&found| found <= DECEIVERS), "an honest node is taken for a deceiver");
    for node in nodes {
        for tunnel in tunnels(place, node)["own"].as_array().unwrap() {
            assert!(names_on(tunnel).iter().all(|one| !colluders.contains(one)), "{tunnel}");
        }
    }
}
