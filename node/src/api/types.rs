//! What the API says, in JSON. Scripts rely on these names; more may be added.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::handlers::milliseconds;
use crate::handle::{self, NodeStatus};
use grid::overlay::NeighbourStatus;
use grid::parameters::Parameters;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// What happened.
    pub error: String,
    /// What to do about it.
    pub what_to_do: String,
}

/// A record that was stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Put {
    /// What it is found by.
    pub pointer: String,
    /// Nodes that have stored it.
    pub nodes: u32,
    /// Cells they are in.
    pub cells: u32,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// How a value was found; stands in the headers of the answer, the value being its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundHeaders {
    /// Links crossed to the node that answered; 0 if the asked one has it itself.
    pub hops: u8,
    /// The cell of the node that answered.
    pub from_cell: Vec<u16>,
    /// How long it took, in milliseconds.
    pub ms: f64,
}

/// A node's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The node's name, in hex.
    pub id: String,
    /// The grid's name.
    pub grid: String,
    /// The grid's name for machines, in hex.
    pub grid_id: String,
    /// The node's cell.
    pub cell: Vec<u16>,
    /// Where others can dial it.
    pub listen: Vec<String>,
    /// Whether it has joined the grid.
    pub joined: bool,
    /// Nodes in its rosters.
    pub neighbours: usize,
    /// Open links, to neighbours and others.
    pub links: usize,
    /// Cells of its lines in which it knows somebody, its own included.
    pub cells_known: u64,
    /// Cells of its lines in which it knows nobody.
    pub vacant_cells: u64,
    /// Records it holds.
    pub records: usize,
    /// The largest value of a record in this grid, in bytes.
    pub max_record_bytes: u64,
    /// What happened on its connections.
    pub counters: Counters,
}

/// What happened on a node's connections since it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// Connections open now.
    pub connections: usize,
    /// Connections turned away because too many had shown no credential.
    pub refused_connections: u64,
    /// Connections cut because their greeting was wrong, late or missing.
    pub failed_greetings: u64,
    /// Links cut because of what came over them, or because the other side did not read.
    pub cut_links: u64,
    /// Cards in messages that were refused.
    pub refused_cards: u64,
}

/// The nodes that a node knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// In the order of their names.
    pub peers: Vec<Peer>,
}

/// One known node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its name, in hex.
    pub id: String,
    /// Its cell.
    pub cell: Vec<u16>,
    /// Whether a link to it is open.
    pub linked: bool,
    /// Whether it is a neighbour, not a guest on its way in or a bridge.
    pub neighbour: bool,
    /// How long it takes to answer, in milliseconds, as far as known.
    pub latency_ms: Option<f64>,
}

impl Status {
    /// As the node tells it.
    pub(super) fn of(status: &NodeStatus, grid: &Parameters) -> Self {
        let figures = &status.status;
        Self {
            id: status.id.to_string(),
            grid: grid.name.clone(),
            grid_id: status.grid.to_string(),
            cell: status.cell.coordinates().to_vec(),
            listen: status.listen.iter().map(ToString::to_string).collect(),
            joined: figures.joined,
            neighbours: figures.neighbours,
            links: figures.links,
            cells_known: figures.cells_known,
            vacant_cells: figures.vacant_cells,
            records: figures.records,
            max_record_bytes: grid.max_record_bytes.into(),
            counters: Counters::of(&status.counters),
        }
    }
}

impl Counters {
    fn of(counters: &handle::Counters) -> Self {
        let &handle::Counters { connections, refused_connections, failed_greetings, cut_links, refused_cards } =
            counters;
        Self { connections, refused_connections, failed_greetings, cut_links, refused_cards }
    }
}

impl Peer {
    /// As the node tells it.
    pub(super) fn of(peer: &NeighbourStatus) -> Self {
        Self {
            id: peer.id.to_string(),
            cell: peer.cell.coordinates().to_vec(),
            linked: peer.linked,
            neighbour: peer.neighbour,
            latency_ms: peer.latency.map(milliseconds),
        }
    }
}
