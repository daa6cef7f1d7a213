//! The task that owns a node's table of tunnels: cells in, cells out, and the ends of tunnels that end here.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use grid::id::NodeId;
use grid::queue::Weight;
use grid::time::Time;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tunnel::cell::{Cell, Reading};
use tunnel::keys::Hop;
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::table::{Config, Counts, OpenError, Output, Table, TunnelId, Why};
use yamux::{Mode, Stream};

use super::Carrier;
use super::mux::Mux;
use super::pipe::{Feed, Pipe, pipe};
use super::set_ups::{SetUp, SetUps, Shares};
use crate::clock::{SteadyClock, thread_time, unix_seconds};
use crate::handle::{Carried, NodeHandle, Stopped};
use crate::transport::{CellLinks, CellReceiver, Cover};

/// How often it is looked for what is too old or silent.
const TICK: Duration = Duration::from_millis(250);
/// Cells taken between two looks at everything else.
const BATCH: usize = 64;
/// Cells that one tunnel sends before others have their turn.
const BURST: usize = 64;
/// Set-ups looked at between two looks at everything else: what one cell's delay may grow by.
const SET_UPS: usize = 8;
/// How often the ledger is asked whose set-ups are to wait for those of others, while some wait.
const WEIGH: Duration = Duration::from_secs(1);
/// Tunnels that may wait to be laid.
const WISHES: usize = 64;
/// How long the last node of a tunnel of ours may be silent when it should answer at once; longer where the way is.
const SILENCE: Duration = Duration::from_millis(1500);
/// The same in round trips.
const SILENT_ROUNDS: u32 = 8;
/// How long the initiator of somebody's tunnel may be.
const STRANGERS_SILENCE: Duration = Duration::from_secs(30);

/// Why a tunnel was not laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayError {
    /// It could not be begun.
    #[error("no tunnel can be laid: {0}")]
    Open(#[from] OpenError),
    /// It ended before it stood.
    #[error("no tunnel stands along this way: {0}")]
    Ended(#[from] Why),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

type Reply = oneshot::Sender<Result<Pipe, LayError>>;

/// A tunnel that stands.
pub(super) struct Laid {
    pub(super) mux: Mux,
    /// Streams that its last node opens.
    pub(super) opened: mpsc::Receiver<Stream>,
    /// Time from the wish to the answer of all its nodes.
    pub(super) took: Duration,
}

/// What is wanted of the task.
enum Wish {
    Lay(Vec<Hop>, Reply),
    Count(oneshot::Sender<(usize, Counts)>),
}

/// Lays tunnels.
#[derive(Clone, Debug)]
pub(super) struct Builder {
    wishes: mpsc::Sender<Wish>,
    clock: SteadyClock,
    links: Arc<CellLinks>,
}

/// Nodes that a cell crosses there and back over a long way, and by how much waiting for slots may exceed its mean: of a sum of
/// twelve exponential times twice the mean is exceeded once in 200 times.
const CROSSINGS: u32 = 12;
const PATIENT: u32 = 2;
/// After how long a link that does not answer is mute: before a set-up that was sent on it counts as slow.
const MUTE: Duration = Duration::from_millis(600);

impl Builder {
    /// Lays a tunnel over these nodes, the first relay first.
    ///
    /// # Errors
    /// [`LayError`] if it does not come to stand.
    pub(super) async fn lay(&self, way: Vec<Hop>) -> Result<Laid, LayError> {
        let begun = Instant::now();
        let (reply, laid) = oneshot::channel();
        self.wishes.send(Wish::Lay(way, reply)).await.map_err(|_| LayError::Stopped)?;
        let pipe = laid.await.map_err(|_| LayError::Stopped)??;
        let took = begun.elapsed();
        pipe.laid_in(took);
        let (mux, opened) = Mux::start(pipe, Mode::Client);
        Ok(Laid { mux, opened, took })
    }

    /// How much longer a cell may take there and back over a tunnel where links have send slots, if those of others are as far
    /// apart as ours.
    pub(super) fn slack(&self) -> Duration {
        self.links.slots().map_or(Duration::ZERO, |slots| slots.gap() * CROSSINGS * PATIENT)
    }

    /// Whether the link to a node to which a set-up was sent does not answer at all. Nobody but that node, and who stands between, can
    /// bring that about.
    pub(super) fn is_mute(&self, node: &NodeId) -> bool {
        self.links.is_mute(node, MUTE + self.slack())
    }

    /// How this node covers what it sends, and how many links share it.
    pub(super) fn cover(&self) -> Option<(Cover, u32)> {
        self.links.slots().map(|slots| slots.standing())
    }

    /// The time by which tunnels wait for each other's ends.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// How many circuits begin at, lead over and end at this node, and what it has seen of all that were.
    ///
    /// # Errors
    /// If the node has stopped.
    pub(super) async fn count(&self) -> Result<(usize, Counts), Stopped> {
        let (reply, counted) = oneshot::channel();
        self.wishes.send(Wish::Count(reply)).await.map_err(|_| Stopped)?;
        counted.await.map_err(|_| Stopped)
    }
}

/// Starts the task. `welcome` gets the end of every tunnel of which this node is the last one.
pub(super) fn start(node: &NodeHandle, carrier: Carrier, welcome: impl Fn(Pipe) + Send + 'static) -> Builder {
    let me = node.credentials().own.borrow().id();
    let (wishes, wished) = mpsc::channel(WISHES);
    let (notices, noticed) = mpsc::unbounded_channel();
    let Carrier { links, cells, onion } = carrier;
    let (accounts, mut accounted) = mpsc::unbounded_channel();
    let keeper = node.clone();
    tokio::spawn(async move {
        while let Some(carried) = accounted.recv().await {
            if keeper.carried(carried).await.is_err() {
                return;
            }
        }
    });
    links.serve();
    let clock = SteadyClock::start();
    let (shares, weighed) = mpsc::unbounded_channel();
    let task = Task {
        node: node.clone(),
        table: Table::new(name(me), onion, Config::default()),
        links: links.clone(),
        ends: HashMap::new(),
        laying: HashMap::new(),
        set_ups: SetUps::new(),
        weighing: clock.now(),
        shares,
        rng: StdRng::from_seed(rand::random()),
        clock,
        notices,
        accounts,
        welcome: Box::new(welcome),
        outputs: Vec::new(),
    };
    tokio::spawn(task.run(cells, Inward { wished, noticed, weighed }));
    Builder { wishes, clock, links }
}

/// A tunnel that ends here.
struct End {
    feed: Feed,
    /// Whether it is ours, and not somebody's whose last node we are.
    own: bool,
}

/// What the task hears of those in this process.
struct Inward {
    wished: mpsc::Receiver<Wish>,
    noticed: mpsc::UnboundedReceiver<TunnelId>,
    weighed: mpsc::UnboundedReceiver<Shares>,
}

struct Task {
    node: NodeHandle,
    table: Table,
    links: Arc<CellLinks>,
    ends: HashMap<TunnelId, End>,
    laying: HashMap<TunnelId, Reply>,
    set_ups: SetUps,
    /// When the ledger was asked last, and where its answer goes to: at most one a second.
    weighing: Time,
    shares: mpsc::UnboundedSender<Shares>,
    rng: StdRng,
    clock: SteadyClock,
    notices: mpsc::UnboundedSender<TunnelId>,
    /// One message for each circuit that ends.
    accounts: mpsc::UnboundedSender<Carried>,
    welcome: Box<dyn Fn(Pipe) + Send>,
    outputs: Vec<Output>,
}

impl Task {
    /// Runs until nobody can lay tunnels any more, or no links can come.
    async fn run(
        mut self,
        CellReceiver { mut cells, mut gone }: CellReceiver,
        Inward { mut wished, mut noticed, mut weighed }: Inward,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut arrived = Vec::with_capacity(BATCH);
        loop {
            let due = self.set_ups.due();
            tokio::select! {
                taken = cells.recv_many(&mut arrived, BATCH) => match taken {
                    0 => break,
                    _ => arrived.drain(..).for_each(|(from, cell)| self.on_cell(from, cell)),
                },
                Some(tunnel) = noticed.recv() => self.pump(tunnel),
                wish = wished.recv() => match wish {
                    Some(Wish::Lay(way, reply)) => self.lay(&way, reply),
                    // Who asked may have gone away.
                    Some(Wish::Count(reply)) => _ = reply.send((self.table.len(), self.table.counts())),
                    None => break,
                },
                Some(node) = gone.recv() => self.on_gone(node),
                Some(shares) = weighed.recv() => self.set_ups.weigh(shares),
                // Nothing but the turn below.
                () = sleep_until(self.clock.instant(due.unwrap_or(Time::ZERO)).into()), if due.is_some() => {}
                _ = tick.tick() => self.tick(),
            }
            self.take_set_ups();
            self.carry_out();
            if self.table.is_unsettled() {
                give_way().await;
                self.settle();
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment::new(Duration::from_micros(self.clock.now().as_micros()), unix_seconds())
    }

    fn on_cell(&mut self, from: NodeId, cell: Cell) {
        match cell.read() {
            Reading::SetUp(id) => {
                let refused = self.set_ups.push(self.clock.now(), from, id, cell);
                refused.into_iter().for_each(|set_up| self.on_set_up(set_up));
            }
            Reading::Destroy(id) if self.set_ups.withdraw(from, id) => self.table.withdrawn(),
            Reading::Circuit(_) | Reading::Cover | Reading::Destroy(_) | Reading::Malformed => {
                self.table.handle(self.moment(), name(from), cell, &mut self.rng, &mut self.outputs);
            }
        }
        self.carry_out();
    }

    /// Looks at the set-ups whose turn it is.
    fn take_set_ups(&mut self) {
        for _ in 0..SET_UPS {
            let Some(set_up) = self.set_ups.next(self.clock.now()) else { break };
            let begun = thread_time();
            self.on_set_up(set_up);
            self.set_ups.spent(self.clock.now(), thread_time().saturating_sub(begun));
        }
        let now = self.clock.now();
        if self.set_ups.due().is_some() && now.since(self.weighing) >= WEIGH {
            self.weighing = now;
            self.weigh();
        }
    }

    /// Does the rest of what set-ups cost that were passed on.
    fn settle(&mut self) {
        while self.table.is_unsettled() {
            let begun = thread_time();
            self.table.settle(&mut self.rng, &mut self.outputs);
            self.set_ups.spent(self.clock.now(), thread_time().saturating_sub(begun));
        }
        self.carry_out();
    }

    fn on_set_up(&mut self, SetUp { from, id, cell, is_served }: SetUp) {
        match is_served {
            true => self.table.handle(self.moment(), name(from), cell, &mut self.rng, &mut self.outputs),
            false => self.table.refuse(name(from), id, &mut self.outputs),
        }
    }

    /// Asks the ledger whose set-ups are to wait for those of others.
    fn weigh(&self) {
        let (node, shares) = (self.node.clone(), self.shares.clone());
        tokio::spawn(async move {
            // A node that has stopped, or its tunnels, weighs nobody.
            let Ok(statements) = node.ledger().await else { return };
            let share =
                |(statement, _): (grid::ledger::Statement, _)| (statement.id, Weight::of_share(statement.weight));
            _ = shares.send(statements.into_iter().map(share).filter(|(_, share)| *share < Weight::FULL).collect());
        });
    }

    fn on_gone(&mut self, node: NodeId) {
        // It may be linked again already, by another connection on which none of its circuits is.
        self.set_ups.forget(node);
        self.table.link_lost(name(node), &mut self.outputs);
    }

    fn lay(&mut self, way: &[Hop], reply: Reply) {
        match self.table.open(self.moment(), way, &mut self.rng, &mut self.outputs) {
            Ok(tunnel) => _ = self.laying.insert(tunnel, reply),
            // Who wished it may have given up.
            Err(error) => _ = reply.send(Err(error.into())),
        }
    }

    /// Sends what waits in a tunnel, as far as its window goes.
    fn pump(&mut self, tunnel: TunnelId) {
        let Some(End { feed, .. }) = self.ends.get(&tunnel) else { return };
        for _ in 0..BURST {
            let Some(payload) = feed.next(self.clock.now()) else {
                if feed.is_done() {
                    self.close(tunnel);
                }
                return;
            };
            if self.table.send(tunnel, payload.command, &payload.bytes, &mut self.outputs).is_err() {
                return self.close(tunnel);
            }
        }
        feed.notice();
    }

    fn close(&mut self, tunnel: TunnelId) {
        self.table.close(tunnel, &mut self.outputs);
        if let Some(end) = self.ends.remove(&tunnel) {
            end.feed.broke();
        }
    }

    fn tick(&mut self) {
        let (moment, now) = (self.moment(), self.clock.now());
        self.table.tick(moment, &mut self.outputs);
        let patience = |end: &End| match end.own {
            true => SILENCE.max(end.feed.round_trip() * SILENT_ROUNDS),
            false => STRANGERS_SILENCE,
        };
        let silent = self.ends.iter().filter(|(_, end)| end.feed.waited(now) > patience(end));
        for tunnel in silent.map(|(&tunnel, _)| tunnel).collect::<Vec<_>>() {
            tracing::debug!("the other end of a tunnel is silent; it is given up");
            self.close(tunnel);
        }
    }

    /// Does what the table wants, and what comes of that.
    fn carry_out(&mut self) {
        let mut outputs = VecDeque::from(std::mem::take(&mut self.outputs));
        while let Some(output) = outputs.pop_front() {
            self.carry_out_one(output);
            outputs.extend(self.outputs.drain(..));
        }
    }

    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Send { to, cell } => self.send(to, cell),
            Output::Carried { back, on, cells } => {
                let [for_whom, by_whom] = [back, on].map(|name| name.map(|name| NodeId::from_bytes(*name.as_bytes())));
                // At the node's end nobody keeps accounts any more.
                _ = self.accounts.send(Carried { for_whom, by_whom, cells });
            }
            Output::Arrived { tunnel } => {
                let pipe = self.end(tunnel, false);
                (self.welcome)(pipe);
            }
            Output::Ready { tunnel } => {
                let pipe = self.end(tunnel, true);
                // If nobody waits for it any more, the pipe is dropped, which closes the tunnel.
                self.laying.remove(&tunnel).map(|reply| reply.send(Ok(pipe)));
            }
            Output::Deliver { tunnel, payload } => {
                let Some(End { feed, .. }) = self.ends.get(&tunnel) else { return };
                match feed.received(self.clock.now(), payload) {
                    Ok(()) => self.pump(tunnel),
                    Err(error) => {
                        tracing::debug!(%error, "a tunnel is given up");
                        self.close(tunnel);
                    }
                }
            }
            Output::Ended { tunnel, why } => {
                if let Some(end) = self.ends.remove(&tunnel) {
                    tracing::debug!(%why, own = end.own, "a tunnel has ended");
                    end.feed.broke();
                }
                self.laying.remove(&tunnel).map(|reply| reply.send(Err(why.into())));
            }
        }
    }

    fn end(&mut self, tunnel: TunnelId, own: bool) -> Pipe {
        let (pipe, feed) = pipe(tunnel, self.clock.now(), self.notices.clone());
        self.ends.insert(tunnel, End { feed, own });
        pipe
    }

    fn send(&mut self, to: Name, cell: Cell) {
        let (node, lays) = (NodeId::from_bytes(*to.as_bytes()), matches!(cell.read(), Reading::SetUp(_)));
        match self.links.send(&node, cell) {
            // With each set-up, our own or others': the next node is not to know by it whose it is.
            Ok(()) if lays => self.links.feel(&node),
            Ok(()) => {}
            Err(unsent) if unsent.linked => self.table.dropped(to, &unsent.cell, &mut self.outputs),
            Err(_) => self.table.link_lost(to, &mut self.outputs),
        }
    }
}

/// Lets the links' tasks that were just woken write, and goes on behind those that are ready now. (The runtime's own way to yield
/// waits until none is, which on a busy node would hold up all cells.)
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn name(node: NodeId) -> Name {
    Name::from_bytes(*node.as_bytes())
}
