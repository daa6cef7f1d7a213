//! Whose turn it is on a link: control before interactive before bulk, but none of them alone. The rule is that of the
//! nodes' work queue ([`grid::queue::Floors`]), in bytes: bulk keeps [a tenth](BULK) of them, and of the rest interactive as
//! many as control.

use grid::queue::{Class, Floors};

/// Bulk's floor, in percent of the bytes.
pub(crate) const BULK: u8 = 10;
/// Half of what bulk leaves.
const INTERACTIVE: u8 = (100 - BULK) / 2;

/// The state of the turns.
#[derive(Debug)]
pub(crate) struct Turns(Floors);

impl Default for Turns {
    fn default() -> Self {
        Self(Floors::new([0, INTERACTIVE, BULK]))
    }
}

impl Turns {
    /// The next lane. `next` has the lengths of the lanes' next pieces, in the order of [`Class::ALL`]; `open` says whether
    /// bulk may be sent beyond its floor.
    pub(crate) fn next(&self, next: [Option<usize>; 3], open: bool) -> Option<Class> {
        let lengths = next.map(|length| length.map(|length| length as u64));
        let may = |class: &Class| next[class.index()].is_some() && (*class != Class::Bulk || open);
        self.0.due(lengths).or_else(|| Class::ALL.into_iter().find(may))
    }

    /// A lane has sent a piece; `waiting` says which lanes still have something to send.
    pub(crate) fn sent(&mut self, lane: Class, length: usize, waiting: [bool; 3]) {
        self.0.served(lane, length as u64, waiting);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const PIECE: u64 = 16 << 10;
    const FLOOR: u64 = 100 / BULK as u64;

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
