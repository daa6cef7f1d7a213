//! How the rest of the program talks to a running node.

use std::sync::{Arc, Mutex};

use grid::cell::{Axis, Cell};
use grid::certified::Certificate;
use grid::id::{GridId, NodeId};
use grid::input::Ticket;
use grid::ledger::Statement;
use grid::output::{EchoReport, Event, GetReport, PutReport, RequestFailure};
use grid::overlay::{NeighbourStatus, Status};
use grid::peer::Peer;
use grid::provider::{Provider, Topic};
use grid::record::{Pointer, Record};
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::metrics::Metrics;
pub use crate::transport::Counters;
use crate::tunnels::Carrier;
use crate::verifier::Verifier;

/// The node has ended, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped")]
pub struct Stopped;

/// Why an operation came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The network could not do it.
    #[error(transparent)]
    Failed(#[from] RequestFailure),
    /// The node has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A node's state, for display.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// The node's name.
    pub id: NodeId,
    /// Its grid.
    pub grid: GridId,
    /// Its cell.
    pub cell: Cell,
    /// Where it listens, `/p2p/` included.
    pub listen: Vec<Multiaddr>,
    /// Where others reach it, `/p2p/` included, if its owner has said so: nothing if they do where it listens.
    pub advertised: Vec<Multiaddr>,
    /// Neighbours, links, cells and records.
    pub status: Status,
    /// What happened on the links.
    pub counters: Counters,
    /// Messages sent that ask another node for something about records: requests, of our own or forwarded, replicas and
    /// fetches within the cell.
    pub asked: u64,
    /// Bytes that wait for the links, all together, in the order of [`grid::queue::Class::ALL`].
    pub outbound: [usize; 3],
}

/// A question that has come along the grid to this node's services.
#[derive(Debug)]
pub struct Question {
    ticket: Ticket,
    bytes: Arc<[u8]>,
}

impl Question {
    pub(crate) fn new(ticket: Ticket, bytes: Arc<[u8]>) -> Self {
        Self { ticket, bytes }
    }

    /// What is asked. Bytes from anybody.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is wanted of the driver.
#[derive(Debug)]
pub(crate) enum Wish {
    Put(Record, oneshot::Sender<Result<PutReport, RequestFailure>>),
    Get(Pointer, u32, oneshot::Sender<Result<GetReport, RequestFailure>>),
    Provide(Topic, Vec<u8>, u64, oneshot::Sender<Result<u32, RequestFailure>>),
    Providers(Topic, oneshot::Sender<Result<Vec<Provider>, RequestFailure>>),
    Roster(Cell, Axis, oneshot::Sender<Result<Certificate, RequestFailure>>),
    Echo(Cell, oneshot::Sender<Result<EchoReport, RequestFailure>>),
    Ask { node: NodeId, cell: Cell, question: Arc<[u8]>, reply: oneshot::Sender<Result<Arc<[u8]>, RequestFailure>> },
    Serve(mpsc::Sender<Question>),
    Reply(Ticket, Option<Arc<[u8]>>),
    Status(oneshot::Sender<NodeStatus>),
    Peers(oneshot::Sender<Vec<NeighbourStatus>>),
    Neighbours { linked: bool, reply: oneshot::Sender<Vec<Peer>> },
    Certificates(oneshot::Sender<Vec<Certificate>>),
    Ledger(oneshot::Sender<Vec<(Statement, Option<Cell>)>>),
    Carried(Carried),
    Leave,
    Stop,
}

/// A tunnel over this node is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// The neighbour from which it came, if it did not begin here.
    pub(crate) for_whom: Option<NodeId>,
    /// The neighbour to which it led, if it did not end here.
    pub(crate) by_whom: Option<NodeId>,
    /// How many went through it, both ways.
    pub(crate) cells: u64,
}

/// Who a node is, for the services that run beside it.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// Its transport key.
    pub(crate) keypair: Keypair,
    /// Its card, which changes when the credential is renewed.
    pub(crate) own: watch::Receiver<Peer>,
    /// Verifies others.
    pub(crate) verifier: Verifier,
    /// What carries cells, until the node's tunnels take it.
    pub(crate) carrier: Arc<Mutex<Option<Carrier>>>,
}

/// A running node. Clones are handles of the same node, which goes on until [`NodeHandle::leave`] is called.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    wishes: mpsc::Sender<Wish>,
    events: Arc<broadcast::Sender<Event>>,
    stopped: watch::Receiver<bool>,
    credentials: Arc<Credentials>,
    metrics: Arc<Metrics>,
}

impl NodeHandle {
    pub(crate) fn new(
        wishes: mpsc::Sender<Wish>,
        events: Arc<broadcast::Sender<Event>>,
        stopped: watch::Receiver<bool>,
        credentials: Credentials,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { wishes, events, stopped, credentials: Arc::new(credentials), metrics }
    }

    /// Who the node is.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    async fn ask<T>(&self, wish: impl FnOnce(oneshot::Sender<T>) -> Wish) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.wishes.send(wish(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Stores a record in its cells.
    ///
    /// # Errors
    /// [`OperationError`] if too few cells store it, or the node has stopped.
    pub async fn put(&self, record: Record) -> Result<PutReport, OperationError> {
        Ok(self.ask(|reply| Wish::Put(record, reply)).await??)
    }

    /// Finds a record: of an immutable value a chunk, counted from 0; of a mutable one the newest version.
    ///
    /// # Errors
    /// [`OperationError`] if it is not found, or the node has stopped.
    pub async fn get(&self, pointer: &Pointer, chunk: u32) -> Result<GetReport, OperationError> {
        Ok(self.ask(|reply| Wish::Get(pointer.clone(), chunk, reply)).await??)
    }

    /// Announces that this node offers something, for so many seconds; returns how many cells heard it.
    ///
    /// # Errors
    /// [`OperationError`] if none did, the offer cannot be, or the node has stopped.
    pub async fn provide(&self, topic: Topic, note: Vec<u8>, seconds: u64) -> Result<u32, OperationError> {
        Ok(self.ask(|reply| Wish::Provide(topic, note, seconds, reply)).await??)
    }

    /// Finds out who offers something.
    ///
    /// # Errors
    /// [`OperationError`] if nobody could be asked, or the node has stopped.
    pub async fn providers(&self, topic: Topic) -> Result<Vec<Provider>, OperationError> {
        Ok(self.ask(|reply| Wish::Providers(topic, reply)).await??)
    }

    /// Asks a cell for the certified roster of its line along an axis. Signatures are checked, and its length is one that
    /// the lines of this node make believable.
    ///
    /// # Errors
    /// [`OperationError`] if the line has none in this epoch, it is not to be believed, or the node has stopped.
    pub async fn roster(&self, cell: Cell, axis: Axis) -> Result<Certificate, OperationError> {
        Ok(self.ask(|reply| Wish::Roster(cell, axis, reply)).await??)
    }

    /// Asks somebody in a cell to answer.
    ///
    /// # Errors
    /// [`OperationError`] if nobody does, or the node has stopped.
    pub async fn echo(&self, target: Cell) -> Result<EchoReport, OperationError> {
        Ok(self.ask(|reply| Wish::Echo(target, reply)).await??)
    }

    /// Asks the services of a node, along the grid: neither side learns the other's address.
    ///
    /// # Errors
    /// [`OperationError`] if the node is not in that cell, does not answer or is too busy, or ours has stopped.
    pub async fn ask_node(
        &self,
        node: NodeId,
        cell: Cell,
        question: impl Into<Arc<[u8]>>,
    ) -> Result<Arc<[u8]>, OperationError> {
        let question = question.into();
        Ok(self.ask(|reply| Wish::Ask { node, cell, question, reply }).await??)
    }

    /// Questions to this node's services come here from now on; each is answered by [`NodeHandle::reply`]. When
    /// `waiting` of them wait, whoever asks more is told that this node is busy.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn serve(&self, waiting: usize) -> Result<mpsc::Receiver<Question>, Stopped> {
        let (to, questions) = mpsc::channel(waiting);
        self.wishes.send(Wish::Serve(to)).await.map_err(|_| Stopped)?;
        Ok(questions)
    }

    /// Answers a question; with nothing, if it cannot be answered now.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn reply(&self, question: Question, reply: Option<Arc<[u8]>>) -> Result<(), Stopped> {
        self.wishes.send(Wish::Reply(question.ticket, reply)).await.map_err(|_| Stopped)
    }

    /// The node's state.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn status(&self) -> Result<NodeStatus, Stopped> {
        self.ask(Wish::Status).await
    }

    /// The nodes that it knows.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn peers(&self) -> Result<Vec<NeighbourStatus>, Stopped> {
        self.ask(Wish::Peers).await
    }

    /// Its neighbours, with their cards: all, or those to which a link is open.
    ///
    /// # Errors
    /// If the node has stopped.
    pub(crate) async fn neighbours(&self, linked: bool) -> Result<Vec<Peer>, Stopped> {
        self.ask(|reply| Wish::Neighbours { linked, reply }).await
    }

    /// The certified rosters of its lines, of this epoch and of the one before.
    ///
    /// # Errors
    /// If the node has stopped.
    pub(crate) async fn certificates(&self) -> Result<Vec<Certificate>, Stopped> {
        self.ask(Wish::Certificates).await
    }

    /// The accounts of its neighbours, each with the neighbour's cell if it is known now.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn ledger(&self) -> Result<Vec<(Statement, Option<Cell>)>, Stopped> {
        self.ask(Wish::Ledger).await
    }

    /// A tunnel over this node is over, which its ledger is to know.
    ///
    /// # Errors
    /// If the node has stopped.
    pub(crate) async fn carried(&self, carried: Carried) -> Result<(), Stopped> {
        self.wishes.send(Wish::Carried(carried)).await.map_err(|_| Stopped)
    }

    /// Its figures, what it sees of requests on their way, and what its owner should know of.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What happens from now on. Who reads too slowly misses the oldest events.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Returns when the node has joined its grid; at once if it has.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn joined(&self) -> Result<(), Stopped> {
        // Listens before it looks, so that nothing happens in between.
        let mut events = self.events();
        while !self.status().await?.status.joined {
            match events.recv().await {
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Err(Stopped),
            }
        }
        Ok(())
    }

    /// Hands over what nobody else in the cell has, says farewell to the neighbours and ends the node. Returns when it
    /// has ended.
    pub async fn leave(&self) {
        // A node that is gone already has left.
        _ = self.wishes.send(Wish::Leave).await;
        self.stopped().await;
    }

    /// Ends the node without a farewell, with everything written that was acknowledged. Returns when it has ended.
    pub async fn stop(&self) {
        // A node that is gone already has stopped.
        _ = self.wishes.send(Wish::Stop).await;
        self.stopped().await;
    }

    /// Returns when the node has ended.
    pub async fn stopped(&self) {
        // The sender is dropped only with the node.
        _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }
}
