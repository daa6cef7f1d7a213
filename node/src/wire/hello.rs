//! The first frame each way on a new link.

use serde::{Deserialize, Serialize};

use super::card::WireCard;

/// "This is who I am": the first frame that either side sends, and the only one that may come from a node that is not
/// verified yet. On the wire it is the card and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's own card.
    pub card: WireCard,
}
