//! The two ends of what waits for a link: the driver puts messages in, the writer takes batches out; and what the reader
//! hears of marks on the way back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grid::queue::Class;
use grid::time::Time;
use tokio::sync::Notify;
use tunnel::cell::Cell;

use super::Limits;
use super::egress::{Egress, Filling, Full, Unasked};
use crate::clock::SteadyClock;
use crate::wire::piece::Reached;

#[derive(Debug)]
struct Shared {
    /// Locked for the microseconds in which it decides, never while anybody waits.
    egress: Mutex<Egress>,
    /// There may be something to write.
    wake: Notify,
    clock: SteadyClock,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Egress> {
        self.egress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        self.clock.now()
    }
}

/// The writing end that the driver holds. What does not fit into its bounds is not sent. When it is dropped, the writer
/// finishes and closes the stream.
#[derive(Debug)]
pub(crate) struct Outbox(Arc<Shared>);

/// A second writing end, for the cells of tunnels. It does not keep the link open.
#[derive(Clone, Debug)]
pub(crate) struct CellOutbox(Arc<Shared>);

impl CellOutbox {
    /// Queues a cell.
    ///
    /// # Errors
    /// The cell, if there is no room for it, or the link is closing.
    pub(crate) fn send(&self, cell: Cell) -> Result<(), Cell> {
        self.0.lock().push_cell(cell)?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// Has the link show whether the other side still reads.
    pub(crate) fn feel(&self) {
        self.0.lock().feel();
        self.0.wake.notify_one();
    }

    /// Whether the other side has not read on for so long.
    pub(crate) fn is_mute(&self, least: Duration) -> bool {
        self.0.lock().is_mute(self.0.now(), least)
    }
}

/// The end from which batches are written.
#[derive(Debug)]
pub(crate) struct Batches(Arc<Shared>);

/// What a reader hears that concerns the writer.
#[derive(Clone, Debug)]
pub(crate) struct Marks(Arc<Shared>);

/// What a writer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write the batch.
    Write,
    /// Everything is written, or bulk has to wait.
    Wait,
    /// Everything is written, and nothing will come.
    End,
    /// The other side has not read on for too long.
    Stalled,
}

/// An outbox, where it comes out, and where the reader reports.
pub(crate) fn outbox(limits: &Limits) -> (Outbox, Batches, Marks) {
    let clock = SteadyClock::start();
    let egress = Mutex::new(Egress::new(limits, clock.now()));
    let shared = Arc::new(Shared { egress, wake: Notify::new(), clock });
    (Outbox(shared.clone()), Batches(shared.clone()), Marks(shared))
}

impl Outbox {
    /// Queues a message.
    ///
    /// # Errors
    /// [`Full`] if there is no room.
    pub(crate) fn send(&self, lane: Class, message: Vec<u8>) -> Result<(), Full> {
        self.0.lock().push(lane, message)?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// What waits, in bytes, in the order of [`Class::ALL`].
    pub(crate) fn waiting(&self) -> [usize; 3] {
        self.0.lock().waiting()
    }
}

impl Outbox {
    /// The end for cells.
    pub(crate) fn cells(&self) -> CellOutbox {
        CellOutbox(self.0.clone())
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.lock().close();
        self.0.wake.notify_one();
    }
}

impl Batches {
    /// Puts what is to be written now into an empty batch.
    pub(crate) fn next(&self, batch: &mut Vec<u8>, patience: Duration) -> Next {
        let (mut egress, now) = (self.0.lock(), self.0.now());
        if egress.waited(now) > patience {
            return Next::Stalled;
        }
        egress.fill(now, batch);
        match (batch.is_empty(), egress.is_done()) {
            (false, _) => Next::Write,
            (true, true) => Next::End,
            (true, false) => Next::Wait,
        }
    }

    /// Appends what goes in a send slot; `None` if everything is written and nothing will come.
    pub(crate) fn slot(&self, batch: &mut Vec<u8>) -> Option<Filling> {
        let mut egress = self.0.lock();
        (!egress.is_done()).then(|| egress.fill_slot(self.0.now(), batch))
    }

    /// Waits until there may be something to do.
    pub(crate) async fn changed(&self) {
        self.0.wake.notified().await;
    }
}

impl Marks {
    /// A mark was read.
    pub(crate) fn mark(&self) {
        self.0.lock().on_mark(self.0.now());
        self.0.wake.notify_one();
    }

    /// The other side has read our marks.
    ///
    /// # Errors
    /// [`Unasked`] if that cannot be.
    pub(crate) fn reached(&self, reached: Reached) -> Result<(), Unasked> {
        self.0.lock().on_reached(self.0.now(), reached)?;
        self.0.wake.notify_one();
        Ok(())
    }
}
