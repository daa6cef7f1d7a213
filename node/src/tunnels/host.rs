//! The last node of other people's tunnels: does for strangers what they ask through a tunnel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grid::certified::Certificate;
use grid::peer::Peer;
use grid::provider::{MAX_ANSWERED, Provider, Topic};
use grid::record::Rules;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use yamux::{Mode, Stream};

use super::exit::{Exit, Outward};
use super::meet::Meetings;
use super::mux::Mux;
use super::pipe::Pipe;
use super::service::{Meeting, NameError, ServiceKey, ServiceName, Statement};
use super::splice::{Local, splice};
use super::talk::{self, Answer, Ask, TalkError, hear, longest, tell};
use crate::clock::unix_seconds;
use crate::handle::{NodeHandle, Stopped};
use crate::pointer::PointerText;

/// Questions of strangers that are worked on at a time, of all tunnels together.
const AT_A_TIME: usize = 64;
/// Visits to services that are met here, at a time, of all tunnels together.
const VISITS: usize = 512;
/// How long a question may take to be read, and its answer to be written.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a node that deceives shows to those whose relay it is, instead of what it knows: for tests, as the faults of
/// [`crate::data::fault`] are.
#[derive(Clone, Debug)]
pub struct Forged {
    /// Who it says its neighbours are.
    pub peers: Vec<Peer>,
    /// What it says is certified of its lines.
    pub lines: Vec<Certificate>,
}

/// Serves strangers. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Host {
    node: NodeHandle,
    rules: Rules,
    slots: Arc<Semaphore>,
    visits: Arc<Semaphore>,
    meetings: Meetings,
    exit: Exit,
    forged: Arc<Mutex<Option<Forged>>>,
}

impl Host {
    pub(super) fn new(node: NodeHandle, exit: Exit) -> Self {
        let rules = Rules::of(node.credentials().verifier.parameters());
        let [slots, visits] = [AT_A_TIME, VISITS].map(|most| Arc::new(Semaphore::new(most)));
        Self { node, rules, slots, visits, meetings: Meetings::default(), exit, forged: Arc::default() }
    }

    /// The services that are met here.
    pub(super) fn meetings(&self) -> &Meetings {
        &self.meetings
    }

    /// By what strangers are let out here.
    pub(super) fn exit(&self) -> &Exit {
        &self.exit
    }

    /// Shows something forged from now on.
    pub(super) fn deceive(&self, forged: Forged) {
        *self.forged.lock().unwrap_or_else(PoisonError::into_inner) = Some(forged);
    }

    /// Serves a tunnel that ends here, as long as it lasts.
    pub(super) fn welcome(&self, pipe: Pipe) {
        let (mux, streams) = Mux::start(pipe, Mode::Server);
        tokio::spawn(self.clone().serve(mux, streams));
    }

    async fn serve(self, mux: Mux, mut streams: mpsc::Receiver<Stream>) {
        while let Some(stream) = streams.recv().await {
            tokio::spawn(self.clone().one(stream, mux.clone()));
        }
        self.meetings.remove(&mux);
    }

    async fn one(self, stream: Stream, mux: Mux) {
        if let Err(error) = self.converse(stream, &mux).await {
            tracing::debug!(%error, "a stranger's stream came to nothing");
        }
    }

    async fn converse(&self, mut stream: Stream, mux: &Mux) -> Result<(), TalkError> {
        let late = || TalkError::Failed("it took too long".into());
        let limit = longest(&self.rules);
        let question = timeout(PATIENCE, hear(&mut stream, limit)).await.map_err(|_| late())??;
        if let Ask::Visit { key } = question {
            return self.visit(stream, &ServiceKey(key)).await;
        }
        if let Ask::Connect { host, port } = question {
            return self.connect(stream, &String::from_utf8_lossy(&host), port).await;
        }
        let answer = match self.slots.try_acquire() {
            Ok(_slot) => self.answer(question, mux).await,
            Err(_) => Answer::failed(&"the tunnel's last node is too busy just now: try again in a moment"),
        };
        self.close_with(stream, &answer).await
    }

    async fn close_with(&self, mut stream: Stream, answer: &Answer) -> Result<(), TalkError> {
        let late = || TalkError::Failed("it took too long".into());
        timeout(PATIENCE, tell(&mut stream, answer)).await.map_err(|_| late())??;
        let closed = timeout(PATIENCE, futures::AsyncWriteExt::close(&mut stream)).await.map_err(|_| late())?;
        Ok(closed.map_err(crate::wire::frame::FrameError::from)?)
    }

    async fn answer(&self, question: Ask, mux: &Mux) -> Answer {
        match question {
            Ask::Roster => self.roster().await.unwrap_or_else(|error| Answer::failed(&error)),
            Ask::Get { pointer, chunk } => self.get(&pointer, chunk).await,
            Ask::Put { record } => match record.check(&self.rules) {
                Ok(record) => match self.node.put(record).await {
                    Ok(report) => Answer::Put { nodes: report.nodes, cells: report.cells },
                    Err(error) => Answer::failed(&error),
                },
                Err(error) => Answer::failed(&error),
            },
            Ask::Meetings { topic } => self.find_meetings(Topic::from_bytes(topic)).await,
            Ask::Meet { key, name, expires, signature, proof } => {
                let meeting = Meeting { key: ServiceKey(key), expires, signature };
                match self.meet(&name, &meeting, &proof, mux).await {
                    Ok(()) => Answer::Done,
                    Err(why) => Answer::failed(&why),
                }
            }
            Ask::Still { key } => match self.meetings.find(&ServiceKey(key)) {
                Some(met) if met.is_same(mux) => Answer::Done,
                Some(_) | None => Answer::failed(&"this service is not met here over this tunnel"),
            },
            Ask::Line { cell, axis } => self.line(cell, axis).await,
            // They have no answer alone: `converse` sees to them.
            Ask::Visit { .. } | Ask::Connect { .. } => Answer::failed(&"this takes a stream of its own"),
        }
    }

    async fn roster(&self) -> Result<Answer, Stopped> {
        let forged = self.forged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(Forged { peers, lines }) = forged {
            return Ok(Answer::roster(peers.iter(), &lines));
        }
        let (neighbours, lines) = (self.node.neighbours(false).await?, self.node.certificates().await?);
        Ok(Answer::roster(neighbours.iter(), &lines))
    }

    /// Asks another line for its roster: whoever wants to know would tell us whose relay it wants to use.
    async fn line(&self, cell: u64, axis: u8) -> Answer {
        let shape = self.node.credentials().verifier.parameters().shape;
        let (Some(cell), Some(axis)) = (talk::cell(shape, cell), talk::axis(shape, axis)) else {
            return Answer::failed(&"there is no such line in this grid");
        };
        match self.node.roster(cell, axis).await {
            Ok(certificate) => Answer::Line((&certificate).into()),
            Err(error) => Answer::failed(&error),
        }
    }

    async fn find_meetings(&self, topic: Topic) -> Answer {
        match self.node.providers(topic).await {
            Ok(found) => {
                let shape = self.node.credentials().verifier.parameters().shape;
                let one = |provider: &Provider| Answer::announced(provider, shape);
                Answer::Meetings(found.iter().take(MAX_ANSWERED).map(one).collect())
            }
            Err(error) => Answer::failed(&error),
        }
    }

    /// Takes a service in, and announces that it can be met here.
    async fn meet(&self, name: &[u8], meeting: &Meeting, proof: &[u8], mux: &Mux) -> Result<(), String> {
        let name: ServiceName = String::from_utf8_lossy(name).parse().map_err(|error: NameError| error.to_string())?;
        let (grid, node) = (self.node.credentials().verifier.grid(), self.node.credentials().own.borrow().id());
        let (key, expires, now) = (&meeting.key, meeting.expires, unix_seconds());
        let statement = Statement { grid: &grid, node: &node, name: &name, key, expires };
        let checked = statement.check(&meeting.signature, now).and_then(|()| statement.check_proof(proof));
        checked.map_err(|error| error.to_string())?;
        self.meetings.insert(*key, name.clone(), mux.clone()).map_err(|error| error.to_string())?;
        let seconds = expires.saturating_sub(now);
        match self.node.provide(name.topic(), meeting.note(), seconds).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.meetings.remove(mux);
                Err(error.to_string())
            }
        }
    }

    /// Leads a stream on to a service that is met here.
    async fn visit(&self, mut stream: Stream, key: &ServiceKey) -> Result<(), TalkError> {
        let Ok(_slot) = self.visits.try_acquire() else {
            return self.close_with(stream, &Answer::failed(&"too many visits are made at this node just now")).await;
        };
        let Some(mux) = self.meetings.find(key) else {
            return self.close_with(stream, &Answer::failed(&"this service is not met here")).await;
        };
        let Ok(onward) = mux.open().await else {
            return self.close_with(stream, &Answer::failed(&"the way to the service broke")).await;
        };
        tell(&mut stream, &Answer::Done).await?;
        Ok(splice(stream, onward).await.map_err(crate::wire::frame::FrameError::from)?)
    }

    /// Leads a stream on out of the grid.
    async fn connect(&self, mut stream: Stream, host: &str, port: u16) -> Result<(), TalkError> {
        match self.exit.connect(&self.node, host, port).await {
            Ok(Outward { stream: outside, slot }) => {
                tell(&mut stream, &Answer::Done).await?;
                let done = splice(stream, Local(outside)).await;
                drop(slot);
                Ok(done.map_err(crate::wire::frame::FrameError::from)?)
            }
            Err((why, text)) => self.close_with(stream, &Answer::not_connected(why, &text)).await,
        }
    }

    async fn get(&self, pointer: &[u8], chunk: u32) -> Answer {
        let text = String::from_utf8_lossy(pointer);
        let pointer = match text.parse::<PointerText>() {
            Ok(text) => text.check(&self.rules),
            Err(error) => return Answer::failed(&error),
        };
        match pointer {
            Ok(pointer) => match self.node.get(&pointer, chunk).await {
                Ok(report) => Answer::got(&report, self.node.credentials().verifier.parameters().shape),
                Err(error) => Answer::failed(&error),
            },
            Err(error) => Answer::failed(&error),
        }
    }
}
