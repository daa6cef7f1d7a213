//! What waits for a link: three queues of messages, each cut into pieces when its turn comes.

use std::collections::VecDeque;

use grid::queue::Class;

use crate::wire::piece::append_piece;

/// A message found no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// There is no more room for bulk; other messages still find some.
    Bulk,
    /// There is no room for anything: the other side does not read.
    All,
}

/// The queues. Bulk may fill half of the room, so that it never takes all of it from what matters more.
#[derive(Debug)]
pub(crate) struct Lanes {
    queues: [Queue; 3],
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    /// How much of the first one is gone already.
    gone: usize,
    /// What is still to go.
    bytes: usize,
}

impl Lanes {
    /// Room for so many messages and bytes in all.
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { queues: Default::default(), max_messages, max_bytes }
    }

    /// Queues a message behind those of its lane. A lane that is empty takes one message in any case, however large.
    ///
    /// # Errors
    /// [`Full`] if there is no room.
    pub(crate) fn push(&mut self, lane: Class, message: Vec<u8>) -> Result<(), Full> {
        let queue = &self.queues[lane.index()];
        let room = |messages: usize, bytes: usize, share: usize| {
            messages < self.max_messages / share && bytes + message.len() <= self.max_bytes / share
        };
        let (messages, bytes) = (self.queues.iter().map(|q| q.messages.len()).sum(), self.bytes());
        if !queue.messages.is_empty() {
            if lane == Class::Bulk && !room(queue.messages.len(), queue.bytes, 2) {
                return Err(Full::Bulk);
            }
            if !room(messages, bytes, 1) {
                return Err(if lane == Class::Bulk { Full::Bulk } else { Full::All });
            }
        }
        // What is empty says nothing.
        if !message.is_empty() {
            let queue = &mut self.queues[lane.index()];
            queue.bytes += message.len();
            queue.messages.push_back(message);
        }
        Ok(())
    }

    /// What waits in each lane, in bytes, in the order of [`Class::ALL`].
    pub(crate) fn waiting(&self) -> [usize; 3] {
        Class::ALL.map(|class| self.queues[class.index()].bytes)
    }

    /// Cuts the next piece off a lane, of at most so many bytes where the message is longer; its length, 0 if nothing
    /// waits there.
    pub(crate) fn cut(&mut self, lane: Class, most: usize, to: &mut Vec<u8>) -> usize {
        let queue = &mut self.queues[lane.index()];
        let Some(message) = queue.messages.front() else { return 0 };
        let length = append_piece(to, lane, message, queue.gone, most);
        queue.gone += length;
        queue.bytes -= length;
        if queue.gone == message.len() {
            queue.messages.pop_front();
            queue.gone = 0;
        }
        length
    }

    /// The length of the next piece of a lane, if something waits there.
    pub(crate) fn next(&self, lane: Class, most: usize) -> Option<usize> {
        let queue = &self.queues[lane.index()];
        queue.messages.front().map(|message| most.min(message.len() - queue.gone))
    }

    /// What waits, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_takes_half_of_the_room_and_others_the_rest() {
        let mut lanes = Lanes::new(100, 1000);
        for _ in 0..5 {
            lanes.push(Class::Bulk, vec![0; 100]).unwrap();
        }
        assert_eq!(lanes.push(Class::Bulk, vec![0; 100]), Err(Full::Bulk));
        for _ in 0..5 {
            lanes.push(Class::Interactive, vec![0; 100]).unwrap();
        }
        assert_eq!(lanes.push(Class::Interactive, vec![0; 1]), Err(Full::All));
        assert_eq!(lanes.push(Class::Control, vec![0; 1]), Ok(()), "an empty lane takes one in any case");
        assert_eq!(lanes.push(Class::Control, vec![0; 1]), Err(Full::All));
    }

    #[test]
    fn messages_are_counted_too() {
        let mut lanes = Lanes::new(4, 1000);
        let filled = |lanes: &mut Lanes, lane| (0..9).find(|_| lanes.push(lane, vec![1]).is_err());
        assert_eq!(filled(&mut lanes, Class::Bulk), Some(2));
        assert_eq!(filled(&mut lanes, Class::Control), Some(2));
    }

    #[test]
    fn one_message_always_fits_and_an_empty_one_is_nothing() {
        let mut lanes = Lanes::new(4, 10);
        lanes.push(Class::Control, Vec::new()).unwrap();
        assert_eq!((lanes.bytes(), lanes.next(Class::Control, 5)), (0, None));
        lanes.push(Class::Bulk, vec![1; 5000]).unwrap();
        let mut out = Vec::new();
        assert_eq!((lanes.next(Class::Bulk, 2000), lanes.cut(Class::Bulk, 2000, &mut out)), (Some(2000), 2000));
        assert_eq!((lanes.next(Class::Bulk, 4000), lanes.cut(Class::Bulk, 4000, &mut out)), (Some(3000), 3000));
        assert_eq!((lanes.bytes(), lanes.cut(Class::Bulk, 2000, &mut out)), (0, 0));
    }
}
