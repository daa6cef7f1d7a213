//! The future, in a total order: by time, and among equals by the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use grid::time::Time;

/// Events that have not happened yet.
///
/// The heap sorts small keys; the events, which are larger, stay where they are until they happen.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<Key>>,
    planned: u64,
    slots: Vec<Option<E>>,
    free: Vec<usize>,
}

/// When, in which order it was planned, and in which slot it waits. The number is never the same twice, so that the
/// slot decides nothing.
type Key = (Time, u64, usize);

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0, slots: Vec::new(), free: Vec::new() }
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
        self.heap.push(Reverse((at, self.planned, slot)));
    }

    /// The next event, if it happens no later than `until`.
    pub fn pop_until(&mut self, until: Time) -> Option<(Time, E)> {
        let &Reverse((at, _, slot)) = self.heap.peek()?;
        if at > until {
            return None;
        }
        self.heap.pop();
        self.free.push(slot);
        Some((at, self.slots[slot].take()?))
    }

    /// How many events are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
