//! How much bulk may be under way on a link at once, so that it fills the link and hardly ever stands in a queue.
//!
//! Bulk that was written waits in the system's buffers, in those of routers and at the other end, and whatever is written
//! after it waits behind it. As LEDBAT does (RFC 6817) this takes the delay as the measure: the way of a mark, less the
//! shortest way seen, is the time in queues. Every round trip the window `w` moves half way to what would make that
//! time `q` the target `T`, by Little's law, and a step beyond:
//!
//! ```text
//! w <- w/2 + w/2 * (base + T) / (base + q) + step
//! ```
//!
//! which is the law of FAST TCP (Jin, Wei and Low, INFOCOM 2004) with a target in time instead of packets. RFC 6817's own
//! law grows by a packet a round trip at most: a second's delay for each megabyte of window at 1 ms, and minutes at 100 ms.
//! The step makes windows on one bottleneck equal in the end. At the beginning the window doubles each round trip until
//! three quarters of the target stand in queues (LEDBAT++, draft-irtf-iccrg-ledbat-plus-plus, section 4.4).
//!
//! **The target** is a quarter of the base round trip, [5 ms](MIN_TARGET) at least, the target of CoDel (RFC 8289, section
//! 4.3), below which the clocks and schedulers of two machines say more than queues do, and [60 ms](MAX_TARGET) at most,
//! that of LEDBAT++. An exchange waits in the queues of both ways: while the other side sends bulk as well, which its marks
//! show, each way aims at half of that, so that both together make an exchange no longer than one alone.
//!
//! **The base** is measured again when no way near it was seen for [ten seconds](REFRESH), with so little under way that
//! there is no queue of ours, as BBR does (draft-ietf-ccwg-bbr, ProbeRTT): routes change, two clocks drift apart, and who
//! comes later must not take the queues of others for the length of the way.
//!
//! The time in queues is the smaller of two estimates, that of the way there, between two clocks, and that of the round
//! trip, by our own clock alone. The first does not see bulk that comes the other way; the second does not see the other
//! clock jump. Who lies about the first can make us send no more than TCP or QUIC would by themselves, and to nobody else.

use std::time::Duration;

use grid::time::Time;

use super::flight::Sample;
use crate::wire::piece::{MAX_PIECE, MIN_PIECE};

/// The least time in queues that is aimed at, in microseconds.
const MIN_TARGET: u64 = 5_000;
/// The most.
const MAX_TARGET: u64 = 60_000;
/// The target's part of the base round trip.
const TARGET_PART: u64 = 4;

/// The smallest window: bulk never stands still. 4 KiB take 33 ms at 1 Mbit/s.
const MIN_WINDOW: u64 = 4 << 10;
/// The window of a link of which nothing is known: QUIC's first is about 14 KB (RFC 9002), TCP's as much.
const FIRST_WINDOW: u64 = 16 << 10;
/// The largest window: 300 Mbit/s over 100 ms.
const MAX_WINDOW: u64 = 4 << 20;
/// What the window grows by in a round trip, whatever its size.
const STEP: u64 = 512;
/// Pieces are this part of the window: an interactive message waits for one at most.
const PIECES: u64 = 16;

/// How long a base counts without being seen again, and a window without being used.
const REFRESH: Duration = Duration::from_secs(10);
/// The same in round trips, where they are long: measuring takes two of them.
const REFRESH_ROUNDS: u32 = 50;

/// For how long a mark of the other side's means that it sends bulk: a mark follows on an eighth of its window, which takes
/// a round trip, so there are several in this time on any link but the slowest.
const OPPOSED: Duration = Duration::from_millis(500);

/// The shortest way and round trip, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Base {
    way: i64,
    round: u64,
    /// When something like it was seen last.
    seen: Time,
}

impl Base {
    fn of(sample: &Sample, now: Time) -> Self {
        Self { way: sample.way, round: micros(sample.round), seen: now }
    }

    fn lower(&mut self, sample: &Sample) {
        self.way = self.way.min(sample.way);
        self.round = self.round.min(micros(sample.round));
    }

    /// The time that a mark has spent in queues.
    fn queue(&self, sample: &Sample) -> u64 {
        let way = u64::try_from(sample.way.saturating_sub(self.way)).unwrap_or_default();
        way.min(micros(sample.round).saturating_sub(self.round))
    }

    /// The round trip that is believed when another base was found: no longer than before, but by twice what the way there
    /// has become longer. The other side's bulk stands in every round trip; taken for the way, it would allow us more, and
    /// what we send then the other side in turn.
    fn round_of(&self, found: &Self) -> u64 {
        let longer = u64::try_from(found.way.saturating_sub(self.way)).unwrap_or_default();
        found.round.min(self.round.saturating_add(longer.saturating_mul(2)))
    }

    /// The time in queues that is aimed at; `shared` with the other way.
    fn target(&self, shared: bool) -> u64 {
        let both = (self.round / TARGET_PART).clamp(MIN_TARGET, MAX_TARGET);
        if shared { both / 2 } else { both }
    }
}

/// A measurement of the base.
#[derive(Debug, Default)]
struct Probe {
    /// What was found with little under way, and since when.
    found: Option<(Base, Time)>,
}

/// The window of one direction of a link.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: u64,
    /// It still doubles.
    starting: bool,
    base: Option<Base>,
    probe: Option<Probe>,
    /// When a mark was heard of last.
    heard: Time,
    /// When a mark of the other side's was read last: it sends bulk.
    opposed: Option<Time>,
    /// Marks written before this show the window of before.
    since: Time,
    /// The least time in queues in this round trip.
    queue: u64,
    /// Whether the window was used in this round trip.
    used: bool,
}

impl Window {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            bytes: FIRST_WINDOW,
            starting: true,
            base: None,
            probe: None,
            heard: now,
            opposed: None,
            since: now,
            queue: u64::MAX,
            used: false,
        }
    }

    /// How many bytes of bulk may be under way.
    pub(crate) fn bytes(&self) -> u64 {
        if self.probe.is_some() { MIN_WINDOW } else { self.bytes }
    }

    /// How long a piece of bulk may be.
    pub(crate) fn piece(&self) -> usize {
        usize::try_from(self.bytes() / PIECES).unwrap_or(MAX_PIECE).clamp(MIN_PIECE, MAX_PIECE)
    }

    /// Bulk begins after a pause. After a long one nothing is known of the link any more.
    pub(crate) fn begin(&mut self, now: Time) {
        if now.since(self.heard) > REFRESH {
            *self = Self { bytes: self.bytes.min(FIRST_WINDOW), opposed: self.opposed, ..Self::new(now) };
        }
    }

    /// A mark of the other side's was read.
    pub(crate) fn opposed(&mut self, now: Time) {
        self.opposed = Some(now);
    }

    /// A mark was reached.
    pub(crate) fn reached(&mut self, now: Time, sample: &Sample) {
        self.heard = now;
        let base = self.base.get_or_insert_with(|| Base::of(sample, now));
        base.lower(sample);
        let shared = self.opposed.is_some_and(|last| now.since(last) <= OPPOSED);
        let (queue, target) = (base.queue(sample), base.target(shared));
        if queue <= target / 4 {
            base.seen = now;
        }
        let round = base.round;
        let stale = now.since(base.seen) > REFRESH.max(Duration::from_micros(round).saturating_mul(REFRESH_ROUNDS));
        if self.probe.is_some() {
            return self.probed(now, sample);
        }
        self.queue = self.queue.min(queue);
        self.used |= sample.under_way >= self.bytes / 2;
        if sample.sent >= self.since {
            self.turn(now, round, target);
        }
        if stale {
            self.probe = Some(Probe::default());
        }
    }

    /// A round trip is over: its least time in queues is the window's doing.
    fn turn(&mut self, now: Time, base: u64, target: u64) {
        let queue = self.queue;
        self.starting &= queue <= target / 4 * 3;
        let next = match self.starting {
            true => self.bytes * 2,
            // At most 4 MiB times a second or so: no overflow, and a round trip of 0 has a target.
            false => (self.bytes + scaled(self.bytes, base + target, base.saturating_add(queue))) / 2 + STEP,
        };
        // A window that is not used says nothing of what would happen if it were.
        if self.used || next < self.bytes {
            self.bytes = next.clamp(MIN_WINDOW, MAX_WINDOW);
        }
        (self.since, self.queue, self.used) = (now, u64::MAX, false);
    }

    /// A mark was reached while the base is measured: what it says counts if little was under way.
    fn probed(&mut self, now: Time, sample: &Sample) {
        let Some(probe) = self.probe.as_mut().filter(|_| sample.under_way <= MIN_WINDOW) else { return };
        let (found, began) = probe.found.get_or_insert((Base::of(sample, now), now));
        found.lower(sample);
        if sample.sent >= *began {
            let round = self.base.map_or(found.round, |before| before.round_of(found));
            self.base = Some(Base { seen: now, round, way: found.way });
            self.probe = None;
            (self.since, self.queue, self.used) = (now, u64::MAX, false);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `value * by / of`.
fn scaled(value: u64, by: u64, of: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "numbers of tests are small")]
mod tests;
