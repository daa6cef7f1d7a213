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

    /// Rules that somebody was told, of a grid whose parameters are not at hand.
    pub const fn new(grid: GridId, prices: PriceTable, limits: TermsLimits) -> Self {
        Self { grid, prices, limits }
    }

    /// The grid's name, by which stamps and signatures are bound to it.
    pub fn grid(&self) -> &GridId {
        &self.grid
    }
}
