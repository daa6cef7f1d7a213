//! The future, in a total order: by time, and among equals by the order in which it was planned.
//!
//! A calendar queue (R. Brown, "Calendar Queues", CACM 31(10), 1988) with days of fixed length that are sorted when they
//! come: a heap of all the future misses the cache at each of its levels. The events themselves, which are larger than
//! their keys, stay where they are until they happen.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use grid::time::Time;

/// The length of a day: 2^14 µs, in which a network of thousands has some hundred events.
const DAY_BITS: u32 = 14;

/// Events that have not happened yet.
#[derive(Debug)]
pub struct Queue<E> {
    /// What happens today or was due before, soonest first.
    today: BinaryHeap<Reverse<Key>>,
    /// Which day it is: later days are in the calendar.
    day: u64,
    /// No empty days.
    calendar: BTreeMap<u64, Vec<Reverse<Key>>>,
    planned: u64,
    slots: Vec<Option<E>>,
    free: Vec<usize>,
}

/// When, in which order it was planned, and in which slot it waits. The number is never the same twice, so that the
/// slot decides nothing.
type Key = (Time, u64, usize);

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            today: BinaryHeap::new(),
            day: 0,
            calendar: BTreeMap::new(),
            planned: 0,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<E> Queue<E> {
    /// Plans an event.
    pub fn push(&mut self, at: Time, event: E) {
        self.planned += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(event);
        let key = Reverse((at, self.planned, slot));
        let day = at.as_micros() >> DAY_BITS;
        if day <= self.day {
            self.today.push(key);
        } else {
            self.calendar.entry(day).or_default().push(key);
        }
    }

    /// The next event, if it happens no later than `until`.
    pub fn pop_until(&mut self, until: Time) -> Option<(Time, E)> {
        if self.today.is_empty() {
            self.turn_page(until);
        }
        let &Reverse((at, _, slot)) = self.today.peek()?;
        if at > until {
            return None;
        }
        self.today.pop();
        self.free.push(slot);
        Some((at, self.slots[slot].take()?))
    }

    /// Goes to the next day that has events, unless it begins too late.
    fn turn_page(&mut self, until: Time) {
        if let Some(next) = self.calendar.first_entry()
            && *next.key() <= until.as_micros() >> DAY_BITS
        {
            self.day = *next.key();
            self.today = next.remove().into();
        }
    }

    /// How many events are planned.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_times_keep_the_order_of_planning() {
        let mut queue = Queue::default();
        let at = Time::from_micros;
        for (time, name) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b'), (9, 'e')] {
            queue.push(at(time), name);
        }
        let order: String = std::iter::from_fn(|| queue.pop_until(at(5))).map(|(_, name)| name).collect();
        assert_eq!((order.as_str(), queue.len()), ("abcd", 1));
    }

    proptest! {
        /// The order is that of a sorted list, whatever is planned while time passes.
        #[test]
        fn the_order_is_total(steps in prop::collection::vec((0..100_000_u64, 0..50_000_u64), 1..300)) {
            let (mut queue, mut list, mut now) = (Queue::default(), std::collections::BTreeSet::new(), 0);
            for (number, (ahead, passes)) in steps.into_iter().enumerate() {
                queue.push(Time::from_micros(now + ahead), number);
                list.insert((now + ahead, number));
                now += passes / 8;
                while let Some((at, event)) = queue.pop_until(Time::from_micros(now)) {
                    prop_assert_eq!(list.pop_first(), Some((at.as_micros(), event)));
                }
                prop_assert!(list.first().is_none_or(|&(at, _)| at > now));
                prop_assert_eq!((queue.len(), queue.is_empty()), (list.len(), list.is_empty()));
            }
        }
    }
}
