//! What a node may decide for itself, each with its default and the reason. What a whole grid must agree on stands in
//! [`crate::parameters`].

use core::time::Duration;

use crate::effort;
use crate::level::Level;
use crate::neighbours::COMPARED;
use crate::queue::Limits;

/// Of a node's work queue. A thousand requests are served within a few hundred milliseconds, and nobody waits for longer
/// than that; the bytes are what 128 of the largest puts take. Control comes first in any case; interactive work is never
/// pushed aside by it for more than half of the time, and a tenth is bulk's, as the design says: it may ooze, not stand.
/// The quantum is two of the simplest requests, or one get. What costs more is done on credit, so a larger one spares nobody
/// a turn; but whoever begins to flood is served a whole one before those who ask after him. With half of that those have to
/// wait longer who ask for several times as much as others (`rook-sim run flood_orders`, `sim/tests/load.rs`; decision 014).
const WORK_QUEUE: Limits = Limits { entries: 1024, bytes: 32 << 20, quantum: 2, floors: [30, 50, 10] };

/// How a node behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How much the node does for others, to begin with.
    pub level: Level,
    /// How long a leaf stays one; `None` for ever.
    pub grow_after: Option<Duration>,
    /// Leaves that a node is host to at most.
    pub max_leaves: usize,
    /// How long the next hop may take to accept a request before another one is tried. Ten times a slow
    /// intercontinental round trip would stall a request for seconds when one node is dead; 500 ms is above nearly
    /// all round trips.
    pub hop_timeout: Duration,
    /// How long the origin waits for an answer before it tries by another first hop.
    pub answer_timeout: Duration,
    /// How often the origin tries, each time by a first hop it has not used yet.
    pub attempts: u8,
    /// How long a put or get may take over all cells and attempts.
    pub operation_timeout: Duration,
    /// After this time without an answer, a get asks the next replica cell as well.
    pub hedge_after: Duration,
    /// So many of a hundred requests of one's own may be sent a second time, by another first hop, when their answer takes
    /// longer than 95 of a hundred do; 0 for none. Five are what it takes to do so for all of these.
    pub hedge_percent: u8,
    /// Candidates for a next hop that are compared by what the answer is expected to take, 1 to
    /// [`crate::neighbours::MOST_COMPARED`]. With one any that leads on is taken, wherever it lies.
    pub compared: usize,
    /// Requests that a node forwards at the same time; more are refused as busy.
    pub max_forwarding: usize,
    /// The bounds of the queue in which others' requests wait for their turn.
    pub work_queue: Limits,
    /// How much effort is asked for when the queue does not keep up, and paid at most for a request of our own.
    pub effort: effort::Config,
    /// Payments that are remembered in each minute, so that none counts twice: more than can be served in one.
    pub payments: usize,
    /// How long an epoch lasts, for each of which the members of a line certify its roster. All nodes of a grid must have
    /// the same. Ten minutes: a tunnel's life, so that no relay has to be looked for twice; a roster leaves out who has not
    /// been there for an epoch, which are one in ten where nodes stay for an hour.
    pub roster_epoch: Duration,
    /// How long the other nodes of a cell have to confirm a replica.
    pub replicate_timeout: Duration,
    /// How long another node of the cell has to send a record that this one lacks.
    pub recover_timeout: Duration,
    /// Time between two comparisons of the records with another node of the cell: one hash when they are equal.
    pub reconcile_every: Duration,
    /// How long the other nodes of a cell have to say whether they have a newer version of a mutable record: well above
    /// a round trip, and short enough that a node that has just died holds nobody up.
    pub newest_timeout: Duration,
    /// Time in which each record's other cells are asked whether they have it. A cell of four nodes with median sessions
    /// of ten minutes dies out every three hours; all three cells of a record within one such minute, once in 4,000
    /// years.
    pub audit_every: Duration,
    /// How long the last node of a cell takes at most to hand its records over before it leaves.
    pub hand_over_timeout: Duration,
    /// Bytes of records that are kept at most.
    pub quota: u64,
    /// Cells that must store a record before a put succeeds, or all occupied ones if they are fewer.
    pub write_quorum: u8,
    /// Time between two probes; each asks one neighbour, in turn (SWIM's protocol period).
    pub probe_every: Duration,
    /// How long a probe may take before others are asked to confirm.
    pub probe_timeout: Duration,
    /// How many others are asked to confirm (SWIM's k; its paper uses 3).
    pub probe_helpers: u8,
    /// The first wait between two comparisons of a line after a new neighbour has come; doubles each time.
    pub exchange_first: Duration,
    /// Time between two comparisons of a line with a random node on it, when nothing has changed for a while.
    pub exchange_every: Duration,
    /// The first wait before a look for neighbours that nobody on our lines knows; doubles each time. A new node finds
    /// out soon what its join has not told it.
    pub scout_first: Duration,
    /// Time between two looks for neighbours that nobody on our lines knows. One request each: at two a minute a node
    /// spends well below a percent of its traffic on it, and halves of a line find each other within minutes.
    pub scout_every: Duration,
    /// How long a node that knows nobody waits for somebody to be found ([`crate::input::Input::Found`]) before it founds the
    /// grid, of which it is the first node then; not at all if zero.
    pub found_after: Duration,
    /// First wait before a node that has joined asks once more through its introducer; doubles each time. A grid in
    /// its first minutes changes much, so it begins short.
    pub rejoin_first: Duration,
    /// The longest such wait: an hour costs the introducer of 10,000 nodes three joins a second.
    pub rejoin_most: Duration,
    /// First wait before a failed dial or join is tried again; doubles each time, with jitter.
    pub retry_first: Duration,
    /// The longest such wait.
    pub retry_most: Duration,
    /// Failed dials after which a node that we never met is forgotten.
    pub max_dial_failures: u8,
    /// How long one step of joining may take.
    pub join_timeout: Duration,
    /// Dials under way at the same time.
    pub max_dialing: usize,
    /// Neighbours that a node keeps at most. A line's honest roster is far below; a flood of names is not.
    pub max_neighbours: usize,
    /// Newcomers on their way in that may be linked at the same time; half as many strangers may besides for whom we are a
    /// bridge in a sparse grid. Whoever comes when all places are taken is sent away, and comes again after a while.
    pub max_guests: usize,
    /// How long a stranger may stay that is no bridge.
    pub guest_time: Duration,
}

impl Config {
    /// The same for a node on whose links a large message takes this long to be sent, which is nothing on a usual one: within
    /// whatever time messages have to cross links and come back, they may do so that slowly. A request crosses four links
    /// at most in the design's grids, and its answer as many.
    #[must_use]
    pub fn on_slow_links(self, message: Duration) -> Self {
        let (there_and_back, far_and_back) = (message * 2, message * 8);
        Self {
            hop_timeout: self.hop_timeout + there_and_back,
            answer_timeout: self.answer_timeout + far_and_back,
            operation_timeout: self.operation_timeout + far_and_back * u32::from(self.attempts),
            hedge_after: self.hedge_after + far_and_back,
            replicate_timeout: self.replicate_timeout + there_and_back,
            recover_timeout: self.recover_timeout + there_and_back,
            newest_timeout: self.newest_timeout + there_and_back,
            probe_timeout: self.probe_timeout + there_and_back,
            join_timeout: self.join_timeout + far_and_back,
            ..self
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            level: Level::Normal,
            grow_after: None,
            max_leaves: 256,
            hop_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_secs(5),
            attempts: 4,
            operation_timeout: Duration::from_secs(30),
            hedge_after: Duration::from_millis(400),
            hedge_percent: 5,
            compared: COMPARED,
            max_forwarding: 4096,
            work_queue: WORK_QUEUE,
            effort: effort::Config::default(),
            payments: 1 << 18,
            roster_epoch: Duration::from_secs(600),
            replicate_timeout: Duration::from_secs(2),
            recover_timeout: Duration::from_secs(10),
            reconcile_every: Duration::from_secs(60),
            newest_timeout: Duration::from_millis(500),
            audit_every: Duration::from_secs(60),
            hand_over_timeout: Duration::from_secs(20),
            quota: 10 << 30,
            write_quorum: 2,
            probe_every: Duration::from_secs(2),
            probe_timeout: Duration::from_secs(1),
            probe_helpers: 3,
            exchange_first: Duration::from_millis(500),
            exchange_every: Duration::from_secs(10),
            scout_first: Duration::from_secs(2),
            scout_every: Duration::from_secs(30),
            found_after: Duration::ZERO,
            rejoin_first: Duration::from_secs(30),
            rejoin_most: Duration::from_secs(3600),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(120),
            max_dial_failures: 4,
            join_timeout: Duration::from_secs(10),
            max_dialing: 32,
            max_neighbours: 2048,
            max_guests: 256,
            guest_time: Duration::from_secs(60),
        }
    }
}
