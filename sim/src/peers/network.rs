//! What the experiments with several networks have in common.

use grid::cell::MAX_DIMS;

use crate::figures::mean;

/// Which network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Grid of Trust, with as many axes and coordinates as its size asks for.
    Grid,
    /// Kademlia.
    #[default]
    Kademlia,
    /// Kademlia with disjoint paths, one request under way on each.
    SKademlia,
    /// Chord, without attackers.
    Chord,
}

/// Axes and coordinates of a grid that has about so many nodes in a cell, with eight coordinates or about that many:
/// `d = log8 (N/x)`, `g = (N/x)^(1/d)`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "roots of what fits 32 bits do")]
pub(super) fn shape_for(nodes: u32, per_cell: f64) -> (u32, u32) {
    let cells = (f64::from(nodes) / per_cell).max(1.0);
    let dims = cells.log(8.0).round().clamp(1.0, MAX_DIMS.into());
    (dims as u32, cells.powf(dims.recip()).round().max(2.0) as u32)
}

/// A figure of which there are many.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(Vec<f64>);

impl Figures {
    pub(super) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// 0 of none.
    pub(super) fn mean(&self) -> f64 {
        mean(&self.0)
    }

    /// What that many hundredths of them do not exceed; 0 of none.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0)
    }
}

/// A count that fits 32 bits, as those here do.
pub(super) fn whole(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A refusal, unless what is asked for is so.
pub(super) fn require(is_so: bool, refusal: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(refusal()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_about_eight_coordinates_and_the_nodes_asked_for() {
        assert_eq!(shape_for(1, 4.0), (1, 2));
        for nodes in [100, 1000, 32_768, 10_000_000] {
            let (dims, side) = shape_for(nodes, 4.0);
            let per_cell = f64::from(nodes) / f64::from(side).powi(i32::try_from(dims).unwrap());
            assert!((5..=14).contains(&side) && (2.5..6.5).contains(&per_cell), "{nodes}: {side}^{dims}");
        }
    }
}
