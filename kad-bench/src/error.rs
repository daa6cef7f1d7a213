//! Why a network of Kademlia nodes could not be started or measured.

use std::time::Duration;

use libp2p::Multiaddr;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KadError {
    /// The plan cannot be carried out.
    #[error("this cannot be measured: {0}")]
    Plan(&'static str),
    /// The connections would need more file descriptors than the process may have.
    #[error(
        "{nodes} nodes that are all linked need about {needed} open files, and this process may have {limit}: \
        take fewer nodes, or raise the limit with `ulimit -n {needed}`"
    )]
    OpenFiles {
        /// The nodes of the plan.
        nodes: usize,
        /// What they would open.
        needed: u64,
        /// What the system allows.
        limit: u64,
    },
    /// The transport, the identity or the behaviour of a node could not be set up.
    #[error("a Kademlia node could not be set up: {0}")]
    SetUp(String),
    /// A node cannot listen.
    #[error("a Kademlia node cannot listen at {address}: {why}")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// What the system said.
        why: String,
    },
    /// A node did not get to know the others.
    #[error("Kademlia node {number} could not join: its bootstrap found nobody or timed out")]
    NotJoined {
        /// Its number, from 0, which is the node that the others join through.
        number: usize,
    },
    /// A step took longer than it may.
    #[error("{step} took longer than {limit:?}; is the machine busy with something else?")]
    TooSlow {
        /// What was being done.
        step: &'static str,
        /// The time it had.
        limit: Duration,
    },
    /// A node ended that should not have.
    #[error("a Kademlia node ended before it was told to")]
    Stopped,
}
