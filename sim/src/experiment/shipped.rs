//! The experiments that ship: files in `sim/experiments`, in the program itself.

use super::file::Experiment;
use super::near::instead;

/// The files by name, in order.
const FILES: &[(&str, &str)] = &[
    ("anonymity", include_str!("../../experiments/anonymity.toml")),
    ("boa_cells", include_str!("../../experiments/boa_cells.toml")),
    ("boa_constrictor", include_str!("../../experiments/boa_constrictor.toml")),
    ("censorship", include_str!("../../experiments/censorship.toml")),
    ("censorship_price", include_str!("../../experiments/censorship_price.toml")),
    ("certified_rosters", include_str!("../../experiments/certified_rosters.toml")),
    ("churn", include_str!("../../experiments/churn.toml")),
    ("churn_peers", include_str!("../../experiments/churn_peers.toml")),
    ("churn_side_by_side", include_str!("../../experiments/churn_side_by_side.toml")),
    ("credit_mills", include_str!("../../experiments/credit_mills.toml")),
    ("dht_flood", include_str!("../../experiments/dht_flood.toml")),
    ("eclipse_entries", include_str!("../../experiments/eclipse_entries.toml")),
    ("eclipse_finders", include_str!("../../experiments/eclipse_finders.toml")),
    ("eclipse_key", include_str!("../../experiments/eclipse_key.toml")),
    ("eclipse_routes", include_str!("../../experiments/eclipse_routes.toml")),
    ("flood_effort", include_str!("../../experiments/flood_effort.toml")),
    ("flood_orders", include_str!("../../experiments/flood_orders.toml")),
    ("flood_queue", include_str!("../../experiments/flood_queue.toml")),
    ("free_riders", include_str!("../../experiments/free_riders.toml")),
    ("geometry", include_str!("../../experiments/geometry.toml")),
    ("gpu_adversary", include_str!("../../experiments/gpu_adversary.toml")),
    ("gpu_price", include_str!("../../experiments/gpu_price.toml")),
    ("kademlia_hops", include_str!("../../experiments/kademlia_hops.toml")),
    ("leeches", include_str!("../../experiments/leeches.toml")),
    ("levels", include_str!("../../experiments/levels.toml")),
    ("roster_caught", include_str!("../../experiments/roster_caught.toml")),
    ("roster_churn", include_str!("../../experiments/roster_churn.toml")),
    ("roster_lies", include_str!("../../experiments/roster_lies.toml")),
    ("s_kademlia", include_str!("../../experiments/s_kademlia.toml")),
    ("s_kademlia_published", include_str!("../../experiments/s_kademlia_published.toml")),
    ("scale", include_str!("../../experiments/scale.toml")),
    ("scale_peers", include_str!("../../experiments/scale_peers.toml")),
    ("small_grids", include_str!("../../experiments/small_grids.toml")),
    ("spy_and_flood", include_str!("../../experiments/spy_and_flood.toml")),
    ("stretch_2", include_str!("../../experiments/stretch_2.toml")),
    ("stretch_4", include_str!("../../experiments/stretch_4.toml")),
    ("stretch_few", include_str!("../../experiments/stretch_few.toml")),
    ("tunnel_compromise", include_str!("../../experiments/tunnel_compromise.toml")),
    ("tunnel_intersection", include_str!("../../experiments/tunnel_intersection.toml")),
    ("tunnel_predecessor", include_str!("../../experiments/tunnel_predecessor.toml")),
    ("whitewashing", include_str!("../../experiments/whitewashing.toml")),
];

/// Their names, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    FILES.iter().map(|&(name, _)| name)
}

/// The text of one of them.
///
/// # Errors
/// There is none of that name; which names are near.
pub fn text(name: &str) -> Result<&'static str, String> {
    let found = FILES.iter().find(|&&(known, _)| known == name);
    found.map(|&(_, text)| text).ok_or_else(|| format!("there is no experiment {name:?}; {}", instead(name, names())))
}

/// One of them.
///
/// # Errors
/// There is none of that name; which names are near.
pub fn open(name: &str) -> Result<Experiment, String> {
    Experiment::parse(name, name, text(name)?).map_err(|error| format!("{name}: {error}"))
}
