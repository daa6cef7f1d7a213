//! The side that has the data: takes requests, holds them against the manifest, answers as fast as the reader takes it.

mod job;
mod pieces;
mod slots;
mod values;
mod writer;

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use grid::id::GridId;
use grid::peer::Peer;
use libp2p::Stream;
use libp2p::identity::Keypair;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use self::job::Job;
use self::pieces::{Part, Pieces, Stop};
use self::slots::Slots;
use self::writer::{Cut, Writer};
use super::fault::{Mischief, Prank};
use super::library::{Library, Served};
use super::limits::Limits;
use super::reports::Reports;
use super::signed::SignedAnswer;
use super::swarm::{Caller, Inbound};
use super::wire::{Ask, Ending, MAX_ASK, MAX_VERSIONS, Refusal, Request, Status};
use crate::verifier::Verifier;
use crate::wire::frame::read_frame;
use crate::wire::{WireCard, codec};

/// Pieces that wait for the reader, besides the one that is being made and the one that is being written.
const WAITING: usize = 1;
/// Requests that are being read at a time: each may take a few hundred KiB until it is understood.
const BEING_READ: usize = 256;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) library: Arc<Library>,
    pub(super) reports: Arc<Reports>,
    pub(super) verifier: Verifier,
    pub(super) keypair: Keypair,
    pub(super) own: watch::Receiver<Peer>,
    pub(super) limits: Limits,
    pub(super) mischief: Option<Mischief>,
}

/// What is to be written for a request.
enum Answer {
    Refused(Refusal),
    Job { job: Job, signed: Option<Vec<u8>>, _slot: slots::Slot },
}

impl Server {
    /// Takes requests until the swarm ends. This task only accepts: whoever is slow is slow in a task of his own.
    pub(super) async fn run(self, mut inbound: mpsc::Receiver<Inbound>) {
        let slots = Slots::new(&self.limits);
        let being_read = Arc::new(Semaphore::new(BEING_READ));
        let server = Arc::new(self);
        while let Some(asked) = inbound.recv().await {
            // A stream that is dropped is reset: its reader tries again.
            let Ok(of_all) = being_read.clone().try_acquire_owned() else { continue };
            let Ok(of_caller) = asked.caller.shown.reading.clone().try_acquire_owned() else { continue };
            let (server, slots) = (server.clone(), slots.clone());
            tokio::spawn(async move {
                let peer = asked.caller.peer;
                if let Err(cut) = server.serve(asked, &slots, [of_all, of_caller]).await {
                    tracing::debug!(%peer, %cut, "an answer was not given to its end");
                }
            });
        }
    }

    async fn serve(
        &self,
        mut asked: Inbound,
        slots: &Arc<Slots>,
        reading: [OwnedSemaphorePermit; 2],
    ) -> Result<(), Cut> {
        let read = timeout(self.limits.ask_timeout, read_frame(&mut asked.stream, MAX_ASK)).await;
        let frame = read.map_err(|_| Cut::Stalled(self.limits.ask_timeout))?;
        let answer = match frame
            .map_err(|error| error.to_string())
            .and_then(|frame| codec::decode::<Ask>(&frame).map_err(|error| error.to_string()))
        {
            Ok(ask) => self.answer(&asked.caller, ask, slots).await.unwrap_or_else(Answer::Refused),
            Err(why) => Answer::Refused(Refusal::malformed(&why)),
        };
        drop(reading);
        match answer {
            Answer::Refused(refusal) => self.refuse(asked.stream, refusal).await,
            Answer::Job { job, signed, _slot } => self.give(asked.stream, job, signed).await,
        }
    }

    async fn refuse(&self, stream: Stream, refusal: Refusal) -> Result<(), Cut> {
        let mut writer = Writer::new(stream, &self.limits, Prank::None);
        writer.all(&frame(&Status::Refused(refusal))).await?;
        writer.close().await
    }

    /// What to answer, without having read anything for it yet.
    async fn answer(&self, caller: &Caller, ask: Ask, slots: &Arc<Slots>) -> Result<Answer, Refusal> {
        let Ask { card, dataset, request } = ask;
        let reader = self.prove(caller, card).await?;
        let slot = slots.take(reader.id()).ok_or_else(|| self.busy())?;
        let served = match request.version() {
            Some(version) => Some(self.library.find(&version).ok_or_else(|| self.unknown(&dataset))?),
            None => None,
        };
        let canonical = request.encode();
        let (job, is_signed) = match (request, served) {
            (Request::Manifest { .. }, Some(served)) => (Job::Bytes(served.encoded.clone()), false),
            (Request::Chunks { place, groups }, Some(served)) => (Job::Chunks { served, place, groups }, false),
            (Request::Values(of), Some(served)) => (Job::Values { served, of }, true),
            (Request::Check { of, nonce, checksum, segment_bytes, segments }, Some(served)) => {
                (Job::Check { served, of, nonce, checksum, segment_bytes, segments }, true)
            }
            (Request::Reports { version }, _) => (Job::Bytes(self.reports.encoded(version).into()), false),
            (Request::Report(report), _) => {
                let added = self.reports.add(*report, &self.verifier).await;
                added.map_err(|error| Refusal::malformed(&error.to_string()))?;
                (Job::Bytes(Arc::new([])), false)
            }
            (_, None) => return Err(Refusal::malformed("it names no version")),
        };
        Ok(Answer::Job { job, signed: is_signed.then_some(canonical), _slot: slot })
    }

    /// Who asks: the card is shown once on a connection.
    async fn prove(&self, caller: &Caller, card: Option<WireCard>) -> Result<Peer, Refusal> {
        let known = || caller.shown.reader.lock().unwrap_or_else(PoisonError::into_inner);
        match card {
            Some(card) => {
                let reader = self.verifier.prove(caller.peer, card).await.map_err(|why| Refusal::bad_card(&why))?;
                *known() = Some(reader.clone());
                Ok(reader)
            }
            None => {
                let reader = known().clone();
                reader.filter(|reader| self.verifier.still_holds(reader)).ok_or(Refusal::NoCard)
            }
        }
    }

    fn busy(&self) -> Refusal {
        Refusal::Busy { retry_ms: u32::try_from(self.limits.busy_wait.as_millis()).unwrap_or(u32::MAX) }
    }

    /// Which versions there are instead.
    fn unknown(&self, dataset: &str) -> Refusal {
        let of_name = |served: &Arc<Served>| served.name == dataset;
        let all = self.library.all().into_iter();
        Refusal::UnknownVersion { served: all.filter(of_name).map(|served| served.root).take(MAX_VERSIONS).collect() }
    }

    /// Gives an answer, made on another thread, to the reader.
    async fn give(&self, stream: Stream, job: Job, signed: Option<Vec<u8>>) -> Result<(), Cut> {
        let prank = self.mischief.as_ref().filter(|_| job.is_data()).map(Mischief::next).unwrap_or_default();
        let (parts, mut made) = mpsc::channel(WAITING);
        let most = self.limits.max_answer_bytes;
        let work = tokio::task::spawn_blocking(move || job.run(prank, most, &mut Pieces::new(parts, prank)));
        let mut writer = Writer::new(stream, &self.limits, prank);
        let mut begun = false;
        while let Some(part) = made.recv().await {
            match part {
                Part::Begin(length) => {
                    begun = true;
                    writer.middle = length / 2;
                    writer.all(&frame(&Status::Ok { length })).await?;
                }
                Part::Piece(bytes) => writer.body(bytes).await?,
            }
        }
        let outcome = match work.await {
            Ok(outcome) => outcome,
            Err(error) => Err(Refusal::source_failed(&error.to_string()).into()),
        };
        let ending = match outcome {
            Ok(root) => self.ending(root.zip(signed)),
            Err(Stop::Refused(refusal)) if begun => Ending::Failed(refusal),
            Err(Stop::Refused(refusal)) => {
                writer.all(&frame(&Status::Refused(refusal))).await?;
                return writer.close().await;
            }
            Err(Stop::Gone) => return Err(Cut::Gone(std::io::ErrorKind::BrokenPipe.into())),
        };
        writer.all(&[0; pieces::PREFIX]).await?;
        writer.all(&frame(&ending)).await?;
        writer.close().await
    }

    fn ending(&self, signed: Option<([u8; 32], Vec<u8>)>) -> Ending {
        let Some((root, request)) = signed else { return Ending::Done };
        let me = self.own.borrow().id();
        match SignedAnswer::sign(&self.keypair, &self.grid(), me, request, root) {
            Ok(answer) => Ending::Signed { root, signature: answer.signature },
            Err(error) => Ending::Failed(Refusal::source_failed(&error.to_string())),
        }
    }

    fn grid(&self) -> GridId {
        self.verifier.grid()
    }
}

/// A value as a frame, its length before it.
fn frame<T: Serialize>(value: &T) -> Bytes {
    let bytes = codec::encode(value);
    // Far below: a status has MAX_STATUS bytes at most.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes.as_slice()].concat().into()
}
