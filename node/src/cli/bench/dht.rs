//! `rook bench dht`: a grid and a Kademlia network of the same size on loopback, one after the other, each in a process
//! of its own, so that neither warms up or fills the memory for the other.

mod of_grid;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kad_bench::Plan;
use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::cli::run::raise_open_files;
use crate::cli::text::{note, say, say_json, table};

/// How to compare.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DhtArgs {
    /// Nodes in each network.
    #[arg(long, default_value_t = 64)]
    nodes: usize,
    /// Axes of the grid.
    #[arg(long, default_value_t = 2)]
    dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 4)]
    side: u16,
    /// Bytes of each value.
    #[arg(long, default_value_t = 1024)]
    value_bytes: usize,
    /// Puts, and gets, one at a time.
    #[arg(long, default_value_t = 500)]
    operations: usize,
    /// Gets for the throughput, 32 in flight.
    #[arg(long, default_value_t = 10_000)]
    concurrent_operations: usize,
    /// The share of the nodes that is killed.
    #[arg(long, default_value_t = 0.3)]
    kill: f64,
    /// Where the grid's nodes keep their records [default: /dev/shm if there is one, in memory, where Kademlia's store is].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where keys, values, askers and victims come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON: rook and kademlia, each with its figures.
    #[arg(long)]
    json: bool,
    /// Measure one of them in this process.
    #[arg(long, hide = true)]
    contender: Option<Contender>,
}

impl DhtArgs {
    fn data(&self) -> PathBuf {
        let memory = Path::new("/dev/shm");
        let usual = || if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        self.data.clone().unwrap_or_else(usual)
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Contender {
    Rook,
    Kademlia,
}

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Rook => "rook",
            Self::Kademlia => "kademlia",
        }
    }
}

/// What was measured of one network. Times are those of an owner of a node, from the call to the answer; a put's
/// record has its stamp already.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Figures {
    get_p50_ms: f64,
    get_p95_ms: f64,
    put_p50_ms: f64,
    put_p95_ms: f64,
    gets_per_s: f64,
    messages_per_put: f64,
    messages_per_get: f64,
    /// Gets that the asker could answer from its own store.
    gets_from_own_store: f64,
    links_per_node: f64,
    rss_mib_per_node: f64,
    success_after_kill: f64,
    get_failures: u64,
    put_failures: u64,
}

impl Figures {
    fn of_kademlia(figures: &kad_bench::Figures, rss_mib_per_node: f64) -> Self {
        Self {
            get_p50_ms: figures.get_p50_ms,
            get_p95_ms: figures.get_p95_ms,
            put_p50_ms: figures.put_p50_ms,
            put_p95_ms: figures.put_p95_ms,
            gets_per_s: figures.gets_per_s,
            messages_per_put: figures.messages_per_put,
            messages_per_get: figures.messages_per_get,
            gets_from_own_store: figures.gets_from_own_store,
            links_per_node: figures.links_per_node,
            rss_mib_per_node,
            success_after_kill: figures.success_after_kill,
            get_failures: figures.get_failures,
            put_failures: figures.put_failures,
        }
    }
}

#[derive(Serialize)]
struct Comparison {
    nodes: usize,
    /// Where the grid's nodes kept their records; Kademlia's are in memory.
    data: PathBuf,
    value_bytes: usize,
    rook: Figures,
    kademlia: Figures,
}

pub(in crate::cli) async fn dht(args: &DhtArgs) -> Result<(), Failure> {
    raise_open_files();
    if let Some(contender) = args.contender {
        let figures = measure(contender, args).await?;
        say_json(&figures);
        return Ok(());
    }
    note("two networks of this size, one after the other; other programs that run now make the figures worse");
    let rook = in_a_child(Contender::Rook, args).await?;
    let kademlia = in_a_child(Contender::Kademlia, args).await?;
    let comparison = Comparison { nodes: args.nodes, data: args.data(), value_bytes: args.value_bytes, rook, kademlia };
    match args.json {
        true => say_json(&comparison),
        false => say(describe(&comparison)),
    }
    Ok(())
}

async fn measure(contender: Contender, args: &DhtArgs) -> Result<Figures, Failure> {
    let plan = Plan {
        nodes: args.nodes,
        value_bytes: args.value_bytes,
        operations: args.operations,
        concurrent_operations: args.concurrent_operations,
        kill_share: args.kill,
        seed: args.seed,
        ..Plan::default()
    };
    match contender {
        Contender::Rook => of_grid::measure(&plan, args.dims, args.side, &args.data()).await,
        Contender::Kademlia => {
            let before = resident_mib()?;
            let mut network = kad_bench::Network::start(&plan).await?;
            let rss = (resident_mib()? - before) / plan.nodes as f64;
            Ok(Figures::of_kademlia(&network.measure(&plan).await?, rss))
        }
    }
}

/// Memory of this process, in MiB.
fn resident_mib() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/statm")
        .map_err(|error| Failure::new(format!("the memory of this process cannot be read from /proc: {error}")))?;
    let pages: f64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    Ok(pages * rustix::param::page_size() as f64 / f64::from(1 << 20))
}

/// Runs this program once more, for one of the two.
async fn in_a_child(contender: Contender, args: &DhtArgs) -> Result<Figures, Failure> {
    let program = std::env::current_exe()?;
    let mut command = tokio::process::Command::new(program);
    command.args(["bench", "dht", "--contender", contender.name()]);
    let numbers = [
        ("--nodes", args.nodes.to_string()),
        ("--dims", args.dims.to_string()),
        ("--side", args.side.to_string()),
        ("--value-bytes", args.value_bytes.to_string()),
        ("--operations", args.operations.to_string()),
        ("--concurrent-operations", args.concurrent_operations.to_string()),
        ("--kill", args.kill.to_string()),
        ("--seed", args.seed.to_string()),
    ];
    for (name, value) in numbers {
        command.arg(name).arg(value);
    }
    command.arg("--data").arg(args.data());
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout)?),
        false => Err(Failure::new(format!("measuring {} came to nothing, see above", contender.name()))),
    }
}

fn describe(comparison: &Comparison) -> String {
    let Comparison { rook, kademlia, nodes, value_bytes, data } = comparison;
    let row = |what: &str, value: fn(&Figures) -> f64| {
        let (ours, theirs) = (value(rook), value(kademlia));
        vec![what.to_owned(), format!("{ours:.2}"), format!("{theirs:.2}"), format!("{:.2}", ours / theirs)]
    };
    let rows = [
        row("get, p50, ms", |figures| figures.get_p50_ms),
        row("get, p95, ms", |figures| figures.get_p95_ms),
        row("put, p50, ms", |figures| figures.put_p50_ms),
        row("put, p95, ms", |figures| figures.put_p95_ms),
        row("gets a second, 32 in flight", |figures| figures.gets_per_s),
        row("requests a get", |figures| figures.messages_per_get),
        row("requests a put", |figures| figures.messages_per_put),
        row("share of gets from the asker's own store", |figures| figures.gets_from_own_store),
        row("links a node", |figures| figures.links_per_node),
        row("memory a node, MiB", |figures| figures.rss_mib_per_node),
        row("success after the kill, %", |figures| figures.success_after_kill * 100.0),
    ];
    let table = table(&["", "rook", "kademlia", "ratio"], &rows);
    let data = data.display();
    format!("{nodes} nodes, values of {value_bytes} bytes, TCP on loopback, the grid's records in {data}\n\n{table}")
}
