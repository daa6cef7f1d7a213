//! `rook dataset check` and `rook trust`.

use std::net::SocketAddr;

use crate::api::client::Client;
use crate::cli::text::{self, say, say_json, table};
use crate::cli::{Failure, api_address};
use crate::datasets::name::Reference;
use crate::gateway::{ServerReport, TrustEntry};

/// Look at all servers of a dataset: whether each has it, and gives what its publisher has signed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CheckArgs {
    /// The dataset: NAME, or NAME@POINTER.
    dataset: Reference,
    /// Look at everything, and not at some pieces of 16 KiB.
    #[arg(long)]
    all: bool,
    /// How many pieces of each variable are drawn.
    #[arg(long, default_value_t = 8, conflicts_with = "all")]
    pieces: u64,
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: servers, each with id, cell, direct, groups, faults, milliseconds, wrong, lied.
    #[arg(long)]
    json: bool,
}

pub(super) async fn check(args: CheckArgs) -> Result<(), Failure> {
    let pieces = (!args.all).then_some(args.pieces);
    let checked = Client::find(args.api)?.check_dataset(&args.dataset.to_string(), pieces).await?;
    let wrong = checked.servers.iter().filter(|server| server.wrong.is_some()).count();
    if args.json {
        say_json(&checked);
    } else if checked.servers.is_empty() {
        say("nobody else serves it just now");
    } else {
        let row = |server: &ServerReport| {
            let reached = if server.direct { "directly" } else { "along the grid" };
            let more = match server.faults.saturating_sub(1) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let verdict = match (&server.wrong, server.lied) {
                (None, _) => "right".to_owned(),
                (Some(what), true) => format!("LIED: {what}{more}"),
                (Some(what), false) => format!("failed: {what}{more}"),
            };
            let (id, cell) = (text::short(&server.id).to_owned(), server.cell.clone());
            vec![
                id,
                cell,
                reached.to_owned(),
                server.groups.to_string(),
                format!("{} ms", server.milliseconds),
                verdict,
            ]
        };
        let rows: Vec<Vec<String>> = checked.servers.iter().map(row).collect();
        say(table(&["server", "cell", "reached", "pieces", "took", "verdict"], &rows));
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::new(format!("{wrong} of {} servers cannot be relied on", checked.servers.len()))),
    }
}

/// Show what a running node knows of dataset servers.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct TrustArgs {
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    api: Option<SocketAddr>,
    /// Print JSON: servers, each with id, cell, trust, flagged, checks, passed, in_a_row, mismatches, timeouts,
    /// answers, challenges, bytes, shunned.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn trust(args: TrustArgs) -> Result<(), Failure> {
    let trusted = Client::find(args.api)?.trust().await?;
    if args.json {
        say_json(&trusted);
    } else if trusted.servers.is_empty() {
        say("nothing is known of any dataset server yet: none was asked");
    } else {
        say(trust_table(&trusted.servers));
    }
    Ok(())
}

/// Servers, and what is known of each.
pub(in crate::cli) fn trust_table(servers: &[TrustEntry]) -> String {
    let row = |server: &TrustEntry| {
        let passed = format!("{} of {}", server.passed, server.checks);
        let flagged = if server.flagged { "yes" } else { "" };
        let shunned = server.shunned.as_ref().map(|why| format!("shunned: it {why}")).unwrap_or_default();
        let trust = format!("{:.4}", server.trust);
        let id = text::short(&server.id).to_owned();
        let asked = (server.answers + server.challenges).to_string();
        vec![id, server.cell.clone(), trust, asked, passed, server.timeouts.to_string(), flagged.to_owned(), shunned]
    };
    let rows: Vec<Vec<String>> = servers.iter().map(row).collect();
    table(&["server", "cell", "trust", "asked", "checks passed", "timeouts", "flagged", ""], &rows)
}
