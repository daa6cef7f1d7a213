//! The first frame each way on a new link.

use grid::level::Level;
use serde::{Deserialize, Serialize};

use super::card::WireCard;

/// "This is who I am, and so much I do for others": the first frame that either side sends, and the only one that may come
/// from a node that is not verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's own card.
    pub card: WireCard,
    /// How much it does for others.
    pub level: WireLevel,
}

/// A [`Level`] on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireLevel {
    /// Nothing.
    Leaf,
    /// Its share.
    Normal,
}

impl From<Level> for WireLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Leaf => Self::Leaf,
            Level::Normal => Self::Normal,
        }
    }
}

impl From<WireLevel> for Level {
    fn from(level: WireLevel) -> Self {
        match level {
            WireLevel::Leaf => Self::Leaf,
            WireLevel::Normal => Self::Normal,
        }
    }
}
