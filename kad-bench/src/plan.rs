//! What to measure.

use rustix::process::{Resource, getrlimit};

use crate::error::KadError;

/// What to measure. The same plan makes the same identities, keys, askers and victims.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Nodes in the network, at least 2.
    pub nodes: usize,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Puts one after the other; as many gets one after the other; and as many gets after the kill.
    pub operations: usize,
    /// Gets that are under way at once when throughput is measured.
    pub concurrent: usize,
    /// Gets for the measurement of throughput.
    pub concurrent_operations: usize,
    /// The share of the nodes that is dropped, 0 to below 1.
    pub kill_share: f64,
    /// Where identities, keys, values, askers and victims come from.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            nodes: 64,
            value_bytes: 1024,
            operations: 500,
            concurrent: 32,
            concurrent_operations: 10_000,
            kill_share: 0.3,
            seed: 1,
        }
    }
}

/// Files that the process has open besides connections: logs, listeners, the runtime's own.
const OTHER_FILES: u64 = 64;

impl Plan {
    /// Whether it can be carried out at all, and within the limits of this process.
    pub(crate) fn check(&self) -> Result<(), KadError> {
        if self.nodes < 2 {
            return Err(KadError::Plan("a network needs at least 2 nodes"));
        }
        if self.operations == 0 || self.concurrent == 0 || self.concurrent_operations == 0 {
            return Err(KadError::Plan("there must be at least one operation of each kind, and one at once"));
        }
        if !(0.0..1.0).contains(&self.kill_share) || self.victims(self.nodes) >= self.nodes {
            return Err(KadError::Plan("the share of nodes to kill must be 0 or more and leave a node alive"));
        }
        self.check_open_files()
    }

    /// Both ends of each connection are in this process, and in a small network everyone links to everyone.
    fn check_open_files(&self) -> Result<(), KadError> {
        let nodes = u64::try_from(self.nodes).unwrap_or(u64::MAX);
        let needed = nodes.saturating_mul(nodes).saturating_add(OTHER_FILES);
        match getrlimit(Resource::Nofile).current {
            Some(limit) if limit < needed => Err(KadError::OpenFiles { nodes: self.nodes, needed, limit }),
            Some(_) | None => Ok(()),
        }
    }

    /// How many of so many nodes are dropped: their share, rounded.
    pub(crate) fn victims(&self, alive: usize) -> usize {
        let share = self.kill_share * alive as f64;
        (0..alive).take_while(|number| *number as f64 + 0.5 <= share).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_victims_is_rounded() {
        let victims = |kill_share, alive| Plan { kill_share, ..Plan::default() }.victims(alive);
        assert_eq!(victims(0.0, 64), 0);
        assert_eq!(victims(0.3, 64), 19);
        assert_eq!(victims(0.5, 3), 2);
        assert_eq!(victims(0.99, 4), 4);
    }

    #[test]
    fn a_network_that_needs_more_files_than_there_can_be_is_refused() {
        let many = Plan { nodes: usize::MAX, ..Plan::default() };
        let limited = getrlimit(Resource::Nofile).current.is_some_and(|limit| limit < u64::MAX);
        assert_eq!(matches!(many.check_open_files(), Err(KadError::OpenFiles { .. })), limited);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |plan: Plan| matches!(plan.check(), Err(KadError::Plan(_)));
        assert!(!refused(Plan { nodes: 2, ..Plan::default() }));
        assert!(refused(Plan { nodes: 1, ..Plan::default() }));
        assert!(refused(Plan { operations: 0, ..Plan::default() }));
        assert!(refused(Plan { concurrent: 0, ..Plan::default() }));
        assert!(refused(Plan { kill_share: 1.0, ..Plan::default() }));
        assert!(refused(Plan { kill_share: f64::NAN, ..Plan::default() }));
        assert!(refused(Plan { nodes: 4, kill_share: 0.99, ..Plan::default() }));
    }
}
