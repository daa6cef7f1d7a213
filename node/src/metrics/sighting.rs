//! A request that was seen on its way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One step of a request, or of its answer, over a link of this node. All nodes on its way know the request by the same
/// name, so that its steps can be put together from several nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sighting {
    /// The request's name, drawn at random by its origin, in hex.
    pub request: String,
    /// When, in microseconds of Unix time.
    pub at_micros: u64,
    /// What it asks for, as far as this node knows: `get`, `put`, `join`, ...
    pub kind: String,
    /// The cell that the step came from.
    pub from: Vec<u16>,
    /// The cell that it led to.
    pub to: Vec<u16>,
    /// What was sent.
    #[serde(flatten)]
    pub step: Step,
}

/// What was sent over the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The request.
    Hop {
        /// The cell that it is for.
        target: Vec<u16>,
        /// Links crossed before this one.
        hops: u8,
    },
    /// Its answer, on the way back.
    Back {
        /// What it comes to.
        outcome: String,
        /// The cell of who answered.
        answered: Vec<u16>,
    },
    /// It was not taken; another way is tried.
    Refused {
        /// Why.
        reason: String,
    },
}
