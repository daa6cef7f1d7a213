//! 32 real processes on loopback that know one introducer: files go in at one node and come out at others, nodes die,
//! come back, and join where nobody was before.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::Value;

const NODES: usize = 32;
const FILES: usize = 200;
const KILLED: usize = 8;
const DIMS: usize = 2;
const SIDE: u16 = 3;
const MAX_FILE: u32 = 256 * 1024;

/// Hops that a request may make beyond the number of axes when nodes on its way are dead.
const SIDESTEPS: u64 = 2;

type Cell = Vec<u64>;

/// An identity that was minted, and the cell it fell in.
struct Candidate {
    file: PathBuf,
    data: String,
    cell: Cell,
}

/// A node and what it was started from.
struct Member {
    node: Node,
    candidate: Candidate,
}

struct Stored {
    value: Vec<u8>,
    pointer: String,
}

#[test]
fn files_survive_the_death_of_a_quarter_of_32_processes() {
    let seed = std::env::var("ROOK_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ROOK_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let (candidates, late) = candidates(&place);
    let mut members = start_all(&place, candidates);
    let peer = members[0].node.listen[0].clone();
    wait_for_full_rosters(&place, &members);
    let files = put_all(&place, &members, &mut rng);
    let hops = get_all(&place, &members, &files, &mut rng, "with all nodes");
    assert!(hops.len() <= DIMS + 1, "more than {DIMS} hops though nothing fails: {hops:?}");

    // The introducer stays, for the newcomer below.
    members[1..].shuffle(&mut rng);
    let mut dead = Vec::new();
    for Member { node, candidate } in members.split_off(NODES - KILLED) {
        node.kill();
        dead.push(candidate);
    }
    get_all(&place, &members, &files, &mut rng, "with a quarter of them dead");

    let back = dead.swap_remove(0);
    let mut node = place.node(&place.run_args(&back.file, &back.data));
    node.wait_for("joined", Duration::from_secs(60));
    members.push(Member { node, candidate: back });
    get_some(&place, members.last().unwrap(), &files, "through one that came back without an introducer");

    assert!(members.iter().all(|member| member.candidate.cell != late.cell));
    let mut args = place.run_args(&late.file, &late.data);
    args.extend(["--peer".to_owned(), peer]);
    let mut node = place.node(&args);
    node.wait_for("joined", Duration::from_secs(60));
    members.push(Member { node, candidate: late });
    get_some(&place, members.last().unwrap(), &files, "through one whose home cell was vacant");
    let last = members.last().unwrap();
    let value = b"put by the newcomer".to_vec();
    let pointer = put(&place, &last.node, &value);
    get(&place, &members[0].node, &Stored { value, pointer });

    for member in members {
        member.node.terminate();
    }
}

/// Mints until there are 32 nodes outside some cell and one in it. No other cell is vacant: between cells both of whose corners are,
/// a request has to go around.
fn candidates(place: &Place) -> (Vec<Candidate>, Candidate) {
    let begun = Instant::now();
    let grid = place.grid("cluster", DIMS as u8, SIDE);
    let mut minted: Vec<Candidate> = Vec::new();
    loop {
        let number = minted.len();
        let (file, cell) = place.mint_with_cell(&grid, &format!("{number}.pem"));
        minted.push(Candidate { file, data: format!("data-{number}"), cell });
        let mut counts: BTreeMap<Cell, usize> = BTreeMap::new();
        for candidate in &minted {
            *counts.entry(candidate.cell.clone()).or_default() += 1;
        }
        let (vacant, least) = counts.iter().min_by_key(|(_, count)| **count).unwrap();
        if counts.len() == usize::from(SIDE).pow(DIMS as u32) && minted.len() - least >= NODES {
            let (mut inside, outside): (Vec<_>, Vec<_>) = minted.into_iter().partition(|c| c.cell == *vacant);
            let mut cells = BTreeSet::new();
            let (firsts, others): (Vec<_>, Vec<_>) = outside.into_iter().partition(|c| cells.insert(c.cell.clone()));
            let outside = firsts.into_iter().chain(others).take(NODES).collect();
            println!("minted {number} identities in {:?}; cell {vacant:?} stays vacant", begun.elapsed());
            return (outside, inside.swap_remove(0));
        }
    }
}

fn start_all(place: &Place, candidates: Vec<Candidate>) -> Vec<Member> {
    let begun = Instant::now();
    let mut members: Vec<Member> = Vec::new();
    for candidate in candidates {
        let mut args = place.run_args(&candidate.file, &candidate.data);
        if let Some(first) = members.first() {
            args.extend(["--peer".to_owned(), first.node.listen[0].clone()]);
        }
        members.push(Member { node: place.node(&args), candidate });
    }
    for member in &mut members {
        member.node.wait_for("joined", Duration::from_secs(120));
    }
    println!("{NODES} processes joined in {:?}", begun.elapsed());
    members
}

/// Each node's rosters become the truth, all that are in cells with at most one other coordinate, and all its links are
/// open: a request goes around one that is not, and that costs it more hops than there are axes.
fn wait_for_full_rosters(place: &Place, members: &[Member]) {
    let begun = Instant::now();
    for member in members {
        let near = |other: &&Member| {
            let pairs = other.candidate.cell.iter().zip(&member.candidate.cell);
            other.node.id != member.node.id && pairs.filter(|(a, b)| a != b).count() <= 1
        };
        let expected = members.iter().filter(near).count();
        eventually(&format!("links to {expected} neighbours"), Duration::from_secs(60), || {
            let peers = place.json(["peers", "--json", "--api", &member.node.api]);
            let peers = peers["peers"].as_array().unwrap().iter().filter(|peer| peer["neighbour"] == true);
            let (linked, others): (Vec<_>, Vec<_>) = peers.partition(|peer| peer["linked"] == true);
            (linked.len() == expected && others.is_empty()).then_some(())
        });
    }
    println!("all rosters are complete, and all links open, after {:?} more", begun.elapsed());
}

/// A size between 1 byte and the largest, small ones as often as large ones; the ends themselves for sure.
fn size(number: usize, rng: &mut StdRng) -> usize {
    match number {
        0 => 1,
        1 => MAX_FILE as usize,
        _ => f64::from(MAX_FILE).powf(rng.random()) as usize,
    }
}

fn put_all(place: &Place, members: &[Member], rng: &mut StdRng) -> Vec<Stored> {
    let begun = Instant::now();
    let put_one = |number| {
        let mut value = vec![0; size(number, rng)];
        rng.fill(&mut value[..]);
        let pointer = put(place, &members.choose(rng).unwrap().node, &value);
        Stored { value, pointer }
    };
    let files = (0..FILES).map(put_one).collect();
    println!("put {FILES} files in {:?}", begun.elapsed());
    files
}

fn put(place: &Place, node: &Node, value: &[u8]) -> String {
    let file = place.write("value", value);
    let put = place.json(["put", file.to_str().unwrap(), "--json", "--api", &node.api]);
    assert!(put["nodes"].as_u64().unwrap() >= put["cells"].as_u64().unwrap(), "{put}");
    assert!(put["cells"].as_u64().unwrap() >= 1, "{put}");
    put["pointer"].as_str().unwrap().to_owned()
}

fn get(place: &Place, node: &Node, file: &Stored) -> Value {
    let copy = place.path("copy");
    let got = place.json(["get", &file.pointer, "--json", "-o", copy.to_str().unwrap(), "--api", &node.api]);
    assert!(std::fs::read(copy).unwrap() == file.value, "what came back is not what was put");
    assert!(got["hops"].as_u64().unwrap() <= DIMS as u64 + SIDESTEPS, "{got}");
    got
}

fn get_all(place: &Place, members: &[Member], files: &[Stored], rng: &mut StdRng, when: &str) -> Vec<u32> {
    let begun = Instant::now();
    let mut hops = Vec::new();
    let mut slowest: f64 = 0.0;
    for file in files {
        let got = get(place, &members.choose(rng).unwrap().node, file);
        let crossed = got["hops"].as_u64().unwrap() as usize;
        if crossed > DIMS {
            println!("{when} a get went around: {got}");
        }
        hops.resize(hops.len().max(crossed + 1), 0);
        hops[crossed] += 1;
        slowest = slowest.max(got["ms"].as_f64().unwrap());
    }
    println!("got {} files {when} in {:?}: by hops {hops:?}, slowest {slowest} ms", files.len(), begun.elapsed());
    hops
}

fn get_some(place: &Place, member: &Member, files: &[Stored], what: &str) {
    for file in &files[..20] {
        get(place, &member.node, file);
    }
    println!("got 20 files {what}");
}
