//! One simulated machine: the state machine, its links, and its disk.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::id::{NodeId, RecordKey};
use grid::output::Event;
use grid::overlay::Overlay;
use grid::peer::Peer;
use grid::record::Record;
use rand_chacha::ChaCha8Rng;

use crate::link::{Links, Position};

/// Whether a host works, and if not, how others find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Running.
    Up,
    /// The process was ended: the machine's kernel closes its connections and refuses new ones.
    Killed,
    /// The machine vanished: nothing comes back, not even a refusal.
    Silent,
}

/// What survives a restart.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Records.
    pub records: BTreeMap<RecordKey, Record>,
    /// Neighbours.
    pub known: BTreeMap<NodeId, Peer>,
    /// Writes fail for lack of space.
    pub full: bool,
}

/// One machine.
#[derive(Debug)]
pub struct Host {
    /// The node that runs on it; apart, so that what every message looks at of both hosts lies close together.
    pub overlay: Box<Overlay<ChaCha8Rng>>,
    /// Whether it runs.
    pub power: Power,
    /// Counts restarts, so that what was planned for an earlier run is dropped.
    pub run: u32,
    /// Whether its node says that it has joined.
    pub joined: bool,
    /// Whether it has said farewell.
    pub left: bool,
    /// Its disk.
    pub disk: Disk,
    /// Open links.
    pub links: Links,
    /// Where it is.
    pub position: Position,
    /// Hosts of different islands cannot reach each other.
    pub island: u8,
    /// When its credential was issued: each run has a newer one.
    pub issued: u64,
    /// How long it takes to serve a request; zero for one that has time for everything at once.
    pub service: Duration,
    /// Whether it signs what its node wants signed about its lines: who holds rosters up does not.
    pub signs: bool,
    /// Whether it is at work, and will take the next request when it is done.
    pub(crate) busy: bool,
}

impl Host {
    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.power == Power::Up
    }

    /// Takes note of what its node tells.
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Joined { .. } => self.joined = true,
            Event::Left => self.left = true,
            // One that has joined says so only when it has lost everybody.
            Event::JoinFailed { .. } => self.joined = false,
            Event::JoinProgress(_)
            | Event::RosterDoubt { .. }
            | Event::Grown
            | Event::Equivocated(_)
            | Event::RosterDone { .. }
            | Event::NeighbourUp(_)
            | Event::NeighbourDown(_)
            | Event::PutDone { .. }
            | Event::GetDone { .. }
            | Event::ProvideDone { .. }
            | Event::ProvidersDone { .. }
            | Event::HandingOver { .. }
            | Event::Asked { .. }
            | Event::AskDone { .. }
            | Event::EchoDone { .. } => {}
        }
    }
}
