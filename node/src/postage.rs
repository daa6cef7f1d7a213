//! Postage of requests, with the real work: a bounded worker that searches it for the core, and the check of what comes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use grid::cell::Cell;
use grid::id::{GridId, RequestId};
use grid::postage::{Paid, Postage, PostageError, Verifier, Window};
use hashcash::postage::{self, Subject};
use tokio::sync::Semaphore;

use crate::clock;

/// Searches that may wait or be under way; more requests go without. Whoever has so many requests under way that have to
/// be paid for is served sooner if it asks for less.
const MOST_SEARCHES: usize = 64;

/// A search is given up after so many times its effort; one in 500 million is (`e^-20`).
const LUCK: u64 = 20;

/// Tells postage that was paid from what was not, in one grid.
#[derive(Clone, Copy, Debug)]
pub struct Inspector {
    grid: GridId,
}

impl Inspector {
    /// For a grid.
    pub fn new(grid: GridId) -> Self {
        Self { grid }
    }

    /// What a request's postage is worth: two compressions of SHA-1, before anything else of the request is looked at.
    ///
    /// # Errors
    /// [`PostageError`] if it is void: the request is then one that did not pay.
    pub fn inspect(&self, target: Cell, request: RequestId, postage: Postage) -> Result<Paid, PostageError> {
        Paid::check(target, request, postage, this_window(), self)
    }

    fn subject(
        &self,
        target: &Cell,
        request: &RequestId,
        window: Window,
        effort: NonZeroU32,
    ) -> Result<Subject, postage::PostageError> {
        Subject::new(self.grid.as_bytes(), target.coordinates(), request.as_bytes(), window.number(), effort)
    }
}

impl Verifier for Inspector {
    fn is_proven(&self, target: &Cell, request: &RequestId, postage: &Postage) -> bool {
        let subject = self.subject(target, request, postage.window, postage.effort);
        subject.is_ok_and(|subject| subject.is_paid_by(postage.nonce))
    }
}

/// The window that this machine's clock shows.
pub fn this_window() -> Window {
    Window::of_unix(clock::unix_seconds())
}

/// Why a request could not be paid for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// Too many are being paid for.
    #[error("{MOST_SEARCHES} requests are being paid for already: ask for less at a time")]
    Busy,
    /// Nothing was found, or nobody waits for it any more.
    #[error(transparent)]
    Search(#[from] postage::PostageError),
    /// It took so long that it is void.
    #[error("the search took so long that its result is void: {0}")]
    Late(#[from] PostageError),
}

/// Pays for requests, on threads of its own: half of the processors at most, since requests are to be served as well.
/// Clones share them.
#[derive(Clone, Debug)]
pub struct Payer {
    inspector: Inspector,
    places: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

impl Payer {
    /// For a grid.
    pub fn new(grid: GridId) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            inspector: Inspector::new(grid),
            places: Arc::new(Semaphore::new(MOST_SEARCHES)),
            workers: Arc::new(Semaphore::new(processors.div_ceil(2))),
        }
    }

    /// Searches postage of that effort for a request. Dropping the future ends the search within some milliseconds.
    ///
    /// # Errors
    /// [`PayError`]; the request can be sent without.
    pub async fn pay(&self, target: Cell, request: RequestId, effort: NonZeroU32) -> Result<Paid, PayError> {
        let _place = self.places.clone().try_acquire_owned().map_err(|_| PayError::Busy)?;
        // The semaphore is never closed; were it, the work would merely not be bounded.
        let permit = self.workers.clone().acquire_owned().await.ok();
        let inspector = self.inspector;
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let is_wanted = Arc::clone(&wanted.0);
        let search = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            inspector.search(&target, &request, effort, &is_wanted)
        });
        match search.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(found) => Ok(inspector.inspect(target, request, found?)?),
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is ending, and this task ends with it.
            Err(Err(_cancelled)) => std::future::pending().await,
        }
    }
}

impl Inspector {
    /// On the caller's thread.
    fn search(
        &self,
        target: &Cell,
        request: &RequestId,
        effort: NonZeroU32,
        is_wanted: &AtomicBool,
    ) -> Result<Postage, postage::PostageError> {
        let window = this_window();
        let subject = self.subject(target, request, window, effort)?;
        let watch = |_| if is_wanted.load(Relaxed) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        // The kernels count in chunks; a search for little is not to fail for want of one.
        let most = LUCK.saturating_mul(effort.get().into()).max(1 << 20);
        let found = postage::search(&subject, rand::random(), most, &watch)?;
        Ok(Postage { window, effort, nonce: found.nonce })
    }
}

/// Says, when it is dropped, that nobody waits any more.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grid::cell::Shape;

    fn effort(effort: u32) -> NonZeroU32 {
        NonZeroU32::new(effort).unwrap()
    }

    fn cell(number: u64) -> Cell {
        Shape::new(3, 4).unwrap().cell_at(number)
    }

    fn request(number: u8) -> RequestId {
        RequestId::from_bytes([number; 16])
    }

    #[tokio::test]
    async fn what_is_paid_is_good_for_its_request_cell_and_grid_only() {
        let grid = GridId::from_bytes([1; 32]);
        // A void payment passes with chance 1 in 2^20.
        let paid = Payer::new(grid).pay(cell(5), request(1), effort(1 << 20)).await.unwrap();
        assert_eq!(paid.effort().get(), 1 << 20);
        assert!(paid.is_for(&cell(5), &request(1)));
        let (here, postage) = (Inspector::new(grid), paid.postage());
        assert_eq!(here.inspect(cell(5), request(1), postage), Ok(paid));
        assert_eq!(here.inspect(cell(6), request(1), postage), Err(PostageError::Unproven));
        assert_eq!(here.inspect(cell(5), request(2), postage), Err(PostageError::Unproven));
        let greater = Postage { effort: effort(1 << 21), ..postage };
        assert_eq!(here.inspect(cell(5), request(1), greater), Err(PostageError::Unproven));
        let elsewhere = Inspector::new(GridId::from_bytes([2; 32]));
        assert_eq!(elsewhere.inspect(cell(5), request(1), postage), Err(PostageError::Unproven));
        let later = Postage { window: Window::new(postage.window.number() + 5), ..postage };
        assert!(matches!(here.inspect(cell(5), request(1), later), Err(PostageError::Window { .. })));
    }

    #[tokio::test]
    async fn searches_are_bounded() {
        let payer = Payer::new(GridId::from_bytes([1; 32]));
        let workers = u32::try_from(payer.workers.available_permits()).unwrap();
        let all_at_work = payer.workers.clone().acquire_many_owned(workers).await.unwrap();
        let pay = |number| {
            let payer = payer.clone();
            tokio::spawn(async move { payer.pay(cell(1), request(number), effort(1)).await })
        };
        let waiting: Vec<_> = (0..64).map(pay).collect();
        while payer.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = payer.pay(cell(1), request(99), effort(1)).await;
        assert!(matches!(refused, Err(PayError::Busy)), "{refused:?}");
        drop(all_at_work);
        for search in waiting {
            assert!(search.await.unwrap().is_ok());
        }
        assert_eq!(payer.places.available_permits(), MOST_SEARCHES);
    }

    #[tokio::test]
    async fn a_search_ends_when_nobody_waits_for_it() {
        let payer = Payer::new(GridId::from_bytes([1; 32]));
        let workers = payer.workers.available_permits();
        let search = {
            let payer = payer.clone();
            tokio::spawn(async move { payer.pay(cell(1), request(1), effort(u32::MAX)).await })
        };
        while payer.workers.available_permits() == workers && !search.is_finished() {
            tokio::task::yield_now().await;
        }
        search.abort();
        // All workers come free; the search itself would take minutes on a plain kernel.
        let all = payer.workers.acquire_many(u32::try_from(workers).unwrap()).await;
        assert!(all.is_ok());
    }
}
