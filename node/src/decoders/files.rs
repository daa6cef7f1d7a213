//! Files that people write, and those that a node keeps.

use std::path::Path;

use grid::ledger::Ledger;
use grid::ledger::policy::Policy;
use grid::mimics::REMEMBERED;
use grid::time::Time;

use crate::api::runtime::Entry;
use crate::config::{grid_file as grids, run_file as runs};
use crate::data::traffic::Traffic;
use crate::datasets::{catalog as datasets, pins};
use crate::gateway::trust::TrustBook;
use crate::storage::ledger as ledgers;
use crate::tunnels::relays::firsts;

/// `rook.toml`.
pub fn run_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = runs::parse(Path::new("rook.toml"), text);
    if let Err(error) = &read {
        assert!(error.to_string().starts_with("rook.toml"), "{error}");
    }
    read.is_ok()
}

/// The parameters of a grid.
pub fn grid_file(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let file = Path::new("grid.toml");
    match grids::parse(file, text) {
        Ok(parameters) => {
            assert_eq!(grids::parse(file, &grids::write(&parameters)).expect("what was written is read"), parameters);
            true
        }
        Err(error) => {
            assert!(error.to_string().starts_with("grid.toml"), "{error}");
            false
        }
    }
}

/// The ledger's file; as it is, and as what stands behind the checksum that it ought to have.
pub fn ledger(bytes: &[u8]) -> bool {
    let head = [&b"rookledg\x01"[..], blake3::hash(bytes).as_bytes()].concat();
    let summed = [&head[..], bytes].concat();
    for bytes in [bytes, &summed] {
        let Ok(snapshot) = ledgers::decode(bytes) else { continue };
        let again = ledgers::encode(&snapshot);
        assert_eq!(ledgers::encode(&ledgers::decode(&again).expect("what was written is read")), again);
        let unix = snapshot.unix;
        let ledger = Ledger::restore(Policy::default(), Time::ZERO, unix, snapshot);
        // Whatever numbers stood in it.
        for account in ledger.snapshot(Time::ZERO, unix).accounts {
            let amounts = [account.given, account.received, account.squares, account.evidence];
            assert!(amounts.iter().all(|amount| amount.is_finite()), "{account:?}");
        }
        return true;
    }
    false
}

/// The first relays of tunnels.
pub fn first_relays(bytes: &[u8]) -> bool {
    let Some(read) = firsts::read(bytes) else { return false };
    assert!(read.kept().len() <= REMEMBERED);
    let again = firsts::write(&read);
    assert!(again.len() <= bytes.len());
    assert_eq!(firsts::read(&again).expect("what was written is read").kept(), read.kept());
    true
}

/// An entry of the node's catalog of datasets.
pub fn catalog(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(entry) = toml::from_str::<datasets::Entry>(text) else { return false };
    let again = toml::to_string(&entry).expect("an entry can be written");
    assert_eq!(toml::from_str::<datasets::Entry>(&again).expect("what was written is read"), entry);
    true
}

/// What a node keeps as JSON: of servers of datasets, of names, of running nodes. The first octet says which.
pub fn saved(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    match kind % 3 {
        0 => {
            let Ok(book) = TrustBook::parse(Path::new("trust.json"), bytes) else { return false };
            for entry in book.entries(&Traffic::default()) {
                assert!((0.0..=1.0).contains(&entry.trust), "{entry:?}");
            }
            true
        }
        1 => pins::parse(bytes).is_ok_and(|pins| pins.iter().all(|(name, pin)| *name == pin.head.name)),
        _ => serde_json::from_slice::<Entry>(bytes).is_ok(),
    }
}
