//! The grid in the same weather: its own state machine, driven as by `rook-sim churn`, and the figures by the names that
//! Kademlia's have.

use super::ChurnPeers;
use crate::churn::plan::Plan;
use crate::churn::report::Report;
use crate::churn::simulate;
use crate::experiment::Measures;
use crate::figures::ratio;

/// Whether the grid can be simulated.
///
/// # Errors
/// What is impossible about it.
pub(super) fn check(model: &ChurnPeers) -> Result<(), String> {
    plan(model, 0).check()
}

/// One run of the grid.
///
/// # Errors
/// It could not be carried out.
pub(super) fn trial(model: &ChurnPeers, seed: u64) -> Result<Measures, String> {
    simulate(&plan(model, seed)).map(|report| measures(&report))
}

/// All sessions end without a sign, as they do in Kademlia.
fn plan(model: &ChurnPeers, seed: u64) -> Plan {
    Plan {
        nodes: model.nodes as usize,
        dims: model.dims,
        side: model.side,
        median_minutes: model.median_minutes,
        hours: model.minutes / 60.0,
        records: model.records as usize,
        record_bytes: model.record_bytes as usize,
        gets_per_minute: model.gets_per_minute,
        puts_per_minute: model.puts_per_minute,
        graceful: 0.0,
        killed: 0.0,
        seed,
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a simulation are far below 2^53")]
fn measures(report: &Report) -> Measures {
    let rates = &report.bytes_per_node_and_second;
    let time = |time: Option<u64>| time.map_or(0.0, |milliseconds| milliseconds as f64);
    Measures::from([
        ("get_success", report.gets.success),
        ("get_missed", ratio(report.gets.missed as u64, report.gets.outcome.asked as u64)),
        ("get_p50_ms", time(report.gets.p50_ms)),
        ("get_p95_ms", time(report.gets.p95_ms)),
        ("put_success", report.puts.success),
        ("join_p50_ms", time(report.population.join_p50_ms)),
        ("client_bytes_s", rates.client),
        ("repair_bytes_s", rates.repair),
        ("upkeep_bytes_s", rates.upkeep),
        ("join_bytes_s", rates.join),
        ("bytes_s", rates.total),
        ("links_s", report.links_opened_per_node_and_second),
        ("lost", report.records.lost_share),
    ])
}
