//! Whom to ask: of the servers that have a dataset, the one that is likely to answer first.
//!
//! Of two servers drawn at random the one with less to do is taken (M. Mitzenmacher, "The power of two choices in
//! randomized load balancing", 2001), by its usual time for an answer, raised at once when one takes longer, times the
//! answers that are under way. What is known of one that is not asked fades, so that one that was slow once is tried again:
//! of two it would never be. A server that failed rests: a second, twice as long each time, a minute at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grid::id::NodeId;
use rand::seq::IndexedRandom;

/// The share of a new time in the usual one, when it is shorter.
const WEIGHT: f64 = 0.2;
/// After so many seconds in which it is not asked a server's usual time counts half.
const HALF_LIFE_S: f64 = 10.0;
/// The first rest.
const REST: Duration = Duration::from_secs(1);
/// Failures in a row after which the rest grows no more: 64 s.
const MOST_DOUBLINGS: u32 = 6;
/// Servers that are remembered; those that were used longest ago are forgotten.
const REMEMBERED: usize = 4096;

/// What is known of how quickly servers answer. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Arc<Mutex<HashMap<NodeId, Load>>>);

#[derive(Clone, Copy, Debug)]
struct Load {
    /// Seconds from a question to the end of its answer.
    usual: f64,
    under_way: u32,
    failures: u32,
    rests_until: Option<Instant>,
    used: Instant,
}

/// One answer under way. Dropped without a word, it counts as neither good nor bad.
#[derive(Debug)]
pub(super) struct Turn {
    pool: Pool,
    node: NodeId,
    since: Instant,
}

impl Load {
    fn cost(&self, now: Instant) -> f64 {
        let idle = now.duration_since(self.used).as_secs_f64();
        let usual = if self.under_way > 0 { self.usual } else { self.usual * (-idle / HALF_LIFE_S).exp2() };
        usual * f64::from(self.under_way + 1)
    }
}

impl Pool {
    /// Whom to ask of these; those that rest only if all others are out of the question.
    pub(super) fn choose(&self, servers: &[NodeId], now: Instant) -> Option<NodeId> {
        let loads = self.lock();
        let rests = |node: &NodeId| loads.get(node).and_then(|load| load.rests_until).filter(|until| *until > now);
        let awake: Vec<_> = servers.iter().copied().filter(|node| rests(node).is_none()).collect();
        if awake.is_empty() {
            return servers.iter().copied().min_by_key(|node| rests(node));
        }
        let cost = |node: &NodeId| loads.get(node).map_or(0.0, |load| load.cost(now));
        awake.sample(&mut rand::rng(), 2).copied().min_by(|a, b| cost(a).total_cmp(&cost(b)))
    }

    /// A question goes to this server.
    pub(super) fn begin(&self, node: NodeId, now: Instant) -> Turn {
        let mut loads = self.lock();
        if loads.len() >= REMEMBERED && !loads.contains_key(&node) {
            let oldest = loads.iter().filter(|(_, load)| load.under_way == 0).min_by_key(|(_, load)| load.used);
            if let Some(oldest) = oldest.map(|(&node, _)| node) {
                loads.remove(&oldest);
            }
        }
        let new = Load { usual: 0.0, under_way: 0, failures: 0, rests_until: None, used: now };
        let load = loads.entry(node).or_insert(new);
        load.under_way += 1;
        load.used = now;
        Turn { pool: self.clone(), node, since: now }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Load>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, node: NodeId, act: impl FnOnce(&mut Load)) {
        if let Some(load) = self.lock().get_mut(&node) {
            act(load);
        }
    }
}

impl Turn {
    /// The answer is complete.
    pub(super) fn done(self, now: Instant) {
        let took = now.duration_since(self.since).as_secs_f64();
        self.pool.with(self.node, |load| {
            load.usual = if took > load.usual { took } else { load.usual + (took - load.usual) * WEIGHT };
            (load.failures, load.rests_until, load.used) = (0, None, now);
        });
    }

    /// There was none, or not to its end. What it took counts like an answer's time: or one that always goes silent, of
    /// which no other time is known, would be the first to be asked whenever it has rested.
    pub(super) fn failed(self, now: Instant) {
        let took = now.duration_since(self.since).as_secs_f64();
        self.pool.with(self.node, |load| {
            (load.usual, load.used) = (load.usual.max(took), now);
            load.rests_until = Some(now + REST * 2_u32.pow(load.failures.min(MOST_DOUBLINGS)));
            load.failures = load.failures.saturating_add(1);
        });
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pool.with(self.node, |load| load.under_way = load.under_way.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u8) -> Vec<NodeId> {
        (0..count).map(|n| NodeId::from_bytes([n; 32])).collect()
    }

    #[test]
    fn of_two_the_quicker_is_asked() {
        let (pool, nodes, now) = (Pool::default(), nodes(2), Instant::now());
        for (&node, seconds) in nodes.iter().zip([1, 3]) {
            pool.begin(node, now).done(now + Duration::from_secs(seconds));
        }
        assert_eq!(pool.choose(&nodes, now), Some(nodes[0]));
        let _busy: Vec<_> = (0..3).map(|_| pool.begin(nodes[0], now)).collect();
        assert_eq!(pool.choose(&nodes, now), Some(nodes[1]), "the quicker has more to do");
    }

    #[test]
    fn who_was_slow_once_is_tried_again() {
        let (pool, nodes, now) = (Pool::default(), nodes(2), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        pool.begin(nodes[0], now).done(at(1));
        for second in 0..100 {
            pool.begin(nodes[1], at(second)).done(at(second) + Duration::from_millis(10));
            // A hundred times as long is forgotten in less than seven half-lives.
            let expected = if second < 68 { nodes[1] } else { nodes[0] };
            assert_eq!(pool.choose(&nodes, at(second + 1)), Some(expected), "{second}");
        }
    }

    #[test]
    fn who_went_silent_is_not_the_quickest() {
        let (pool, nodes, now) = (Pool::default(), nodes(2), Instant::now());
        let silence = now + Duration::from_secs(20);
        pool.begin(nodes[0], now).failed(silence);
        pool.begin(nodes[1], now).done(now + Duration::from_millis(5));
        assert_eq!(pool.choose(&nodes, silence + REST * 2), Some(nodes[1]), "also when it has rested");
    }

    #[test]
    fn who_failed_rests_and_is_asked_when_nobody_else_is_there() {
        let (pool, nodes, now) = (Pool::default(), nodes(3), Instant::now());
        pool.begin(nodes[0], now).failed(now);
        pool.begin(nodes[1], now).failed(now);
        pool.begin(nodes[1], now).failed(now);
        assert!((0..50).all(|_| pool.choose(&nodes, now) == Some(nodes[2])));
        assert_eq!(pool.choose(&nodes[..2], now), Some(nodes[0]), "the shorter rest");
        let later = now + Duration::from_millis(1500);
        assert_eq!(pool.choose(&nodes[..2], later), Some(nodes[0]));
        assert_eq!(pool.choose(&[], now), None);
    }
}
