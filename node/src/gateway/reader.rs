//! A file of a dataset, as it can be read here: values in canonical form, every byte of them proved, or checked as the
//! policy wants it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dataset::manifest::Stream;
use dataset::slab::Slab;
use futures::StreamExt;
use grid::trust::Proofs;
use grid::trust::step::Validation;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::batch::{Batch, Batches, FULL};
use super::error::ReadError;
use super::fetch::{Fetcher, Wanted};
use super::opened::Opened;
use super::slabs;

/// Batches of one answer that may be under way at a time.
const AHEAD: usize = 4;
/// Full batches under way in all: 48 MiB, and about half as much again while they are proved and handed on.
const AHEAD_IN_ALL: usize = 12;
/// Groups of a batch for which there is no room: an answer goes on however many clients are slow, in steps of 256 KiB.
const STEP: u64 = 16;
/// Bytes of a piece that is passed on: a batch counts as under way until its last piece is taken, so that one that waits
/// for a slow client takes room like one that is fetched.
const PIECE: usize = 256 << 10;
/// The most texts of one answer: their offsets are held while it is given.
pub(super) const MOST_TEXTS: u64 = 1 << 20;

/// Pieces of values, in order.
pub(crate) type Values = mpsc::Receiver<Result<Bytes, ReadError>>;

/// One file of a version of a dataset. Clones read the same.
#[derive(Clone, Debug)]
pub(super) struct FileReader {
    pub(super) opened: Arc<Opened>,
    pub(super) file: usize,
    pub(super) fetcher: Fetcher,
    /// What the values that were read so far rest on.
    pub(super) validation: Weakest,
}

/// What some values rest on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Basis {
    /// What others said.
    Checked(Validation),
    /// This node's own files, of which nothing is signed and nobody else has any.
    Own,
}

/// What the weakest of some values rests on; nothing was weaker than proved, as long as none is noted. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Weakest(Arc<Mutex<Option<Basis>>>);

impl Weakest {
    pub(super) fn note(&self, validation: Basis) {
        let rank = |basis: &Basis| match *basis {
            Basis::Checked(Validation::Signed) => 2.0,
            Basis::Checked(Validation::CrossChecked { credibility, .. }) => 1.0 + credibility,
            Basis::Own => 1.0,
            Basis::Checked(Validation::Unchecked { credibility }) => credibility,
        };
        let mut weakest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if weakest.is_none_or(|known| rank(&validation) < rank(&known)) {
            *weakest = Some(validation);
        }
    }

    /// In words, for the header `Rook-Validation`.
    pub(super) fn describe(&self) -> String {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None | Some(Basis::Checked(Validation::Signed)) => "signed".to_owned(),
            Some(Basis::Own) => "own data; unchecked, for nobody else can be asked".to_owned(),
            Some(Basis::Checked(Validation::CrossChecked { cells, credibility })) => {
                format!("cross-checked in {cells} cells; credibility {credibility:.6}")
            }
            Some(Basis::Checked(Validation::Unchecked { credibility })) => {
                format!("unchecked; credibility {credibility:.6}")
            }
        }
    }
}

/// Room for full batches.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AHEAD_IN_ALL)))
    }
}

impl FileReader {
    /// Whether every byte that is read is proved, so that nothing has to be compared.
    pub(super) fn is_proven(&self) -> bool {
        self.opened.is_signed(self.file) && self.fetcher.checks.proofs == Proofs::Always
    }

    /// The values of a slab, which is canonical.
    pub(super) fn values(&self, variable: usize, slab: Slab) -> Values {
        self.values_from(variable, slab, 0)
    }

    /// The same without the first `skip` bytes; of strings that is nothing that anybody should need.
    pub(super) fn values_from(&self, variable: usize, slab: Slab, skip: u64) -> Values {
        let (to, pieces) = mpsc::channel(1);
        let reader = self.clone();
        tokio::spawn(async move {
            if let Err(error) = reader.read(variable, &slab, skip, &to).await {
                // Whoever has gone away needs no reason.
                _ = to.send(Err(error)).await;
            }
        });
        pieces
    }

    /// The same, all at once: for what is known to be small.
    pub(super) async fn collect(&self, variable: usize, slab: Slab) -> Result<Vec<u8>, ReadError> {
        gather(self.values(variable, slab)).await
    }

    async fn read(
        &self,
        variable: usize,
        slab: &Slab,
        skip: u64,
        to: &mpsc::Sender<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        match self.is_proven() {
            true => self.read_proven(variable, slab, skip, to).await,
            false => self.fetcher.checked(self, variable, slab, skip, to).await,
        }
    }

    /// The values of a slab, all at once, each byte proved.
    pub(super) async fn proven(&self, variable: usize, slab: Slab) -> Result<Vec<u8>, ReadError> {
        let (to, pieces) = mpsc::channel(AHEAD);
        let (sent, all) = tokio::join!(async move { self.read_proven(variable, &slab, 0, &to).await }, gather(pieces));
        sent.and(all)
    }

    async fn read_proven(
        &self,
        variable: usize,
        slab: &Slab,
        skip: u64,
        to: &mpsc::Sender<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        let file = &self.opened.manifest.files[self.file];
        let nothing = || ReadError::NoServer(self.opened.name.clone());
        let stream = *file.streams.as_ref().and_then(|streams| streams.get(variable)).ok_or_else(nothing)?;
        let shape = file.description.shape(variable);
        match file.description.variables[variable].kind.width() {
            Some(width) => {
                let ranges = slabs::without(skip, slabs::byte_ranges(slab, &shape, width));
                self.send(variable, stream, ranges, to).await
            }
            None => self.texts(variable, stream, slab, &shape, to).await,
        }
    }

    async fn texts(
        &self,
        variable: usize,
        stream: Stream,
        slab: &Slab,
        shape: &[u64],
        to: &mpsc::Sender<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        if slab.elements() > MOST_TEXTS {
            return Err(ReadError::TooManyTexts { elements: slab.elements(), most: MOST_TEXTS });
        }
        let (into, offsets) = mpsc::channel(AHEAD);
        let ranges = slabs::offset_ranges(slab, shape);
        let sent = async move { self.send(variable, stream, ranges, &into).await };
        let (sent, offsets) = tokio::join!(sent, gather(offsets));
        sent?;
        let Some((head, ranges)) = slabs::texts(slab, shape, &offsets?, stream.length) else {
            let name = &self.opened.manifest.files[self.file].description.variables[variable].name;
            return Err(ReadError::Nonsense(format!("texts of {name}")));
        };
        if to.send(Ok(head.into())).await.is_err() {
            return Ok(());
        }
        self.send(variable, stream, ranges.into_iter(), to).await
    }

    /// Sends the bytes of some ranges of a stream, fetching ahead as far as there is room.
    async fn send(
        &self,
        variable: usize,
        stream: Stream,
        ranges: impl Iterator<Item = Range<u64>> + Send,
        to: &mpsc::Sender<Result<Bytes, ReadError>>,
    ) -> Result<(), ReadError> {
        let wanted = Wanted { opened: self.opened.clone(), file: self.file, variable, stream };
        let mut batches = Batches::new(ranges);
        let mut under_way = futures::stream::FuturesOrdered::new();
        loop {
            while under_way.len() < AHEAD && batches.has_more() {
                let permit = self.fetcher.room.0.clone().try_acquire_owned().ok();
                if permit.is_none() && !under_way.is_empty() {
                    break;
                }
                if let Some(batch) = batches.next(if permit.is_some() { FULL } else { STEP }) {
                    under_way.push_back(fetch(self.fetcher.clone(), wanted.clone(), batch, permit));
                }
            }
            // Those behind go on while the first is awaited, and while the client takes it.
            let Some(done) = under_way.next().await else { return Ok(()) };
            let (bytes, _room) = done?;
            let mut bytes = Bytes::from(bytes);
            while !bytes.is_empty() {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                if to.send(Ok(piece)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

async fn gather(mut pieces: Values) -> Result<Vec<u8>, ReadError> {
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

async fn fetch(
    fetcher: Fetcher,
    wanted: Wanted,
    batch: Batch,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), ReadError> {
    // A task of its own goes on while others are waited for, and ends when nobody waits for it any more.
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move { fetcher.batch(&wanted, &batch).await });
    match task.join_next().await {
        Some(Ok(outcome)) => Ok((outcome?, permit)),
        Some(Err(error)) => Err(ReadError::Nonsense(error.to_string())),
        None => Err(ReadError::Nonsense("nothing was begun".into())),
    }
}
