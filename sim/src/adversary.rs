//! Attacks: what an adversary with paid identities can do to a grid, and what each costs it.
//!
//! | Attack | The question |
//! | --- | --- |
//! | [`roster_lies`] | how much a liar can hide from a list of neighbours before the list gives it away |
//! | [`spy_and_flood`] | what it costs to sit beside a chosen cell, what one sees there, and whom one can starve |
//! | [`dht_flood`] | how many honest requests survive a flood, by the order in which a node serves its queue |
//! | [`boa_constrictor`] | what months of patience do to one cell |
//! | [`gpu_adversary`] | what all of it costs with graphics cards |
//!
//! Each is a [`crate::experiment::Model`]. They share [`draws`] (the laws that chance follows) and [`price`] (what an
//! identity costs, on which machine).

pub mod boa_constrictor;
pub mod dht_flood;
pub mod draws;
pub mod gpu_adversary;
pub mod price;
pub mod roster_lies;
pub mod spy_and_flood;

use grid::cell::Shape;

/// The shape, or why there is none, in words that name the parameters.
pub(crate) fn shape(dims: u8, side: u16) -> Result<Shape, String> {
    Shape::new(dims, side).map_err(|error| format!("dims = {dims}, side = {side}: {error}"))
}

/// Refuses a parameter outside `least..=greatest`, and says what would do. What is not a number is outside.
pub(crate) fn within(parameter: &str, found: f64, least: f64, greatest: f64) -> Result<(), String> {
    if (least..=greatest).contains(&found) {
        Ok(())
    } else {
        Err(format!("{parameter} must be {least} to {greatest}, not {found}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::repeats;

    #[test]
    fn a_seed_decides_everything() {
        repeats(&roster_lies::RosterLies { lists: 200, ..Default::default() });
        repeats(&spy_and_flood::SpyAndFlood { dims: 2, requests: 200, ..Default::default() });
        repeats(&dht_flood::DhtFlood { requests: 1000, ..Default::default() });
        repeats(&boa_constrictor::BoaConstrictor::default());
        repeats(&gpu_adversary::GpuAdversary::default());
    }
}
