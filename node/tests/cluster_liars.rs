//! The table of `rook-sim checks`, smaller and real: ten dataset servers in processes and cells of their own, of which some
//! lie; what a gateway delivers, what that costs, and how long a liar is asked.
//!
//! An ordinary run makes one line of it. `ROOK_LIARS_REQUESTS=6000` makes all of them, with so many requests each.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;
#[path = "cluster_datasets/http.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod http;
#[path = "cluster_datasets/world.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod world;

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cli_support::eventually;
use dataset::climate::{Climate, Layout};
use dataset::dap::{self, Format};
use dataset::netcdf::NetCdf;
use dataset::source::Source;
use serde_json::Value;
use world::{World, text};

const SERVERS: usize = 10;
/// A day of its temperatures is a group of 16 KiB.
const CLIMATE: Climate = Climate { days: 40, latitudes: 32, longitudes: 128 };
/// The same data twice: every value signed, and nothing but the description.
const NAMES: [(&str, &[&str]); 2] = [("proven", &[]), ("bare", &["--without-roots"])];

/// What one gateway made of one kind of liars.
struct Row {
    dataset: &'static str,
    liars: usize,
    lie_rate: f64,
    check_rate: f64,
    requests: u64,
    wrong: u64,
    refused: u64,
    /// Questions beside one a request, for each request; in the second half as well.
    extra_questions: [f64; 2],
    /// Bytes beside the values, as a share of these; in the second half as well.
    extra_bytes: [f64; 2],
    liars_asked: usize,
    liars_shunned: usize,
    /// The last request for which a liar was asked for an answer.
    last_liar: u64,
    honest_shunned: usize,
}

const HEAD: &str = "| dataset | liars | lie rate | check rate | requests | wrong | refused | extra questions a request, second half | \
                    extra bytes, second half | liars asked, shunned | last request that asked a liar for an answer | honest shunned |";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [questions, late_questions] = self.extra_questions;
        let [bytes, late_bytes] = self.extra_bytes.map(|share| share * 100.0);
        write!(
            f,
            "| {} | {} of {SERVERS} | {} | {} | {} ",
            self.dataset, self.liars, self.lie_rate, self.check_rate, self.requests
        )?;
        write!(f, "| {} | {} | {questions:.3}, {late_questions:.3} ", self.wrong, self.refused)?;
        write!(f, "| {bytes:.2} %, {late_bytes:.2} % | {}, {} ", self.liars_asked, self.liars_shunned)?;
        write!(f, "| {} | {} |", self.last_liar, self.honest_shunned)
    }
}

/// Servers, the last of which lie, all with the same data.
fn servers(liars: usize, lie_rate: f64) -> (World, PathBuf) {
    let mut world = World::of_cells(u16::try_from(SERVERS).unwrap());
    let fault = format!("lie:{lie_rate}");
    for server in 0..SERVERS {
        let flags: &[&str] = if server < SERVERS - liars { &[] } else { &["--faulty", &fault] };
        world.start(flags);
    }
    let file = world.climate("published.nc", &CLIMATE, Layout::Classic);
    for (name, flags) in NAMES {
        world.dataset(0, &[&["add", name, text(&file), "--server", "--every", "1s", "--days", "1"], flags].concat());
        for server in 1..SERVERS {
            eventually("the dataset is known, and served", Duration::from_secs(60), || {
                let args = ["dataset", "serve", name, text(&file), "--api", &world.nodes[server].api];
                world.place.output(args).status.success().then_some(())
            });
        }
    }
    (world, file)
}

/// Waits until a node knows all servers of a dataset.
fn await_all(world: &World, node: usize, name: &str) {
    eventually("all servers are known", Duration::from_secs(90), || {
        let output = world.place.output(["dataset", "show", name, "--json", "--api", &world.nodes[node].api]);
        let head = serde_json::from_slice::<Value>(&output.stdout).ok()?["head"].take();
        (head["servers"].as_array()?.len() == SERVERS).then_some(())
    });
}

/// What a node's API says of dataset servers, without a process for each question.
struct Trust {
    api: String,
    token: String,
}

impl Trust {
    fn of(world: &World, node: usize) -> Self {
        let api = world.nodes[node].api.clone();
        let entries = std::fs::read_dir(world.place.path("runtime/rook")).unwrap().map(|entry| entry.unwrap().path());
        let entries = entries.map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap());
        let of_node = |entry: &Value| entry.to_string().contains(&api);
        let token = entries.into_iter().find(of_node).unwrap()["token"].as_str().unwrap().to_owned();
        Self { api, token }
    }

    fn ask(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let Self { api, token } = self;
        write!(
            stream,
            "GET /v1/trust HTTP/1.1\r\nHost: {api}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap()["servers"].as_array().unwrap().clone()
    }
}

/// Questions and bytes, of all servers and of liars.
#[derive(Clone, Copy, Default)]
struct Cost {
    questions: u64,
    bytes: u64,
    values: u64,
}

fn number(entry: &Value, key: &str) -> u64 {
    entry[key].as_u64().unwrap()
}

/// Reads through a new gateway.
fn measure(world: &mut World, file: &Path, kind: (&'static str, usize, f64, f64), requests: u64) -> Row {
    let (dataset, liars, lie_rate, check_rate) = kind;
    let gateway = world.start_gateway(&["--check-rate", &check_rate.to_string()]);
    await_all(world, gateway, dataset);
    let (trust, source) = (Trust::of(world, gateway), NetCdf::open_path(file).unwrap());
    let names: Vec<String> = world.nodes[SERVERS - liars..SERVERS].iter().map(|node| node.id.clone()).collect();
    let is_liar = |entry: &Value| names.iter().any(|name| entry["id"] == name.as_str());
    let (mut wrong, mut refused, mut last_liar, mut asked_before) = (0, 0, 0, 0);
    let mut costs = [Cost::default(); 2];
    let mut values = 0;
    for request in 1..=requests {
        // Four groups of one variable: one answer of one server.
        let first = request % 10 * 4;
        let query = format!("air_temperature.air_temperature[{first}:{}][0:31][0:127]", first + 3);
        let body = dap::plan(Format::Dods, dataset, source.description(), &query).unwrap();
        values += body.reads(source.description());
        let expected = dap::render(body, &source).unwrap();
        let answer = world.get(&format!("/{dataset}.dods?{query}"));
        match answer.status {
            200 => wrong += u64::from(answer.body != expected),
            _ => refused += 1,
        }
        if request <= 200 || request % 20 == 0 || request == requests / 2 {
            let entries = trust.ask();
            let sum = |key| entries.iter().map(|entry| number(entry, key)).sum::<u64>();
            let questions = sum("answers") + sum("challenges");
            let asked = entries.iter().filter(|entry| is_liar(entry)).map(|entry| number(entry, "answers")).sum();
            if asked > asked_before {
                (last_liar, asked_before) = (request, asked);
            }
            if request == requests / 2 || request == requests {
                costs[usize::from(request == requests)] = Cost { questions, bytes: sum("bytes"), values };
            }
        }
    }
    let [half, all] = costs;
    let late = Cost {
        questions: all.questions - half.questions,
        bytes: all.bytes - half.bytes,
        values: all.values - half.values,
    };
    let extra = |cost: Cost, of: u64| (cost.questions as f64 - of as f64) / of as f64;
    let share = |cost: Cost| (cost.bytes as f64 - cost.values as f64) / cost.values as f64;
    let entries = trust.ask();
    let shunned = |entry: &&Value| !entry["shunned"].is_null();
    Row {
        dataset,
        liars,
        lie_rate,
        check_rate,
        requests,
        wrong,
        refused,
        extra_questions: [extra(all, requests), extra(late, requests - requests / 2)],
        extra_bytes: [share(all), share(late)],
        liars_asked: entries.iter().filter(|entry| is_liar(entry) && number(entry, "answers") > 0).count(),
        liars_shunned: entries.iter().filter(|entry| is_liar(entry)).filter(shunned).count(),
        last_liar,
        honest_shunned: entries.iter().filter(|entry| !is_liar(entry)).filter(shunned).count(),
    }
}

#[test]
fn liars_are_found_and_nothing_wrong_is_delivered() {
    let asked = std::env::var("ROOK_LIARS_REQUESTS").ok().map(|requests| requests.parse::<u64>().unwrap());
    let (shares, rates, requests): (&[usize], &[f64], u64) = match asked {
        Some(requests) => (&[2, 4], &[1.0, 0.1], requests),
        None => (&[4], &[1.0], 200),
    };
    println!("{HEAD}\n|{}", " --- |".repeat(12));
    for (&liars, &lie_rate) in shares.iter().flat_map(|liars| rates.iter().map(move |rate| (liars, rate))) {
        for (dataset, check_rate) in [("proven", 0.1), ("bare", 0.1), ("bare", 1.0)] {
            if asked.is_none() && (dataset, check_rate) != ("bare", 0.1) {
                continue;
            }
            // Servers of its own for each gateway: they would tell it what others before it have proved of the liars.
            let (mut world, file) = servers(liars, lie_rate);
            let row = measure(&mut world, &file, (dataset, liars, lie_rate, check_rate), requests);
            println!("{row}");
            assert_eq!((row.wrong, row.refused, row.honest_shunned), (0, 0, 0), "{HEAD}\n{row}");
            assert!(dataset == "proven" || lie_rate < 1.0 || row.liars_shunned == row.liars_asked, "{HEAD}\n{row}");
        }
    }
}
