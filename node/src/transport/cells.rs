//! The way of tunnels' cells past the driver: what comes in goes to the task of the tunnels, what goes out to the link's
//! outbox.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::id::NodeId;
use tokio::sync::mpsc;
use tunnel::cell::Cell;

use super::outbox::CellOutbox;
use super::slots::Slots;

/// Cells that may wait for the task of the tunnels before the links that bring them are read more slowly, each in its turn: more would
/// have everybody's cells wait behind those of a link that brings too many.
const CELLS: usize = 256;

/// A cell, and who sent it.
pub(crate) type Arrived = (NodeId, Cell);

/// What the task of the tunnels reads.
#[derive(Debug)]
pub(crate) struct CellReceiver {
    /// Cells that have come in.
    pub(crate) cells: mpsc::Receiver<Arrived>,
    /// Links that are gone.
    pub(crate) gone: mpsc::UnboundedReceiver<NodeId>,
}

/// The links on which cells can be sent now, kept by the hub.
#[derive(Debug)]
pub(crate) struct CellLinks {
    open: Mutex<HashMap<NodeId, CellOutbox>>,
    /// One message for each link that ends, of which there are no more than have begun.
    gone: mpsc::UnboundedSender<NodeId>,
    /// Somebody reads cells.
    served: AtomicBool,
    /// When links send, if they have slots.
    slots: Option<Arc<Slots>>,
}

/// What the hub and the readers of links need of it.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    sender: mpsc::Sender<Arrived>,
    pub(crate) links: Arc<CellLinks>,
}

impl Cells {
    /// No links yet, and where cells come out. With slots links send in these alone.
    pub(crate) fn new(slots: Option<Slots>) -> (Self, CellReceiver) {
        let ((sender, cells), (downs, gone)) = (mpsc::channel(CELLS), mpsc::unbounded_channel());
        let links = CellLinks {
            open: Mutex::default(),
            gone: downs,
            served: AtomicBool::new(false),
            slots: slots.map(Arc::new),
        };
        (Self { sender, links: links.into() }, CellReceiver { cells, gone })
    }

    /// A cell has come in. Where there are no tunnels it is dropped; where their task is busy, its link waits.
    pub(crate) async fn arrived(&self, from: NodeId, cell: Cell) {
        if self.links.served.load(Ordering::Relaxed) {
            // Without the task nobody is interested.
            _ = self.sender.send((from, cell)).await;
        }
    }
}

impl CellLinks {
    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, CellOutbox>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cells are read from now on.
    pub(crate) fn serve(&self) {
        self.served.store(true, Ordering::Relaxed);
    }

    /// A node's link is open, or goes on over another connection.
    pub(crate) fn opened(&self, node: NodeId, outbox: CellOutbox) {
        let mut open = self.lock();
        open.insert(node, outbox);
        self.share(open.len());
    }

    fn share(&self, links: usize) {
        if let Some(slots) = &self.slots {
            slots.share(links);
        }
    }

    /// The links' slots, if they have some.
    pub(crate) fn slots(&self) -> Option<&Arc<Slots>> {
        self.slots.as_ref()
    }

    /// A node's link is gone.
    pub(crate) fn closed(&self, node: NodeId) {
        let mut open = self.lock();
        let was_open = open.remove(&node).is_some();
        self.share(open.len());
        drop(open);
        if was_open && self.served.load(Ordering::Relaxed) {
            // Without tunnels nobody listens.
            _ = self.gone.send(node);
        }
    }

    /// Has a link show whether the other side still reads, where it has send slots: elsewhere each cell does.
    pub(crate) fn feel(&self, node: &NodeId) {
        if self.slots.is_some() {
            self.lock().get(node).into_iter().for_each(CellOutbox::feel);
        }
    }

    /// Whether there is a link on which the other side has not read on for so long.
    pub(crate) fn is_mute(&self, node: &NodeId, least: Duration) -> bool {
        self.lock().get(node).is_some_and(|outbox| outbox.is_mute(least))
    }

    /// Sends a cell.
    ///
    /// # Errors
    /// [`Unsent`] if it finds no room, or there is no link.
    pub(crate) fn send(&self, to: &NodeId, cell: Cell) -> Result<(), Unsent> {
        match self.lock().get(to) {
            Some(outbox) => outbox.send(cell).map_err(|cell| Unsent { cell, linked: true }),
            None => Err(Unsent { cell, linked: false }),
        }
    }
}

/// A cell that was not sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// The cell.
    pub(crate) cell: Cell,
    /// Whether there is a link, on which there is no room for it.
    pub(crate) linked: bool,
}
