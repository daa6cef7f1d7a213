//! What is true, seen from above, and what must hold at any time.

use std::collections::{BTreeMap, BTreeSet};

use grid::cell::Cell;
use grid::id::{NodeId, RecordKey};
use grid::level::Level;

use crate::identity::HostIndex;
use crate::network::Network;

/// How far the rosters of the living are from the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RosterErrors {
    /// Living neighbours that a roster lacks, over all nodes.
    pub missing: usize,
    /// Dead nodes or strangers that a roster has.
    pub extra: usize,
    /// Nodes that have not joined.
    pub unjoined: usize,
}

/// Compares the rosters of every living node that is no leaf with the truth: leaves are in none, and have none.
pub fn roster_errors(network: &Network) -> RosterErrors {
    let inhabitants = inhabitants(network);
    let mut errors = RosterErrors::default();
    for host in network.living() {
        let overlay = &network.hosts()[host].overlay;
        if overlay.level() == Level::Leaf {
            errors.unjoined += usize::from(!overlay.status().joined);
            continue;
        }
        let has: BTreeSet<NodeId> = overlay.peers().iter().filter(|peer| peer.neighbour).map(|peer| peer.id).collect();
        let truth = true_neighbours(network, &inhabitants, host);
        errors.missing += truth.difference(&has).count();
        errors.extra += has.difference(&truth).count();
        errors.unjoined += usize::from(!overlay.status().joined);
    }
    errors
}

fn true_neighbours(
    network: &Network,
    inhabitants: &BTreeMap<Cell, Vec<HostIndex>>,
    host: HostIndex,
) -> BTreeSet<NodeId> {
    let book = network.book();
    let near = network.shape().neighbourhood(book.cell(host));
    let others = near.filter_map(|cell| inhabitants.get(&cell)).flatten().filter(|&&other| other != host);
    others.map(|&other| book.id(other)).collect()
}

/// The living hosts of each cell in which somebody lives who does its share.
pub fn inhabitants(network: &Network) -> BTreeMap<Cell, Vec<HostIndex>> {
    let mut inhabitants: BTreeMap<Cell, Vec<HostIndex>> = BTreeMap::new();
    for host in normal(network) {
        inhabitants.entry(network.book().cell(host)).or_default().push(host);
    }
    inhabitants
}

/// The living hosts that are no leaves.
fn normal(network: &Network) -> impl Iterator<Item = HostIndex> {
    network.living().into_iter().filter(|&host| network.hosts()[host].overlay.level() == Level::Normal)
}

/// The cells in which somebody lives who does its share.
pub fn occupied_cells(network: &Network) -> BTreeSet<Cell> {
    living_cells(network).into_iter().collect()
}

/// The cell of each living node that is no leaf, in the order in which they came: what a compact model needs to know of a network that
/// has grown.
pub fn living_cells(network: &Network) -> Vec<Cell> {
    normal(network).map(|host| network.book().cell(host)).collect()
}

/// The cells in which a living node has a record, for each record.
pub fn cells_that_hold(network: &Network) -> BTreeMap<RecordKey, BTreeSet<Cell>> {
    let mut holding: BTreeMap<RecordKey, BTreeSet<Cell>> = BTreeMap::new();
    for host in network.living() {
        let home = network.book().cell(host);
        for &key in network.hosts()[host].disk.records.keys() {
            holding.entry(key).or_default().insert(home);
        }
    }
    holding
}

/// Whether any of these hosts has a record.
pub fn is_held_by(network: &Network, mut hosts: impl Iterator<Item = HostIndex>, key: RecordKey) -> bool {
    hosts.any(|host| network.hosts()[host].disk.records.contains_key(&key))
}

/// Nobody but neighbours was ever given a contact.
///
/// # Errors
/// How many were.
pub fn invariant_contacts_reach_neighbours_only(network: &Network) -> Result<(), String> {
    match network.traffic().leaked_contacts {
        0 => Ok(()),
        leaked => Err(format!("{leaked} contacts were given to nodes that are no neighbours of their owner")),
    }
}

/// A link that one living end considers open, the other does too.
///
/// # Errors
/// The first that is not.
pub fn invariant_links_are_symmetric(network: &Network) -> Result<(), String> {
    for host in network.living() {
        for (other, end) in network.hosts()[host].links.iter() {
            let back = network.hosts()[other].links.get(host).map(|end| end.number);
            if network.hosts()[other].is_up() && back != Some(end.number) {
                return Err(format!("host {host} has link {} to {other}, which has {back:?}", end.number));
            }
        }
    }
    Ok(())
}

/// How many living nodes keep a record.
pub fn holders(network: &Network, key: &RecordKey) -> usize {
    network.living().into_iter().filter(|&host| network.hosts()[host].disk.records.contains_key(key)).count()
}

/// Every record on the disk of a living node lies in a cell that its key names.
///
/// # Errors
/// The first that does not.
pub fn invariant_records_are_where_they_belong(network: &Network) -> Result<(), String> {
    for host in network.living() {
        let home = network.book().cell(host);
        for key in network.hosts()[host].disk.records.keys() {
            if !grid::placement::replica_cells(network.shape(), &key.routing_key()).contains(&home) {
                return Err(format!("host {host} in cell {home} keeps record {key}, which does not belong there"));
            }
        }
    }
    Ok(())
}
