//! How long a message takes, and when a link breaks.

use core::time::Duration;

use grid::time::Time;

use crate::chance::Chance;
use crate::identity::HostIndex;

/// The weather: the same for all links.
#[derive(Clone, Debug, PartialEq)]
pub struct Weather {
    /// The shortest one-way latency.
    pub least: Duration,
    /// What the greatest distance adds to it. Hosts lie on a unit torus, whose greatest distance is half its diagonal.
    pub span: Duration,
    /// Mean of the exponential jitter that each message meets.
    pub jitter: Duration,
    /// The chance that a packet is lost. Links are reliable, so loss shows as a delay of `retransmit` each time.
    pub loss: f64,
    /// What a lost packet costs.
    pub retransmit: Duration,
    /// How long a dial waits for a host that does not answer at all.
    pub connect_timeout: Duration,
    /// How long a link lasts on which nothing comes through: QUIC's idle timeout is 10 s by default.
    pub idle_timeout: Duration,
}

impl Default for Weather {
    /// One-way latencies of 5 to 85 ms, about those between European and transatlantic hosts; no loss.
    fn default() -> Self {
        Self {
            least: Duration::from_millis(5),
            span: Duration::from_millis(80),
            jitter: Duration::from_millis(1),
            loss: 0.0,
            retransmit: Duration::from_millis(200),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
        }
    }
}

/// Where a host lies on the unit torus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    x: f64,
    y: f64,
}

impl Position {
    /// A random place.
    pub fn random(chance: &mut Chance) -> Self {
        Self { x: chance.unit(), y: chance.unit() }
    }

    /// The place that a hash says, of its two halves: for hosts that are derived and never stored.
    pub fn of_hash(hash: u64) -> Self {
        let half = |bits: u64| f64::from(u32::try_from(bits & 0xFFFF_FFFF).unwrap_or(0)) / 2_f64.powi(32);
        Self { x: half(hash >> 32), y: half(hash) }
    }

    /// Distance on the torus, as a share of the greatest one.
    fn distance(self, other: Self) -> f64 {
        let along = |a: f64, b: f64| (a - b).abs().min(1.0 - (a - b).abs());
        let (dx, dy) = (along(self.x, other.x), along(self.y, other.y));
        dx.hypot(dy) / 0.5_f64.hypot(0.5)
    }
}

impl Weather {
    /// One-way latency without jitter and loss.
    pub fn base(&self, from: Position, to: Position) -> Duration {
        self.least + self.span.mul_f64(from.distance(to))
    }

    /// One message's latency.
    pub fn latency(&self, from: Position, to: Position, chance: &mut Chance) -> Duration {
        let mut latency = self.base(from, to) + self.jitter.mul_f64(-(1.0 - chance.unit()).ln());
        while chance.happens(self.loss) {
            latency += self.retransmit;
        }
        latency
    }
}

/// One end of an open link.
#[derive(Clone, Copy, Debug)]
pub struct LinkEnd {
    /// Tells this link from an earlier one between the same hosts.
    pub number: u64,
    /// When the last message sent arrives: messages do not overtake each other.
    pub last_arrival: Time,
    /// Since when nothing that was sent has come through.
    pub stalled: Option<Time>,
}

/// A host's open links, in the order of the hosts at their other ends.
///
/// The numbers of these lie in a list of their own: each message looks its link up at both ends.
#[derive(Clone, Debug, Default)]
pub struct Links {
    others: Vec<u32>,
    /// Of the same length.
    ends: Vec<LinkEnd>,
}

impl Links {
    fn find(&self, other: HostIndex) -> Result<usize, usize> {
        self.others.binary_search(&number(other))
    }

    /// This end of the link to a host.
    pub fn get(&self, other: HostIndex) -> Option<&LinkEnd> {
        self.find(other).ok().map(|place| &self.ends[place])
    }

    pub(crate) fn get_mut(&mut self, other: HostIndex) -> Option<&mut LinkEnd> {
        self.find(other).ok().map(|place| &mut self.ends[place])
    }

    /// Notes a new link; returns the end of an earlier one to the same host.
    pub(crate) fn insert(&mut self, other: HostIndex, end: LinkEnd) -> Option<LinkEnd> {
        match self.find(other) {
            Ok(place) => Some(std::mem::replace(&mut self.ends[place], end)),
            Err(place) => {
                self.others.insert(place, number(other));
                self.ends.insert(place, end);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, other: HostIndex) {
        if let Ok(place) = self.find(other) {
            self.others.remove(place);
            self.ends.remove(place);
        }
    }

    pub(crate) fn clear(&mut self) {
        (self.others, self.ends) = (Vec::new(), Vec::new());
    }

    /// How many links are open.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The hosts at the other ends, and this end of the link to each.
    pub fn iter(&self) -> impl Iterator<Item = (HostIndex, &LinkEnd)> {
        self.others.iter().map(|&other| other as HostIndex).zip(&self.ends)
    }
}

/// A host's number in four bytes: 2^32 hosts would take terabytes.
fn number(host: HostIndex) -> u32 {
    u32::try_from(host).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_grows_with_distance_and_stays_in_its_span() {
        let weather = Weather::default();
        let at = |x, y| Position { x, y };
        assert_eq!(weather.base(at(0.1, 0.1), at(0.1, 0.1)), weather.least);
        assert_eq!(weather.base(at(0.0, 0.0), at(0.5, 0.5)), weather.least + weather.span);
        assert!(weather.base(at(0.0, 0.0), at(0.9, 0.0)) < weather.base(at(0.0, 0.0), at(0.5, 0.0)));
    }

    #[test]
    fn a_hash_says_a_place_by_its_halves() {
        assert_eq!(Position::of_hash(0), Position { x: 0.0, y: 0.0 });
        assert_eq!(Position::of_hash(0x8000_0000_4000_0000), Position { x: 0.5, y: 0.25 });
    }
}
