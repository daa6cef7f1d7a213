//! Whose turn it is on a link: control before interactive before bulk, but none of them alone.
//!
//! While a lane waits it earns a share of the bytes that others send; once that makes up its next piece, it is served
//! out of turn. Over any time in which it waits, a lane so gets its share but for one piece of its own and one of another:
//! bulk [a tenth](FLOOR) of all bytes, interactive as many bytes as control. Nothing is earned while nothing waits: who
//! comes after a pause has no claim to the past. (The nodes' work queue has floors of all that is done; here interactive
//! earns from control alone, so that the two halve what bulk leaves, whatever that is.)

use grid::queue::Class;

/// Bulk's floor is one byte in so many.
pub(crate) const FLOOR: u64 = 10;

/// The state of the turns: what the waiting lanes have earned.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// In bytes.
    interactive: u64,
    /// In bytes, [`FLOOR`] - 1 of which are worth one.
    bulk: u64,
}

impl Turns {
    /// The next lane. `next` has the lengths of the lanes' next pieces, in the order of [`Class::ALL`]; `open` says whether
    /// bulk may be sent beyond its floor.
    pub(crate) fn next(&self, next: [Option<usize>; 3], open: bool) -> Option<Class> {
        let [control, interactive, bulk] = next.map(|length| length.map(|length| length as u64));
        if bulk.is_some_and(|length| self.bulk >= length * (FLOOR - 1)) {
            Some(Class::Bulk)
        } else if interactive.is_some_and(|length| self.interactive >= length) {
            Some(Class::Interactive)
        } else if control.is_some() {
            Some(Class::Control)
        } else if interactive.is_some() {
            Some(Class::Interactive)
        } else if bulk.is_some() && open {
            Some(Class::Bulk)
        } else {
            None
        }
    }

    /// A lane has sent a piece; `waiting` says which lanes still have something to send.
    pub(crate) fn sent(&mut self, lane: Class, length: usize, waiting: [bool; 3]) {
        let length = length as u64;
        match lane {
            Class::Control => {
                self.interactive += length;
                self.bulk += length;
            }
            Class::Interactive => {
                self.interactive = self.interactive.saturating_sub(length);
                self.bulk += length;
            }
            Class::Bulk => self.bulk = self.bulk.saturating_sub(length * (FLOOR - 1)),
        }
        let [_, interactive, bulk] = waiting;
        if !interactive {
            self.interactive = 0;
        }
        if !bulk {
            self.bulk = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const PIECE: u64 = 16 << 10;

    #[test]
    fn the_order_is_control_interactive_bulk() {
        let turns = Turns::default();
        assert_eq!(turns.next([Some(9), Some(9), Some(9)], true), Some(Class::Control));
        assert_eq!(turns.next([None, Some(9), Some(9)], true), Some(Class::Interactive));
        assert_eq!(turns.next([None, None, Some(9)], true), Some(Class::Bulk));
        assert_eq!(turns.next([None, None, Some(9)], false), None);
        assert_eq!(turns.next([None; 3], true), None);
    }

    #[test]
    fn nothing_is_earned_while_nothing_waits() {
        let mut turns = Turns::default();
        for _ in 0..1000 {
            turns.sent(Class::Control, 1000, [true, false, false]);
        }
        assert_eq!(turns.next([Some(1000), Some(1), Some(1)], false), Some(Class::Control));
    }

    proptest! {
        /// All lanes always have something to send, and bulk is not let beyond its floor: it gets a tenth of the bytes
        /// all the same, and interactive as many as control.
        #[test]
        fn shares_hold_at_every_moment(lengths in vec([1..PIECE, 1..PIECE, 1..PIECE], 1..400)) {
            let mut turns = Turns::default();
            let mut sent = [0_u64; 3];
            for next in lengths {
                let lane = turns.next(next.map(|length| usize::try_from(length).ok()), false).unwrap();
                let length = next[lane.index()];
                turns.sent(lane, usize::try_from(length).unwrap(), [true; 3]);
                sent[lane.index()] += length;
                let [control, interactive, bulk] = sent;
                let all: u64 = sent.iter().sum();
                prop_assert!(bulk * FLOOR <= all + PIECE * FLOOR, "bulk stays at its floor: {sent:?}");
                prop_assert!((bulk + PIECE) * FLOOR + PIECE >= all, "bulk has its floor: {sent:?}");
                prop_assert!(interactive + 2 * PIECE >= control, "interactive is not starved: {sent:?}");
                prop_assert!(control + 2 * PIECE >= interactive, "control comes first: {sent:?}");
            }
        }
    }
}
