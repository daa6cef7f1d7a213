//! The tables: rows in the order that was chosen.

use std::cmp::Ordering;

use super::counts::Counted;
use super::listing::Table;
use super::look::Look;
use super::panes::{Rates, id};
use super::words::{Mark, clean, size};
use crate::api::types::{Account, Peer, Verdict};
use crate::cli::{ledger, state, text};
use crate::gateway::TrustEntry;

/// The nodes that it knows.
pub(super) fn neighbours(peers: &[Peer], order: &str) -> Table {
    let mut peers: Vec<&Peer> = peers.iter().collect();
    peers.sort_by(|a, b| {
        let first = match order {
            "latency" => unknown_last(a.latency_ms, b.latency_ms, f64::total_cmp),
            "load" => b.load.cmp(&a.load),
            "link" => b.linked.cmp(&a.linked),
            "id" => Ordering::Equal,
            _ => a.cell.cmp(&b.cell),
        };
        first.then_with(|| a.id.cmp(&b.id))
    });
    let row = |peer: &Peer| {
        let link = if peer.linked { "open" } else { "none" };
        let values = vec![
            id(&peer.id),
            text::cell(&peer.cell),
            peer.latency_ms.map_or_else(|| "-".to_owned(), |ms| text::seconds(ms / 1e3)),
            peer.load.map_or_else(|| "-".to_owned(), |load| load.to_string()),
            link.to_owned(),
            state::kind(peer).to_owned(),
        ];
        (if peer.linked { Mark::Plain } else { Mark::Faint }, values)
    };
    Table {
        heads: &[("id", false), ("cell", false), ("latency", true), ("load", true), ("link", false), ("kind", false)],
        rows: peers.into_iter().map(row).collect(),
        empty: "This node knows nobody yet.",
    }
}

/// Requests that there were, by kind and outcome.
pub(super) fn requests(look: &Look, rates: Option<&Rates>, order: &str) -> Table {
    let rate = |counted: &Counted| rates.and_then(|rates| rates.get(counted)).copied();
    let mut counts: Vec<(&Counted, u64)> = look.counts.iter().map(|(counted, number)| (counted, *number)).collect();
    counts.retain(|(_, number)| *number > 0);
    counts.sort_by(|(a, number_a), (b, number_b)| {
        let first = match order {
            "rate" => rate(b).unwrap_or_default().total_cmp(&rate(a).unwrap_or_default()),
            "total" => number_b.cmp(number_a),
            _ => Ordering::Equal,
        };
        first.then_with(|| a.cmp(b))
    });
    let row = |(counted, number): (&Counted, u64)| {
        let fails = counted.outcome != "done" && !counted.outcome.is_empty();
        let now = rate(counted).is_some_and(|rate| rate > 0.0);
        let mark = match (now, fails) {
            (true, true) => Mark::Bad,
            (true, false) => Mark::Good,
            (false, _) => Mark::Plain,
        };
        let values = vec![
            counted.sort.name().to_owned(),
            clean(&counted.kind),
            clean(&counted.outcome).replace('_', " "),
            rate(counted).map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}")),
            number.to_string(),
        ];
        (mark, values)
    };
    Table {
        heads: &[("whose", false), ("kind", false), ("outcome", false), ("per s", true), ("total", true)],
        rows: counts.into_iter().map(row).collect(),
        empty: "No request yet.",
    }
}

/// The ledger.
pub(super) fn accounts(accounts: &[Account], order: &str) -> Table {
    let mut accounts: Vec<&Account> = accounts.iter().collect();
    accounts.sort_by(|a, b| {
        let first = match order {
            "standing" => a.standing.total_cmp(&b.standing),
            "given" => b.given.total_cmp(&a.given),
            "received" => b.received.total_cmp(&a.received),
            _ => Ordering::Equal,
        };
        first.then_with(|| a.id.cmp(&b.id))
    });
    let row = |account: &Account| {
        let (mark, verdict) = match account.verdict {
            Verdict::Open => (Mark::Plain, "open"),
            Verdict::Fair => (Mark::Good, "fair"),
            Verdict::Leech => (Mark::Bad, "leech"),
        };
        let values = vec![
            id(&account.id),
            format!("{:.2}", account.standing),
            verdict.to_owned(),
            ledger::work(account.balance),
            ledger::work(account.given),
            ledger::work(account.received),
            format!("{:.2}", account.weight),
            format!("{} of {}", account.served_by_it, account.asked_of_it),
            account.cell.as_deref().map_or_else(|| "-".to_owned(), text::cell),
        ];
        (mark, values)
    };
    Table {
        heads: &[
            ("id", false),
            ("standing", true),
            ("verdict", false),
            ("balance", true),
            ("given", true),
            ("received", true),
            ("weight", true),
            ("it served", true),
            ("cell", false),
        ],
        rows: accounts.into_iter().map(row).collect(),
        empty: "Nothing was done for anybody, nor by anybody, yet.",
    }
}

/// What is known of dataset servers.
pub(super) fn servers(servers: &[TrustEntry], order: &str) -> Table {
    let mut servers: Vec<&TrustEntry> = servers.iter().collect();
    servers.sort_by(|a, b| {
        let first = match order {
            "trust" => a.trust.total_cmp(&b.trust),
            "received" => b.bytes.cmp(&a.bytes),
            _ => Ordering::Equal,
        };
        first.then_with(|| a.id.cmp(&b.id))
    });
    let row = |server: &TrustEntry| {
        let (mark, standing) = match (&server.shunned, server.flagged) {
            (Some(reason), _) => (Mark::Bad, format!("shunned: it {}", clean(reason))),
            (None, true) => (Mark::Bad, "in a disagreement".to_owned()),
            (None, false) => (Mark::Good, "fair".to_owned()),
        };
        let values = vec![
            id(&server.id),
            format!("{:.3}", server.trust),
            standing,
            format!("{} of {}", server.passed, server.checks),
            server.mismatches.to_string(),
            size(server.bytes),
            clean(&server.cell),
        ];
        (mark, values)
    };
    Table {
        heads: &[
            ("id", false),
            ("trust", true),
            ("standing", false),
            ("passed", true),
            ("lies", true),
            ("received", true),
            ("cell", false),
        ],
        rows: servers.into_iter().map(row).collect(),
        empty: "No dataset was read through this node yet.",
    }
}

/// What is known in order, then what is not.
fn unknown_last<T>(a: Option<T>, b: Option<T>, order: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => order(&a, &b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
