//! The closest nodes that one path of a lookup has seen.

use super::table::Named;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) named: Named,
    /// Hops from the node that looks up: 1 for its own contacts.
    pub(crate) depth: u32,
    pub(crate) state: State,
}

/// What was done about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    New,
    Asked,
    Answered,
}

/// The closest ones, closest first. Those who did not answer are not in it.
#[derive(Clone, Debug)]
pub(crate) struct Shortlist {
    seen: Vec<Seen>,
    /// How many have to have answered.
    width: usize,
    /// Those who did not answer.
    silent: Vec<u32>,
}

impl Shortlist {
    pub(crate) fn new(width: usize) -> Self {
        Self { seen: Vec::with_capacity(3 * width), width, silent: Vec::new() }
    }

    /// Some more than have to answer are kept, in place of those who will not.
    fn capacity(&self) -> usize {
        2 * self.width
    }

    pub(crate) fn insert(&mut self, named: Named, depth: u32) {
        let place = self.seen.partition_point(|seen| seen.named.distance < named.distance);
        let known = self.seen.get(place).is_some_and(|seen| seen.named.distance == named.distance);
        if known || place >= self.capacity() || self.silent.contains(&named.node) {
            return;
        }
        self.seen.insert(place, Seen { named, depth, state: State::New });
        self.seen.truncate(self.capacity());
    }

    /// The closest of those who have to answer and have not been asked. Whoever `elsewhere` says has been asked by
    /// another path, which counts as asked here too.
    pub(crate) fn next(&mut self, elsewhere: impl Fn(u32) -> bool) -> Option<Seen> {
        for seen in self.seen.iter_mut().take(self.width).filter(|seen| seen.state == State::New) {
            if elsewhere(seen.named.node) {
                seen.state = State::Answered;
            } else {
                seen.state = State::Asked;
                return Some(*seen);
            }
        }
        None
    }

    fn place(&self, named: Named) -> Option<usize> {
        let place = self.seen.partition_point(|seen| seen.named.distance < named.distance);
        self.seen.get(place).is_some_and(|seen| seen.named == named).then_some(place)
    }

    pub(crate) fn answered(&mut self, named: Named) {
        if let Some(place) = self.place(named) {
            self.seen[place].state = State::Answered;
        }
    }

    pub(crate) fn did_not_answer(&mut self, named: Named) {
        self.silent.push(named.node);
        if let Some(place) = self.place(named) {
            self.seen.remove(place);
        }
    }

    /// Nobody of it is to be asked any more.
    pub(crate) fn abandon(&mut self) {
        self.seen.clear();
        self.width = 0;
    }
}
