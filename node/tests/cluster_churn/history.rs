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
pub(crate) struct Span {
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
}

/// What somebody did with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Wrote a version; whether it was acknowledged.
    Write { sequence: u64, acknowledged: bool },
    /// Read a version.
    Read { sequence: u64 },
}

/// All that was done, by record.
#[derive(Debug, Default)]
pub(crate) struct History {
    records: BTreeMap<usize, Vec<(Span, Event)>>,
}

impl History {
    pub(crate) fn note(&mut self, record: usize, span: Span, event: Event) {
        self.records.entry(record).or_default().push((span, event));
    }

    /// Everything that no register could have done, for a person.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.records.iter().flat_map(|(record, events)| faults(*record, events)).collect()
    }

    pub(crate) fn reads(&self) -> usize {
        self.count(|event| matches!(event, Event::Read { .. }))
    }

    pub(crate) fn writes(&self) -> usize {
        self.count(|event| matches!(event, Event::Write { acknowledged: true, .. }))
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.records.values().flatten().filter(|(_, event)| is(event)).count()
    }
}

fn faults(record: usize, events: &[(Span, Event)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (span, event) in events {
        let Event::Read { sequence } = *event else { continue };
        let written = |&(other, event): &(Span, Event)| {
            matches!(event, Event::Write { sequence: number, .. } if number == sequence) && other.begun < span.ended
        };
        if !events.iter().any(written) {
            faults.push(format!("record {record}: version {sequence} was read and nobody had begun to write it"));
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
            faults.push(format!("record {record}: version {sequence} was read after version {newest} had been {how}"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn history(events: &[(u64, u64, Event)]) -> Vec<String> {
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

    #[test]
    fn what_a_register_can_do_is_no_fault() {
        let failed = Event::Write { sequence: 2, acknowledged: false };
        // A read beside a write may return either; a failed write may show itself late.
        let events =
            [(0, 1, wrote(0)), (2, 5, wrote(1)), (3, 4, read(0)), (6, 7, read(1)), (8, 9, failed), (20, 21, read(2))];
        assert_eq!(history(&events), Vec::<String>::new());
    }

    #[test]
    fn what_it_cannot_do_is_found() {
        let lost = history(&[(0, 1, wrote(0)), (2, 3, wrote(1)), (4, 5, read(0))]);
        assert!(lost[0].contains("version 0 was read after version 1 had been acknowledged"), "{lost:?}");
        let failed = Event::Write { sequence: 1, acknowledged: false };
        let back = history(&[(0, 1, wrote(0)), (2, 3, failed), (4, 5, read(1)), (6, 7, read(0))]);
        assert!(back[0].contains("version 0 was read after version 1 had been read"), "{back:?}");
        let made_up = history(&[(0, 1, wrote(0)), (2, 3, read(7)), (4, 5, wrote(7))]);
        assert!(made_up[0].contains("nobody had begun"), "{made_up:?}");
    }
}
