//! What a measurement gives.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What was measured. Times are from the call to the answer, as the program that uses a node sees them.
///
/// With the default plan on a machine of 2 cores: about 0.5 ms and 2 requests a get, 6 ms and 45 requests a put, 2,600
/// gets a second, 63 links a node. Twice these times, or half of this rate, and the machine was busy with something
/// else; other numbers of requests or links, and it is another network. Where only the first node has `identify`, so
/// that the others know just those whom they dialled themselves, a put makes 61 requests and takes half as long again,
/// and a node has 62 links: the lookup of the nearest nodes asks twice as many when the routing tables are half empty.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figures {
    /// The median time of a get, one at a time, from a random node, of a random earlier record: until the first copy.
    pub get_p50_ms: f64,
    /// What 95 of 100 gets stay within.
    pub get_p95_ms: f64,
    /// The median time of a put, one at a time, from a random node: until the first of the nodes nearest to the key
    /// has it.
    pub put_p50_ms: f64,
    /// What 95 of 100 puts stay within.
    pub put_p95_ms: f64,
    /// Gets that succeeded in a second, with as many in flight as the plan says.
    pub gets_per_s: f64,
    /// The mean number of requests of a put, as `QueryStats::num_requests` counts them at its end: those of the lookup
    /// of the nearest nodes, and those that carry the record.
    pub messages_per_put: f64,
    /// The mean number of requests of a get until its first copy, as `QueryStats::num_requests` counts them; none for
    /// who asks has a copy itself. In a network of 21 nodes or fewer everyone has a copy of everything.
    pub messages_per_get: f64,
    /// The share of the gets, one at a time, that were answered from the asker's own store.
    pub gets_from_own_store: f64,
    /// The mean number of nodes that a node has an open connection with, before the kill.
    pub links_per_node: f64,
    /// The share of gets of earlier records by survivors, immediately after the kill, that brought the right value.
    ///
    /// On loopback the dead refuse connections at once. In a real network each dead node that is asked costs a timeout,
    /// so this is about whether the record is found, not about how soon.
    pub success_after_kill: f64,
    /// Gets that failed or brought a wrong value, before the kill.
    pub get_failures: u64,
    /// Puts that failed.
    pub put_failures: u64,
}

/// The time that so many percent of these stay within; 0 if there are none.
pub(crate) fn percentile_ms(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    let time = times.get(rank.saturating_sub(1)).copied().unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

/// A part of a whole; 0 of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measurements() {
        let mut times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&mut times, 50), 10.0);
        assert_eq!(percentile_ms(&mut times, 95), 19.0);
        assert_eq!(percentile_ms(&mut times, 100), 20.0);
        assert_eq!(percentile_ms(&mut [Duration::from_millis(3)], 50), 3.0);
        assert_eq!(percentile_ms(&mut [], 50), 0.0);
    }
}
