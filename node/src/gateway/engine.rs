//! Carrying out the plan of an answer: values come from the grid, go through the plan's coders, and leave in pieces.
//!
//! Nothing is held but a few pieces: who reads slowly slows its source, and who has gone away ends it.

use bytes::Bytes;
use dataset::dap::{Body, Coder, CoderError, Filter, Framer, Part, RowCoder};
use dataset::slab::{Slab, Span};
use tokio::sync::mpsc;

use super::error::ReadError;
use super::reader::FileReader;

/// Bytes of a piece, or a little more.
const PIECE: usize = 128 << 10;
/// Pieces that may wait for the client.
const WAITING: usize = 2;
/// Rows of a table that are looked at together.
const ROWS: u64 = 8192;

/// What a client gets, piece by piece.
pub(super) type Pieces = mpsc::Receiver<Result<Bytes, ReadError>>;

/// What of a plan's output is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Bytes that it begins too early.
    pub(super) early: u64,
    /// Bytes that are wanted behind these.
    pub(super) length: u64,
}

impl Window {
    /// All of it.
    pub(super) const ALL: Self = Self { early: 0, length: u64::MAX };
}

/// Why the work ends before its end.
enum Stop {
    /// The client has gone away, or has all that it wants.
    Unheard,
    /// There is nothing to go on with.
    Failed(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

/// Begins to carry out a plan.
pub(super) fn begin(body: Body, file: FileReader, window: Window) -> Pieces {
    let (to, pieces) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut sink = Sink { framer: Framer::new(body.framing), pending: Vec::new(), window, to };
        if let Err(Stop::Failed(error)) = carry_out(body.parts, &file, &mut sink).await {
            // Whoever has gone away needs no reason.
            _ = sink.to.send(Err(error)).await;
        }
    });
    pieces
}

async fn carry_out(parts: Vec<Part>, file: &FileReader, sink: &mut Sink) -> Result<(), Stop> {
    for part in parts {
        match part {
            Part::Bytes(bytes) => sink.push(&bytes).await?,
            Part::Values { variable, slabs, skip, coder } => {
                values(file, variable, (slabs, skip), coder, sink).await?;
            }
            Part::Rows { columns, filter, coder } => rows(file, &columns, &filter, coder, sink).await?,
            Part::Checksum => sink.framer.checksum(&mut sink.pending),
        }
    }
    sink.finish().await
}

async fn values(
    file: &FileReader,
    variable: usize,
    (slabs, skip): (Vec<Slab>, u64),
    mut coder: Coder,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let mut out = Vec::new();
    for slab in slabs {
        // Where something is left out there is one slab.
        let mut pieces = file.values_from(variable, slab, skip);
        while let Some(values) = pieces.recv().await {
            // What comes is fetched in batches of several MiB; a client that is slow must not hold several copies of it.
            for piece in values?.chunks(PIECE) {
                coder.push(piece, &mut out).map_err(nonsense)?;
                sink.push(&out).await?;
                out.clear();
            }
        }
    }
    coder.finish(&mut out).map_err(nonsense)?;
    sink.push(&out).await
}

/// Windows of the same rows of all columns, one after the other.
async fn rows(
    file: &FileReader,
    columns: &[(usize, Slab)],
    filter: &Filter,
    mut coder: RowCoder,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let all = columns.first().and_then(|(_, slab)| slab.0.first()).map_or(0, |span| span.count);
    let mut out = Vec::new();
    for first in (0..all).step_by(usize::try_from(ROWS).unwrap_or(usize::MAX)) {
        let count = ROWS.min(all - first);
        let mut window = Vec::with_capacity(columns.len());
        for (variable, slab) in columns {
            let part = slab.0.iter().map(|span| Span { start: span.start + first * span.stride, count, ..*span });
            window.push(file.collect(*variable, Slab(part.collect())).await?);
        }
        let window: Vec<&[u8]> = window.iter().map(Vec::as_slice).collect();
        coder.push(filter, count, &window, &mut out).map_err(nonsense)?;
        sink.push(&out).await?;
        out.clear();
    }
    coder.finish(&mut out);
    sink.push(&out).await
}

/// Values that the coder cannot take are none that the description allows.
fn nonsense(error: CoderError) -> ReadError {
    ReadError::Nonsense(error.to_string())
}

/// Collects bytes into pieces.
struct Sink {
    framer: Framer,
    pending: Vec<u8>,
    window: Window,
    to: mpsc::Sender<Result<Bytes, ReadError>>,
}

impl Sink {
    async fn push(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.framer.push(bytes, &mut self.pending);
        if self.pending.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        let piece = std::mem::take(&mut self.pending);
        let piece = self.cut(piece.into());
        if !piece.is_empty() {
            self.to.send(Ok(piece)).await.map_err(|_| Stop::Unheard)?;
        }
        if self.window.length == 0 { Err(Stop::Unheard) } else { Ok(()) }
    }

    /// What of a piece is wanted.
    fn cut(&mut self, mut piece: Bytes) -> Bytes {
        let within = |most: u64, piece: &Bytes| usize::try_from(most).unwrap_or(usize::MAX).min(piece.len());
        let early = piece.split_to(within(self.window.early, &piece)).len() as u64;
        piece.truncate(within(self.window.length, &piece));
        self.window.early -= early;
        self.window.length -= piece.len() as u64;
        piece
    }

    async fn finish(&mut self) -> Result<(), Stop> {
        self.framer.finish(&mut self.pending);
        if self.pending.is_empty() { Ok(()) } else { self.flush().await }
    }
}
