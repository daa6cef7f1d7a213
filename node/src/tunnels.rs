//! Tunnels on a running node: who asks is nobody's business.
//!
//! ```text
//! user -> Tunnels (keeps some ready) -> Relays (draws a way) -> Builder -> task (crate `tunnel`) <-> cells on links
//!            '-> stream (yamux) over a Pipe over cells ...... last node: Host does what is asked, for strangers
//!
//! client -> socks -> visit ~ tunnel ~> Host (meet) <~ tunnel ~ publish <- local service
//! ```
//!
//! What a tunnel is, cell by cell, is decided in the crate `tunnel`; through whom it leads, in [`grid::mimics`].

mod builds;
pub(crate) mod exit;
mod host;
mod meet;
mod mux;
mod outward;
mod pipe;
mod publish;
pub(crate) mod relays;
pub(crate) mod service;
mod set_ups;
pub(crate) mod socks;
mod splice;
mod stock;
pub(crate) mod talk;
mod task;
mod visit;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use grid::cell::Line;
use grid::certified::Doubt;
use grid::id::NodeId;
use grid::mimics::Preset;
use grid::output::{GetReport, PutReport};
use grid::peer::Peer;
use grid::record::{Pointer, Record, Rules};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tunnel::keys::OnionSecret;
pub use tunnel::table::Counts;
use yamux::Stream;

use self::builds::Builds;
use self::exit::Exit;
pub use self::exit::{ExitPolicy, PolicyError};
pub use self::host::Forged;
use self::host::Host;
use self::mux::Mux;
use self::outward::Exits;
use self::publish::Running;
pub use self::publish::{PublishError, Published};
use self::relays::{Place, Relays};
pub use self::service::{NameError, ServiceHost, ServiceKey, ServiceName};
use self::socks::Proxy;
pub use self::socks::{SocksError, SocksStatus};
use self::stock::Stock;
use self::talk::{Answer, Ask, TalkError, ask, longest};
pub use self::task::LayError;
use self::task::{Builder, Laid};
pub use self::visit::VisitError;
use self::visit::Visits;
use crate::handle::{NodeHandle, Stopped};
use crate::transport::{CellLinks, CellReceiver, Cover};

/// How long a tunnel is used for new requests. Relays end it after ten minutes.
const USED: Duration = Duration::from_secs(480);
/// Ways that are tried before it is given up.
const WAYS: usize = 6;
/// The same to a node that was chosen, which may itself be what is gone.
const WAYS_TO_ONE: usize = 3;
/// For how long it is waited until one more way may be drawn.
const TURN: Duration = Duration::from_secs(10);
/// Tunnels that a request is tried through.
const TRIES: usize = 3;
/// After how long a request goes through a second tunnel as well. A relay that was killed says nothing of it.
const HEDGE: Duration = Duration::from_millis(700);
/// After how long without word that a request has arrived the other tunnels that stand are felt: of those that are silent as well it is known
/// when the request goes through a second one.
const FEEL: Duration = Duration::from_millis(100);
/// After how long without a sign of life from its last node a tunnel is not used again when another one is asked as well.
const SILENT: Duration = Duration::from_millis(600);
/// How often it is looked for that.
const LOOK: Duration = Duration::from_millis(100);
/// How long a tunnel is waited for, and then the last node for what it was asked.
const PATIENCE: Duration = Duration::from_secs(45);

/// Why something could not be done through a tunnel.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The tunnel broke while it was used.
    #[error("the tunnel broke")]
    Broke,
    /// The last node could not do it.
    #[error("the tunnel's last node says: {0}")]
    Far(String),
    /// The last node said nothing.
    #[error("nothing came back through the tunnel within {0:?}")]
    Late(Duration),
    /// No tunnel could be laid along a way.
    #[error(transparent)]
    Lay(#[from] LayError),
    /// There is no node that could be the next on the way.
    #[error("no node can be number {} on a tunnel's way: the grid has too few nodes, or too few links are open yet", .0 + 1)]
    Nobody(usize),
    /// No way that was drawn could lead to the node that was to be the last one.
    #[error("no way was found to the node where the service is met: it has left, or too few nodes are near it")]
    OutOfReach,
    /// A relay's roster is not to be believed.
    #[error("a relay is not gone by: {0}")]
    Doubt(#[from] Doubt),
    /// No other cell of a relay's line said what it holds for certified.
    #[error("nobody else could be asked who is on {0}, the line of a relay")]
    Unconfirmed(Line),
    /// The node has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl TunnelError {
    fn far(error: &TalkError) -> Self {
        match error {
            TalkError::Failed(why) => Self::Far(why.clone()),
            TalkError::Stream(_) => Self::Broke,
            TalkError::Malformed(_) | TalkError::Other => Self::Far(error.to_string()),
        }
    }

    /// Whether a service may be met a little later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Broke
            | Self::Far(_)
            | Self::Late(_)
            | Self::Lay(_)
            | Self::Nobody(_)
            | Self::OutOfReach
            | Self::Doubt(_)
            | Self::Unconfirmed(_) => true,
            Self::Stopped(_) => false,
        }
    }

    /// Whether it is that a relay deceives, or shows nothing that is to be gone by: another way is drawn at once.
    fn is_a_relays(&self) -> bool {
        match self {
            Self::Nobody(place) => *place > 0,
            Self::Doubt(_) | Self::Unconfirmed(_) => true,
            Self::Broke | Self::Late(_) | Self::Lay(_) | Self::Far(_) | Self::OutOfReach | Self::Stopped(_) => false,
        }
    }

    /// Whether another tunnel may do better.
    fn is_the_tunnels(&self) -> bool {
        match self {
            Self::Broke | Self::Late(_) | Self::Lay(_) | Self::Nobody(_) | Self::Doubt(_) | Self::Unconfirmed(_) => {
                true
            }
            Self::Far(_) | Self::OutOfReach | Self::Stopped(_) => false,
        }
    }
}

/// A tunnel of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTunnel {
    /// Its relays in order, and the last node.
    pub way: Vec<NodeId>,
    /// How old it is.
    pub age: Duration,
    /// How long it took to lay, from the wish until all its nodes had answered.
    pub laid_in: Duration,
    /// The shortest time in which a cell came back from its last node; none before it was used.
    pub round_trip: Option<Duration>,
    /// Whether it leads to a node where a service is met.
    pub visits: bool,
}

/// What a node knows of tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelStatus {
    /// Those that it laid for requests of its own, the one that is in use first.
    pub own: Vec<OwnTunnel>,
    /// Whether relays have to show certified rosters: the lines of this node have some.
    pub certified: bool,
    /// Relays that were found to show forged ones.
    pub deceivers: usize,
    /// The rules by which strangers are let out of the grid here; none if they are not.
    pub exit: Vec<String>,
    /// How it covers what it sends, and how many links share that; if it does.
    pub cover: Option<(Cover, u32)>,
    /// Circuits that begin at, lead over or end at it; of others it knows the two neighbours and no more.
    pub circuits: usize,
    /// What it has seen of all tunnels since its start.
    pub counts: Counts,
}

/// A tunnel that can be used.
#[derive(Clone, Debug)]
struct Ready {
    mux: Mux,
    since: Instant,
    /// How long it took to lay.
    took: Duration,
    way: Arc<[NodeId]>,
}

impl Ready {
    /// A tunnel that stands along that way, and what its last node opens.
    fn new(Laid { mux, opened, took }: Laid, way: &[Peer]) -> (Self, mpsc::Receiver<Stream>) {
        (Self { mux, since: Instant::now(), took, way: way.iter().map(Peer::id).collect() }, opened)
    }

    fn is_fit(&self) -> bool {
        !self.mux.is_gone() && self.since.elapsed() < USED
    }

    fn last(&self) -> Result<NodeId, TunnelError> {
        self.way.last().copied().ok_or(TunnelError::Nobody(0))
    }
}

#[derive(Debug)]
struct Shared {
    node: NodeHandle,
    builder: Builder,
    relays: Relays,
    preset: Preset,
    rules: Rules,
    stock: Stock,
    host: Host,
    /// Where the keys of services are.
    folder: PathBuf,
    published: Mutex<BTreeMap<ServiceName, Running>>,
    visits: Visits,
    exits: Exits,
    socks: Mutex<Option<Proxy>>,
}

/// The tunnels of a node: those that others lay over it or to it, and its own.
#[derive(Clone, Debug)]
pub struct Tunnels(Arc<Shared>);

/// What carries the cells of a node.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) links: Arc<CellLinks>,
    pub(crate) cells: CellReceiver,
    pub(crate) onion: OnionSecret,
}

impl Tunnels {
    /// Begins to relay for others and to do for strangers what they ask, and lays tunnels when they are wanted; `exit` says
    /// whereto strangers are let out of the grid. The keys of
    /// services and the first relays are kept in a folder.
    ///
    /// # Errors
    /// [`Stopped`] if the node has stopped, or has tunnels already.
    pub fn start(node: NodeHandle, folder: PathBuf, exit: ExitPolicy) -> Result<Self, Stopped> {
        let carrier = node.credentials().carrier.lock().unwrap_or_else(PoisonError::into_inner).take();
        let carrier = carrier.ok_or(Stopped)?;
        let rules = Rules::of(node.credentials().verifier.parameters());
        let exit = Exit::new(exit);
        tokio::spawn(exit.clone().announce(node.clone()));
        let host = Host::new(node.clone(), exit);
        let welcome = host.clone();
        let builder = task::start(&node, carrier, move |pipe| welcome.welcome(pipe));
        let relays = Relays::new(node.clone(), &folder, longest(&rules));
        let stock = Stock::new();
        Ok(Self(Arc::new(Shared {
            node,
            builder,
            relays,
            preset: Preset::SHORT,
            rules,
            stock,
            host,
            folder,
            published: Mutex::default(),
            visits: Visits::default(),
            exits: Exits::default(),
            socks: Mutex::default(),
        })))
    }

    /// Finds a record through a tunnel, as [`NodeHandle::get`] does without.
    ///
    /// # Errors
    /// [`TunnelError`], also in the words of the last node.
    pub async fn get(&self, pointer: &Pointer, chunk: u32) -> Result<GetReport, TunnelError> {
        let shape = self.0.node.credentials().verifier.parameters().shape;
        let answer = self.ask(&Ask::get(pointer, chunk)).await?;
        answer.into_get(pointer, chunk, &self.0.rules, shape).map_err(|error| TunnelError::far(&error))
    }

    /// Stores a record through a tunnel, as [`NodeHandle::put`] does without.
    ///
    /// # Errors
    /// [`TunnelError`], also in the words of the last node.
    pub async fn put(&self, record: &Record) -> Result<PutReport, TunnelError> {
        self.ask(&Ask::put(record)).await?.into_put().map_err(|error| TunnelError::far(&error))
    }

    /// Has this node deceive those whose relay it is, for tests.
    pub fn deceive(&self, forged: Forged) {
        self.0.host.deceive(forged);
    }

    /// What there is to tell of tunnels, to this node's own user.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn status(&self) -> Result<TunnelStatus, Stopped> {
        let (circuits, counts) = self.0.builder.count().await?;
        let (ready, visiting) = (self.0.stock.all().into_iter().map(|one| (one, false)), self.visiting().into_iter());
        let all = ready.chain(visiting.map(|one| (one, true))).filter(|(ready, _)| ready.is_fit());
        let own = all.map(|(ready, visits)| OwnTunnel {
            way: ready.way.to_vec(),
            age: ready.since.elapsed(),
            laid_in: ready.took,
            round_trip: ready.mux.round_trip(),
            visits,
        });
        let (certified, deceivers) = self.0.relays.standing();
        let exit = self.0.host.exit().policy().rules().collect();
        let cover = self.0.builder.cover();
        Ok(TunnelStatus { own: own.collect(), certified, deceivers, exit, cover, circuits, counts })
    }

    /// Asks a tunnel's last node; through another tunnel as well if that one breaks, or says nothing for a while. What is
    /// asked does no harm twice.
    async fn ask(&self, question: &Ask) -> Result<Answer, TunnelError> {
        let (mut asking, mut used, mut failed) = (FuturesUnordered::new(), Vec::<Ready>::new(), None);
        let (mut is_due, mut hedge) = (true, Instant::now());
        let (mut is_felt, mut feel) = (true, Instant::now());
        loop {
            let more = used.len() < TRIES;
            tokio::select! {
                found = self.0.stock.take(self, &used), if is_due && more => match found {
                    Ok(ready) => {
                        used.push(ready.clone());
                        asking.push(async move { (self.ask_through(&ready.mux, question).await, ready) });
                        (is_due, hedge) = (false, Instant::now() + HEDGE + self.0.builder.slack());
                        (is_felt, feel) = (false, Instant::now() + FEEL);
                    }
                    Err(error) if asking.is_empty() => return Err(failed.unwrap_or(error)),
                    // Those that are asked already may still answer.
                    Err(_) => (is_due, hedge) = (false, Instant::now() + PATIENCE),
                },
                Some((outcome, ready)) = asking.next() => match outcome {
                    Err(error) if error.is_the_tunnels() => {
                        tracing::info!(%error, "a tunnel did not do");
                        self.0.relays.avoid(&ready.way);
                        self.0.stock.broke(&ready.mux);
                        (failed, is_due) = (Some(error), true);
                    }
                    outcome => {
                        self.0.relays.trust(&ready.way);
                        return outcome;
                    }
                },
                () = sleep_until(feel), if !is_felt => {
                    let (now, least) = (self.0.builder.now(), FEEL + self.0.builder.slack());
                    if used.iter().any(|ready| ready.mux.is_silent(now, least)) {
                        self.0.stock.feel();
                        is_felt = true;
                    }
                    feel = Instant::now() + FEEL;
                }
                () = sleep_until(hedge), if !is_due && more => {
                    // A relay that was killed says nothing of it, and another tunnel may lead over it as well.
                    for ready in self.0.stock.all().iter().filter(|ready| self.is_silent(&ready.mux)) {
                        self.0.relays.avoid(&ready.way);
                        self.0.stock.broke(&ready.mux);
                    }
                    is_due = true;
                }
                else => return Err(failed.unwrap_or(TunnelError::Broke)),
            }
        }
    }

    /// After which time a tunnel is silent whose last node should have answered.
    fn silent(&self) -> Duration {
        SILENT + self.0.builder.slack()
    }

    fn is_silent(&self, mux: &Mux) -> bool {
        mux.is_silent(self.0.builder.now(), self.silent())
    }

    /// Returns when the last node of a tunnel is silent: a relay was killed, perhaps.
    async fn silence(&self, mux: &Mux) {
        self.quiet(mux, self.silent()).await;
    }

    /// Returns when the last node of a tunnel has said nothing for so long, though it should have.
    async fn quiet(&self, mux: &Mux, least: Duration) {
        while !mux.is_silent(self.0.builder.now(), least) {
            sleep(LOOK).await;
        }
    }

    async fn ask_through(&self, mux: &Mux, question: &Ask) -> Result<Answer, TunnelError> {
        let talk = async {
            let mut stream = mux.open().await.map_err(|_| TunnelError::Broke)?;
            ask(&mut stream, question, longest(&self.0.rules)).await.map_err(|error| TunnelError::far(&error))
        };
        timeout(PATIENCE, talk).await.map_err(|_| TunnelError::Late(PATIENCE))?
    }
}

impl Shared {
    /// Lays a tunnel along a way that is drawn anew until one stands; along a second one as well if the first takes long,
    /// for a relay that was killed says nothing of it; but no more ways than may be drawn.
    /// Its last node is the one that is said, or anybody; what that one opens can be taken up.
    async fn lay(&self, last: Option<Place>, builds: &Builds) -> Result<(Ready, mpsc::Receiver<Stream>), TunnelError> {
        let most = last.map_or(WAYS, |_| WAYS_TO_ONE);
        let (mut laying, mut ways, mut failed) = (FuturesUnordered::new(), 0, None);
        let (mut is_due, end) = (true, Instant::now() + TURN);
        loop {
            tokio::select! {
                turn = timeout_at(end, builds.turn()), if is_due && ways < most => match turn {
                    Ok(()) => {
                        (ways, is_due) = (ways + 1, false);
                        laying.push(self.lay_one(last));
                    }
                    Err(_) => return Err(failed.unwrap_or(TunnelError::Late(TURN))),
                },
                Some(outcome) = laying.next() => match outcome {
                    Err(error) if error.is_the_tunnels() => {
                        tracing::debug!(%error, "no tunnel along this way");
                        (failed, is_due) = (Some(error), true);
                    }
                    outcome => return outcome,
                },
                () = sleep(HEDGE + self.builder.slack()), if !is_due && ways < most => is_due = true,
                else => return Err(failed.unwrap_or(TunnelError::Broke)),
            }
        }
    }

    async fn lay_one(&self, last: Option<Place>) -> Result<(Ready, mpsc::Receiver<Stream>), TunnelError> {
        let way = match last {
            None => self.relays.draw(self.preset, &self.builder).await?,
            Some(last) => self.relays.draw_to(last, self.preset, &self.builder).await?,
        };
        let laid = self.relays.lay(&way, &self.builder).await?;
        Ok(Ready::new(laid, &way))
    }
}
