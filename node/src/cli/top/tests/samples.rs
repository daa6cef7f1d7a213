//! Fixed answers of a node.

use std::time::Duration;

use crate::api::types::{Account, ByClass, Counters, LineRoster, Peer, Stamps, Status, Verdict};
use crate::api::{OwnTunnel, Tunnels};
use crate::cli::top::counts::{Counted, Sort};
use crate::cli::top::look::Look;
use crate::gateway::TrustEntry;
use crate::metrics::Warning;

/// A node's name that begins with that number.
fn name(number: usize) -> String {
    format!("{number:04x}{}", "ab".repeat(30))
}

fn status(dims: u8, side: u16) -> Status {
    Status {
        id: name(0xcafe),
        version: "0.1.0".into(),
        uptime_s: 200,
        grid: "local".into(),
        grid_id: name(7),
        cell: (0..u16::from(dims)).map(|axis| (axis + 1).min(side.saturating_sub(1))).collect(),
        dims,
        side,
        listen: vec!["/ip4/127.0.0.1/udp/1/quic-v1".into()],
        advertised: Vec::new(),
        reach: Default::default(),
        joined: true,
        level: "normal".into(),
        leaves: 1,
        neighbours: 3,
        links: 4,
        cells_known: 3,
        vacant_cells: 2,
        rosters: vec![LineRoster { axis: 0, members: Some(4), signatures: 3 }],
        records: 12,
        record_bytes: 4096,
        quota_bytes: 1 << 30,
        queued: ByClass { control: 1, interactive: 20, bulk: 300 },
        outbound_bytes: ByClass::default(),
        max_record_bytes: 1 << 18,
        stamps: Stamps { base_bits: 0, size_unit: 1, day_unit: 1, max_days: 1, chunk_bytes: 1 },
        counters: Counters {
            connections: 5,
            refused_connections: 0,
            failed_greetings: 0,
            cut_links: 0,
            refused_cards: 0,
        },
        also: Vec::new(),
    }
}

/// A node that this one knows.
pub(super) fn peer(number: usize, cell: Vec<u16>) -> Peer {
    Peer {
        id: name(number),
        cell,
        linked: !number.is_multiple_of(3),
        neighbour: true,
        leaf: false,
        latency_ms: (number != 1).then_some(number as f64 * 1.5),
        load: Some(100 - u32::try_from(number).unwrap()),
    }
}

/// What is counted together.
pub(super) fn counted(sort: Sort, kind: &str, outcome: &str) -> Counted {
    Counted { sort, kind: kind.into(), outcome: outcome.into() }
}

/// A node in a grid of that shape, which knows three others.
pub(super) fn sample(dims: u8, side: u16) -> Look {
    let status = status(dims, side);
    let mut peers: Vec<Peer> = (1..=3).map(|number| peer(number, status.cell.clone())).collect();
    for (number, peer) in peers.iter_mut().enumerate().skip(1) {
        let axis = (number - 1) % usize::from(dims.max(1));
        if let Some(coordinate) = peer.cell.get_mut(axis) {
            *coordinate = if *coordinate == 0 { side.saturating_sub(1) } else { 0 };
        }
    }
    let account = Account {
        id: name(2),
        cell: None,
        given: 5000.0,
        received: 100.0,
        balance: -4900.0,
        standing: -1.5,
        weight: 0.25,
        verdict: Verdict::Leech,
        asked: 5,
        served: 4,
        refused: 1,
        asked_of_it: 9,
        served_by_it: 2,
        refused_by_it: 7,
    };
    let server = TrustEntry {
        id: name(3),
        cell: "[0, 0]".into(),
        trust: 0.5,
        flagged: false,
        checks: 8,
        passed: 7,
        in_a_row: 0,
        mismatches: 1,
        timeouts: 0,
        answers: 1,
        challenges: 1,
        bytes: 2048,
        shunned: Some("lied".into()),
    };
    Look {
        at: Duration::from_secs(1),
        unix: 1000,
        status,
        peers,
        accounts: vec![account],
        servers: vec![server],
        tunnels: Tunnels {
            own: vec![OwnTunnel {
                way: (1..5).map(name).collect(),
                age_s: 61,
                laid_in_ms: 52.5,
                round_trip_ms: Some(50.1),
                visits: false,
            }],
            certified: true,
            deceivers: 0,
            exit: Vec::new(),
            cover: None,
            circuits: 2,
            relayed: [30, 40],
            taken: 1,
            refused: 0,
            forged: 0,
        },
        warnings: vec![Warning {
            kind: "quota".into(),
            text: "records take much".into(),
            what_to_do: "give more with --quota".into(),
            count: 3,
            first: 900,
            last: 990,
        }],
        counts: [(counted(Sort::Own, "put", "done"), 10), (counted(Sort::Refused, "bulk", "busy"), 4)].into(),
    }
}
