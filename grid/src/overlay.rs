//! The state machine of one node: dispatches each input to the part of the protocol it belongs to.

use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;

use crate::cell::Cell;
use crate::config::Config;
use crate::id::NodeId;
use crate::input::Input;
use crate::output::Output;
use crate::parameters::Parameters;
use crate::peer::Peer;
use crate::time::Time;

/// Timers, each belonging to one part of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {}

/// One node.
#[derive(Debug)]
pub struct Overlay<R> {
    me: Peer,
    rng: R,
}

/// A node's state in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Nodes in the rosters.
    pub neighbours: usize,
    /// Open links, to neighbours and others.
    pub links: usize,
    /// Cells of our lines in which we know somebody, our own included.
    pub cells_known: u64,
    /// Cells of our lines in which we know nobody.
    pub vacant_cells: u64,
    /// Records held.
    pub records: usize,
    /// Whether the node has joined.
    pub joined: bool,
}

/// One node of the rosters, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourStatus {
    /// Its name.
    pub id: NodeId,
    /// Its cell.
    pub cell: Cell,
    /// Whether a link to it is open.
    pub linked: bool,
    /// Peak-EWMA of its answer times; `None` before the first.
    pub latency: Option<Duration>,
    /// Whether it is a neighbour, not a guest or a bridge.
    pub neighbour: bool,
}

impl<R: Rng> Overlay<R> {
    /// A node that has done nothing yet. `me` bears our own contact if we can be dialled.
    pub fn new(parameters: &Parameters, config: Config, me: Peer, rng: R) -> Self {
        let _ = (parameters, config);
        Self { me, rng }
    }

    /// Takes one input and appends what is to be done about it to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        let _ = (now, input, out, &mut self.rng);
    }

    /// This node.
    pub fn me(&self) -> &Peer {
        &self.me
    }

    /// The node's state in figures.
    pub fn status(&self) -> Status {
        Status { neighbours: 0, links: 0, cells_known: 0, vacant_cells: 0, records: 0, joined: false }
    }

    /// All nodes that this one knows, in the order of their names.
    pub fn peers(&self) -> Vec<NeighbourStatus> {
        Vec::new()
    }
}
