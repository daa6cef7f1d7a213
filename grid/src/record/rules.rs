//! What a grid says about records.

use crate::id::GridId;
use crate::parameters::Parameters;
use crate::record::price::PriceTable;
use crate::record::terms::TermsLimits;

/// What a grid's parameters say about records, at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    grid: GridId,
    /// What records cost.
    pub prices: PriceTable,
    /// What terms may say.
    pub limits: TermsLimits,
}

impl Rules {
    /// The rules of a grid.
    pub fn of(parameters: &Parameters) -> Self {
        let limits = TermsLimits { days: parameters.record_days, chunk: parameters.chunk_bytes() };
        Self { grid: parameters.grid_id(), prices: parameters.prices, limits }
    }

    /// The grid's name, by which stamps and signatures are bound to it.
    pub fn grid(&self) -> &GridId {
        &self.grid
    }
}
