//! Experiments that set the grid beside other networks: Kademlia, S/Kademlia and Chord, in the same latencies and with
//! attackers who pay the same.

pub mod churn;
pub mod eclipse;
mod grid;
pub mod hops;
pub mod lookups;
mod network;
