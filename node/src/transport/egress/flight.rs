//! Bulk that was written and not yet read at the other end: what a node knows of it by its marks.
//!
//! A mark stands in the stream behind bulk; the other side says when it has read up to there. As the stream is in order,
//! everything before it has arrived as well.

use std::collections::VecDeque;
use std::time::Duration;

use grid::time::Time;

use crate::wire::piece::Reached;

/// What one mark shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When the mark was written.
    pub(crate) sent: Time,
    /// From our writing to the other's reading, in microseconds, between two clocks of which nothing is known: only
    /// differences between samples mean something.
    pub(crate) way: i64,
    /// From our writing to our hearing of it, by our own clock.
    pub(crate) round: Duration,
    /// The bulk that was under way when the mark was written.
    pub(crate) under_way: u64,
}

/// The other side says that it has read what was never said, or nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has read {theirs} marks, it says, of {ours} of which it had read {before}")]
pub(crate) struct Unasked {
    theirs: u64,
    ours: u64,
    before: u64,
}

#[derive(Debug)]
struct Mark {
    written: u64,
    at: Time,
    under_way: u64,
}

/// The marks under way, oldest first, and the bytes before them.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    marks: VecDeque<Mark>,
    /// Marks that were reached.
    passed: u64,
    /// Bytes of bulk: all that were written, those that are marked, those that have arrived.
    written: u64,
    marked: u64,
    arrived: u64,
}

impl Flight {
    /// The bulk under way, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.written - self.arrived
    }

    /// Bulk that was written since the last mark.
    pub(crate) fn unmarked(&self) -> u64 {
        self.written - self.marked
    }

    /// Bulk was written.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// A mark was written.
    pub(crate) fn mark(&mut self, now: Time) {
        self.marked = self.written;
        self.marks.push_back(Mark { written: self.written, at: now, under_way: self.bytes() });
    }

    /// The other side says how far it has read.
    ///
    /// # Errors
    /// [`Unasked`] if that cannot be.
    pub(crate) fn reached(&mut self, now: Time, Reached { marks, at }: Reached) -> Result<Sample, Unasked> {
        let ours = self.passed + self.marks.len() as u64;
        let unasked = Unasked { theirs: marks, ours, before: self.passed };
        if marks > ours {
            return Err(unasked);
        }
        let mut last = None;
        while self.passed < marks {
            last = self.marks.pop_front();
            self.passed += 1;
        }
        let mark = last.ok_or(unasked)?;
        self.arrived = mark.written;
        let way = at.wrapping_sub(mark.at.as_micros()).cast_signed();
        Ok(Sample { sent: mark.at, way, round: now.since(mark.at), under_way: mark.under_way })
    }

    /// Whether a mark is under way.
    pub(crate) fn is_marked(&self) -> bool {
        !self.marks.is_empty()
    }

    /// How long the oldest mark has been under way.
    pub(crate) fn waited(&self, now: Time) -> Duration {
        self.marks.front().map_or(Duration::ZERO, |mark| now.since(mark.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn a_mark_acknowledges_what_lies_before_it() {
        let mut flight = Flight::default();
        flight.wrote(1000);
        flight.mark(at(10));
        flight.wrote(500);
        assert_eq!((flight.bytes(), flight.unmarked()), (1500, 500));
        flight.mark(at(20));
        flight.wrote(1);
        let sample = flight.reached(at(50), Reached { marks: 2, at: 5 }).unwrap();
        let expected = Sample { sent: at(20), way: -15, round: Duration::from_micros(30), under_way: 1500 };
        assert_eq!(sample, expected);
        assert_eq!((flight.bytes(), flight.waited(at(99))), (1, Duration::ZERO));
    }

    #[test]
    fn what_was_not_asked_is_an_error() {
        let mut flight = Flight::default();
        assert!(flight.reached(at(1), Reached { marks: 1, at: 0 }).is_err());
        assert!(flight.reached(at(1), Reached { marks: 0, at: 0 }).is_err());
        flight.mark(at(1));
        flight.mark(at(2));
        assert!(flight.reached(at(3), Reached { marks: u64::MAX, at: u64::MAX }).is_err());
        assert!(flight.reached(at(3), Reached { marks: 1, at: u64::MAX }).is_ok());
        assert!(flight.reached(at(3), Reached { marks: 1, at: 0 }).is_err(), "the same again");
        assert_eq!(flight.waited(at(5)), Duration::from_micros(3));
    }
}
