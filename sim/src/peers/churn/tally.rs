//! What came of it.

use core::time::Duration;

use crate::experiment::Measures;
use crate::peers::network::Figures;

/// What something was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Gets and puts.
    Client,
    /// Records stored again, and handed over to newcomers.
    Repair,
    /// Buckets refreshed.
    Upkeep,
    /// Newcomers.
    Join,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bytes delivered, by purpose.
    bytes: [f64; 4],
    gets: [f64; 2],
    puts: [f64; 2],
    /// Gets that failed though a living node had the record.
    missed: f64,
    get_latency: Figures,
    pub(super) join_latency: Figures,
    pub(super) timeouts: f64,
    pub(super) requests: f64,
}

impl Tally {
    pub(super) fn sent(&mut self, purpose: Purpose, bytes: f64) {
        self.bytes[purpose as usize] += bytes;
    }

    pub(super) fn got(&mut self, found: bool, exists: bool, latency: Duration) {
        self.gets[usize::from(found)] += 1.0;
        self.missed += f64::from(u8::from(!found && exists));
        if found {
            self.get_latency.push(1000.0 * latency.as_secs_f64());
        }
    }

    pub(super) fn put(&mut self, stored: bool) {
        self.puts[usize::from(stored)] += 1.0;
    }

    pub(super) fn measures(&self, node_seconds: f64) -> Measures {
        let share = |[failed, succeeded]: [f64; 2]| succeeded / (failed + succeeded).max(1.0);
        let [client, repair, upkeep, join] = self.bytes.map(|bytes| bytes / node_seconds);
        Measures::from([
            ("get_success", share(self.gets)),
            ("get_missed", self.missed / self.gets.iter().sum::<f64>().max(1.0)),
            ("get_p50_ms", self.get_latency.percentile(50)),
            ("get_p95_ms", self.get_latency.percentile(95)),
            ("put_success", share(self.puts)),
            ("join_p50_ms", self.join_latency.percentile(50)),
            ("client_bytes_s", client),
            ("repair_bytes_s", repair),
            ("upkeep_bytes_s", upkeep),
            ("join_bytes_s", join),
            ("bytes_s", client + repair + upkeep + join),
            ("timeouts", self.timeouts / self.requests.max(1.0)),
        ])
    }
}
