//! The command line, `rook`. One file a command; what they print for people and for scripts stands in `text`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that talks to people")]

mod bench;
mod config;
mod dashboard;
mod dataset;
mod demo;
mod files;
mod get;
mod grid;
mod identity;
mod identity_file;
mod ledger;
mod log;
mod manual;
mod mint;
mod offers;
mod price;
mod put;
pub(crate) mod quantity;
mod rewrite;
mod run;
mod services;
mod signals;
mod stamping;
mod state;
mod text;
mod top;
mod transfer;
mod tunnels;
mod watch;
mod writer;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

/// A grid of strangers that stores data you can rely on.
#[derive(Debug, Parser)]
#[command(name = "rook", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written, to standard error. ROOK_LOG chooses them: error, warn, info, debug, trace.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "text|json",
        default_value = "text",
        hide_possible_values = true
    )]
    log_format: log::LogFormat,
}

const AFTER_HELP: &str = "To begin: `rook demo` shows a whole grid on this machine. To take part in one: \
`rook mint --grid local --out identity.pem`, then `rook run --identity identity.pem --data data --peer ADDRESS`.\n\
Exit status: 0 if it worked, 1 if not, 2 if it was called wrongly, 130 if it was interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    Mint(mint::MintArgs),
    /// Show or check an identity.
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    /// Make or show a grid's parameters.
    #[command(subcommand)]
    Grid(grid::GridCommand),
    Run(Box<run::RunArgs>),
    /// Make, check or show the file that `rook run --config` takes.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Price(price::PriceArgs),
    Put(Box<put::PutArgs>),
    Get(get::GetArgs),
    Rewrite(rewrite::RewriteArgs),
    Watch(watch::WatchArgs),
    Provide(offers::ProvideArgs),
    Providers(offers::ProvidersArgs),
    /// Publish, serve and find datasets.
    #[command(subcommand)]
    Dataset(Box<dataset::DatasetCommand>),
    Trust(dataset::check::TrustArgs),
    Dashboard(dashboard::DashboardArgs),
    Top(top::TopArgs),
    /// Show a running node's state.
    Status(state::StateArgs),
    /// Show the nodes that a running node knows.
    Peers(state::StateArgs),
    /// Show what a running node's neighbours did for it, and it for them.
    ///
    /// Work is counted in bytes taken in and sent on once; what is a day old counts half. Who owes much comes last when
    /// there is too much to do, and nothing else.
    Ledger(state::StateArgs),
    /// The node's tunnels, and what it relays for others.
    ///
    /// JSON: own (way, age_s, laid_in_ms, round_trip_ms, visits), certified (relays have to show certified rosters), deceivers (relays that showed forged ones), exit (rules by which strangers are let out), circuits, relayed (away from who laid the tunnel, towards it), taken, refused, forged.
    Tunnels(state::StateArgs),
    Serve(services::ServeArgs),
    Socks(services::SocksArgs),
    Demo(demo::DemoArgs),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
    /// Measure this machine.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 1 }
    }

    /// It was called wrongly.
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 2 }
    }

    /// Ctrl-C ended it.
    fn interrupted(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: 130 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Any error of the library is a failure with its own words.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let Arguments { command, log_format } = Arguments::parse();
    log::start(log_format);
    match perform(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let kind = if failure.status == 130 { "interrupted" } else { "error" };
            text::note(format_args!("{kind}: {failure}"));
            ExitCode::from(failure.status)
        }
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    match command {
        Command::Mint(args) => block_on(mint::mint(args)),
        Command::Identity(command) => identity::identity(&command),
        Command::Grid(command) => grid::grid(&command),
        Command::Config(command) => config::config(&command),
        Command::Bench(command) => block_on(bench::bench(command)),
        Command::Price(args) => price::price(&args),
        Command::Put(args) => block_on(put::put(*args)),
        Command::Get(args) => block_on(get::get(args)),
        Command::Rewrite(args) => block_on(rewrite::rewrite(args)),
        Command::Watch(args) => block_on(watch::watch(args)),
        Command::Provide(args) => block_on(offers::provide(args)),
        Command::Providers(args) => block_on(offers::providers(args)),
        Command::Dataset(command) => block_on(dataset::dataset(*command)),
        Command::Trust(args) => block_on(dataset::check::trust(args)),
        Command::Dashboard(args) => block_on(dashboard::dashboard(args)),
        Command::Top(args) => block_on(top::top(args)),
        Command::Status(args) => block_on(state::status(args)),
        Command::Peers(args) => block_on(state::peers(args)),
        Command::Ledger(args) => block_on(ledger::ledger(args)),
        Command::Tunnels(args) => block_on(tunnels::tunnels(args)),
        Command::Serve(args) => block_on(services::serve(args)),
        Command::Socks(args) => block_on(services::socks(args)),
        Command::Run(args) => block_on(run::run(*args)),
        Command::Demo(args) => block_on(demo::demo(args)),
        Command::Completions(args) => manual::completions(&args, Arguments::command()),
        Command::Man(args) => manual::man(&args, Arguments::command()),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // Work that cannot be interrupted, the making of a key for example, must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

/// An API's address: `127.0.0.1:7117`, `[::1]:7117`, `localhost:7117` or a port alone.
fn api_address(text: &str) -> Result<SocketAddr, String> {
    let local = |port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    if let Ok(port) = text.strip_prefix("localhost:").unwrap_or(text).parse() {
        return Ok(local(port));
    }
    let address: SocketAddr =
        text.parse().map_err(|_| "an API's address is 127.0.0.1:PORT, [::1]:PORT or localhost:PORT".to_owned())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("an API is on this machine alone: 127.0.0.1:PORT, [::1]:PORT or localhost:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn api_addresses_are_on_this_machine() {
        assert_eq!(api_address("7118").unwrap().to_string(), "127.0.0.1:7118");
        assert_eq!(api_address("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert_eq!(api_address("[::1]:5").unwrap().to_string(), "[::1]:5");
        assert!(api_address("0.0.0.0:5").is_err());
        assert!(api_address("host:5").is_err());
    }
}
