//! Groups from servers that nobody vouches for: each is proved against the publisher's signature as it comes, and what
//! one server does not give is asked of another.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dataset::manifest::Stream;
use dataset::tree::{self, GROUP};
use grid::id::NodeId;
use grid::trust::standing::Reason;

use super::batch::Batch;
use super::cache::Cache;
use super::checked::Checks;
use super::error::{Attempt, ReadError};
use super::opened::{Opened, Server};
use super::pool::Pool;
use super::reader::Room;
use super::trust::TrustBook;
use crate::data::client::{DataClient, DataError};
use crate::data::contradiction::Contradiction;
use crate::data::library::Library;
use crate::handle::NodeHandle;
use crate::verifier::Verifier;

/// What groups are fetched of.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) opened: Arc<Opened>,
    pub(super) file: usize,
    pub(super) variable: usize,
    pub(super) stream: Stream,
}

/// Fetches. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    pub(super) node: NodeHandle,
    pub(super) client: DataClient,
    pub(super) library: Arc<Library>,
    pub(super) pool: Pool,
    pub(super) trust: TrustBook,
    pub(super) checks: Checks,
    pub(super) verifier: Verifier,
    pub(super) cache: Option<Arc<Cache>>,
    pub(super) room: Room,
    /// Who we are: what we serve ourselves we do not ask others for.
    pub(super) me: NodeId,
}

/// Groups by their numbers.
pub(super) type Groups = HashMap<u64, Bytes>;

/// Why a server gave no answer, or not all of it.
pub(super) enum Fault {
    /// It sent something else than what the publisher has signed, itself: over a connection of its own key.
    Lie(String),
    /// It did not answer, or not all of it: it may be honest.
    Failure(String),
    /// It says why it has no answer, or there can be none: that tells nothing about it.
    Declined(String),
}

impl Fetcher {
    /// The pieces of a batch.
    pub(super) async fn batch(&self, wanted: &Wanted, batch: &Batch) -> Result<Vec<u8>, ReadError> {
        let numbers = || batch.groups.iter().cloned().flatten();
        let mut have = self.cached(wanted, batch).await;
        let known = have.len();
        let mut tried = Vec::new();
        let mut lacking = lacking(batch, &have);
        while !lacking.is_empty() {
            let Some(server) = self.choose(wanted, &tried) else { return Err(exhausted(wanted, tried)) };
            let node = server.peer.id();
            let turn = self.pool.begin(node, Instant::now());
            match self.ask(&server, wanted, &lacking, &mut have).await {
                Ok(()) => {
                    turn.done(Instant::now());
                    self.trust.proved(&server);
                }
                Err(Fault::Lie(what)) => {
                    turn.failed(Instant::now());
                    tracing::warn!(%node, %what, dataset = wanted.opened.name, "a server lied and is not asked again");
                    self.trust.disproved(&server);
                    tried.push(Attempt { node, what });
                }
                Err(Fault::Failure(what)) => {
                    turn.failed(Instant::now());
                    tracing::info!(%node, %what, dataset = wanted.opened.name, "a server failed; another is asked");
                    self.trust.failed(&server);
                    tried.push(Attempt { node, what });
                }
                Err(Fault::Declined(what)) => {
                    turn.failed(Instant::now());
                    tracing::info!(%node, %what, dataset = wanted.opened.name, "a server has no answer; another is asked");
                    tried.push(Attempt { node, what });
                }
            }
            lacking = self::lacking(batch, &have);
        }
        let bytes: u64 = batch.pieces.iter().map(|piece| piece.end - piece.start).sum();
        let mut out = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
        if have.len() > known && self.keeps(wanted) {
            batch.cut(numbers().filter_map(|number| Some((number, have.get(&number)?))), &mut out);
            self.keep(wanted, have).await;
        } else {
            batch.cut(numbers().filter_map(|number| Some((number, have.remove(&number)?))), &mut out);
        }
        Ok(out)
    }

    /// Whom to ask next: this node itself, if it has the dataset, else somebody who has not been tried and never lied.
    fn choose(&self, wanted: &Wanted, tried: &[Attempt]) -> Option<Server> {
        let untried = |server: &&Server| tried.iter().all(|attempt| attempt.node != server.peer.id());
        let servers: Vec<&Server> = wanted.opened.servers.iter().filter(untried).collect();
        if self.library.find(&wanted.opened.version).is_some()
            && let Some(own) = servers.iter().find(|server| server.peer.id() == self.me)
        {
            return Some((*own).clone());
        }
        let asked = |server: &&&Server| server.peer.id() != self.me && !self.trust.is_shunned(&server.peer.id());
        let nodes: Vec<NodeId> = servers.iter().filter(asked).map(|server| server.peer.id()).collect();
        let chosen = self.pool.choose(&nodes, Instant::now())?;
        servers.into_iter().find(|server| server.peer.id() == chosen).cloned()
    }

    pub(super) async fn ask(
        &self,
        server: &Server,
        wanted: &Wanted,
        groups: &[Range<u64>],
        have: &mut Groups,
    ) -> Result<(), Fault> {
        if server.peer.id() == self.me {
            return self.read_own(wanted, groups, have).await;
        }
        let Some(target) = &server.target else {
            return super::along::groups(self, server, wanted, groups, have).await;
        };
        let place = (number(wanted.file), number(wanted.variable));
        let fault = |error: DataError| {
            let kind = match &error {
                DataError::Wrong(_) => Fault::Lie,
                DataError::Refused(_) => Fault::Declined,
                DataError::Open(_)
                | DataError::Failed { .. }
                | DataError::Dropped(_)
                | DataError::Silent(_)
                | DataError::Ended { .. }
                | DataError::Stalled { .. }
                | DataError::Slow(_)
                | DataError::Malformed(_)
                | DataError::WrongManifest
                | DataError::Signature => Fault::Failure,
            };
            kind(error.to_string())
        };
        let version = wanted.opened.version();
        let mut chunks = self.client.chunks(target, &version, place, &wanted.stream, groups).await.map_err(fault)?;
        while let Some(leaf) = chunks.next().await.map_err(fault)? {
            have.insert(leaf.offset / GROUP, leaf.bytes);
        }
        Ok(())
    }

    /// What this node serves itself is held against the signature like anybody's: disks fail.
    async fn read_own(&self, wanted: &Wanted, groups: &[Range<u64>], have: &mut Groups) -> Result<(), Fault> {
        let gone = || Fault::Failure("this node does not serve it any more".into());
        let served = self.library.find(&wanted.opened.version).ok_or_else(gone)?;
        let (file, variable, groups) = (wanted.file, wanted.variable, groups.to_vec());
        let read = tokio::task::spawn_blocking(move || {
            let file = served.files.get(file).ok_or("there is no such file".to_owned())?;
            let outboard = file.outboards.get(variable).ok_or("there are no hashes of it".to_owned())?;
            let mut encoding = Vec::new();
            tree::encode(file.source.as_ref(), variable, outboard, &groups, &mut encoding)
                .map_err(|error| error.to_string())?;
            Ok::<_, String>((encoding, groups))
        });
        let (encoding, groups) = match read.await {
            Ok(read) => read.map_err(Fault::Failure)?,
            Err(error) => return Err(Fault::Failure(error.to_string())),
        };
        super::along::decode(&wanted.stream, &groups, encoding.into(), have).map_err(Fault::Failure)
    }

    async fn cached(&self, wanted: &Wanted, batch: &Batch) -> Groups {
        let Some(cache) = self.cache.clone() else { return Groups::new() };
        let (stream, groups) = (wanted.stream, batch.groups.clone());
        let read = move || cache.read(&stream.root, stream.length, groups.into_iter().flatten());
        let found = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        found.into_iter().map(|(number, bytes)| (number, bytes.into())).collect()
    }

    /// Whether there is a cache, and the stream would not push everything else out of it.
    fn keeps(&self, wanted: &Wanted) -> bool {
        self.cache.as_ref().is_some_and(|cache| wanted.stream.length <= cache.limit() / 4)
    }

    async fn keep(&self, wanted: &Wanted, groups: Groups) {
        let Some(cache) = self.cache.clone() else { return };
        let root = wanted.stream.root;
        let write = move || {
            let mut groups: Vec<_> = groups.iter().map(|(&number, bytes)| (number, bytes.as_ref())).collect();
            groups.sort_unstable_by_key(|(number, _)| *number);
            cache.write(&root, groups.into_iter());
        };
        // If it dies, the groups are fetched again.
        _ = tokio::task::spawn_blocking(write).await;
    }

    /// Takes note of a proof that a server has lied, if it is one.
    pub(super) async fn convict(&self, proof: &Contradiction) {
        match proof.verify(&self.verifier).await {
            Ok(peer) => self.trust.with(&[], |trust| trust.convicted(&peer.id(), Reason::TwoAnswers)),
            Err(error) => tracing::info!(%error, "what was told as a proof is none"),
        }
    }

    /// A server's standing in a few words.
    pub(super) fn standing(&self, node: NodeId) -> String {
        self.trust.describe(&node)
    }
}

pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The ranges of groups that are not there yet.
fn lacking(batch: &Batch, have: &Groups) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for number in batch.groups.iter().cloned().flatten().filter(|number| !have.contains_key(number)) {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

fn exhausted(wanted: &Wanted, attempts: Vec<Attempt>) -> ReadError {
    let name = wanted.opened.name.clone();
    if attempts.is_empty() { ReadError::NoServer(name) } else { ReadError::AllFailed { name, attempts } }
}
