//! Postage: what a request pays so that nodes under load serve it before those that paid less.
//!
//! Nobody needs it while nodes keep up; a node that does not asks for an effort ([`crate::effort`]), and requests then
//! come stamped. The work itself, SHA-1 over the grid, the target cell, the request's name, a window of time, the effort
//! and a nonce, is done and checked by the shell (in the daemon by the crate `hashcash`); the core deals in [`Paid`],
//! which only that check makes.
//!
//! What postage is bound to decides what it cannot be used for:
//!
//! - the *cell*: work done against one node cannot be turned against another, except those of its own cell and those on
//!   the way to it, which have the request to carry;
//! - the *request's name*: one payment is one request. A node takes each once ([`Replays`]);
//! - the *window*: nobody hoards work for one great flood, and a node need not remember payments for ever. A window is
//!   good in its own time and in those before and after, so that clocks may differ by one;
//! - the *effort*: whoever searched for little cannot claim the luck that he had.
//!
//! A payment that is not good costs nobody his answer: the request counts as unpaid.

mod replays;

use core::num::NonZeroU32;
use core::time::Duration;

use crate::cell::Cell;
use crate::id::RequestId;

pub use replays::{Replays, Unpaid};

/// How long a window is: the unit in which work can be saved up and payments are remembered. Clocks of computers that are
/// on the net differ by less than a second, those of careless owners by less than a minute, and a search takes seconds at
/// most.
pub const WINDOW: Duration = Duration::from_secs(60);

/// The number of a window of wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u32);

impl Window {
    /// The window with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, as it is hashed and travels.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The window of length [`WINDOW`] in which a moment of Unix time lies, in seconds. The last one lasts for ever, from
    /// the year 10136 on.
    pub fn of_unix(seconds: u64) -> Self {
        Self(u32::try_from(seconds / WINDOW.as_secs()).unwrap_or(u32::MAX))
    }

    /// Whether a payment for `other` is good while the clock shows this one: it is the same, or one before or after.
    pub const fn accepts(self, other: Self) -> bool {
        self.0.abs_diff(other.0) <= 1
    }
}

/// A payment as it travels with its request, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Postage {
    /// When it is good.
    pub window: Window,
    /// The work that it claims: the mean number of attempts that such a payment takes.
    pub effort: NonZeroU32,
    /// The number that was searched for.
    pub nonce: u64,
}

/// Whoever can tell whether work was done: the daemon by hashing, the simulator by its own books.
pub trait Verifier {
    /// Whether the nonce proves the effort for the request of this name to this cell, in that window.
    fn is_proven(&self, target: &Cell, request: &RequestId, postage: &Postage) -> bool;
}

/// A payment that was checked, and what it was made for. There is no way to make one but [`Paid::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    target: Cell,
    request: RequestId,
    postage: Postage,
}

/// Why a payment is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostageError {
    /// Its time is over, or has not come; or one of the clocks is wrong.
    #[error(
        "the postage is for minute {found} and it is minute {now} here: one of the clocks is wrong, or it came late"
    )]
    Window {
        /// What it is for.
        found: u32,
        /// What the clock shows.
        now: u32,
    },
    /// The work was not done, or for something else.
    #[error("the postage does not prove its effort for this request, cell and grid")]
    Unproven,
}

impl Paid {
    /// Checks a payment, the window first: what is too old costs no hash.
    ///
    /// # Errors
    /// [`PostageError`] for the first thing that is wrong.
    pub fn check(
        target: Cell,
        request: RequestId,
        postage: Postage,
        now: Window,
        verifier: &impl Verifier,
    ) -> Result<Self, PostageError> {
        if !now.accepts(postage.window) {
            return Err(PostageError::Window { found: postage.window.0, now: now.0 });
        }
        match verifier.is_proven(&target, &request, &postage) {
            true => Ok(Self { target, request, postage }),
            false => Err(PostageError::Unproven),
        }
    }

    /// The work that was done: the mean number of attempts that such a payment takes.
    pub const fn effort(&self) -> NonZeroU32 {
        self.postage.effort
    }

    /// The payment, to pass on with its request.
    pub const fn postage(&self) -> Postage {
        self.postage
    }

    /// Whether it was made for the request of this name to this cell.
    pub fn is_for(&self, target: &Cell, request: &RequestId) -> bool {
        self.target == *target && self.request == *request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;

    /// Takes every effort for proven, or none.
    struct Says(bool);

    impl Verifier for Says {
        fn is_proven(&self, _: &Cell, _: &RequestId, _: &Postage) -> bool {
            self.0
        }
    }

    fn check(window: u32, now: u32, proven: bool) -> Result<Paid, PostageError> {
        let cell = Shape::new(2, 4).unwrap().cell(&[1, 2]).unwrap();
        let postage = Postage { window: Window::new(window), effort: NonZeroU32::MIN, nonce: 7 };
        Paid::check(cell, RequestId::from_bytes([1; 16]), postage, Window::new(now), &Says(proven))
    }

    #[test]
    fn clocks_may_differ_by_one_window() {
        for window in [99, 100, 101] {
            assert_eq!(check(window, 100, true).unwrap().postage().window.number(), window);
        }
        for window in [0, 98, 102, u32::MAX] {
            assert_eq!(check(window, 100, true), Err(PostageError::Window { found: window, now: 100 }));
        }
        // At both ends of time nothing overflows.
        assert!(check(0, 0, true).is_ok() && check(1, 0, true).is_ok());
        assert!(check(u32::MAX, u32::MAX, true).is_ok() && check(0, u32::MAX, true).is_err());
        assert_eq!(check(100, 100, false), Err(PostageError::Unproven));
    }

    #[test]
    fn windows_are_minutes_of_unix_time() {
        assert_eq!(Window::of_unix(0).number(), 0);
        assert_eq!(Window::of_unix(1_795_219_259), Window::of_unix(1_795_219_200));
        assert_eq!(Window::of_unix(1_795_219_260).number(), Window::of_unix(1_795_219_259).number() + 1);
        assert_eq!(Window::of_unix(u64::MAX).number(), u32::MAX);
    }

    #[test]
    fn a_payment_knows_what_it_was_made_for() {
        let (paid, shape) = (check(100, 100, true).unwrap(), Shape::new(2, 4).unwrap());
        let (cell, request) = (shape.cell(&[1, 2]).unwrap(), RequestId::from_bytes([1; 16]));
        assert!(paid.is_for(&cell, &request));
        assert!(!paid.is_for(&shape.cell(&[2, 1]).unwrap(), &request));
        assert!(!paid.is_for(&cell, &RequestId::from_bytes([2; 16])));
    }
}
