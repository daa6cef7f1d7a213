//! `rook status` and `rook peers`.

use std::net::SocketAddr;

use super::text::{self, fields, say, say_json, table};
use super::{Failure, api_address};
use crate::api::client::Client;
use crate::api::types::{Also, LineRoster, Peer, Reach, ReachKnown, Status};

/// Which node to ask, and how to print what it says.
#[derive(Debug, clap::Args)]
pub(super) struct StateArgs {
    /// The node to ask: where its API listens [default: 127.0.0.1:7117].
    #[arg(long, value_parser = api_address)]
    pub(super) api: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn status(args: StateArgs) -> Result<(), Failure> {
    let status = Client::find(args.api)?.status().await?;
    match args.json {
        true => say_json(&status),
        false => say(describe(&status)),
    }
    Ok(())
}

fn describe(status: &Status) -> String {
    let joined = if status.joined { "yes" } else { "not yet" };
    let links = match status.leaves {
        0 => status.links.to_string(),
        leaves => format!("{}, {leaves} of them to leaves", status.links),
    };
    let own = [
        ("id", status.id.clone()),
        ("grid", format!("{} ({})", status.grid, text::short(&status.grid_id))),
        ("cell", text::cell(&status.cell)),
        ("joined", joined.to_owned()),
        ("level", status.level.clone()),
        ("neighbours", format!("{}, in {} cells of its lines", status.neighbours, status.cells_known)),
        ("vacant cells", format!("{} of its lines", status.vacant_cells)),
        ("links", links),
        ("rosters", rosters(&status.rosters)),
        ("records", status.records.to_string()),
        ("reach", reach(&status.reach)),
    ];
    let also = status.also.iter().map(|node| ("also", describe_also(node)));
    fields(&own.into_iter().chain(places(&status.listen, &status.advertised)).chain(also).collect::<Vec<_>>())
}

fn reach(reach: &Reach) -> String {
    let known = match reach.known {
        ReachKnown::Presumed => "nothing speaks against others dialling it".to_owned(),
        ReachKnown::Advertised => "others dial it where its owner says".to_owned(),
        ReachKnown::Confirmed => "others dial it from outside".to_owned(),
        ReachKnown::Translated => format!(
            "a router translates its address: others come by way of {} neighbours. Forward a port and --advertise it, or try --map-ports",
            reach.relays
        ),
    };
    match reach.relayed_links {
        0 => known,
        links => format!("{known}; {links} links go over a relay"),
    }
}

fn places<'a>(listen: &'a [String], advertised: &'a [String]) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let listen = listen.iter().map(|address| ("listens at", address.clone()));
    listen.chain(advertised.iter().map(|address| ("reached at", address.clone())))
}

/// A further identity of a strong node, in a line.
fn describe_also(node: &Also) -> String {
    let joined = if node.joined { "joined" } else { "not joined yet" };
    let reached = node.advertised.first().or(node.listen.first());
    let at = reached.map(|address| format!(", at {address}")).unwrap_or_default();
    format!(
        "{} in cell {}, {joined}, {} neighbours, {} links, {} records{at}",
        text::short(&node.id),
        text::cell(&node.cell),
        node.neighbours,
        node.links,
        node.records
    )
}

/// How many lines are certified in this epoch, and by how many signatures of how many members.
fn rosters(lines: &[LineRoster]) -> String {
    let certified = lines.iter().filter_map(|line| Some(format!("{} of {}", line.signatures, line.members?)));
    let certified: Vec<String> = certified.collect();
    let count = format!("{} of {} lines certified in this epoch", certified.len(), lines.len());
    match certified.is_empty() {
        true => count,
        false => format!("{count}, by {} signatures", certified.join(", ")),
    }
}

pub(super) async fn peers(args: StateArgs) -> Result<(), Failure> {
    let peers = Client::find(args.api)?.peers().await?;
    match args.json {
        true => say_json(&peers),
        false => {
            say(table(&["id", "cell", "link", "kind", "latency"], &peers.peers.iter().map(row).collect::<Vec<_>>()))
        }
    }
    Ok(())
}

fn row(peer: &Peer) -> Vec<String> {
    vec![
        text::short(&peer.id).to_owned(),
        text::cell(&peer.cell),
        if peer.linked { "open" } else { "none" }.to_owned(),
        kind(peer).to_owned(),
        peer.latency_ms.map_or_else(|| "-".to_owned(), |ms| text::seconds(ms / 1e3)),
    ]
}

/// What a known node is to the one that knows it.
pub(super) fn kind(peer: &Peer) -> &'static str {
    match peer {
        Peer { neighbour: true, .. } => "neighbour",
        Peer { leaf: true, .. } => "leaf",
        Peer { .. } => "guest",
    }
}
