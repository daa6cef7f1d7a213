//! How far it is from a node along each of its lines: what nodes tell each other, so that a hop is not chosen for its own
//! latency alone but for the way that is left after it.
//!
//! A way is the latency to the nearest node of a cell, averaged over the cells of the line: what the next hop along that
//! axis is expected to take, for the hop is chosen among the nodes of one cell.

use core::time::Duration;

use crate::cell::{Axis, MAX_DIMS};

/// One step of a way as it is told: fine enough for a local network, and 6.5 s fit two bytes.
const STEP: Duration = Duration::from_micros(100);
/// Nothing is known of this axis.
const UNKNOWN: u16 = u16::MAX;

/// A way along each axis, in steps of 100 microseconds; some may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    dims: u8,
    /// Those beyond `dims` are unknown.
    steps: [u16; MAX_DIMS as usize],
}

impl Ways {
    /// Nothing is known, in a grid of so many axes.
    pub const fn none(dims: u8) -> Self {
        Self { dims, steps: [UNKNOWN; MAX_DIMS as usize] }
    }

    /// What was told: a number an axis, 65,535 where the teller does not know; `None` for more axes than any grid has.
    pub fn of_steps(steps: &[u16]) -> Option<Self> {
        let mut ways = Self::none(u8::try_from(steps.len()).ok().filter(|&dims| dims <= MAX_DIMS)?);
        ways.steps[..steps.len()].copy_from_slice(steps);
        Some(ways)
    }

    /// The numbers, one an axis, as they are told.
    pub fn steps(&self) -> &[u16] {
        &self.steps[..usize::from(self.dims)]
    }

    /// The way along an axis; `None` if it is unknown.
    pub fn along(&self, axis: Axis) -> Option<Duration> {
        let steps = self.steps[axis.index()];
        (steps != UNKNOWN).then(|| STEP * u32::from(steps))
    }

    /// Sets the way along an axis. Beyond 6.5 s it is not told how far.
    pub fn set(&mut self, axis: Axis, way: Duration) {
        let steps = way.as_micros() / STEP.as_micros();
        self.steps[axis.index()] = u16::try_from(steps).unwrap_or(UNKNOWN).min(UNKNOWN - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_told_is_what_was_meant(micros in 0..20_000_000_u64, dims in 1..=MAX_DIMS) {
            let axis = Shape::new(dims, 2).unwrap().axes().last().unwrap();
            let mut ways = Ways::none(dims);
            prop_assert_eq!(ways.along(axis), None);
            ways.set(axis, Duration::from_micros(micros));
            let heard = Ways::of_steps(ways.steps()).unwrap();
            prop_assert_eq!(heard, ways);
            let most = STEP * u32::from(UNKNOWN - 1);
            let told = heard.along(axis).unwrap();
            prop_assert!(told <= Duration::from_micros(micros).min(most));
            prop_assert!(told + STEP > Duration::from_micros(micros).min(most));
        }
    }
}
