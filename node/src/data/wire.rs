//! What readers and servers of datasets say to each other, in bytes.
//!
//! One request is one stream, on which bulk goes one way only:
//!
//! ```text
//! reader:  frame(Ask)
//! server:  frame(Status) | frame(piece), ... | frame() | frame(Ending)
//! ```
//!
//! A frame is as on the links, [`crate::wire::frame`]; after a refusal nothing follows. Nothing is believed about a
//! length, and a request is held against the manifest before anything is read for it.

mod refusal;

use std::ops::Range;

use dataset::manifest::VersionRoot;
use dataset::slab::{Slab, Span};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::refusal::{MAX_VERSIONS, Refusal};
use super::checksum::Checksum;
use super::contradiction::Contradiction;
use crate::wire::{WireCard, WireError, bounded, codec};

/// The longest request: the most ranges, or a contradiction.
pub const MAX_ASK: usize = 192 << 10;
/// The longest status or ending: a refusal with the versions that are served.
pub const MAX_STATUS: usize = 16 << 10;
/// The largest piece of an answer.
pub const MAX_PIECE: usize = 1 << 20;
/// The longest name of a dataset.
pub const MAX_NAME: usize = 255;
/// The most ranges of groups in a request.
pub const MAX_RANGES: usize = 4096;
/// The most axes of a selection; netCDF allows no more.
pub const MAX_AXES: usize = 1024;
/// The fewest bytes of a segment of a check.
pub const MIN_SEGMENT: u32 = 16 << 10;
/// The most bytes of a segment of a check.
pub const MAX_SEGMENT: u32 = 64 << 20;

/// A variable of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The version.
    pub version: VersionRoot,
    /// Which of its files, in the manifest's order.
    pub file: u32,
    /// Which of the file's variables, in the description's order.
    pub variable: u32,
}

/// What can be asked. The encoding of one is its canonical form, which is what a server signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// The manifest's bytes.
    Manifest {
        /// Of which version.
        version: VersionRoot,
    },
    /// Groups of a variable's canonical stream, each with what proves it: the bao encoding of these ranges.
    Chunks {
        /// Which variable.
        place: Place,
        /// Which groups: at least one, ascending, with gaps between them; at most [`MAX_RANGES`] ranges.
        #[serde(deserialize_with = "bounded::list::<MAX_RANGES, _, _>")]
        groups: Vec<Range<u64>>,
    },
    /// The values of a slab, in canonical form.
    Values(Selection),
    /// A keyed hash of each segment of what [`Request::Values`] would answer.
    Check {
        /// Of which values.
        of: Selection,
        /// What makes the hashes new, so that none can be known beforehand.
        nonce: [u8; 32],
        /// By which function.
        checksum: Checksum,
        /// Bytes of each segment but the last, [`MIN_SEGMENT`] to [`MAX_SEGMENT`].
        segment_bytes: u32,
        /// Which segments.
        segments: Range<u64>,
    },
    /// The contradictions of servers of this version that the server knows of.
    Reports {
        /// Of which version.
        version: VersionRoot,
    },
    /// A contradiction that the server shall know of.
    Report(Box<Contradiction>),
}

/// Values of a variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Which variable.
    pub place: Place,
    /// Which of its values, in canonical form.
    #[serde(serialize_with = "write_slab", deserialize_with = "read_slab")]
    pub slab: Slab,
}

/// The one frame of a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who asks: the card without its contact. Shown once on a connection.
    pub card: Option<WireCard>,
    /// What the reader calls the dataset: if the server does not have the version, it can say which it has.
    #[serde(serialize_with = "write_text", deserialize_with = "read_text::<MAX_NAME, _>")]
    pub dataset: String,
    /// What is asked.
    pub request: Request,
}

/// How an answer begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The answer follows.
    Ok {
        /// Its bytes; of chunks without what proves them.
        length: u64,
    },
    /// There is no answer.
    Refused(Refusal),
}

/// How an answer ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It is complete, and needs no signature.
    Done,
    /// It is complete. Of values the BLAKE3 hash of all bytes, of checks that of all hashes, and the signature over
    /// [`super::signed::SignedAnswer::signed_bytes`].
    Signed {
        /// The hash.
        root: [u8; 32],
        /// The server's.
        #[serde(serialize_with = "bounded::write_bytes", deserialize_with = "bounded::bytes::<64, _, _>")]
        signature: Vec<u8>,
    },
    /// The rest cannot be had.
    Failed(Refusal),
}

impl Request {
    /// The canonical form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The request of some bytes.
    ///
    /// # Errors
    /// [`WireError`] if they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        codec::decode(bytes)
    }

    /// The version that is asked about; of a report none.
    pub fn version(&self) -> Option<VersionRoot> {
        match self {
            Self::Manifest { version } | Self::Reports { version } => Some(*version),
            Self::Chunks { place, .. } => Some(place.version),
            Self::Values(of) | Self::Check { of, .. } => Some(of.place.version),
            Self::Report(_) => None,
        }
    }
}

impl Selection {
    /// A selection in canonical form as far as that can be told without the variable's shape, which is a stride of 1
    /// wherever there is one index only.
    pub fn new(place: Place, slab: &Slab) -> Self {
        let canonical = |span: &Span| Span { stride: if span.count == 1 { 1 } else { span.stride }, ..*span };
        Self { place, slab: Slab(slab.0.iter().map(canonical).collect()) }
    }
}

fn write_slab<S: Serializer>(slab: &Slab, to: S) -> Result<S::Ok, S::Error> {
    slab.0.serialize(to)
}

fn read_slab<'de, D: Deserializer<'de>>(from: D) -> Result<Slab, D::Error> {
    bounded::list::<MAX_AXES, Span, D>(from).map(Slab)
}

pub(super) fn write_text<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(text.as_bytes())
}

/// Reads a text of at most `MAX` bytes, without what could confuse a terminal.
pub(super) fn read_text<'de, const MAX: usize, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let bytes: Vec<u8> = bounded::bytes::<MAX, _, _>(from)?;
    let text = String::from_utf8(bytes).map_err(serde::de::Error::custom)?;
    Ok(text.replace(char::is_control, " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selections() -> impl Strategy<Value = Selection> {
        let span = (any::<u64>(), any::<u64>(), any::<u64>());
        let slab = prop::collection::vec(span.prop_map(|(start, count, stride)| Span { start, count, stride }), 0..5);
        (any::<[u8; 32]>(), any::<u32>(), any::<u32>(), slab).prop_map(|(version, file, variable, slab)| Selection {
            place: Place { version: VersionRoot(version), file, variable },
            slab: Slab(slab),
        })
    }

    fn requests() -> impl Strategy<Value = Request> {
        let ranges = prop::collection::vec(any::<Range<u64>>(), 0..9);
        let version = || any::<[u8; 32]>().prop_map(VersionRoot);
        prop_oneof![
            version().prop_map(|version| Request::Manifest { version }),
            version().prop_map(|version| Request::Reports { version }),
            (selections(), ranges).prop_map(|(of, groups)| Request::Chunks { place: of.place, groups }),
            selections().prop_map(Request::Values),
            (selections(), any::<[u8; 32]>(), prop::sample::select(&Checksum::ALL), any::<u32>(), any::<Range<u64>>())
                .prop_map(|(of, nonce, checksum, segment_bytes, segments)| {
                    Request::Check { of, nonce, checksum, segment_bytes, segments }
                }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_asked_is_understood(request in requests(), dataset in "[a-zæ/ ]{0,60}") {
            let ask = Ask { card: None, dataset, request };
            prop_assert_eq!(codec::decode::<Ask>(&codec::encode(&ask)).unwrap(), ask);
        }

        #[test]
        fn nonsense_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            _ = codec::decode::<Ask>(&bytes);
            _ = codec::decode::<Status>(&bytes);
            _ = codec::decode::<Ending>(&bytes);
            _ = Contradiction::decode(&bytes);
        }
    }

    #[test]
    fn a_request_is_bounded() {
        let place = Place { version: VersionRoot([7; 32]), file: 1, variable: 2 };
        let wide = u64::MAX - 1..u64::MAX;
        let most = Request::Chunks { place, groups: vec![wide.clone(); MAX_RANGES] };
        assert!(most.encode().len() < MAX_ASK);
        assert_eq!(Request::decode(&most.encode()).unwrap(), most);
        let more = Request::Chunks { place, groups: vec![wide; MAX_RANGES + 1] };
        assert!(Request::decode(&more.encode()).is_err());
        let slab = Slab(vec![Span { start: 0, count: 1, stride: 1 }; MAX_AXES + 1]);
        assert!(Request::decode(&Request::Values(Selection { place, slab }).encode()).is_err());
        let long = Ask { card: None, dataset: "x".repeat(MAX_NAME + 1), request: most };
        assert!(codec::decode::<Ask>(&codec::encode(&long)).is_err());
    }

    #[test]
    fn words_from_elsewhere_do_not_confuse_a_terminal() {
        let refusal = Status::Refused(Refusal::OutOfRange("a\u{1b}[31m\nb".into()));
        let read = codec::decode::<Status>(&codec::encode(&refusal)).unwrap();
        assert_eq!(read, Status::Refused(Refusal::OutOfRange("a [31m b".into())));
    }
}
