//! What a holder has to know of a record without reading it.

use crate::record::price::{DecayedWorth, Worth};
use crate::record::{Mark, Record};
use crate::time::Day;

/// One record in an index: enough to tell others of it, to drop it when it expires or matters least, and to refuse a
/// rewrite that comes too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// In which state it is held.
    pub mark: Mark,
    /// Bytes that it takes, about.
    pub bytes: u64,
    /// How much it matters.
    pub worth: Worth,
    /// Since when it decays.
    pub from: Day,
    /// The last day on which it is kept.
    pub expiry: Day,
    /// In which time it matters half as much; 0: it does not decay.
    pub half_life: u16,
    /// Of a mutable record, when the version was written, in seconds of Unix time; else 0.
    pub written: u64,
    /// Whether the writer was found to have signed two values under this number.
    pub twin: bool,
}

impl Holding {
    /// The entry of a record.
    pub fn of(record: &Record) -> Self {
        let (pointer, terms) = (record.pointer(), record.pointer().terms());
        Self {
            mark: record.mark(),
            bytes: record.weight(),
            worth: pointer.worth(),
            from: terms.from,
            expiry: terms.expiry(),
            half_life: terms.half_life,
            written: record.version().map_or(0, |version| version.head.written),
            twin: record.version().is_some_and(|version| version.twin.is_some()),
        }
    }

    /// What it is worth on a day.
    pub fn worth_on(&self, today: Day) -> DecayedWorth {
        self.worth.on(today, self.from, self.half_life)
    }
}
