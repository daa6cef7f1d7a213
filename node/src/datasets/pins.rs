//! Which pointer a name stands for, once it was found out: trust on first use. With it the newest version that was
//! seen, so that nobody can pass an older one off as the newest.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::name::Name;
use crate::pointer::PointerText;
use crate::private;

/// What is remembered of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The pointer of the dataset's head.
    pub pointer: PointerText,
    /// The newest head that was seen.
    pub head: Head,
    /// Its number.
    pub sequence: u64,
}

/// A pin as it is written; the name is that of the head.
#[derive(Serialize, Deserialize)]
struct Written {
    pointer: String,
    sequence: u64,
    head: Head,
}

/// All that are remembered.
#[derive(Debug)]
pub(super) struct Pins {
    file: PathBuf,
    pins: Mutex<BTreeMap<Name, Pin>>,
}

impl Pins {
    /// Reads them. A file that cannot be read is reported, and what was in it has to be found out anew.
    pub(super) fn load(file: PathBuf) -> Self {
        let pins = match read(&file) {
            Ok(pins) => pins,
            Err(error) => {
                tracing::error!(file = %file.display(), %error, "which pointers names stood for is forgotten");
                BTreeMap::new()
            }
        };
        Self { file, pins: Mutex::new(pins) }
    }

    pub(super) fn find(&self, name: &Name) -> Option<Pin> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Remembers a pin, unless that of the same pointer has a later head; what is newest then is returned.
    pub(super) fn keep(&self, pin: Pin) -> Pin {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let name = pin.head.name.clone();
        if let Some(known) = pins.get(&name)
            && known.pointer == pin.pointer
            && known.sequence >= pin.sequence
        {
            return known.clone();
        }
        pins.insert(name, pin.clone());
        self.write(&pins);
        pin
    }

    /// Forgets a name; whether it was known.
    pub(super) fn forget(&self, name: &Name) -> bool {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pins.remove(name).is_some();
        if known {
            self.write(&pins);
        }
        known
    }

    /// A pin that cannot be written holds until the node ends.
    fn write(&self, pins: &BTreeMap<Name, Pin>) {
        let written =
            |pin: &Pin| Written { pointer: pin.pointer.to_string(), sequence: pin.sequence, head: pin.head.clone() };
        let all: Vec<Written> = pins.values().map(written).collect();
        let bytes = serde_json::to_vec_pretty(&all).map_err(io::Error::other);
        if let Err(error) = bytes.and_then(|bytes| private::replace(&self.file, &bytes)) {
            tracing::error!(file = %self.file.display(), %error, "which pointers names stand for cannot be written");
        }
    }
}

fn read(file: &PathBuf) -> io::Result<BTreeMap<Name, Pin>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    parse(&bytes)
}

/// The pins of a file's bytes.
pub(crate) fn parse(bytes: &[u8]) -> io::Result<BTreeMap<Name, Pin>> {
    let all: Vec<Written> = serde_json::from_slice(bytes)?;
    let pin = |Written { pointer, sequence, head }: Written| {
        let pointer = pointer.parse().map_err(io::Error::other)?;
        Ok((head.name.clone(), Pin { pointer, head, sequence }))
    };
    all.into_iter().map(pin).collect()
}

#[cfg(test)]
mod tests {
    use dataset::manifest::VersionRoot;
    use grid::record::{Stamp, Subject, Terms};
    use grid::time::Day;

    use super::*;

    fn pin(writer: u8, sequence: u64) -> Pin {
        let subject = Subject::Mutable { writer: [writer; 32], interval: 60 };
        let application = Vec::new();
        let terms =
            Terms { subject, size: 128, from: Day::new(2_461_366), days: 3, half_life: 0, priority: 0, application };
        let pointer = PointerText { terms, stamp: Stamp { nonce: [0; 8], bits: 3 } };
        let version = VersionRoot([u8::try_from(sequence).unwrap(); 32]);
        Pin { pointer, head: Head { name: "sst".parse().unwrap(), version, length: 5 }, sequence }
    }

    #[test]
    fn the_newest_head_of_a_pointer_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pins.json");
        let name: Name = "sst".parse().unwrap();
        let pins = Pins::load(file.clone());
        assert_eq!(pins.keep(pin(1, 4)), pin(1, 4));
        assert_eq!(pins.keep(pin(1, 3)), pin(1, 4), "an older one is not believed");
        assert_eq!(Pins::load(file.clone()).find(&name), Some(pin(1, 4)));
        assert_eq!(pins.keep(pin(2, 0)), pin(2, 0), "who changes the pointer means it");
        assert!(pins.forget(&name) && !pins.forget(&name));
        assert_eq!(Pins::load(file.clone()).find(&name), None);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(Pins::load(file).find(&name), None);
    }
}
