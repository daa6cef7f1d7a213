//! What was paid with already: each payment counts once at a node.

use alloc::collections::{BTreeMap, BTreeSet};
use core::num::NonZeroU32;

use super::{Paid, Window};
use crate::id::RequestId;

/// The payments that a node has taken, window by window, in bounded memory and without error: a payment that was taken is
/// never taken again, whatever the clock does.
///
/// Where a window's room is full, those who paid most stay. The filter then no longer knows of every payment up to the
/// greatest effort that it has thrown out (the *floor*), so none up to there counts any more: honest ones lose their
/// privilege, replayed ones gain none. To take the honest's room an attacker has to pay for all of it, each at more than
/// the honest pay; with room for as many as the node can serve in a window, that buys the whole node anyway.
///
/// Windows that are over are forgotten, and closed for good, should the clock jump back. One more than is good is kept, so
/// a jump by one window, forth or back, loses nothing.
///
/// The memory is that of the process: after a restart a payment of the last minutes counts once more.
#[derive(Clone, Debug)]
pub struct Replays {
    /// Payments remembered in one window.
    capacity: usize,
    /// All windows before this one are closed.
    open_from: u32,
    /// Those in which something was paid.
    windows: BTreeMap<Window, Taken>,
}

/// What was taken in one window.
#[derive(Clone, Debug, Default)]
struct Taken {
    /// The greatest effort that was thrown out; 0 if none was.
    floor: u32,
    payments: BTreeSet<(NonZeroU32, RequestId, u64)>,
}

/// Windows of which something is remembered: four while the clock goes well (three that are good, and the one before).
/// The others are for a clock that jumped ahead, was paid there, and came back.
const MOST_WINDOWS: usize = 8;

/// How many windows back something is remembered.
const KEPT: u32 = 2;

/// Why a payment, though work was done for it, does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unpaid {
    /// It counted before.
    #[error("the postage was used already")]
    Replayed,
    /// Too many paid in that window, and this one not more than what had to be forgotten.
    #[error("more postage was paid in this minute than can be remembered, and most of it was more")]
    Full,
    /// The window is over, has not come, or was closed when the clock had gone ahead.
    #[error("the postage is for another time")]
    Window,
}

impl Replays {
    /// Nothing was paid so far. There is room for `capacity` payments a window, about 48 bytes each; the node should not be
    /// able to serve more in one.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, open_from: 0, windows: BTreeMap::new() }
    }

    /// Takes a payment, and says how much it counts for.
    ///
    /// # Errors
    /// [`Unpaid`] if it does not count: its request is then one that did not pay.
    pub fn admit(&mut self, paid: &Paid, now: Window) -> Result<NonZeroU32, Unpaid> {
        self.forget(now);
        let postage = paid.postage();
        if !now.accepts(postage.window) || postage.window.number() < self.open_from {
            return Err(Unpaid::Window);
        }
        if self.windows.len() >= MOST_WINDOWS && !self.windows.contains_key(&postage.window) {
            return Err(Unpaid::Full);
        }
        let taken = self.windows.entry(postage.window).or_default();
        taken.take((postage.effort, paid.request, postage.nonce), self.capacity)?;
        Ok(postage.effort)
    }

    /// How many payments are remembered.
    pub fn len(&self) -> usize {
        self.windows.values().map(|taken| taken.payments.len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the windows that are over, if anything was paid in them.
    fn forget(&mut self, now: Window) {
        let kept_from = now.number().saturating_sub(KEPT);
        while let Some(oldest) = self.windows.first_entry()
            && oldest.key().number() < kept_from
        {
            self.open_from = self.open_from.max(oldest.key().number().saturating_add(1));
            oldest.remove();
        }
    }
}

impl Taken {
    fn take(&mut self, payment: (NonZeroU32, RequestId, u64), capacity: usize) -> Result<(), Unpaid> {
        if self.payments.contains(&payment) {
            return Err(Unpaid::Replayed);
        }
        if payment.0.get() <= self.floor {
            return Err(Unpaid::Full);
        }
        if self.payments.len() >= capacity {
            match self.payments.first().copied() {
                Some(least) if least.0 < payment.0 => {
                    self.payments.remove(&least);
                    self.floor = least.0.get();
                }
                Some(_) | None => return Err(Unpaid::Full),
            }
        }
        self.payments.insert(payment);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Cell, Shape};
    use crate::postage::{Postage, Verifier};
    use proptest::prelude::*;

    struct Believes;

    impl Verifier for Believes {
        fn is_proven(&self, _: &Cell, _: &RequestId, _: &Postage) -> bool {
            true
        }
    }

    fn paid(window: u32, effort: u32, request: u8, nonce: u64) -> Paid {
        let window = Window::new(window);
        let postage = Postage { window, effort: NonZeroU32::new(effort).unwrap(), nonce };
        let cell = Shape::new(2, 4).unwrap().cell_at(3);
        Paid::check(cell, RequestId::from_bytes([request; 16]), postage, window, &Believes).unwrap()
    }

    fn at(window: u32) -> Window {
        Window::new(window)
    }

    #[test]
    fn a_payment_counts_once_for_as_long_as_it_is_good() {
        let mut replays = Replays::new(10);
        let one = paid(100, 5, 1, 0);
        assert_eq!(replays.admit(&one, at(99)).map(NonZeroU32::get), Ok(5));
        for now in 99..=101 {
            assert_eq!(replays.admit(&one, at(now)), Err(Unpaid::Replayed), "at {now}");
        }
        assert_eq!(replays.admit(&one, at(102)), Err(Unpaid::Window));
        // Other work for the same request, and another request, are other payments.
        let mut replays = Replays::new(10);
        for other in [one, paid(100, 5, 1, 1), paid(100, 6, 1, 0), paid(100, 5, 2, 0), paid(101, 5, 1, 0)] {
            assert!(replays.admit(&other, at(100)).is_ok(), "{other:?}");
        }
        assert_eq!(replays.len(), 5);
    }

    #[test]
    fn when_it_is_full_who_paid_most_stays_and_nothing_up_to_the_floor_counts() {
        let mut replays = Replays::new(3);
        for request in 1..=3 {
            assert!(replays.admit(&paid(100, 10, request, 0), at(100)).is_ok());
        }
        assert_eq!(replays.admit(&paid(100, 10, 4, 0), at(100)), Err(Unpaid::Full), "as much as the others");
        assert!(replays.admit(&paid(100, 11, 5, 0), at(100)).is_ok(), "more");
        // Of 1 to 3 the least was thrown out. Whichever it was, it does not count again; nor does a new one.
        for request in 1..=4 {
            assert!(replays.admit(&paid(100, 10, request, 0), at(100)).is_err(), "{request}");
        }
        assert_eq!(replays.len(), 3);
        // Another window has its own room.
        assert!(replays.admit(&paid(101, 1, 1, 0), at(100)).is_ok());
    }

    #[test]
    fn a_clock_that_jumps_by_one_window_loses_nothing() {
        let mut replays = Replays::new(10);
        assert!(replays.admit(&paid(100, 1, 1, 0), at(100)).is_ok());
        assert!(replays.admit(&paid(101, 1, 2, 0), at(101)).is_ok());
        // Back to 100, and to 99: what was not used is good, what was used is not.
        assert!(replays.admit(&paid(100, 1, 3, 0), at(100)).is_ok());
        assert_eq!(replays.admit(&paid(100, 1, 1, 0), at(99)), Err(Unpaid::Replayed));
        assert!(replays.admit(&paid(99, 1, 4, 0), at(100)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_far_ahead_and_comes_back_closes_only_what_it_forgot() {
        let mut replays = Replays::new(10);
        assert!(replays.admit(&paid(100, 1, 1, 0), at(100)).is_ok());
        assert!(replays.admit(&paid(5000, 1, 2, 0), at(5000)).is_ok());
        assert_eq!(replays.admit(&paid(100, 1, 1, 0), at(100)), Err(Unpaid::Window), "forgotten, so closed");
        assert!(replays.admit(&paid(101, 1, 3, 0), at(100)).is_ok(), "the next windows are open");
        assert_eq!(replays.admit(&paid(5000, 1, 2, 0), at(5000)), Err(Unpaid::Replayed), "once its time comes");
    }

    proptest! {
        /// Whatever comes at whatever time: nothing counts twice, and the memory stays bounded.
        #[test]
        fn nothing_ever_counts_twice(
            capacity in 0..6_usize,
            steps in prop::collection::vec((0..12_u32, -1..=1_i32, 1..6_u32, 0..6_u8, any::<bool>()), 1..400),
        ) {
            let (mut replays, mut counted) = (Replays::new(capacity), BTreeSet::new());
            let mut now = 20_u32;
            for (to, off, effort, request, jumps) in steps {
                if jumps {
                    now = if to == 0 { 10_000 } else { 15 + to };
                }
                let payment = paid(now.saturating_add_signed(off), effort, request, 0);
                if replays.admit(&payment, at(now)).is_ok() {
                    let postage = payment.postage();
                    prop_assert!(counted.insert((postage.window, postage.effort, request)), "{payment:?} twice");
                }
                prop_assert!(replays.len() <= capacity * MOST_WINDOWS);
                prop_assert!(replays.windows.len() <= MOST_WINDOWS);
            }
        }

        /// With room, and a clock that goes on or jumps by one, all that is new counts.
        #[test]
        fn what_is_new_counts(
            steps in prop::collection::vec((-1..=1_i32, -1..=1_i32, 1..6_u32, any::<u64>()), 1..200),
        ) {
            let mut replays = Replays::new(200);
            let (mut now, mut latest) = (1000_u32, 1000_u32);
            for (number, (step, off, effort, nonce)) in (0_u8..).zip(steps) {
                // Never more than one window back from the furthest that it was.
                now = now.saturating_add_signed(step).max(latest.saturating_sub(1));
                latest = latest.max(now);
                let payment = paid(now.saturating_add_signed(off), effort, number, nonce);
                prop_assert!(replays.admit(&payment, at(now)).is_ok(), "{payment:?} at {now}");
                prop_assert_eq!(replays.admit(&payment, at(now)), Err(Unpaid::Replayed));
            }
        }
    }
}
