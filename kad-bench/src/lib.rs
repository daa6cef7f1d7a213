//! What Grid of Trust is compared with: a libp2p Kademlia network of many nodes in this process, over TCP, Noise and
//! Yamux on loopback, set up as the documentation of rust-libp2p sets it up, and measured.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`Plan`] | how many nodes, how many operations, whom to kill |
//! | [`Network`] | starts the nodes, joins them through the first, measures |
//! | [`Figures`] | what came out, ready for JSON |
//! | [`KadError`] | why nothing came out |
//!
//! What a node is: `k` = 20 and `alpha` = 3, a put goes to the 20 nodes nearest to the key and is done when the first
//! of them has it ([`Quorum::One`](libp2p::kad::Quorum::One), as in the examples of rust-libp2p), a get is done with
//! the first record found. Three settings are not the defaults, all in Kademlia's favour: connections stay open when
//! idle (libp2p would close them after 10 s), the stores and packets are large enough for the plan, and nodes are
//! servers from the start instead of when an address of theirs is confirmed.
//!
//! # Example
//!
//! ```
//! use kad_bench::{Network, Plan};
//!
//! # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
//! let plan = Plan { nodes: 4, operations: 8, concurrent_operations: 16, ..Plan::default() };
//! let mut network = Network::start(&plan).await?;
//! // Here the memory of the process can be read: nothing is stored yet.
//! let figures = network.measure(&plan).await?;
//! assert_eq!((figures.put_failures, figures.get_failures), (0, 0));
//! # Ok::<(), kad_bench::KadError>(())
//! # }).expect("loopback works");
//! ```

mod chance;
mod error;
mod figures;
mod measure;
mod network;
mod node;
mod plan;
mod swarm;

pub use error::KadError;
pub use figures::Figures;
pub use network::Network;
pub use plan::Plan;
