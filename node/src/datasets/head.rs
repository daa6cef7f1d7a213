//! What stands in the grid of a dataset: its *head*, the value of a mutable record that its publisher signs, and the
//! *notes* with which servers announce themselves under the topic `dataset/NAME`.
//!
//! Both are a byte that says how to read the rest, 1, and then bincode.

use dataset::manifest::{MAX_MANIFEST, VersionRoot};
use grid::provider::{MAX_NOTE, Topic};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::pointer::PointerText;

/// How this program writes heads and notes.
const FORMAT: u8 = 1;
/// Bytes of memory that a head or note may take: more than it has, for each address takes some beside its own.
const MAX_DECODED: usize = 16 * MAX_NOTE;
/// Bytes of the longest head: a name, a root and a length.
pub const MAX_HEAD: usize = 128;

/// What a publisher says of a dataset's newest version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The dataset's name.
    pub name: Name,
    /// The newest version.
    pub version: VersionRoot,
    /// Bytes of its manifest.
    pub length: u64,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The pointer of the dataset's head.
    pub pointer: PointerText,
    /// The newest version that the server has.
    pub version: VersionRoot,
    /// Where its data service can be dialled; none if it keeps that private.
    pub addresses: Vec<Multiaddr>,
}

/// Why bytes are no head or note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// They do not decode.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// They were written by another version of this program.
    #[error("it is of a kind that this program does not know ({0}): another version may")]
    Format(u8),
    /// What they say cannot be.
    #[error("its manifest would have {0} bytes, more than {MAX_MANIFEST}")]
    Length(u64),
}

/// The topic under which a dataset's servers announce themselves.
pub fn topic(name: &Name) -> Topic {
    Topic::named(&format!("dataset/{name}"))
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    // Only a type that does not say how long it is, or one that refuses to be written, fails here: there is none.
    bytes.extend(bincode::serde::encode_to_vec(value, bincode::config::standard()).unwrap_or_default());
    bytes
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, HeadError> {
    let malformed = |what: &str| HeadError::Malformed(what.to_owned());
    let (&format, rest) = bytes.split_first().ok_or_else(|| malformed("it is empty"))?;
    if format != FORMAT {
        return Err(HeadError::Format(format));
    }
    let config = bincode::config::standard().with_limit::<MAX_DECODED>();
    let (value, read) =
        bincode::serde::decode_from_slice(rest, config).map_err(|error| malformed(&error.to_string()))?;
    if read == rest.len() { Ok(value) } else { Err(malformed("something stands behind its end")) }
}

impl Head {
    /// The value of the record.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads a record's value, which may come from anybody.
    ///
    /// # Errors
    /// [`HeadError`] for the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let head: Self = decode(bytes)?;
        let fits = usize::try_from(head.length).is_ok_and(|length| length <= MAX_MANIFEST);
        if fits { Ok(head) } else { Err(HeadError::Length(head.length)) }
    }
}

/// A note as it is written: the pointer as text, addresses in their binary form.
#[derive(Serialize, Deserialize)]
struct Written {
    pointer: String,
    version: VersionRoot,
    addresses: Vec<Vec<u8>>,
}

impl Note {
    /// The bytes of the offer. Addresses that find no room in it are left out, the last ones first.
    pub fn encode(&self) -> Vec<u8> {
        let addresses = self.addresses.iter().map(Multiaddr::to_vec).collect();
        let mut written = Written { pointer: self.pointer.to_string(), version: self.version, addresses };
        loop {
            let bytes = encode(&written);
            if bytes.len() <= MAX_NOTE || written.addresses.pop().is_none() {
                return bytes;
            }
        }
    }

    /// Reads an offer's note, which may come from anybody.
    ///
    /// # Errors
    /// [`HeadError`] for the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let malformed = |what: String| HeadError::Malformed(what);
        let Written { pointer, version, addresses } = decode(bytes)?;
        let pointer = pointer.parse().map_err(|error: crate::pointer::TextError| malformed(error.to_string()))?;
        let addresses = addresses.into_iter().map(Multiaddr::try_from).collect::<Result<_, _>>();
        let addresses = addresses.map_err(|error| malformed(error.to_string()))?;
        Ok(Self { pointer, version, addresses })
    }
}

#[cfg(test)]
mod tests {
    use grid::record::{Stamp, Subject, Terms};
    use grid::time::Day;
    use proptest::prelude::*;

    use super::*;

    fn pointer(application: usize) -> PointerText {
        let subject = Subject::Mutable { writer: [7; 32], interval: 60 };
        let application = vec![1; application];
        let terms =
            Terms { subject, size: 128, from: Day::new(2_461_366), days: 30, half_life: 0, priority: 0, application };
        PointerText { terms, stamp: Stamp { nonce: [3; 8], bits: 12 } }
    }

    fn address(number: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{number}").parse().unwrap()
    }

    #[test]
    fn the_longest_head_fits() {
        let name = "x".repeat(64).parse().unwrap();
        let head = Head { name, version: VersionRoot([9; 32]), length: MAX_MANIFEST as u64 };
        assert!(head.encode().len() <= MAX_HEAD, "{}", head.encode().len());
        assert_eq!(Head::decode(&head.encode()), Ok(head.clone()));
        let larger = Head { length: MAX_MANIFEST as u64 + 1, ..head };
        assert_eq!(Head::decode(&larger.encode()), Err(HeadError::Length(MAX_MANIFEST as u64 + 1)));
    }

    #[test]
    fn a_note_has_as_many_addresses_as_fit() {
        let note =
            Note { pointer: pointer(32), version: VersionRoot([1; 32]), addresses: (0..100).map(address).collect() };
        let bytes = note.encode();
        assert!(bytes.len() <= MAX_NOTE);
        let read = Note::decode(&bytes).unwrap();
        assert!(read.addresses.len() > 4 && note.addresses.starts_with(&read.addresses), "{}", read.addresses.len());
        assert_eq!((read.pointer, read.version), (note.pointer, note.version));
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(Head::decode(&[2, 1, 1]), Err(HeadError::Format(2)));
        assert!(matches!(Note::decode(&[]), Err(HeadError::Malformed(_))));
        let note = Note { pointer: pointer(0), version: VersionRoot([1; 32]), addresses: vec![address(1)] };
        assert!(Note::decode(&[note.encode(), vec![0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let framed = [&[FORMAT], &bytes[..]].concat();
            for bytes in [&bytes, &framed] {
                if let Ok(head) = Head::decode(bytes) {
                    prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
                }
                let _ = Note::decode(bytes);
            }
        }
    }
}
