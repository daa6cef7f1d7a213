//! What is told of as it happens.

use grid::output::Event;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metrics::{Sighting, advice_on_join, labels};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Live {
    /// A request, or its answer, went over a link of this node.
    Seen(Sighting),
    /// An operation of the owner has ended.
    Done {
        /// What it was: `put`, `get`, ...
        kind: String,
        /// Why it came to nothing, if it did.
        error: Option<String>,
    },
    /// Joining has come one step further.
    Joining {
        /// The step.
        step: String,
    },
    /// Joining failed and will be tried again.
    JoinFailed {
        /// At which step.
        step: String,
        /// Why.
        why: String,
        /// What to do about it.
        what_to_do: String,
        /// When it is tried again.
        retry_in_ms: u64,
    },
    /// The node is part of the grid.
    Joined {
        /// Linked neighbours.
        neighbours: u32,
    },
    /// What was said of one line does not fit the others.
    RosterDoubt {
        /// Nodes that were named.
        counted: u32,
        /// The least count that is believable.
        least: u32,
        /// The greatest.
        greatest: u32,
    },
    /// This node is no leaf any more.
    Grown,
    /// A neighbour is linked.
    NeighbourUp {
        /// Its name, in hex.
        id: String,
    },
    /// A neighbour is gone.
    NeighbourDown {
        /// Its name, in hex.
        id: String,
    },
    /// A node has signed two rosters of one line: there is proof, and others are told.
    Equivocated {
        /// Its name, in hex.
        id: String,
    },
    /// This node leaves, and hands its records over first.
    HandingOver {
        /// How many.
        records: u32,
    },
    /// The node has left the grid.
    Left,
    /// So many events were dropped, since they were not read in time.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Live {
    /// What is told of an event; `None` of what is between the node and its services.
    pub(in crate::api) fn of(event: &Event) -> Option<Self> {
        let done = |kind: &str, error: Option<String>| Some(Self::Done { kind: kind.into(), error });
        match event {
            Event::JoinProgress(step) => Some(Self::Joining { step: labels::step(*step).into() }),
            Event::JoinFailed { step, why, retry_in } => Some(Self::JoinFailed {
                step: labels::step(*step).into(),
                why: why.clone(),
                what_to_do: advice_on_join(*step).into(),
                retry_in_ms: u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX),
            }),
            Event::Joined { neighbours } => Some(Self::Joined { neighbours: *neighbours }),
            &Event::RosterDoubt { counted, least, greatest } => Some(Self::RosterDoubt { counted, least, greatest }),
            Event::Grown => Some(Self::Grown),
            Event::NeighbourUp(id) => Some(Self::NeighbourUp { id: id.to_string() }),
            Event::NeighbourDown(id) => Some(Self::NeighbourDown { id: id.to_string() }),
            Event::HandingOver { records } => Some(Self::HandingOver { records: *records }),
            Event::PutDone { outcome, .. } => done("put", outcome.as_ref().err().map(ToString::to_string)),
            Event::GetDone { outcome, .. } => done("get", outcome.as_ref().err().map(ToString::to_string)),
            Event::ProvideDone { outcome, .. } => done("provide", outcome.as_ref().err().map(ToString::to_string)),
            Event::ProvidersDone { outcome, .. } => done("providers", outcome.as_ref().err().map(ToString::to_string)),
            Event::EchoDone { outcome, .. } => done("echo", outcome.as_ref().err().map(ToString::to_string)),
            Event::RosterDone { outcome, .. } => done("roster", outcome.as_ref().err().map(ToString::to_string)),
            Event::Equivocated(id) => Some(Self::Equivocated { id: id.to_string() }),
            Event::Left => Some(Self::Left),
            // The driver keeps these two to itself.
            Event::Asked { .. } | Event::AskDone { .. } => None,
        }
    }
}
