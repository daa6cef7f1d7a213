//! Tunnels: what the relays of one, and whoever is met at its far end, can find out about its initiator.
//!
//! | Part | The question |
//! | --- | --- |
//! | [`anonymity`] | how many initiators are possible for who sees one hop of one tunnel |
//! | [`compromise`] | how many tunnels have a hostile node at both ends, when relays lie about their links or drop what they cannot link |
//! | [`intersection`] | what is left after many tunnels that are known to be of one initiator |
//! | [`predecessor`] | how many tunnels pass until their initiator is known (Wright et al. 2004) |
//!
//! Each is a [`crate::experiment::Model`]. Who may be whose relay is drawn by [`grid::mimics`], the code that ships, in a
//! grid of its real geometry in which everybody is there all the time. What is left out: time, traffic and its shapes. An
//! adversary is given all rosters, and that it recognises a tunnel wherever it meets it: what cover traffic adds to that is
//! not counted.

pub mod anonymity;
pub mod compromise;
mod graph;
pub mod intersection;
mod net;
mod posterior;
pub mod predecessor;
mod route;
mod shown;

use grid::cell::Shape;
use grid::id::GridId;
use grid::mimics::Seed;
use serde::{Deserialize, Serialize};

use crate::adversary::{shape, within};
use crate::chance::Chance;

/// From where a relay's successor is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// The relay's links: whom it drew, and who drew it. What ships.
    Both,
    /// Whom it drew, alone.
    Drawn,
    /// All of its neighbours.
    Free,
    /// All of the *initiator's* neighbours, for every relay and the last node: the counter-example.
    Own,
}

/// Seeds of trials that are to have nothing in common with the network's own.
const PERIODS: u64 = 0x7065_7269_6f64_7300;

/// The seed of a period in a trial's network.
fn period(trial: u64, number: u64) -> Seed {
    let mut grid = [0; 32];
    grid[..8].copy_from_slice(&(trial ^ PERIODS).to_be_bytes());
    Seed::of(&GridId::from_bytes(grid), number)
}

/// The network that a model's parameters describe, or why it cannot be.
fn checked(dims: u8, side: u16, x: f64, mimics: usize, relays: usize) -> Result<Shape, String> {
    let shape = shape(dims, side)?;
    within("x", x, 0.5, 100.0)?;
    #[expect(clippy::cast_precision_loss, reason = "compared with limits far below 2^53")]
    let (nodes, count, hops) = (shape.cells() as f64 * x, mimics as f64, relays as f64);
    within("mimics", count, 1.0, 64.0)?;
    within("relays", hops, 2.0, 4.0)?;
    if (32.0..=MOST_NODES).contains(&nodes) {
        Ok(shape)
    } else {
        Err(format!("dims, side and x make {nodes} nodes: 32 to {MOST_NODES} would do"))
    }
}

/// The largest network whose links are drawn within seconds.
const MOST_NODES: f64 = 300_000.0;

/// `x` nodes for each cell, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: at most MOST_NODES")]
#[expect(clippy::cast_precision_loss, reason = "checked: at most MOST_NODES")]
fn drawn(shape: Shape, x: f64, chance: &mut Chance) -> net::Net {
    net::Net::draw(shape, (shape.cells() as f64 * x).round() as u32, chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::repeats;

    #[test]
    fn a_seed_decides_everything() {
        repeats(&anonymity::Anonymity { dims: 2, relays: 2, mimics: 4, ..Default::default() });
        repeats(&compromise::TunnelCompromise { dims: 2, tunnels: 200, ..Default::default() });
        repeats(&intersection::TunnelIntersection { dims: 2, relays: 2, mimics: 4, tunnels: 1, ..Default::default() });
        repeats(&predecessor::TunnelPredecessor { dims: 2, tunnels: 30, ..Default::default() });
    }

    #[test]
    fn impossible_networks_are_refused() {
        assert!(checked(2, 8, f64::NAN, 10, 3).unwrap_err().contains("x must be"));
        assert!(checked(2, 8, 8.0, 0, 3).unwrap_err().contains("mimics must be"));
        assert!(checked(2, 8, 8.0, 10, 9).unwrap_err().contains("relays must be 2 to 4"));
        assert!(checked(6, 10, 4.0, 10, 3).unwrap_err().contains("nodes"));
    }
}
