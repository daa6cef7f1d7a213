//! `rook-sim scale`: a network of millions, built and asked, and how long that took.

use std::time::{Duration, Instant};

use grid::cell::Shape;
use serde::Serialize;
use sim::field::scale::{Tally, look_up};
use sim::field::{self, Field, chase};
use sim::machine;

use crate::tell;

/// Reads over which the time of a dependent read is measured.
const READS: u32 = 5_000_000;

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many nodes.
    #[arg(long, default_value_t = 4_000_000)]
    nodes: u64,
    /// The grid's axes.
    #[arg(long, default_value_t = 6)]
    dims: u8,
    /// Coordinates on each axis.
    #[arg(long, default_value_t = 10)]
    side: u16,
    /// Lookups of random keys by random nodes.
    #[arg(long, default_value_t = 10_000_000)]
    lookups: u64,
    /// Threads; all cores unless said otherwise.
    #[arg(long)]
    threads: Option<usize>,
    /// Decides everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    nodes: u64,
    dims: u8,
    side: u16,
    lookups: u64,
    threads: usize,
    /// Building and lookups together.
    seconds: f64,
    build_seconds: f64,
    lookups_per_s_per_core: f64,
    success: f64,
    mean_hops: f64,
    max_hops: usize,
    expected_hops: f64,
    by_hops: Vec<u64>,
    messages_per_lookup: f64,
    vacant: f64,
    expected_vacant: f64,
    bytes_per_node: f64,
    rss_mib: Option<f64>,
    /// A read in as much memory that waits for the one before.
    dependent_read_ns: f64,
    /// Lookups a second and core if each hop took one such read, and the origin another.
    limit_lookups_per_s_per_core: f64,
    share_of_limit: f64,
}

impl Options {
    pub(crate) fn run(&self) -> Result<(), String> {
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        field::check(shape, self.nodes, machine::free_memory()).map_err(|error| error.to_string())?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads.unwrap_or(0)).build();
        let report = pool.map_err(|error| format!("no threads: {error}"))?.install(|| self.measure(shape))?;
        tell(&report, self.json, print)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are below 2^53")]
    fn measure(&self, shape: Shape) -> Result<Report, String> {
        let threads = rayon::current_num_threads();
        let begun = Instant::now();
        let field = Field::random(shape, self.nodes, self.seed).map_err(|error| error.to_string())?;
        let built = begun.elapsed();
        let tally = look_up(&field, self.lookups, self.seed);
        let all = begun.elapsed();
        let read = chase::dependent_read(field.bytes(), READS, self.seed);
        let per_core = self.lookups as f64 / (all - built).as_secs_f64() / threads as f64;
        let limit = limit(&tally, read);
        let vacant = field.counts().iter().filter(|&&count| count == 0).count();
        Ok(Report {
            nodes: self.nodes,
            dims: self.dims,
            side: self.side,
            lookups: self.lookups,
            threads,
            seconds: all.as_secs_f64(),
            build_seconds: built.as_secs_f64(),
            lookups_per_s_per_core: per_core,
            success: tally.success(),
            mean_hops: tally.mean_hops(),
            max_hops: tally.most_hops(),
            expected_hops: f64::from(self.dims) * (1.0 - 1.0 / f64::from(self.side)),
            messages_per_lookup: tally.messages as f64 / self.lookups.max(1) as f64,
            by_hops: tally.by_hops,
            vacant: vacant as f64 / shape.cells() as f64,
            expected_vacant: (-(self.nodes as f64 / shape.cells() as f64)).exp(),
            bytes_per_node: field.bytes() as f64 / self.nodes as f64,
            rss_mib: machine::peak_rss_mib(),
            dependent_read_ns: read.as_secs_f64() * 1e9,
            limit_lookups_per_s_per_core: limit,
            share_of_limit: per_core / limit,
        })
    }
}

fn limit(tally: &Tally, read: Duration) -> f64 {
    1.0 / ((tally.mean_hops() + 1.0) * read.as_secs_f64())
}

fn print(report: &Report) {
    println!(
        "{} nodes in a grid of {}^{} cells built in {:.2} s; {} lookups, {:.2} s in all on {} threads",
        report.nodes, report.side, report.dims, report.build_seconds, report.lookups, report.seconds, report.threads
    );
    println!(
        "{:.4} % arrived, in {:.4} hops on average (d(1-1/g) = {:.4}) and {} at most, {:.4} messages",
        100.0 * report.success,
        report.mean_hops,
        report.expected_hops,
        report.max_hops,
        report.messages_per_lookup
    );
    println!("{:.4} % of the cells are vacant (e^-x = {:.4} %)", 100.0 * report.vacant, 100.0 * report.expected_vacant);
    println!(
        "{:.0} lookups a second and core; {:.2} bytes a node, {} MiB in all",
        report.lookups_per_s_per_core,
        report.bytes_per_node,
        report.rss_mib.map_or("unknown".into(), |mib| format!("{mib:.0}"))
    );
    println!(
        "A read of as much memory that waits for the one before takes {:.1} ns here: one for each hop and one for the \
         origin would allow {:.0} lookups a second and core, of which this is {:.0} %",
        report.dependent_read_ns,
        report.limit_lookups_per_s_per_core,
        100.0 * report.share_of_limit
    );
}
