//! The side that wants the data: asks servers, and believes nothing that it cannot check.

mod answers;
mod body;
mod error;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dataset::manifest::{Manifest, Stream, VersionRoot};
use dataset::proof::Decoder;
use dataset::slab::Slab;
use grid::peer::Peer;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

pub use self::answers::{Chunks, Hashes, Leaf, Values};
use self::body::Body;
pub use self::error::DataError;
use super::checksum::Checksum;
use super::contradiction::Contradiction;
use super::limits::Limits;
use super::reports::{MAX_REPORTS_BYTES, Reports};
use super::swarm::{OpenError, Opened, Opener};
use super::traffic::Traffic;
use super::wire::{Ask, MAX_STATUS, Place, Refusal, Request, Selection, Status};
use crate::verifier::Verifier;
use crate::wire::frame::{FrameError, read_frame, write_frame};
use crate::wire::{WireCard, codec};

/// How often a request is made again whose stream was refused or dropped.
const ATTEMPTS: u32 = 4;
/// How long to wait before the second attempt; each time twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// A server of datasets, and where it is.
#[derive(Clone, Debug)]
pub struct Target {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    server: Peer,
}

impl Target {
    /// A verified node that serves at these addresses; `None` if its credential names no transport key.
    pub fn new(verifier: &Verifier, server: &Peer, addresses: Vec<Multiaddr>) -> Option<Self> {
        let server = server.without_contact();
        Some(Self { peer: verifier.transport_of(&server)?, addresses, server })
    }

    /// Who it is.
    pub fn server(&self) -> &Peer {
        &self.server
    }
}

/// A version of a dataset, with the name that people know it by: a server that has other versions can say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The dataset's name.
    pub dataset: String,
    /// The version.
    pub root: VersionRoot,
}

impl Version {
    /// A variable of it.
    pub const fn place(&self, file: u32, variable: u32) -> Place {
        Place { version: self.root, file, variable }
    }
}

/// Segments of an answer that shall be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What makes the hashes new.
    pub nonce: [u8; 32],
    /// By which function.
    pub checksum: Checksum,
    /// Bytes of a segment.
    pub segment_bytes: u32,
    /// Which segments.
    pub segments: Range<u64>,
}

/// Asks servers. Clones share their connections.
#[derive(Clone, Debug)]
pub struct DataClient {
    pub(super) opener: Opener,
    pub(super) own: watch::Receiver<Peer>,
    pub(super) verifier: Verifier,
    pub(super) limits: Limits,
    pub(super) traffic: Traffic,
}

impl DataClient {
    /// What was asked of servers.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The manifest of a version, and its bytes.
    ///
    /// # Errors
    /// [`DataError`], also if what the server has is not what the version's root names.
    pub async fn manifest(&self, target: &Target, version: &Version) -> Result<(Arc<[u8]>, Manifest), DataError> {
        let request = Request::Manifest { version: version.root };
        let body = self.ask(target, &version.dataset, &request).await?;
        let bytes = body.all(dataset::manifest::MAX_MANIFEST as u64).await?;
        if VersionRoot::of(&bytes) != version.root {
            return Err(DataError::WrongManifest);
        }
        let manifest = Manifest::decode(&bytes).map_err(|error| DataError::Malformed(error.to_string()))?;
        Ok((bytes.into(), manifest))
    }

    /// Groups of a variable's stream, each proved before it is given out; the ranges are ascending, with gaps between
    /// them. The stream is the manifest's.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn chunks(
        &self,
        target: &Target,
        version: &Version,
        (file, variable): (u32, u32),
        stream: &Stream,
        groups: &[Range<u64>],
    ) -> Result<Chunks, DataError> {
        let request = Request::Chunks { place: version.place(file, variable), groups: groups.to_vec() };
        let body = self.ask(target, &version.dataset, &request).await?;
        Ok(Chunks::new(body, Decoder::new(stream, groups)))
    }

    /// The values of a slab, as the server says and signs them.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn values(
        &self,
        target: &Target,
        version: &Version,
        (file, variable): (u32, u32),
        slab: &Slab,
    ) -> Result<Values, DataError> {
        let request = Request::Values(Selection::new(version.place(file, variable), slab));
        let body = self.ask(target, &version.dataset, &request).await?;
        Ok(Values::new(body, target.server.clone(), self.verifier.grid(), &request))
    }

    /// Keyed hashes of segments of what a server would answer; [`super::challenge::Segments`] computes the same of an
    /// answer that is at hand.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn check(
        &self,
        target: &Target,
        version: &Version,
        (file, variable): (u32, u32),
        slab: &Slab,
        wanted: &Wanted,
    ) -> Result<Hashes, DataError> {
        let Wanted { nonce, checksum, segment_bytes, segments } = wanted.clone();
        let of = Selection::new(version.place(file, variable), slab);
        let expected = (segments.end.saturating_sub(segments.start)).saturating_mul(checksum.bytes() as u64);
        let request = Request::Check { of, nonce, checksum, segment_bytes, segments };
        let body = self.ask(target, &version.dataset, &request).await?;
        if body.length() != expected {
            return Err(DataError::Malformed(format!("{} bytes of hashes instead of {expected}", body.length())));
        }
        Ok(Hashes::new(Values::new(body, target.server.clone(), self.verifier.grid(), &request), checksum))
    }

    /// The contradictions that a server knows of, those that hold.
    ///
    /// # Errors
    /// [`DataError`].
    pub async fn reports(&self, target: &Target, version: &Version) -> Result<Vec<Contradiction>, DataError> {
        let request = Request::Reports { version: version.root };
        let bytes = self.ask(target, &version.dataset, &request).await?.all(MAX_REPORTS_BYTES).await?;
        let listed = Reports::decode(&bytes).map_err(|error| DataError::Malformed(error.to_string()))?;
        let mut proved = Vec::new();
        for contradiction in listed {
            if contradiction.verify(&self.verifier).await.is_ok() {
                proved.push(contradiction);
            }
        }
        Ok(proved)
    }

    /// Tells a server of a contradiction.
    ///
    /// # Errors
    /// [`DataError`], also if the server finds that it is none.
    pub async fn report(&self, target: &Target, contradiction: &Contradiction) -> Result<(), DataError> {
        let request = Request::Report(Box::new(contradiction.clone()));
        self.ask(target, "", &request).await?.all(0).await.map(drop)
    }

    /// Makes a request, and again where that may help: the server drops requests while it is busy, and wants to see our
    /// card once on each connection.
    async fn ask(&self, target: &Target, dataset: &str, request: &Request) -> Result<Body, DataError> {
        let (begun, mut attempt, mut show) = (Instant::now(), 0, false);
        loop {
            let error = match self.ask_once(target, dataset, request, show).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            if let DataError::Refused(Refusal::Busy { retry_ms }) = &error {
                let pause = Duration::from_millis(u64::from(*retry_ms));
                if begun.elapsed() + pause > self.limits.busy_wait * 10 {
                    return Err(error);
                }
                sleep(pause).await;
            } else if error == DataError::Refused(Refusal::NoCard) && !show {
                show = true;
            } else if matches!(error, DataError::Open(OpenError::Refused(_)) | DataError::Dropped(_))
                && attempt + 1 < ATTEMPTS
            {
                sleep(PAUSE * 2_u32.pow(attempt)).await;
                attempt += 1;
            } else {
                return Err(error);
            }
        }
    }

    async fn ask_once(&self, target: &Target, dataset: &str, request: &Request, show: bool) -> Result<Body, DataError> {
        let patience = self.limits.dial_timeout + self.limits.ask_timeout;
        let opening = self.opener.open(target.peer, target.addresses.clone());
        let opened = timeout(patience, opening).await.unwrap_or(Err(OpenError::TimedOut(patience)));
        let Opened { mut stream, slot } = opened.map_err(DataError::Open)?;
        let show = show || !slot.shown().ours.load(Ordering::Acquire);
        let card = show.then(|| WireCard::from(self.own.borrow().without_contact().card()));
        let ask = codec::encode(&Ask { card, dataset: dataset.to_owned(), request: request.clone() });
        let exchange = async {
            write_frame(&mut stream, &ask).await?;
            read_frame(&mut stream, MAX_STATUS).await
        };
        let answered = timeout(self.limits.stall, exchange).await.map_err(|_| DataError::Silent(self.limits.stall))?;
        let frame = answered.map_err(|error| match error {
            FrameError::TooLong { .. } => DataError::Malformed(error.to_string()),
            FrameError::Closed | FrameError::Truncated { .. } | FrameError::Io(_) => {
                DataError::Dropped(error.to_string())
            }
        })?;
        match codec::decode(&frame).map_err(|error| DataError::Malformed(error.to_string()))? {
            Status::Refused(refusal) => {
                if !matches!(refusal, Refusal::NoCard | Refusal::BadCard(_) | Refusal::Malformed(_)) {
                    slot.shown().ours.store(true, Ordering::Release);
                }
                Err(DataError::Refused(refusal))
            }
            Status::Ok { length } => {
                slot.shown().ours.store(true, Ordering::Release);
                let server = target.server.id();
                self.traffic.asked(server, request);
                let count = (self.traffic.clone(), server);
                Ok(Body::new(Opened { stream, slot }, length, self.limits.clone(), count))
            }
        }
    }
}
