//! Grid of Trust in simulated networks: the state machine that ships, thousands of times, in a network that is made up.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`network`] | discrete events: carries out what nodes want, tells them what happens |
//! | [`host`], [`link`] | machines that crash, lie on a disk's bottom and come back; latency, loss, partitions |
//! | [`identity`] | identities without keys, and what they would have cost |
//! | [`records`] | records without work and keys |
//! | [`oracle`] | what is true, and what must always hold |
//! | [`scenario`] | growing a network, asking it, killing a part of it |
//! | [`churn`] | an hour in which nodes come and go |
//! | [`checks`] | dataset servers of which some lie |
//! | [`censorship`] | cancer nodes, which let chosen keys vanish |
//! | [`field`] | the second floor: millions of nodes as flat arrays |
//! | [`figures`] | shares, means, quantiles |
//! | [`experiment`] | experiment files: sweeps over models, statistics, claims, plots, reports |
//! | [`geometry`] | networks drawn at random: distances, neighbours, vacant cells |
//! | [`adversary`] | attacks, and what they cost |
//! | [`barter`] | neighbours that serve each other, and leeches |
//! | [`kademlia`], [`chord`] | other networks, for millions of nodes |
//! | [`peers`] | experiments that set the grid beside them |
//! | [`internet`], [`stretch`] | hosts in real cities, and how much longer a request's way is than the direct path |
//! | [`line_rosters`] | rosters that the members of a line certify, while nodes come, go and lie |
//! | [`levels`] | what a machine costs and gets as a leaf, a normal node, a strong one |
//! | [`small_grids`] | few nodes in a grid that is made for many |
//! | [`tunnels`] | what relays, and those at a tunnel's far end, find out about its initiator |
//! | [`machine`] | what the machine that runs it has, and what was taken of it |
//! | [`traffic`], [`trace`] | what was sent; a hash that tells two runs apart |
//! | [`queueing`] | the orders in which a node can serve its work |
//! | [`queue`], [`chance`] | the order of events; randomness from one seed |
//!
//! # Example
//!
//! ```
//! use sim::scenario::Scenario;
//! use core::time::Duration;
//!
//! let mut scenario = Scenario::new(2, 2, 1).expect("a possible shape");
//! scenario.grow(8, Duration::from_millis(500)).expect("identities are in the book");
//! scenario.network.run_for(Duration::from_secs(60));
//! assert_eq!(scenario.roster_errors().missing, 0);
//! ```

pub mod adversary;
pub mod barter;
pub mod censorship;
pub mod chance;
pub mod checks;
pub mod chord;
pub mod churn;
pub mod experiment;
pub mod field;
pub mod figures;
pub mod geometry;
pub mod host;
pub mod identity;
pub mod internet;
pub mod kademlia;
pub mod levels;
pub mod line_rosters;
pub mod link;
pub mod machine;
pub mod network;
pub mod oracle;
pub mod peers;
pub mod queue;
pub mod queueing;
pub mod records;
pub mod scenario;
pub mod small_grids;
pub mod stretch;
pub mod trace;
pub mod traffic;
pub mod tunnels;
