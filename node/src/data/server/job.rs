//! The work for one answer, on a thread where it may wait for disks.

use std::ops::Range;
use std::sync::Arc;

use dataset::model::Description;
use dataset::slab::Slab;
use dataset::tree::{self, EncodeError, GROUP};

use super::pieces::{PREFIX, Pieces, Stop};
use super::values::{Reading, Sink};
use crate::data::challenge::Segments;
use crate::data::checksum::Checksum;
use crate::data::contradiction::MAX_SIGNED_REQUEST;
use crate::data::fault::Prank;
use crate::data::library::{Served, ServedFile};
use crate::data::wire::{MAX_SEGMENT, MIN_SEGMENT, Place, Refusal, Request, Selection};

/// What is answered.
pub(super) enum Job {
    /// Bytes that are there.
    Bytes(Arc<[u8]>),
    /// Groups of a stream.
    Chunks { served: Arc<Served>, place: Place, groups: Vec<Range<u64>> },
    /// Values.
    Values { served: Arc<Served>, of: Selection },
    /// Hashes of values.
    Check {
        served: Arc<Served>,
        of: Selection,
        nonce: [u8; 32],
        checksum: Checksum,
        segment_bytes: u32,
        segments: Range<u64>,
    },
}

impl Job {
    /// Whether the answer is made of data: only there faults on purpose strike, for a wrong manifest is never believed.
    pub(super) fn is_data(&self) -> bool {
        match self {
            Self::Bytes(_) => false,
            Self::Chunks { .. } | Self::Values { .. } | Self::Check { .. } => true,
        }
    }

    /// Makes the answer; the hash that is to be signed for it, if one is.
    pub(super) fn run(&self, prank: Prank, most: u64, out: &mut Pieces) -> Result<Option<[u8; 32]>, Stop> {
        match self {
            Self::Bytes(bytes) => bytes_of(bytes, out).map(|()| None),
            Self::Chunks { served, place, groups } => chunks(served, place, groups, most, out).map(|()| None),
            Self::Values { served, of } => values(served, of, most, out).map(Some),
            Self::Check { served, of, nonce, checksum, segment_bytes, segments } => {
                let hashes = Hashes {
                    segments: Segments::new(of, nonce, *checksum, *segment_bytes, segments.start),
                    checksum: *checksum,
                    new: Vec::new(),
                    root: blake3::Hasher::new(),
                    prank,
                    out,
                };
                check(served, of, *segment_bytes, segments, most, hashes).map(Some)
            }
        }
    }
}

fn bytes_of(bytes: &[u8], out: &mut Pieces) -> Result<(), Stop> {
    out.begin(bytes.len() as u64)?;
    std::io::Write::write_all(out, bytes).map_err(|_| Stop::Gone)?;
    out.finish()
}

fn chunks(served: &Served, place: &Place, groups: &[Range<u64>], most: u64, out: &mut Pieces) -> Result<(), Stop> {
    let (file, variable, _) = find(served, place)?;
    let outboard = file.outboards.get(variable).ok_or(Refusal::NoRoots)?;
    let last = outboard.length.div_ceil(GROUP);
    if groups.is_empty() || groups.iter().any(Range::is_empty) || groups.windows(2).any(|w| w[0].end > w[1].start) {
        return Err(Refusal::malformed("the ranges of groups are empty, or not in order").into());
    }
    let end = groups.last().map_or(0, |range| range.end);
    if end > last {
        return Err(Refusal::out_of_range(&format!("groups up to {end} of a stream of {last} groups")).into());
    }
    let length = groups.iter().map(|range| (range.end * GROUP).min(outboard.length) - range.start * GROUP).sum();
    begin(length, most, out)?;
    let encoded = tree::encode(file.source.as_ref(), variable, outboard, groups, out);
    encoded.map_err(|error| match matches!(error, EncodeError::Write(_)) {
        true => Stop::Gone,
        false => Refusal::source_failed(&error.to_string()).into(),
    })?;
    out.finish()
}

fn values(served: &Served, of: &Selection, most: u64, out: &mut Pieces) -> Result<[u8; 32], Stop> {
    let reading = reading(served, of)?;
    let length = reading.length()?;
    begin(length, most, out)?;
    let mut hashing = Hashing { root: blake3::Hasher::new(), offset: 0, out };
    reading.run(0..length, &mut hashing)?;
    if hashing.offset != length {
        return Err(Refusal::source_failed("the file changed while it was read").into());
    }
    Ok(*hashing.root.finalize().as_bytes())
}

fn check(
    served: &Served,
    of: &Selection,
    segment: u32,
    wanted: &Range<u64>,
    most: u64,
    mut hashes: Hashes<'_>,
) -> Result<[u8; 32], Stop> {
    let reading = reading(served, of)?;
    if !(MIN_SEGMENT..=MAX_SEGMENT).contains(&segment) {
        let why = format!("segments of {segment} bytes, and {MIN_SEGMENT} to {MAX_SEGMENT} are possible");
        return Err(Refusal::malformed(&why).into());
    }
    let segment = u64::from(segment);
    let length = reading.length()?;
    let all = length.div_ceil(segment);
    if wanted.start > wanted.end || wanted.end > all {
        let why = format!("segments {} to {} of an answer of {all} segments", wanted.start, wanted.end);
        return Err(Refusal::out_of_range(&why).into());
    }
    let range = wanted.start * segment..(wanted.end * segment).min(length);
    // What counts against the limit is the work.
    limit(range.end.saturating_sub(range.start), most)?;
    let width = hashes.checksum.bytes();
    hashes.out.begin((wanted.end - wanted.start) * width as u64)?;
    match hashes.prank {
        Prank::Lazy => {
            let made_up = wanted.clone().map(|number| *blake3::hash(&number.to_be_bytes()).as_bytes());
            hashes.new.extend(made_up.flat_map(|hash| hash.into_iter().take(width)));
        }
        Prank::None | Prank::FlipAt(_) | Prank::FlipLast | Prank::Frame | Prank::Truncate | Prank::Stall => {
            reading.run(range, &mut hashes)?;
        }
    }
    hashes.finish()
}

fn begin(length: u64, most: u64, out: &mut Pieces) -> Result<(), Stop> {
    limit(length, most)?;
    out.begin(length)
}

fn limit(length: u64, most: u64) -> Result<(), Stop> {
    if length > most { Err(Refusal::TooLarge { length, limit: most }.into()) } else { Ok(()) }
}

/// The variable, held against the manifest.
fn find<'a>(served: &'a Served, place: &Place) -> Result<(&'a ServedFile, usize, &'a Description), Refusal> {
    let missing =
        || Refusal::out_of_range(&format!("there is no variable {} in a file {}", place.variable, place.file));
    let (file, variable) = (usize::try_from(place.file).ok(), usize::try_from(place.variable).ok());
    let (file, variable) = file.zip(variable).ok_or_else(missing)?;
    let (described, kept) = served.manifest.files.get(file).zip(served.files.get(file)).ok_or_else(missing)?;
    match variable < described.description.variables.len() {
        true => Ok((kept, variable, &described.description)),
        false => Err(missing()),
    }
}

fn reading<'a>(served: &'a Served, of: &'a Selection) -> Result<Reading<'a>, Refusal> {
    let (file, variable, description) = find(served, &of.place)?;
    let shape = description.shape(variable);
    let canonical: Slab = of.slab.canonical(&shape).map_err(|error| Refusal::out_of_range(&error.to_string()))?;
    if canonical != of.slab {
        return Err(Refusal::malformed("where one index is selected the stride must be 1"));
    }
    if Request::Values(of.clone()).encode().len() + 128 > MAX_SIGNED_REQUEST {
        return Err(Refusal::malformed("the selection is too long to be signed"));
    }
    let width = description.variables[variable].kind.width();
    Ok(Reading { source: file.source.as_ref(), variable, slab: &of.slab, width })
}

/// Sends values and hashes them.
struct Hashing<'a> {
    root: blake3::Hasher,
    offset: u64,
    out: &'a mut Pieces,
}

impl Sink for Hashing<'_> {
    fn take(&mut self, mut buffer: Vec<u8>) -> Result<(), Stop> {
        let bytes = &mut buffer[PREFIX..];
        self.out.spoil(bytes, self.offset);
        self.root.update(bytes);
        self.offset += bytes.len() as u64;
        self.out.send(buffer)
    }
}

/// Hashes values by segments, and sends the hashes.
struct Hashes<'a> {
    segments: Segments,
    checksum: Checksum,
    new: Vec<u8>,
    root: blake3::Hasher,
    prank: Prank,
    out: &'a mut Pieces,
}

impl Hashes<'_> {
    fn send(&mut self) -> Result<(), Stop> {
        if self.new.is_empty() {
            return Ok(());
        }
        let mut buffer = Pieces::fresh();
        buffer.append(&mut self.new);
        if self.prank == Prank::Frame {
            buffer[PREFIX..].iter_mut().for_each(|byte| *byte = !*byte);
        }
        self.root.update(&buffer[PREFIX..]);
        self.out.send(buffer)
    }

    fn finish(mut self) -> Result<[u8; 32], Stop> {
        if self.prank != Prank::Lazy {
            self.segments.clone().finish(&mut self.new);
        }
        self.send()?;
        Ok(*self.root.finalize().as_bytes())
    }
}

impl Sink for Hashes<'_> {
    fn take(&mut self, buffer: Vec<u8>) -> Result<(), Stop> {
        self.segments.update(&buffer[PREFIX..], &mut self.new);
        self.send()
    }
}
