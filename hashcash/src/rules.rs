//! What a grid demands of an identity: the part of its parameters that this crate needs.

use std::ops::RangeInclusive;

/// Modulus sizes that can be used at all, in bits. Shipped grids use 2048; the small end is for tests.
pub const MODULUS_BITS: RangeInclusive<u32> = 256..=8192;

/// The size of a modulus must be a multiple of this, so that each prime is a whole number of machine words.
pub const MODULUS_STEP: u32 = 128;

/// What a grid demands of the identities of its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Hash of the grid's parameters. It goes into every salt and every signature, so that nothing of
    /// one grid means anything in another.
    pub grid_id: [u8; 32],
    /// Exact size of the RSA modulus in bits, a multiple of [`MODULUS_STEP`] within [`MODULUS_BITS`].
    pub modulus_bits: u32,
    /// How many leading zero bits `SHA-1(e ‖ N)` must have, 0 to 160.
    pub difficulty: u32,
    /// For how many days after its minting an identity is good.
    pub lifetime_days: u32,
    /// Number of axes of the grid, at least 1.
    pub dims: u8,
    /// Number of coordinates on each axis, at least 1.
    pub side: u32,
}

/// Rules that no identity could be measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// More zero bits asked than a SHA-1 digest has.
    #[error("the grid asks for {0} zero bits, but a SHA-1 digest has only 160: correct `difficulty`")]
    Difficulty(u32),
    /// The grid has no axes.
    #[error("the grid has no axes: set `dims` to at least 1")]
    Dims,
    /// The size of the modulus is out of range or no multiple of the step.
    #[error(
        "a modulus of {0} bits cannot be used: choose a multiple of {step} from {least} to {most}",
        step = MODULUS_STEP, least = MODULUS_BITS.start(), most = MODULUS_BITS.end()
    )]
    ModulusBits(u32),
    /// The axes have no coordinates.
    #[error("the grid's axes have no coordinates: set `side` to at least 1")]
    Side,
}

impl Rules {
    /// Whether an identity can be measured by these rules at all.
    ///
    /// # Errors
    /// Names the first parameter that makes no sense.
    pub fn check(&self) -> Result<(), RulesError> {
        if !MODULUS_BITS.contains(&self.modulus_bits) || !self.modulus_bits.is_multiple_of(MODULUS_STEP) {
            return Err(RulesError::ModulusBits(self.modulus_bits));
        }
        if self.difficulty > 160 {
            return Err(RulesError::Difficulty(self.difficulty));
        }
        if self.dims == 0 {
            return Err(RulesError::Dims);
        }
        if self.side == 0 {
            return Err(RulesError::Side);
        }
        Ok(())
    }

    /// Length of a modulus in bytes.
    pub fn modulus_bytes(&self) -> usize {
        self.modulus_bits as usize / 8
    }
}
