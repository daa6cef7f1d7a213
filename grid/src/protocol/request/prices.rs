//! What was asked lately on the way to a cell, so that not each request has to be refused first to hear it.
//!
//! A request that waits in a full queue in vain is given up by its sender as its turn comes; the refusal is late then, and
//! the price in it is for the next one. It is remembered by target, since who asked for it may be any node on the way.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::cell::Cell;
use crate::time::Time;

/// How long a price counts: five of the [periods](crate::effort::Config::period) in which it changes. Then a request goes
/// unpaid again, to see; where it would have had to pay, those of the next half second wait in vain, one in twenty. Who asked
/// for something and does not any more costs the origin that much work for nothing, and who lies about it no more.
const LASTS: Duration = Duration::from_secs(10);

/// Cells whose price is remembered at most. More are asked for within ten seconds by nobody who has to pay.
const MOST: usize = 256;

/// The prices that were heard.
#[derive(Debug, Default)]
pub(super) struct Prices {
    /// The effort, and when it was asked for.
    heard: BTreeMap<Cell, (u32, Time)>,
}

impl Prices {
    /// So much is asked for on the way to a cell. The newest counts; where there is no room the oldest is forgotten.
    pub(super) fn note(&mut self, now: Time, target: Cell, effort: u32) {
        if effort == 0 {
            return;
        }
        self.heard.retain(|_, (_, at)| now.since(*at) < LASTS);
        self.heard.insert(target, (effort, now));
        if self.heard.len() > MOST {
            let oldest = self.heard.iter().min_by_key(|(_, (_, at))| *at).map(|(&cell, _)| cell);
            oldest.map(|cell| self.heard.remove(&cell));
        }
    }

    /// What to pay for a request to a cell; 0 if nobody has asked for anything lately.
    pub(super) fn of(&self, now: Time, target: Cell) -> u32 {
        self.heard.get(&target).filter(|(_, at)| now.since(*at) < LASTS).map_or(0, |&(effort, _)| effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Shape;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn the_newest_price_counts_for_its_cell_and_its_time() {
        let shape = Shape::new(2, 100).unwrap();
        let (cell, other) = (shape.cell_at(1), shape.cell_at(2));
        let mut prices = Prices::default();
        assert_eq!(prices.of(at(0), cell), 0);
        prices.note(at(0), cell, 100);
        prices.note(at(1000), cell, 50);
        prices.note(at(2000), cell, 0);
        assert_eq!([0, 10_999, 11_000].map(|millis| prices.of(at(millis), cell)), [50, 50, 0]);
        assert_eq!(prices.of(at(1000), other), 0);
    }

    #[test]
    fn there_is_room_for_the_newest() {
        let shape = Shape::new(2, 100).unwrap();
        let mut prices = Prices::default();
        for number in 0..1000 {
            prices.note(at(number), shape.cell_at(number), 7);
        }
        let known = |number: &u64| prices.of(at(1000), shape.cell_at(*number)) == 7;
        assert!((744..1000).all(|number| known(&number)));
        assert_eq!((0..1000).filter(known).count(), MOST);
    }
}
