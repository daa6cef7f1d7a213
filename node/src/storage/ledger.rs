//! The ledger's file, `ledger.rook` in the data folder:
//!
//! ```text
//! "rookledg" 8 bytes | version 1 | BLAKE3 of the rest, 32 bytes | the ledger, see `Saved`, as bincode
//! ```
//!
//! It is replaced as a whole, so a crash leaves the one before. A file that cannot be read is no reason not to run: it is
//! kept aside as `ledger.damaged`, and a new ledger is begun.

use std::io;
use std::path::Path;

use grid::id::NodeId;
use grid::ledger::Counts;
use grid::ledger::saved::{SavedAccount, Snapshot};
use grid::ledger::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::private;
use crate::wire::codec;

const MAGIC: &[u8; 8] = b"rookledg";
const VERSION: u8 = 1;
/// Before the ledger itself: magic, version, hash.
const HEAD: usize = 8 + 1 + 32;

/// The ledger, as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    /// Seconds of Unix time.
    unix: u64,
    usual_refusals: f64,
    accounts: Vec<Row>,
}

/// One account: name; given, received, squares, evidence; verdict; counts of both directions.
#[derive(Debug, Serialize, Deserialize)]
struct Row([u8; 32], [f64; 4], Opinion, [u64; 3], [u64; 3]);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Opinion {
    Open,
    Fair,
    Leech,
}

/// Why a file is no ledger.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is no ledger")]
    NoLedger,
    #[error("its format is {0}, this program knows {VERSION}")]
    Version(u8),
    #[error("its checksum is wrong")]
    Checksum,
    #[error("{0}")]
    Content(String),
}

/// Reads the file; `None` if there is none, or if it had to be put aside.
pub(super) fn read(path: &Path) -> io::Result<Option<Snapshot>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match decode(&bytes) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(why) => {
            let aside = path.with_extension("damaged");
            std::fs::rename(path, &aside)?;
            tracing::warn!(%why, aside = %aside.display(), "the ledger cannot be read; it is put aside and a new one is begun");
            Ok(None)
        }
    }
}

/// Replaces the file.
pub(super) fn write(path: &Path, snapshot: &Snapshot) -> io::Result<()> {
    private::replace(path, &encode(snapshot))
}

pub(crate) fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let accounts = snapshot.accounts.iter().map(Row::of).collect();
    let body = codec::encode(&Saved { unix: snapshot.unix, usual_refusals: snapshot.usual_refusals, accounts });
    [MAGIC.as_slice(), &[VERSION], blake3::hash(&body).as_bytes(), &body].concat()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, Unreadable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::NoLedger)?;
    match rest.first() {
        Some(&VERSION) => {}
        Some(&other) => return Err(Unreadable::Version(other)),
        None => return Err(Unreadable::NoLedger),
    }
    let body = bytes.get(HEAD..).ok_or(Unreadable::Checksum)?;
    if bytes[HEAD - 32..HEAD] != *blake3::hash(body).as_bytes() {
        return Err(Unreadable::Checksum);
    }
    let saved: Saved = codec::decode(body).map_err(|error| Unreadable::Content(error.to_string()))?;
    let accounts = saved.accounts.iter().map(Row::account).collect();
    Ok(Snapshot { unix: saved.unix, usual_refusals: saved.usual_refusals, accounts })
}

impl Row {
    fn of(account: &SavedAccount) -> Self {
        let amounts = [account.given, account.received, account.squares, account.evidence];
        let counts = |counts: Counts| [counts.asked, counts.served, counts.refused];
        let opinion = match account.verdict {
            Verdict::Open => Opinion::Open,
            Verdict::Fair => Opinion::Fair,
            Verdict::Leech => Opinion::Leech,
        };
        Self(*account.id.as_bytes(), amounts, opinion, counts(account.theirs), counts(account.ours))
    }

    fn account(&self) -> SavedAccount {
        let Self(id, [given, received, squares, evidence], opinion, theirs, ours) = *self;
        let counts = |[asked, served, refused]: [u64; 3]| Counts { asked, served, refused };
        let verdict = match opinion {
            Opinion::Open => Verdict::Open,
            Opinion::Fair => Verdict::Fair,
            Opinion::Leech => Verdict::Leech,
        };
        let (id, theirs, ours) = (NodeId::from_bytes(id), counts(theirs), counts(ours));
        SavedAccount { id, given, received, squares, evidence, verdict, theirs, ours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let account = |number: u8, verdict| SavedAccount {
            id: NodeId::from_bytes([number; 32]),
            given: 1.5,
            received: f64::from(number),
            squares: 1e20,
            evidence: -2.25,
            verdict,
            theirs: Counts { asked: 3, served: 2, refused: 1 },
            ours: Counts { asked: u64::MAX, served: 0, refused: 7 },
        };
        let accounts = vec![account(1, Verdict::Open), account(2, Verdict::Fair), account(3, Verdict::Leech)];
        Snapshot { unix: 1_800_000_000, usual_refusals: 0.125, accounts }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.rook");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, &Snapshot::default()).unwrap();
        write(&path, &snapshot()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(snapshot()));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_or_has_a_flipped_bit_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("ledger.rook"), folder.path().join("ledger.damaged"));
        let whole = encode(&snapshot());
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        let flipped = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            bytes
        });
        for bytes in cut.chain(flipped) {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), None);
            assert!(!path.exists());
            assert_eq!(std::fs::read(&aside).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut bytes = encode(&snapshot());
        assert_eq!(decode(b"").unwrap_err(), Unreadable::NoLedger);
        bytes[HEAD] ^= 1;
        assert_eq!(decode(&bytes).unwrap_err(), Unreadable::Checksum);
        bytes[8] = 9;
        assert_eq!(decode(&bytes).unwrap_err().to_string(), "its format is 9, this program knows 1");
        // A checksum that is right does not make nonsense a ledger.
        let nonsense = [MAGIC.as_slice(), &[VERSION], blake3::hash(&[255; 50]).as_bytes(), &[255; 50]].concat();
        assert!(matches!(decode(&nonsense), Err(Unreadable::Content(_))));
    }
}
