//! A small grid of real processes that publish, serve and read one dataset.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dataset::climate::{self, Chunks, Climate, Layout};
use dataset::dap::{self, Format};
use dataset::netcdf::NetCdf;
use dataset::source::Source;
use serde_json::Value;

use super::cli_support::{Node, Place, eventually};
use super::http::{self, Answer};

/// The dataset's name.
pub(crate) const NAME: &str = "climate";

/// The cells of a grid: one dimension, as many cells as there are servers at most.
const CELLS: u16 = 4;

/// Nodes of one grid; the first joins nobody. The last one to be started as a gateway is asked.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) nodes: Vec<Node>,
    grid: PathBuf,
    cells: u16,
    gateway: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of_cells(CELLS)
    }

    /// A grid of one line of cells.
    pub(crate) fn of_cells(cells: u16) -> Self {
        let place = Place::new();
        let grid = place.grid("datasets", 1, cells);
        Self { place, nodes: Vec::new(), grid, cells, gateway: String::new() }
    }

    /// Starts one more node, in a cell of its own as long as there are any, and waits until it has joined.
    pub(crate) fn start(&mut self, flags: &[&str]) -> usize {
        let number = self.nodes.len();
        let identity = self.mint(number, u64::from(self.cells) - 1 - number as u64 % u64::from(self.cells));
        let mut args = self.place.run_args(&identity, &format!("data-{number}"));
        args.extend(flags.iter().map(|&flag| flag.to_owned()));
        args.extend(self.nodes.iter().take(1).flat_map(|first| ["--peer".to_owned(), first.listen[0].clone()]));
        let mut node = self.place.node(&args);
        let services = node.wait_for("services", Duration::from_secs(10));
        if let Some(url) = services["dap"].as_str() {
            self.gateway = url.trim_start_matches("http://").to_owned();
        }
        node.wait_for("joined", Duration::from_secs(60));
        self.nodes.push(node);
        number
    }

    /// Starts a gateway that keeps nothing, so that each answer comes from servers.
    pub(crate) fn start_gateway(&mut self, flags: &[&str]) -> usize {
        self.start(&[&["--dap", "127.0.0.1:0", "--cache", "0B"], flags].concat())
    }

    /// An identity in that cell.
    fn mint(&self, number: usize, cell: u64) -> PathBuf {
        for attempt in 0..200 {
            let path = self.place.path(&format!("{number}-{attempt}.pem"));
            let (grid, file) = (self.grid.to_str().unwrap(), path.to_str().unwrap());
            let minted = self.place.json(["mint", "--grid", grid, "--out", file, "--json"]);
            if minted["cell"] == serde_json::json!([cell]) {
                return path;
            }
        }
        panic!("no identity in cell {cell}");
    }

    /// A command about datasets to a node.
    pub(crate) fn dataset(&self, node: usize, args: &[&str]) -> Value {
        self.place.json([&["dataset"], args, &["--json", "--api", &self.nodes[node].api]].concat())
    }

    /// Publishes the file from the first node, and serves each copy from the next.
    pub(crate) fn publish(&self, file: &Path, flags: &[&str], copies: &[&Path]) {
        self.dataset(0, &[&["add", NAME, text(file), "--server", "--every", "1s", "--days", "1"], flags].concat());
        for (number, copy) in copies.iter().enumerate() {
            self.serve(number + 1, copy);
        }
    }

    /// Serves a copy from a node, when it has heard of the dataset.
    pub(crate) fn serve(&self, node: usize, copy: &Path) {
        eventually("the dataset is known, and served from a copy", Duration::from_secs(60), || {
            let args = ["dataset", "serve", NAME, text(copy), "--api", &self.nodes[node].api];
            self.place.output(args).status.success().then_some(())
        });
    }

    /// Waits until a node knows so many servers of the newest version.
    pub(crate) fn await_servers(&self, node: usize, count: usize) -> Value {
        eventually("all servers are known", Duration::from_secs(60), || {
            let output = self.place.output(["dataset", "show", NAME, "--json", "--api", &self.nodes[node].api]);
            let head = serde_json::from_slice::<Value>(&output.stdout).ok()?["head"].take();
            let servers = head["servers"].as_array()?;
            let newest = servers.iter().filter(|server| server["version"] == head["version"]).count();
            (newest == count).then_some(head)
        })
    }

    /// Where the gateway is.
    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Asks the gateway.
    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(&self.gateway, path, "rook test")
    }

    /// What a node knows of the servers.
    pub(crate) fn trust(&self, node: usize) -> Vec<Value> {
        let trusted = self.place.json(["trust", "--json", "--api", &self.nodes[node].api]);
        trusted["servers"].as_array().unwrap().clone()
    }

    /// What a node knows of one server.
    pub(crate) fn standing(&self, node: usize, server: usize) -> Option<Value> {
        self.trust(node).into_iter().find(|entry| entry["id"] == self.nodes[server].id.as_str())
    }

    /// Why a server is never asked again by a node.
    pub(crate) fn shunned(&self, node: usize, server: usize) -> Option<String> {
        self.standing(node, server).and_then(|entry| entry["shunned"].as_str().map(str::to_owned))
    }

    /// Writes the synthetic climate.
    pub(crate) fn climate(&self, name: &str, climate: &Climate, layout: Layout) -> PathBuf {
        let path = self.place.path(name);
        climate::write(&path, climate, layout).unwrap();
        path
    }
}

/// Writes a file of about so many bytes whose values are random bits: the days of a small world, continued with noise.
pub(crate) fn noise(path: &Path, bytes: u64) {
    let days = |days| Climate { days, latitudes: 180, longitudes: 360 };
    let length = |path: &Path| std::fs::metadata(path).unwrap().len();
    climate::write(path, &days(2), Layout::Cdf5).unwrap();
    let two = length(path);
    climate::write(path, &days(1), Layout::Cdf5).unwrap();
    let day = two - length(path);
    let more = bytes / day;
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    let noise = blake3::Hasher::new().update(b"noise").finalize_xof();
    std::io::copy(&mut noise.take(more * day), &mut file).unwrap();
    // The number of records follows the four bytes that name the format.
    file.seek(SeekFrom::Start(4)).unwrap();
    file.write_all(&(1 + more).to_be_bytes()).unwrap();
}

/// About 1.5 MB: enough for several batches and pieces.
pub(crate) const WORLD: Climate = Climate { days: 40, latitudes: 36, longitudes: 72 };

/// A layout that has nothing in common with the classic one.
pub(crate) fn chunked() -> Layout {
    Layout::Chunked(Chunks { days: 3, latitudes: 10, longitudes: 20, deflate: Some(1), is_shuffled: true })
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An answer's bytes, from the file and with no grid in between.
pub(crate) fn expected(file: &Path, query: &str) -> Vec<u8> {
    let source = NetCdf::open_path(file).unwrap();
    let body = dap::plan(Format::Dods, NAME, source.description(), query).unwrap();
    dap::render(body, &source).unwrap()
}

/// Two files have the same variables with the same bytes.
pub(crate) fn same_values(one: &Path, other: &Path) {
    let (one, other) = (NetCdf::open_path(one).unwrap(), NetCdf::open_path(other).unwrap());
    assert_eq!(one.description().variables.len(), other.description().variables.len());
    for (place, variable) in one.description().variables.iter().enumerate() {
        let there = other.description().find(&variable.name).unwrap();
        let read = |source: &NetCdf, place: usize| {
            let mut bytes = Vec::new();
            source.read_range(place, 0..source.length(place).unwrap(), &mut bytes).unwrap();
            bytes
        };
        assert!(read(&one, place) == read(&other, there), "{} differs", variable.name);
    }
}
