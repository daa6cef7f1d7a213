//! What clients did and saw, and whether one register could have behaved so.
//!
//! Each record has one writer, who numbers its versions; so its history is that of an atomic register if every read
//! returns a version (1) that somebody began to write before the read ended, (2) not older than any whose write was
//! acknowledged before the read began, and (3) not older than what any read returned that ended before this one began
//! (L. Lamport, "On interprocess communication", Distributed Computing 1, 1986, part II). A write that failed may take
//! effect at any time after its beginning, or never.

use std::collections::BTreeMap;
use std::time::Instant;

/// From the call to the answer.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub begun: Instant,
    pub ended: Instant,
}

/// What somebody did with a record.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Wrote a version; whether it was acknowledged.
    Write { sequence: u64, acknowledged: bool },
    /// Read a version.
    Read { sequence: u64 },
}

/// What no register could have done.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A version was read that nobody had begun to write.
    MadeUp(String),
    /// An older version was read than somebody had read or written before.
    Stale(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MadeUp(text) | Self::Stale(text) => f.write_str(text),
        }
    }
}

/// All that was done, by record.
#[derive(Debug, Default)]
pub struct History {
    records: BTreeMap<usize, Vec<(Span, Event)>>,
}

impl History {
    pub fn note(&mut self, record: usize, span: Span, event: Event) {
        self.records.entry(record).or_default().push((span, event));
    }

    /// Everything that no register could have done.
    pub fn faults(&self) -> Vec<Fault> {
        self.records.iter().flat_map(|(record, events)| faults(*record, events)).collect()
    }

    /// The newest version of a record whose write was acknowledged.
    pub fn acknowledged(&self, record: usize) -> Option<u64> {
        let acknowledged = |(_, event): &(Span, Event)| match *event {
            Event::Write { sequence, acknowledged: true } => Some(sequence),
            Event::Write { acknowledged: false, .. } | Event::Read { .. } => None,
        };
        self.records.get(&record)?.iter().filter_map(acknowledged).max()
    }

    /// The newest version that a read returned which began after a moment.
    pub fn read_since(&self, record: usize, moment: Instant) -> Option<u64> {
        let read = |(span, event): &(Span, Event)| match *event {
            Event::Read { sequence } if span.begun >= moment => Some(sequence),
            Event::Read { .. } | Event::Write { .. } => None,
        };
        self.records.get(&record)?.iter().filter_map(read).max()
    }

    pub fn len(&self) -> usize {
        self.count(|_| true)
    }

    pub fn reads(&self) -> usize {
        self.count(|event| matches!(event, Event::Read { .. }))
    }

    pub fn writes(&self) -> usize {
        self.count(|event| matches!(event, Event::Write { acknowledged: true, .. }))
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.records.values().flatten().filter(|(_, event)| is(event)).count()
    }
}

fn faults(record: usize, events: &[(Span, Event)]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (span, event) in events {
        let Event::Read { sequence } = *event else { continue };
        let written = |&(other, event): &(Span, Event)| {
            matches!(event, Event::Write { sequence: number, .. } if number == sequence) && other.begun < span.ended
        };
        if !events.iter().any(written) {
            let text = format!("record {record}: version {sequence} was read and nobody had begun to write it");
            faults.push(Fault::MadeUp(text));
        }
        let before = events.iter().filter(|(other, _)| other.ended < span.begun);
        let newest = before.filter_map(|(_, event)| match *event {
            Event::Write { sequence, acknowledged: true } => Some((sequence, "acknowledged")),
            Event::Read { sequence } => Some((sequence, "read")),
            Event::Write { acknowledged: false, .. } => None,
        });
        if let Some((newest, how)) = newest.max_by_key(|(newest, _)| *newest)
            && sequence < newest
        {
            let text = format!("record {record}: version {sequence} was read after version {newest} had been {how}");
            faults.push(Fault::Stale(text));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn history(events: &[(u64, u64, Event)]) -> Vec<Fault> {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut history = History::default();
        for &(begun, ended, event) in events {
            history.note(0, Span { begun: at(begun), ended: at(ended) }, event);
        }
        history.faults()
    }

    fn wrote(sequence: u64) -> Event {
        Event::Write { sequence, acknowledged: true }
    }

    fn read(sequence: u64) -> Event {
        Event::Read { sequence }
    }

    fn is_stale(fault: &Fault, words: &str) -> bool {
        matches!(fault, Fault::Stale(text) if text.contains(words))
    }

    #[test]
    fn what_a_register_can_do_is_no_fault() {
        let failed = Event::Write { sequence: 2, acknowledged: false };
        // A read beside a write may return either; a failed write may show itself late.
        let events =
            [(0, 1, wrote(0)), (2, 5, wrote(1)), (3, 4, read(0)), (6, 7, read(1)), (8, 9, failed), (20, 21, read(2))];
        assert!(history(&events).is_empty());
    }

    #[test]
    fn what_it_cannot_do_is_found() {
        let lost = history(&[(0, 1, wrote(0)), (2, 3, wrote(1)), (4, 5, read(0))]);
        assert!(is_stale(&lost[0], "version 0 was read after version 1 had been acknowledged"), "{lost:?}");
        let failed = Event::Write { sequence: 1, acknowledged: false };
        let back = history(&[(0, 1, wrote(0)), (2, 3, failed), (4, 5, read(1)), (6, 7, read(0))]);
        assert!(is_stale(&back[0], "version 0 was read after version 1 had been read"), "{back:?}");
        let made_up = history(&[(0, 1, wrote(0)), (2, 3, read(7)), (4, 5, wrote(7))]);
        assert!(matches!(&made_up[0], Fault::MadeUp(text) if text.contains("nobody had begun")), "{made_up:?}");
    }
}
