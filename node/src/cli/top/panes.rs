//! What stands in each pane, made of one look at the node.

use std::collections::BTreeMap;

use super::counts::Counted;
use super::listing::Content;
use super::look::Look;
use super::tables::{accounts, neighbours, requests, servers};
use super::words::{Mark, clean, plural, size};
use crate::api::types::ByClass;
use crate::cli::text;

/// The parts of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    /// The grid as a map.
    Map,
    /// Queues, space, links.
    Node,
    /// The nodes that it knows.
    Neighbours,
    /// Requests by kind and outcome.
    Requests,
    /// What was done for whom.
    Ledger,
    /// Dataset servers.
    Servers,
    /// Tunnels.
    Tunnels,
    /// What is not as it should be.
    Warnings,
}

impl Pane {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 8] = [
        Self::Map,
        Self::Node,
        Self::Neighbours,
        Self::Requests,
        Self::Ledger,
        Self::Servers,
        Self::Tunnels,
        Self::Warnings,
    ];

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Map => "Map",
            Self::Node => "Node",
            Self::Neighbours => "Neighbours",
            Self::Requests => "Requests",
            Self::Ledger => "Ledger",
            Self::Servers => "Servers",
            Self::Tunnels => "Tunnels",
            Self::Warnings => "Warnings",
        }
    }

    /// By what its rows can be sorted; nothing if they have one order only.
    pub(super) const fn orders(self) -> &'static [&'static str] {
        match self {
            Self::Neighbours => &["cell", "latency", "load", "link", "id"],
            Self::Requests => &["name", "rate", "total"],
            Self::Ledger => &["id", "standing", "given", "received"],
            Self::Servers => &["id", "trust", "received"],
            Self::Map | Self::Node | Self::Tunnels | Self::Warnings => &[],
        }
    }
}

/// How many requests of each kind a second.
pub(super) type Rates = BTreeMap<Counted, f64>;

/// What stands in a pane that is no map, in that order of [`Pane::orders`].
pub(super) fn content(pane: Pane, look: &Look, rates: Option<&Rates>, order: &str) -> Content {
    match pane {
        Pane::Map | Pane::Node => node(look),
        Pane::Neighbours => Content::Table(neighbours(&look.peers, order)),
        Pane::Requests => Content::Table(requests(look, rates, order)),
        Pane::Ledger => Content::Table(accounts(&look.accounts, order)),
        Pane::Servers => Content::Table(servers(&look.servers, order)),
        Pane::Tunnels => tunnels(look),
        Pane::Warnings => warnings(look),
    }
}

/// How many there are to list.
pub(super) fn count(pane: Pane, look: &Look) -> Option<usize> {
    match pane {
        Pane::Map | Pane::Node | Pane::Requests => None,
        Pane::Neighbours => Some(look.peers.len()),
        Pane::Ledger => Some(look.accounts.len()),
        Pane::Servers => Some(look.servers.len()),
        Pane::Tunnels => Some(look.tunnels.own.len()),
        Pane::Warnings => Some(look.warnings.len()),
    }
}

fn node(look: &Look) -> Content {
    let status = &look.status;
    let classes = |by: ByClass, show: fn(u64) -> String| {
        let parts = [("control", by.control), ("interactive", by.interactive), ("bulk", by.bulk)];
        parts.map(|(name, number)| format!("{name} {}", show(number as u64))).join(", ")
    };
    let share = status.record_bytes.saturating_mul(100).checked_div(status.quota_bytes);
    let share = share.map(|share| format!(" ({share} %)")).unwrap_or_default();
    let counters = &status.counters;
    let certified = status.rosters.iter().filter(|line| line.members.is_some()).count();
    let mut lines = vec![
        (Mark::Plain, format!("queue: {}", classes(status.queued, |number| number.to_string()))),
        (Mark::Plain, format!("for the links: {}", classes(status.outbound_bytes, size))),
        (
            Mark::Plain,
            format!(
                "records: {}, {} of {}{share}",
                status.records,
                size(status.record_bytes),
                size(status.quota_bytes)
            ),
        ),
        (Mark::Plain, format!("links: {}, {} hosted", status.links, plural(status.leaves as u64, "leaf", "leaves"))),
        (Mark::Plain, format!("cells of its lines: {} known, {} vacant", status.cells_known, status.vacant_cells)),
        (Mark::Plain, format!("rosters certified: {certified} of {}", status.rosters.len())),
        (Mark::Plain, format!("level: {}", clean(&status.level))),
        (
            Mark::Faint,
            format!(
                "connections: {}, {} turned away, {} bad greetings, {} links cut, {} cards refused",
                counters.connections,
                counters.refused_connections,
                counters.failed_greetings,
                counters.cut_links,
                counters.refused_cards
            ),
        ),
    ];
    lines.extend(status.also.iter().map(|node| {
        let joined = if node.joined { "joined" } else { "not joined yet" };
        let (id, cell) = (clean(text::short(&node.id)), text::cell(&node.cell));
        (Mark::Plain, format!("also: {id} {cell}, {joined}, {} records, {} links", node.records, node.links))
    }));
    Content::Text(lines)
}

fn tunnels(look: &Look) -> Content {
    let lines = crate::cli::tunnels::lines(&look.tunnels);
    let mut lines: Vec<_> = lines.iter().map(|line| (Mark::Plain, clean(line))).collect();
    // The last one says of how many cells something was wrong.
    if let Some((mark, _)) = lines.last_mut().filter(|_| look.tunnels.forged > 0) {
        *mark = Mark::Bad;
    }
    Content::Text(lines)
}

fn warnings(look: &Look) -> Content {
    if look.warnings.is_empty() {
        return Content::Text(vec![(Mark::Good, "All is well.".to_owned())]);
    }
    let lines = look.warnings.iter().flat_map(|warning| {
        let ago = look.unix.saturating_sub(warning.last);
        let when = if ago < 2 { "now".to_owned() } else { format!("{} ago", text::seconds(ago as f64)) };
        let times = if warning.count > 1 { format!("{} times, ", warning.count) } else { String::new() };
        [
            (Mark::Bad, format!("{} ({times}{when})", clean(&warning.text))),
            (Mark::Plain, format!("-> {}", clean(&warning.what_to_do))),
        ]
    });
    Content::Text(lines.collect())
}

/// The beginning of a node's name.
pub(super) fn id(name: &str) -> String {
    text::short(&clean(name)).to_owned()
}
