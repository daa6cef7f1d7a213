//! One node: a task that owns a swarm, and the handle that others ask it through.

use std::collections::HashMap;

use futures::StreamExt;
use libp2p::kad::{GetRecordOk, PeerRecord, QueryId, QueryResult, QueryStats, Quorum, Record, RecordKey};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, identify, kad};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::error::KadError;
use crate::swarm::{Behaviour, BehaviourEvent};

/// Commands that wait for a node; who sends one more waits.
const QUEUE: usize = 64;

/// What became of a put.
#[derive(Debug)]
pub(crate) struct PutOutcome {
    /// Whether the quorum has the record.
    pub(crate) stored: bool,
    /// What it took, in requests to other nodes.
    pub(crate) requests: u32,
}

/// What became of a get.
#[derive(Debug)]
pub(crate) struct GetOutcome {
    /// The first value found.
    pub(crate) value: Option<Vec<u8>>,
    /// Whether it was the asked node's own.
    pub(crate) own: bool,
    /// What it took until then, in requests to other nodes.
    pub(crate) requests: u32,
}

#[derive(Debug)]
enum Command {
    Addresses(oneshot::Sender<Vec<Multiaddr>>),
    Bootstrap { introducer: Option<(PeerId, Multiaddr)>, reply: oneshot::Sender<bool> },
    Get { key: RecordKey, reply: oneshot::Sender<GetOutcome> },
    Links(oneshot::Sender<usize>),
    Put { record: Record, reply: oneshot::Sender<PutOutcome> },
}

/// Whom to tell when a query ends.
enum Waiting {
    Bootstrap(oneshot::Sender<bool>),
    Get(oneshot::Sender<GetOutcome>),
    Put(oneshot::Sender<PutOutcome>),
}

/// A way to ask a node. It lives as long as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Asker(mpsc::Sender<Command>);

/// A node that runs.
#[derive(Debug)]
pub(crate) struct Node {
    /// Who it is.
    pub(crate) id: PeerId,
    asker: Asker,
    task: JoinHandle<()>,
}

impl Node {
    /// Starts the task of a node.
    pub(crate) fn spawn(swarm: Swarm<Behaviour>) -> Self {
        let id = *swarm.local_peer_id();
        let (sender, commands) = mpsc::channel(QUEUE);
        let task = tokio::spawn(Worker { swarm, commands, waiting: HashMap::new() }.run());
        Self { id, asker: Asker(sender), task }
    }

    /// A way to ask it.
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Lets go of the node, which ends as soon as it notices; the task is for waiting until it has.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.task
    }
}

impl Asker {
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, KadError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(command(reply)).await.map_err(|_| KadError::Stopped)?;
        answer.await.map_err(|_| KadError::Stopped)
    }

    /// Where it listens, as far as it knows by now.
    pub(crate) async fn addresses(&self) -> Result<Vec<Multiaddr>, KadError> {
        self.ask(Command::Addresses).await
    }

    /// Looks for itself, from the introducer on if there is one, and refreshes its buckets; false if that failed.
    pub(crate) async fn bootstrap(&self, introducer: Option<(PeerId, Multiaddr)>) -> Result<bool, KadError> {
        self.ask(|reply| Command::Bootstrap { introducer, reply }).await
    }

    /// How many nodes it has an open connection with.
    pub(crate) async fn links(&self) -> Result<usize, KadError> {
        self.ask(Command::Links).await
    }

    /// Stores a record on the nodes nearest to its key.
    pub(crate) async fn put(&self, record: Record) -> Result<PutOutcome, KadError> {
        self.ask(|reply| Command::Put { record, reply }).await
    }

    /// Looks for a record until the first copy of it.
    pub(crate) async fn get(&self, key: RecordKey) -> Result<GetOutcome, KadError> {
        self.ask(|reply| Command::Get { key, reply }).await
    }
}

struct Worker {
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<Command>,
    waiting: HashMap<QueryId, Waiting>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                event = self.swarm.select_next_some() => self.see(event),
            }
        }
    }

    /// Who asked may have gone; then nobody is told.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Addresses(reply) => drop(reply.send(self.swarm.listeners().cloned().collect())),
            Command::Bootstrap { introducer, reply } => self.bootstrap(introducer, reply),
            Command::Get { key, reply } => {
                let query = self.kad().get_record(key);
                self.waiting.insert(query, Waiting::Get(reply));
            }
            Command::Links(reply) => drop(reply.send(self.swarm.network_info().num_peers())),
            Command::Put { record, reply } => match self.kad().put_record(record, Quorum::One) {
                Ok(query) => drop(self.waiting.insert(query, Waiting::Put(reply))),
                Err(_) => drop(reply.send(PutOutcome { stored: false, requests: 0 })),
            },
        }
    }

    fn bootstrap(&mut self, introducer: Option<(PeerId, Multiaddr)>, reply: oneshot::Sender<bool>) {
        if let Some((id, address)) = introducer {
            self.kad().add_address(&id, address);
        }
        match self.kad().bootstrap() {
            Ok(query) => drop(self.waiting.insert(query, Waiting::Bootstrap(reply))),
            Err(kad::NoKnownPeers()) => drop(reply.send(false)),
        }
    }

    fn kad(&mut self) -> &mut kad::Behaviour<kad::store::MemoryStore> {
        &mut self.swarm.behaviour_mut().kad
    }

    fn see(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let SwarmEvent::Behaviour(event) = event else { return };
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                for address in info.listen_addrs {
                    self.kad().add_address(&peer_id, address);
                }
            }
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, stats, step }) => {
                self.progress(id, result, &stats, step.last);
            }
            BehaviourEvent::Identify(_) | BehaviourEvent::Kad(_) => {}
        }
    }

    /// Tells who waits for a query: of a get at its first record, of the others at their last step.
    fn progress(&mut self, id: QueryId, result: QueryResult, stats: &QueryStats, last: bool) {
        let requests = stats.num_requests();
        let found = matches!(result, QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(_))));
        if !last && !found {
            return;
        }
        if found && let Some(mut query) = self.kad().query_mut(&id) {
            query.finish();
        }
        match (self.waiting.remove(&id), result) {
            (Some(Waiting::Bootstrap(reply)), QueryResult::Bootstrap(result)) => drop(reply.send(result.is_ok())),
            (Some(Waiting::Put(reply)), QueryResult::PutRecord(result)) => {
                drop(reply.send(PutOutcome { stored: result.is_ok(), requests }));
            }
            (Some(Waiting::Get(reply)), QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found)))) => {
                let PeerRecord { peer, record } = found;
                drop(reply.send(GetOutcome { value: Some(record.value), own: peer.is_none(), requests }));
            }
            (Some(Waiting::Get(reply)), QueryResult::GetRecord(_)) => {
                drop(reply.send(GetOutcome { value: None, own: false, requests }));
            }
            (_, _) => {}
        }
    }
}
