//! Kademlia and the grid while nodes come and go: the same sessions, latencies and operations for both.
//!
//! The grid is its own state machine, as in `rook-sim churn` (`churn/grid.rs`).
//!
//! Kademlia is discrete events, with stored tables. As in the paper on it: every request makes its sender known to its
//! receiver; a contact that does not answer makes room for one that waits (section 4.1); a newcomer knows one node,
//! looks itself up, then refreshes the buckets beyond its closest neighbour; buckets are refreshed and records stored
//! again from time to time, an hour in the paper, and a record not by those who were given it meanwhile; who hears of a
//! newcomer that is among the `k` closest to a record hands it over if it is itself the closest (section 2.5).
//!
//! Different from it: a contact is given up at its first silence, since no packet is lost here; values are not cached
//! on the way; nothing expires within the time simulated.

mod grid;
mod lookup;
mod messages;
mod table;
mod tally;
mod world;

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::network::{Network, require};
use crate::experiment::{Measures, Model};
use world::World;

/// Nodes that come and go, and records that are put and got.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChurnPeers {
    /// Kademlia or the grid; of the parameters below, those that name one are for it alone.
    pub network: Network,
    /// How many nodes live at any time.
    pub nodes: u32,
    /// Half of all sessions are shorter than so many minutes. All end without a sign.
    pub median_minutes: f64,
    /// How long nodes come and go, in minutes.
    pub minutes: f64,
    /// Records that are there before the first node goes.
    pub records: u32,
    /// How large a record's value is.
    pub record_bytes: u32,
    /// Gets of random records by random nodes that have joined.
    pub gets_per_minute: f64,
    /// Puts of new records by random nodes that have joined.
    pub puts_per_minute: f64,
    /// Kademlia's contacts a bucket and holders of a record.
    pub k: usize,
    /// Kademlia's requests under way for one lookup.
    pub alpha: usize,
    /// Time between two refreshes of a node's buckets in Kademlia, in minutes.
    pub refresh_minutes: f64,
    /// Time after which a holder in Kademlia that was not given a record again stores it again, in minutes.
    pub republish_minutes: f64,
    /// How long an answer is awaited in Kademlia, in milliseconds.
    pub timeout_ms: u32,
    /// The grid's axes.
    pub dims: u8,
    /// The grid's coordinates on each axis.
    pub side: u16,
}

impl Default for ChurnPeers {
    fn default() -> Self {
        Self {
            network: Network::Kademlia,
            nodes: 1000,
            median_minutes: 10.0,
            minutes: 60.0,
            records: 500,
            record_bytes: 1024,
            gets_per_minute: 100.0,
            puts_per_minute: 10.0,
            k: 20,
            alpha: 3,
            refresh_minutes: 60.0,
            republish_minutes: 60.0,
            timeout_ms: 500,
            dims: 3,
            side: 6,
        }
    }
}

impl ChurnPeers {
    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout_ms))
    }
}

impl Model for ChurnPeers {
    const NAME: &'static str = "churn_peers";

    fn check(&self) -> Result<(), String> {
        let Self { nodes, k, alpha, .. } = *self;
        require((2..=20_000).contains(&nodes), || {
            format!(
                "nodes = {nodes}: 2 to 20,000, for somebody has to be there when another goes, and tables are stored"
            )
        })?;
        require((1..=256).contains(&k), || format!("k = {k}: 1 to 256 contacts a bucket"))?;
        require((1..=k).contains(&alpha), || format!("alpha = {alpha}: 1 to k = {k} requests under way"))?;
        let times = [
            ("median_minutes", self.median_minutes),
            ("minutes", self.minutes),
            ("refresh_minutes", self.refresh_minutes),
            ("republish_minutes", self.republish_minutes),
        ];
        for (name, minutes) in times {
            require((0.01..=1e5).contains(&minutes), || format!("{name} = {minutes}: 0.01 to 100,000 minutes"))?;
        }
        for (name, rate) in [("gets_per_minute", self.gets_per_minute), ("puts_per_minute", self.puts_per_minute)] {
            require((0.0..=1e5).contains(&rate), || format!("{name} = {rate}: 0 to 100,000"))?;
        }
        require((250..=60_000).contains(&self.timeout_ms), || {
            format!("timeout_ms = {}: 250 to 60,000, for the longest round trip is 170 and jitter", self.timeout_ms)
        })?;
        match self.network {
            Network::Kademlia => Ok(()),
            Network::Grid => grid::check(self),
            Network::SKademlia | Network::Chord => Err("network: only kademlia and grid can churn here".into()),
        }
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        match self.network {
            Network::Grid => grid::trial(self, seed),
            Network::Kademlia | Network::SKademlia | Network::Chord => Ok(World::new(self, seed).run()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(model: &ChurnPeers, seed: u64) -> Measures {
        model.check().unwrap();
        model.trial(seed).unwrap()
    }

    fn small() -> ChurnPeers {
        ChurnPeers { nodes: 150, minutes: 10.0, records: 100, record_bytes: 64, ..ChurnPeers::default() }
    }

    #[test]
    fn a_trial_is_decided_by_its_seed() {
        assert_eq!(trial(&small(), 1), trial(&small(), 1));
        assert_ne!(trial(&small(), 1), trial(&small(), 2));
    }

    #[test]
    fn nothing_is_lost_while_nobody_goes() {
        let measures = trial(&ChurnPeers { median_minutes: 1e5, ..small() }, 1);
        println!("{measures:?}");
        assert_eq!((measures["get_success"], measures["put_success"], measures["lost"]), (1.0, 1.0, 0.0));
        assert!((measures["holders"] - 20.0).abs() < 0.2 && measures["timeouts"] < 0.01, "{measures:?}");
    }

    #[test]
    fn records_get_lost_where_sessions_are_short_and_nobody_stores_them_again() {
        let short = trial(&ChurnPeers { median_minutes: 1.0, ..small() }, 1);
        let repaired = trial(&ChurnPeers { median_minutes: 1.0, republish_minutes: 1.0, ..small() }, 1);
        println!("{short:?}\n{repaired:?}");
        assert!(repaired["lost"] <= short["lost"] && repaired["get_success"] > short["get_success"]);
        assert!(repaired["repair_bytes_s"] > short["repair_bytes_s"]);
    }

    #[test]
    fn the_grid_is_measured_by_the_same_names() {
        let grid = ChurnPeers { network: Network::Grid, nodes: 40, dims: 2, side: 3, median_minutes: 3.0, ..small() };
        let (grid, kademlia) = (trial(&grid, 1), trial(&ChurnPeers { nodes: 40, ..small() }, 1));
        println!("{grid:?}");
        let is_common = |name: &&str| !["timeouts", "holders", "links_s"].contains(name);
        let names = |measures: &Measures| measures.keys().copied().filter(|name| is_common(name)).collect::<Vec<_>>();
        assert_eq!(names(&grid), names(&kademlia));
        let parts = ["client_bytes_s", "repair_bytes_s", "upkeep_bytes_s", "join_bytes_s"];
        let sum: f64 = parts.iter().map(|part| grid[part]).sum();
        assert!((sum / grid["bytes_s"] - 1.0).abs() < 1e-9 && grid["get_success"] > 0.9, "{grid:?}");
    }

    #[test]
    fn the_impossible_is_refused() {
        let chord = ChurnPeers { network: Network::Chord, ..small() };
        assert!(chord.check().unwrap_err().contains("only kademlia and grid"));
        let crowded = ChurnPeers { network: Network::Grid, side: 0, ..small() };
        assert!(crowded.check().is_err());
        assert!(ChurnPeers { nodes: 1, ..small() }.check().unwrap_err().contains("2 to 20,000"));
        assert!(ChurnPeers { minutes: 0.0, ..small() }.check().unwrap_err().contains("minutes = 0"));
    }
}
