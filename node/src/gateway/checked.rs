//! Answers that nobody has signed beforehand, checked by asking others: piece by piece, and no piece is given out before
//! the policy ([`grid::trust`]) says what it rests on.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use dataset::slab::Slab;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use grid::id::{AnswerDigest, NodeId, Nonce, RequestDigest};
use grid::trust::check::{Check, Request};
use grid::trust::policy::Policy;
use grid::trust::step::{Known, Refusal, Step, Validation};
use grid::trust::{self, Manifest, Proofs};
use lru::LruCache;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::error::{Attempt, ReadError};
use super::fetch::{Fetcher, number};
use super::opened::Server;
use super::reader::{Basis, FileReader};
use crate::data::challenge::Segments;
use crate::data::checksum::Checksum;
use crate::data::client::{self, DataError};
use crate::data::contradiction::Contradiction;
use crate::data::library::Served;
use crate::data::signed::SignedAnswer;
use crate::data::tiles::Tiles;
use crate::data::wire;

/// Bytes of a piece: what waits for its check is held in memory.
const PIECE: u64 = 1 << 20;
/// Bytes of a segment whose hash a checker tells.
const SEGMENT: u32 = 16 << 10;
/// Bytes that a string is taken for, before anybody knows.
const STRING: u64 = 64;
/// Signed answers that are remembered, to be compared with later ones to the same request.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// How answers are checked, and what was learned by it. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    pub(super) policy: Policy,
    /// Whether what the publisher has signed is fetched with every answer, or only when servers disagree.
    pub(super) proofs: Proofs,
    /// By what answers are compared.
    checksum: Checksum,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug)]
struct Memory {
    signed: LruCache<(NodeId, [u8; 32]), SignedAnswer>,
    /// The last piece that was validated: the answer to a question whose answer is known.
    known: Option<(Piece, Bytes)>,
}

/// A part of a variable that is checked as a whole.
#[derive(Clone, Debug)]
struct Piece {
    reader: FileReader,
    variable: usize,
    slab: Slab,
}

/// What came of one question.
enum Outcome {
    Answer(NodeId, Result<(Bytes, SignedAnswer), DataError>),
    Challenge(NodeId, Result<AnswerDigest, DataError>),
    Known(NodeId, Option<Result<bool, DataError>>),
    Recomputed(Result<Vec<u8>, ReadError>),
}

impl Checks {
    pub(super) fn new(policy: Policy, proofs: Proofs, checksum: Checksum) -> Self {
        let memory = Memory { signed: LruCache::new(REMEMBERED), known: None };
        Self { policy, proofs, checksum, memory: Arc::new(Mutex::new(memory)) }
    }

    /// Remembers what a server has signed; if it has signed something else before, the proof of that.
    fn remember(&self, server: &Server, answer: SignedAnswer) -> Option<Contradiction> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (answer.server, *blake3::hash(&answer.request).as_bytes());
        let earlier = memory.signed.put(key, answer.clone())?;
        Contradiction::of(&server.peer, &earlier, &answer).ok()
    }

    fn known(&self) -> Option<(Piece, Bytes)> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    fn validated(&self, piece: Piece, bytes: Bytes) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).known = Some((piece, bytes));
    }
}

impl Fetcher {
    /// Sends the values of a slab, each piece as soon as it may be delivered.
    pub(super) async fn checked(
        &self,
        reader: &FileReader,
        variable: usize,
        slab: &Slab,
        mut skip: u64,
        to: &mpsc::Sender<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        let kind = reader.opened.manifest.files[reader.file].description.variables[variable].kind;
        let most = match kind.width() {
            Some(width) => PIECE / width,
            // Texts of several pieces would not be those of the whole, which begin with all offsets.
            None if slab.elements() * STRING <= PIECE => slab.elements().max(1),
            None => return Err(ReadError::TooManyTexts { elements: slab.elements(), most: PIECE / STRING }),
        };
        let tiles = Tiles::new(slab, most);
        let skipped = kind.width().map_or(0, |width| tiles.of(skip / width).min(tiles.count()));
        skip -= tiles.first(skipped) * kind.width().unwrap_or_default();
        for number in skipped..tiles.count() {
            let piece = Piece { reader: reader.clone(), variable, slab: tiles.tile(number) };
            let (bytes, basis) = match self.only_own(&piece) {
                Some(served) => (piece.read_own(&served).await?, Basis::Own),
                None => {
                    let (bytes, validation) = self.check(&piece).await?;
                    (bytes, Basis::Checked(validation))
                }
            };
            reader.validation.note(basis);
            let rest = bytes.slice(usize::try_from(std::mem::take(&mut skip)).unwrap_or_default().min(bytes.len())..);
            if to.send(Ok(rest)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What this node serves of a version, if nobody else that can be asked does.
    fn only_own(&self, piece: &Piece) -> Option<Arc<Served>> {
        let opened = &piece.reader.opened;
        let is_other = |server: &Server| server.target.is_some() && server.peer.id() != self.me;
        let others = opened.servers.iter().filter(|server| is_other(server));
        let is_asked = others.map(|server| server.peer.id()).any(|id| !self.trust.is_shunned(&id));
        if is_asked { None } else { self.library.find(&opened.version) }
    }

    async fn check(&self, piece: &Piece) -> Result<(Bytes, Validation), ReadError> {
        let opened = &piece.reader.opened;
        // A node cannot dial itself.
        let is_asked = |server: &&Server| server.target.is_some() && server.peer.id() != self.me;
        let servers: Vec<Server> = opened.servers.iter().filter(is_asked).cloned().collect();
        let policy_servers =
            servers.iter().map(|server| trust::Server { id: server.peer.id(), cell: server.peer.cell() });
        let nonce: [u8; 32] = rand::rng().random();
        let manifest =
            if opened.is_signed(piece.reader.file) { Manifest::Signed(self.checks.proofs) } else { Manifest::None };
        let request = Request {
            servers: policy_servers.collect(),
            digest: RequestDigest::from_bytes(*blake3::hash(&piece.request().encode()).as_bytes()),
            nonce: Nonce::from_bytes(nonce),
            manifest,
        };
        let mut rng = StdRng::from_seed(rand::random());
        let begin = |trust: &mut _| Check::begin(self.checks.policy, trust, request, &mut rng);
        let check = self.trust.with(&servers, begin);
        let questions = Questions { fetcher: self.clone(), piece: piece.clone(), servers: servers.into(), nonce };
        Course { questions, check, answers: HashMap::new() }.run().await
    }
}

/// The questions of one check.
#[derive(Clone, Debug)]
struct Questions {
    fetcher: Fetcher,
    piece: Piece,
    servers: Arc<[Server]>,
    nonce: [u8; 32],
}

/// One check, with what is at hand of it.
struct Course {
    questions: Questions,
    check: Check,
    answers: HashMap<AnswerDigest, Bytes>,
}

impl Course {
    async fn run(mut self) -> Result<(Bytes, Validation), ReadError> {
        let mut under_way: FuturesUnordered<BoxFuture<'static, Outcome>> = FuturesUnordered::new();
        loop {
            while let Some(step) = self.check.poll() {
                let questions = self.questions.clone();
                under_way.push(match step {
                    Step::Ask { server } => Box::pin(async move { questions.ask(server.id).await }),
                    Step::Challenge { server } => Box::pin(async move { questions.challenge(server.id).await }),
                    Step::KnownAnswer { server } => Box::pin(async move { questions.ask_known(server.id).await }),
                    Step::Recompute => Box::pin(async move { questions.recompute().await }),
                    Step::Deliver { answer, validation } => return self.deliver(answer, validation).await,
                    Step::Refuse(refusal) => return Err(self.refused(&refusal)),
                });
            }
            match under_way.next().await {
                Some(outcome) => self.heard(outcome).await,
                None => return Err(ReadError::NoServer(self.questions.name())),
            }
        }
    }

    async fn heard(&mut self, outcome: Outcome) {
        let trust = self.questions.fetcher.trust.clone();
        match outcome {
            Outcome::Answer(id, Ok((bytes, signed))) => {
                let digest = self.questions.digest(&bytes);
                self.answers.insert(digest, bytes);
                trust.with(&[], |trust| self.check.answered(trust, &id, digest));
                self.compare(id, signed).await;
            }
            Outcome::Challenge(id, Ok(digest)) => trust.with(&[], |trust| self.check.challenged(trust, &id, digest)),
            Outcome::Answer(id, Err(error)) | Outcome::Challenge(id, Err(error)) => {
                let is_no_fault = matches!(&error, DataError::Refused(_));
                trust.with(&[], |trust| match is_no_fault {
                    true => self.check.declined(trust, &id),
                    false => self.check.timed_out(trust, &id),
                });
            }
            Outcome::Known(id, Some(Ok(is_right))) => {
                let outcome = if is_right { Known::Right } else { Known::Wrong };
                trust.with(&[], |trust| self.check.known_answer(trust, &id, outcome));
            }
            Outcome::Known(id, Some(Err(_)) | None) => trust.with(&[], |trust| self.check.declined(trust, &id)),
            Outcome::Recomputed(Ok(bytes)) => {
                let digest = self.questions.digest(&bytes);
                self.answers.insert(digest, bytes.into());
                trust.with(&[], |trust| self.check.recomputed(trust, digest));
            }
            Outcome::Recomputed(Err(_)) => trust.with(&[], |trust| self.check.not_recomputed(trust)),
        }
    }

    /// Two answers of one server to one request convict it, also if they came hours apart; others are told.
    async fn compare(&self, id: NodeId, signed: SignedAnswer) {
        let Some(server) = self.questions.servers.iter().find(|server| server.peer.id() == id) else { return };
        let Some(proof) = self.questions.fetcher.checks.remember(server, signed) else { return };
        tracing::warn!(node = %id, "a server signed two answers to one request, and is not asked again");
        self.questions.fetcher.convict(&proof).await;
        for other in self.questions.servers.iter().filter(|other| other.peer.id() != id) {
            if let Some(target) = &other.target
                && let Err(error) = self.questions.fetcher.client.report(target, &proof).await
            {
                tracing::debug!(%error, node = %other.peer.id(), "a server was not told of a contradiction");
            }
        }
    }

    /// Gives out what was validated. If it is known only by its hash, it is fetched from who knows it.
    async fn deliver(mut self, answer: AnswerDigest, validation: Validation) -> Result<(Bytes, Validation), ReadError> {
        let mut attempts = Vec::new();
        let ids: Vec<NodeId> = self.questions.servers.iter().map(|server| server.peer.id()).collect();
        for id in ids {
            if self.answers.contains_key(&answer) {
                break;
            }
            if self.questions.fetcher.trust.is_shunned(&id) {
                continue;
            }
            match self.questions.ask(id).await {
                Outcome::Answer(_, Ok((bytes, _))) => {
                    self.answers.insert(self.questions.digest(&bytes), bytes);
                }
                Outcome::Answer(_, Err(error)) => attempts.push(Attempt { node: id, what: error.to_string() }),
                Outcome::Challenge(..) | Outcome::Known(..) | Outcome::Recomputed(_) => {}
            }
        }
        let name = self.questions.name();
        let bytes = self.answers.remove(&answer).ok_or(ReadError::AllFailed { name, attempts })?;
        self.questions.fetcher.checks.validated(self.questions.piece.clone(), bytes.clone());
        Ok((bytes, validation))
    }

    fn refused(&self, refusal: &Refusal) -> ReadError {
        let name = self.questions.name();
        let said = |(server, digest): &(trust::Server, AnswerDigest)| Attempt {
            node: server.id,
            what: format!("said {:.8}, in cell {}", digest.to_string(), server.cell),
        };
        let silent = |node: &NodeId| Attempt { node: *node, what: "did not answer".into() };
        let disproved = |node: &NodeId| Attempt { node: *node, what: "lied".into() };
        let statements: Vec<Attempt> = refusal.said.iter().map(said).collect();
        let failures = refusal.silent.iter().map(silent).chain(refusal.disproved.iter().map(disproved));
        match statements.is_empty() {
            true => ReadError::AllFailed { name, attempts: failures.collect() },
            false => ReadError::Disagreement { name, statements: statements.into_iter().chain(failures).collect() },
        }
    }
}

impl Questions {
    fn name(&self) -> String {
        self.piece.reader.opened.name.clone()
    }

    /// A server that can be dialled, and what it is asked about.
    fn target(&self, id: NodeId) -> Result<(&client::Target, client::Version, (u32, u32)), DataError> {
        let server = self.servers.iter().find(|server| server.peer.id() == id);
        let target = server.and_then(|server| server.target.as_ref());
        let place = (number(self.piece.reader.file), number(self.piece.variable));
        let unknown = || DataError::Dropped("it is no server of this dataset any more".into());
        Ok((target.ok_or_else(unknown)?, self.piece.reader.opened.version(), place))
    }

    async fn ask(&self, id: NodeId) -> Outcome {
        let fetch = async {
            let (target, version, place) = self.target(id)?;
            let mut values = self.fetcher.client.values(target, &version, place, &self.piece.slab).await?;
            let most = self.piece.most();
            if values.length() > most {
                return Err(DataError::Malformed(format!("{} bytes where {most} are possible", values.length())));
            }
            let mut bytes = BytesMut::new();
            while let Some(piece) = values.next().await? {
                bytes.extend_from_slice(&piece);
            }
            let signed = values.signed().cloned().ok_or(DataError::Signature)?;
            Ok((bytes.freeze(), signed))
        };
        Outcome::Answer(id, fetch.await)
    }

    async fn challenge(&self, id: NodeId) -> Outcome {
        Outcome::Challenge(id, self.digest_of(id, &self.piece, &self.nonce, None).await)
    }

    /// Asks for something that is known, as if it were not.
    async fn ask_known(&self, id: NodeId) -> Outcome {
        let Some((piece, bytes)) = self.fetcher.checks.known() else { return Outcome::Known(id, None) };
        if piece.reader.opened.version != self.piece.reader.opened.version {
            return Outcome::Known(id, None);
        }
        let nonce: [u8; 32] = rand::rng().random();
        let digest = self.digest_of(id, &piece, &nonce, Some(bytes.len() as u64)).await;
        let expected = piece.digest(&bytes, &nonce, self.fetcher.checks.checksum);
        Outcome::Known(id, Some(digest.map(|digest| digest == expected)))
    }

    /// What a checker says of a piece. How many segments it has follows from its type; of strings from an answer.
    async fn digest_of(
        &self,
        id: NodeId,
        piece: &Piece,
        nonce: &[u8; 32],
        length: Option<u64>,
    ) -> Result<AnswerDigest, DataError> {
        let (target, version, place) = self.target(id)?;
        let segments = 0..length.unwrap_or(piece.most()).div_ceil(SEGMENT.into());
        let checksum = self.fetcher.checks.checksum;
        let wanted = client::Wanted { nonce: *nonce, checksum, segment_bytes: SEGMENT, segments };
        let mut hashes = self.fetcher.client.check(target, &version, place, &piece.slab, &wanted).await?;
        let mut all = blake3::Hasher::new();
        while let Some(hash) = hashes.next().await? {
            all.update(&hash);
        }
        Ok(AnswerDigest::from_bytes(*all.finalize().as_bytes()))
    }

    /// The digest of an answer that is at hand.
    fn digest(&self, bytes: &[u8]) -> AnswerDigest {
        self.piece.digest(bytes, &self.nonce, self.fetcher.checks.checksum)
    }

    async fn recompute(&self) -> Outcome {
        let (reader, variable, slab) = (&self.piece.reader, self.piece.variable, self.piece.slab.clone());
        Outcome::Recomputed(reader.proven(variable, slab).await)
    }
}

impl Piece {
    fn request(&self) -> wire::Request {
        wire::Request::Values(self.selection())
    }

    fn selection(&self) -> wire::Selection {
        let place = self.reader.opened.version().place(number(self.reader.file), number(self.variable));
        wire::Selection::new(place, &self.slab)
    }

    /// The values as they lie here.
    async fn read_own(&self, served: &Arc<Served>) -> Result<Bytes, ReadError> {
        let (served, piece) = (served.clone(), self.clone());
        let read = tokio::task::spawn_blocking(move || {
            let file = served.files.get(piece.reader.file).ok_or("there is no such file".to_owned())?;
            let mut bytes = Vec::new();
            let read = file.source.read(piece.variable, &piece.slab, &mut bytes);
            read.map(|()| Bytes::from(bytes)).map_err(|error| error.to_string())
        });
        let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
        read.map_err(|what| ReadError::Own { name: self.reader.opened.name.clone(), what })
    }

    /// Bytes that it may have.
    fn most(&self) -> u64 {
        let kind = self.reader.opened.manifest.files[self.reader.file].description.variables[self.variable].kind;
        kind.width().map_or(PIECE, |width| self.slab.elements() * width)
    }

    fn digest(&self, bytes: &[u8], nonce: &[u8; 32], checksum: Checksum) -> AnswerDigest {
        let (mut segments, mut hashes) = (Segments::new(&self.selection(), nonce, checksum, SEGMENT, 0), Vec::new());
        segments.update(bytes, &mut hashes);
        segments.finish(&mut hashes);
        AnswerDigest::from_bytes(*blake3::hash(&hashes).as_bytes())
    }
}
