//! What the API says, in JSON. Scripts rely on these names; more may be added.

pub mod datasets;
pub mod live;

use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::handlers::milliseconds;
use crate::daemon::Reachability;
use crate::handle::{self, NodeStatus};
use grid::cell::Cell;
use grid::certified::LineStanding;
use grid::id::GridId;
use grid::ledger::{Statement, verdict};
use grid::load::Load;
use grid::overlay::NeighbourStatus;
use grid::parameters::Parameters;
use grid::record::terms::TermsLimits;
use grid::record::{PriceTable, Rules};

/// A request that failed: a problem of RFC 9457, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// `about:blank`: there is no more to it than its status and its words.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do about it, in sentences.
    pub detail: String,
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

/// An offer that was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offered {
    /// Cells that have heard it.
    pub cells: u32,
    /// For how long it stands.
    pub seconds: u64,
}

/// Who offers something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Providers {
    /// In the order of their names.
    pub providers: Vec<Provider>,
}

/// One node that offers something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// Its name, in hex.
    pub id: String,
    /// Its cell.
    pub cell: Vec<u16>,
    /// Its note; what is no UTF-8 in it is replaced.
    pub note: String,
    /// For how long the offer still stands, in seconds.
    pub expires_in_s: u64,
}

impl Provider {
    /// As it was announced.
    pub(super) fn of(provider: &grid::provider::Provider, now: u64) -> Self {
        let (peer, offer) = (provider.peer(), provider.offer());
        Self {
            id: peer.id().to_string(),
            cell: peer.cell().coordinates().to_vec(),
            note: String::from_utf8_lossy(&offer.note).into_owned(),
            expires_in_s: offer.expires.saturating_sub(now),
        }
    }
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
    /// Cells that were heard before a version was believed to be the newest; 1 for an immutable record.
    pub cells: u32,
    /// Of a mutable record, the version's number.
    pub sequence: Option<u64>,
    /// When the version was written, in seconds of Unix time.
    pub written: Option<u64>,
    /// The hash of another value that the writer has signed under the same number: the writer cheats.
    pub twin: Option<String>,
}

/// A node's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The node's name, in hex.
    pub id: String,
    /// The version of its program.
    #[serde(default)]
    pub version: String,
    /// Seconds since it began to serve its API.
    #[serde(default)]
    pub uptime_s: u64,
    /// The grid's name.
    pub grid: String,
    /// The grid's name for machines, in hex.
    pub grid_id: String,
    /// The node's cell.
    pub cell: Vec<u16>,
    /// d, the number of axes.
    pub dims: u8,
    /// g, the coordinates on each axis.
    pub side: u16,
    /// Where it listens.
    pub listen: Vec<String>,
    /// Where others reach it, if its owner has said so; else where it listens.
    #[serde(default)]
    pub advertised: Vec<String>,
    /// Whether others can dial it.
    #[serde(default)]
    pub reach: Reach,
    /// Whether it has joined the grid.
    pub joined: bool,
    /// How much it does for others: `leaf` or `normal`.
    pub level: String,
    /// Leaves that it is host to.
    pub leaves: usize,
    /// Nodes in its rosters.
    pub neighbours: usize,
    /// Open links, to neighbours and others.
    pub links: usize,
    /// Cells of its lines in which it knows somebody, its own included.
    pub cells_known: u64,
    /// Cells of its lines in which it knows nobody.
    pub vacant_cells: u64,
    /// What has come of the rosters of its lines in this epoch.
    pub rosters: Vec<LineRoster>,
    /// Records it holds.
    pub records: usize,
    /// Bytes that they take, about.
    pub record_bytes: u64,
    /// Bytes that they may take.
    pub quota_bytes: u64,
    /// Neighbours' requests that wait for their turn.
    pub queued: ByClass,
    /// Bytes that wait for the links.
    pub outbound_bytes: ByClass,
    /// The largest value of a record in this grid, in bytes.
    pub max_record_bytes: u64,
    /// What a writer has to know to pay for records.
    pub stamps: Stamps,
    /// What happened on its connections.
    pub counters: Counters,
    /// The further identities of a strong node.
    #[serde(default)]
    pub also: Vec<Also>,
}

/// A further identity of a strong node: a node of its own in the same process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Also {
    /// The node's name, in hex.
    pub id: String,
    /// The node's cell.
    pub cell: Vec<u16>,
    /// Where it listens.
    pub listen: Vec<String>,
    /// Where others reach it, if its owner has said so; else where it listens.
    pub advertised: Vec<String>,
    /// Whether it has joined the grid.
    pub joined: bool,
    /// Nodes in its rosters.
    pub neighbours: usize,
    /// Open links, to neighbours and others.
    pub links: usize,
    /// Records it holds.
    pub records: usize,
    /// Bytes that they take, about.
    pub record_bytes: u64,
}

/// One line of a node, and whether its members have certified its roster in this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineRoster {
    /// The number of the axis along which it runs.
    pub axis: usize,
    /// How many members the roster has; nothing if none is certified yet.
    pub members: Option<u32>,
    /// How many of them have signed it.
    pub signatures: usize,
}

/// Something of each class of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByClass {
    /// What keeps the grid together.
    pub control: usize,
    /// What somebody waits for.
    pub interactive: usize,
    /// What may take its time.
    pub bulk: usize,
}

impl From<[usize; 3]> for ByClass {
    /// In the order of [`grid::queue::Class::ALL`].
    fn from([control, interactive, bulk]: [usize; 3]) -> Self {
        Self { control, interactive, bulk }
    }
}

/// What a grid says about records, for whoever makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stamps {
    /// Zero bits for one unit of size and time.
    pub base_bits: u8,
    /// Bytes in a unit of size.
    pub size_unit: u32,
    /// Days in a unit of lifetime.
    pub day_unit: u16,
    /// The most days that a record is kept.
    pub max_days: u16,
    /// Bytes of the chunks that larger values are cut into.
    pub chunk_bytes: u32,
}

impl Status {
    /// The rules by which records of the node's grid are made and checked; `None` if the node tells nonsense.
    pub fn rules(&self) -> Option<Rules> {
        let grid = blake3::Hash::from_hex(&self.grid_id).ok()?;
        let Stamps { base_bits, size_unit, day_unit, max_days, chunk_bytes } = self.stamps;
        let prices = PriceTable { base_bits, size_unit, day_unit };
        let limits = TermsLimits { days: max_days, chunk: chunk_bytes };
        Some(Rules::new(GridId::from_bytes(*grid.as_bytes()), prices, limits))
    }
}

impl Stamps {
    fn of(grid: &Parameters) -> Self {
        let PriceTable { base_bits, size_unit, day_unit } = grid.prices;
        Self { base_bits, size_unit, day_unit, max_days: grid.record_days, chunk_bytes: grid.chunk_bytes() }
    }
}

/// Whether others can dial a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reach {
    /// What is known of it.
    pub known: ReachKnown,
    /// Neighbours by way of which others come to it.
    pub relays: usize,
    /// Links that go over a relay now, of whichever side.
    pub relayed_links: usize,
}

/// What is known of whether others can dial a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReachKnown {
    /// Nothing that speaks against it.
    #[default]
    Presumed,
    /// Its owner says where.
    Advertised,
    /// Somebody outside has dialled it, or its router forwards a port to it.
    Confirmed,
    /// A router translates its address and lets nobody in.
    Translated,
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
    /// Whether it is a neighbour, not a guest on its way in, a bridge or a leaf.
    pub neighbour: bool,
    /// Whether it is a leaf that the node is host to.
    pub leaf: bool,
    /// How long it takes to answer, in milliseconds, as far as known.
    pub latency_ms: Option<f64>,
    /// Requests that it has taken for others of late, as it says; as far as known.
    pub load: Option<u32>,
}

/// What a node's neighbours did for it, and it for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// In the order of their names.
    pub accounts: Vec<Account>,
}

/// One neighbour's account. Work is counted in bytes taken in and sent on once; what is old counts less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The neighbour's name, in hex.
    pub id: String,
    /// Its cell, if the node knows it just now.
    pub cell: Option<Vec<u16>>,
    /// Work done for it.
    pub given: f64,
    /// Work that it did.
    pub received: f64,
    /// The second less the first; negative if it owes something.
    pub balance: f64,
    /// The balance by what chance explains: from -1 to 1 it may be chance.
    pub standing: f64,
    /// Its weight in the work queue when that is full, 0 to 1.
    pub weight: f64,
    /// Whether it refuses more than others do.
    pub verdict: Verdict,
    /// Its requests.
    pub asked: u64,
    /// Those that were served.
    pub served: u64,
    /// Those that were not.
    pub refused: u64,
    /// Requests to it.
    pub asked_of_it: u64,
    /// Those that it served.
    pub served_by_it: u64,
    /// Those that it did not.
    pub refused_by_it: u64,
}

/// Whether a neighbour refuses more than others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not enough is known.
    Open,
    /// No.
    Fair,
    /// Yes: what it owes is not put down to chance.
    Leech,
}

impl Account {
    /// As the node tells it.
    pub(super) fn of((one, cell): &(Statement, Option<Cell>)) -> Self {
        Self {
            id: one.id.to_string(),
            cell: cell.map(|cell| cell.coordinates().to_vec()),
            given: one.given,
            received: one.received,
            balance: one.balance,
            standing: one.standing,
            weight: one.weight,
            verdict: match one.verdict {
                verdict::Verdict::Open => Verdict::Open,
                verdict::Verdict::Fair => Verdict::Fair,
                verdict::Verdict::Leech => Verdict::Leech,
            },
            asked: one.theirs.asked,
            served: one.theirs.served,
            refused: one.theirs.refused,
            asked_of_it: one.ours.asked,
            served_by_it: one.ours.served,
            refused_by_it: one.ours.refused,
        }
    }
}

impl Status {
    /// As the node tells it.
    pub(super) fn of(status: &NodeStatus, grid: &Parameters) -> Self {
        let figures = &status.status;
        Self {
            id: status.id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: 0,
            grid: grid.name.clone(),
            grid_id: status.grid.to_string(),
            cell: status.cell.coordinates().to_vec(),
            dims: grid.shape.dims(),
            side: grid.shape.side(),
            listen: texts(&status.listen),
            advertised: texts(&status.advertised),
            reach: Reach::of(&status.counters),
            joined: figures.joined,
            level: figures.level.to_string(),
            leaves: figures.leaves,
            neighbours: figures.neighbours,
            links: figures.links,
            cells_known: figures.cells_known,
            vacant_cells: figures.vacant_cells,
            rosters: figures.lines.iter().map(LineRoster::of).collect(),
            records: figures.records,
            record_bytes: figures.record_bytes,
            quota_bytes: figures.quota,
            queued: figures.queued.into(),
            outbound_bytes: status.outbound.into(),
            max_record_bytes: grid.max_record_bytes.into(),
            stamps: Stamps::of(grid),
            counters: Counters::of(&status.counters),
            also: Vec::new(),
        }
    }
}

impl LineRoster {
    fn of(standing: &LineStanding) -> Self {
        let LineStanding { line, members, signatures } = *standing;
        Self { axis: line.axis().index(), members, signatures }
    }
}

impl Also {
    /// As the node tells it.
    pub(super) fn of(status: &NodeStatus) -> Self {
        let figures = &status.status;
        Self {
            id: status.id.to_string(),
            cell: status.cell.coordinates().to_vec(),
            listen: texts(&status.listen),
            advertised: texts(&status.advertised),
            joined: figures.joined,
            neighbours: figures.neighbours,
            links: figures.links,
            records: figures.records,
            record_bytes: figures.record_bytes,
        }
    }
}

fn texts(addresses: &[Multiaddr]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

impl Reach {
    fn of(counters: &handle::Counters) -> Self {
        let (known, relays) = match counters.reachability {
            Reachability::Presumed => (ReachKnown::Presumed, 0),
            Reachability::Advertised => (ReachKnown::Advertised, 0),
            Reachability::Confirmed => (ReachKnown::Confirmed, 0),
            Reachability::Translated { relays } => (ReachKnown::Translated, relays),
        };
        Self { known, relays, relayed_links: counters.relayed_links }
    }
}

impl Counters {
    fn of(counters: &handle::Counters) -> Self {
        let &handle::Counters { connections, refused_connections, failed_greetings, cut_links, refused_cards, .. } =
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
            leaf: peer.leaf,
            latency_ms: peer.latency.map(milliseconds),
            load: peer.load.map(Load::requests),
        }
    }
}
