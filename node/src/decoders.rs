//! What everything that reads bytes of a network or a file holds to, whatever the bytes are.
//!
//! Each function takes bytes, says whether they were read, and panics where a rule is broken: what was read, written again, is
//! read as the same; it is no longer than before; it is the same however the bytes come in pieces. The targets of `fuzz/` call
//! them, and so do the ordinary tests, with what is kept in `fuzz/corpus` and with changes to it: `docs/fuzzing.md`. They are built
//! for these only.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::must_use_candidate,
    reason = "tests, which may fail"
)]

mod datasets;
mod files;
mod identities;
mod local;
mod tunnels;
mod wire;

#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::api::decoders::questions;
pub use datasets::{along, csv, dap, head, manifest, netcdf, outboards, proof};
pub use files::{catalog, first_relays, grid_file, ledger, run_file, saved};
pub use identities::{card, credential, identity, identity_file, sealed};
pub use local::{addresses, exit_policy, names, requests, socks};
pub use tunnels::{brief, cells, meeting, payload, talk};
pub use wire::{data, frames, greeting, message, record, terms, units};

/// Holds bytes to the rules of one decoder, and says whether they were read.
pub type Check = fn(&[u8]) -> bool;

/// All of them, as their targets are called.
pub const ALL: [(&str, Check); 37] = [
    ("addresses", addresses),
    ("along", along),
    ("brief", brief),
    ("card", card),
    ("catalog", catalog),
    ("cells", cells),
    ("credential", credential),
    ("csv", csv),
    ("dap", dap),
    ("data", data),
    ("exit_policy", exit_policy),
    ("first_relays", first_relays),
    ("frames", frames),
    ("greeting", greeting),
    ("grid_file", grid_file),
    ("head", head),
    ("identity", identity),
    ("identity_file", identity_file),
    ("ledger", ledger),
    ("manifest", manifest),
    ("meeting", meeting),
    ("message", message),
    ("names", names),
    ("netcdf", netcdf),
    ("outboards", outboards),
    ("payload", payload),
    ("proof", proof),
    ("questions", questions),
    ("record", record),
    ("requests", requests),
    ("run_file", run_file),
    ("saved", saved),
    ("sealed", sealed),
    ("socks", socks),
    ("talk", talk),
    ("terms", terms),
    ("units", units),
];

/// A value in the encoding of messages: written again it is no longer, and the same.
fn decoded<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = crate::wire::codec::decode(bytes).ok()?;
    let again = crate::wire::codec::encode(&value);
    assert!(again.len() <= bytes.len(), "{} bytes are read, {} written", bytes.len(), again.len());
    let second: T = crate::wire::codec::decode(&again).expect("what was written is read");
    assert_eq!(crate::wire::codec::encode(&second), again);
    Some(value)
}

/// A text that means something: as it is shown it means the same.
fn parsed<T: FromStr + Display + PartialEq + Debug>(text: &str) -> bool
where
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert!(value.to_string().parse::<T>().ok().as_ref() == Some(&value), "{text:?} is shown as {value}");
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}
