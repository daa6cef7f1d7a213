//! How a line stands in the present epoch, for display.

use crate::cell::Line;

/// What has come of a line's roster in this epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStanding {
    /// The line.
    pub line: Line,
    /// How many members its certified roster has; `None` if it has none yet.
    pub members: Option<u32>,
    /// How many of them have signed it, as far as is known.
    pub signatures: usize,
}
