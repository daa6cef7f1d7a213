//! `rook bench`: how fast this machine mints, how a grid compares with Kademlia, and how fast datasets are served.

mod api;
mod dap;
mod data;
mod dht;
mod measure;

use std::time::Duration;

use ::grid::parameters::Parameters;
use hashcash::Rules;
use hashcash::difficulty::affordable_bits;
use hashcash::search::Puzzle;
use serde::Serialize;

use self::measure::{Contender, contenders, rate_on_cores, rates};
use super::Failure;
use super::text::{self, note, say, say_json, table};
use crate::minting;

/// What can be measured.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BenchCommand {
    /// Every search kernel against the sha1 crate on one core, then all cores against one.
    Mint {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// A grid beside a libp2p Kademlia network of the same size, on loopback.
    Dht(dht::DhtArgs),
    /// The local API of a node of a grid, asked by many clients, beside an HTTP server that has the answer at hand.
    Api(api::ApiArgs),
    /// A gateway and its clients, at different rates of checks, beside a plain libp2p stream, on loopback.
    Dap(dap::DapArgs),
    /// A dataset server and its reader beside a plain libp2p stream, on loopback.
    Data(data::DataArgs),
}

/// Each contender's time in one round.
const SLICE: Duration = Duration::from_millis(150);
/// Rounds; odd, so that the median is a measurement.
const ROUNDS: usize = 9;
/// Each side's time in one round of all cores against one.
const CORE_SLICE: Duration = Duration::from_millis(400);
/// A day of one core.
const DAY: f64 = 86_400.0;

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    attempts_per_s: f64,
    compressions_per_s: f64,
    ratio_to_sha1_crate: f64,
}

#[derive(Debug, Serialize)]
struct AllCores {
    kernel: String,
    attempts_per_s: f64,
    ratio_to_one_core: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    kernels: Vec<Row>,
    all_cores: AllCores,
    cores: usize,
    cpu: String,
    expected_h_for_one_cpu_day: u32,
}

pub(super) async fn bench(command: BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Mint { json } => tokio::task::spawn_blocking(move || mint(json)).await?,
        BenchCommand::Dht(args) => dht::dht(&args).await,
        BenchCommand::Data(args) => data::data(&args).await,
        BenchCommand::Api(args) => api::api(&args).await,
        BenchCommand::Dap(args) => dap::dap(&args).await,
    }
}

fn mint(json: bool) -> Result<(), Failure> {
    let contenders = contenders();
    let cores = cores();
    let puzzle = measure::puzzle(&minting::rules(&Parameters::main()))?;
    let seconds = SLICE.as_secs_f64() * (ROUNDS * contenders.len()) as f64 + CORE_SLICE.as_secs_f64() * 10.0;
    note(format_args!("measuring for about {seconds:.0} s; other programs that run now make the figures worse"));
    let report = measure(&contenders, &puzzle, cores)?;
    match json {
        true => say_json(&report),
        false => say(describe(&report)),
    }
    Ok(())
}

fn measure(contenders: &[Contender], puzzle: &Puzzle, cores: usize) -> Result<Report, Failure> {
    let rates = rates(contenders, puzzle, SLICE, ROUNDS);
    let base = contenders.iter().zip(&rates).find(|(contender, _)| contender.is_sha1_crate());
    let base = base.map(|(_, rate)| *rate).ok_or_else(|| Failure::new("the sha1 crate was not measured"))?;
    let row = |(contender, rate): (&Contender, &f64)| Row {
        name: contender.name().to_owned(),
        attempts_per_s: rate.round(),
        compressions_per_s: (rate * contender.compressions_per_attempt(puzzle)).round(),
        ratio_to_sha1_crate: rate / base,
    };
    let mut kernels: Vec<Row> = contenders.iter().zip(&rates).map(row).collect();
    kernels.sort_by(|a, b| b.attempts_per_s.total_cmp(&a.attempts_per_s));
    let (kernel, best) = kernels.first().map(|row| (row.name.clone(), row.attempts_per_s)).unwrap_or_default();
    let best_contender = contenders.iter().copied().find(|contender| contender.name() == kernel);
    let best_contender = best_contender.ok_or_else(|| Failure::new("no kernel runs on this processor"))?;
    let (one, all) = measure::one_against_all(best_contender, puzzle, cores, CORE_SLICE);
    let all_cores = AllCores { kernel, attempts_per_s: all.round(), ratio_to_one_core: all / one };
    let expected_h_for_one_cpu_day = affordable_bits(best, DAY);
    Ok(Report { kernels, all_cores, cores, cpu: cpu(), expected_h_for_one_cpu_day })
}

fn describe(report: &Report) -> String {
    let row = |row: &Row| {
        vec![
            row.name.clone(),
            text::scaled(row.attempts_per_s),
            text::scaled(row.compressions_per_s),
            format!("{:.2}", row.ratio_to_sha1_crate),
        ]
    };
    let rows: Vec<Vec<String>> = report.kernels.iter().map(row).collect();
    let AllCores { kernel, attempts_per_s, ratio_to_one_core } = &report.all_cores;
    format!(
        "{}, one core:\n\n{}\n\nall {} cores, {kernel}: {}attempts/s, {ratio_to_one_core:.2} times one core\n\
         a day of one core is worth {} bits",
        report.cpu,
        table(&["kernel", "attempts/s", "compressions/s", "to the sha1 crate"], &rows),
        report.cores,
        text::scaled(*attempts_per_s),
        report.expected_h_for_one_cpu_day
    )
}

/// Attempts a second that minting by these rules makes with the fastest kernel on all cores, from a short measurement.
pub(super) fn rate_of_all_cores(rules: &Rules, time: Duration) -> Result<f64, Failure> {
    Ok(rate_on_cores(measure::fastest(), &measure::puzzle(rules)?, cores(), time))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The processor's name, where the system tells.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
