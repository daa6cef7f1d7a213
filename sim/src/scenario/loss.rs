//! The same questions before and right after a part of the network vanishes.

use grid::cell::Cell;

use crate::oracle;
use crate::scenario::{Outcome, Scenario};

/// What a network answers, and who lives in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The cell of each living node, in the order in which they came.
    pub cells: Vec<Cell>,
    /// What came of requests from random living nodes to random occupied cells.
    pub outcome: Outcome,
}

/// What a network answers before and right after a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Before.
    pub before: Answers,
    /// Right after: nothing is repaired yet, and nobody knows who is gone.
    pub after: Answers,
}

impl Scenario {
    /// Asks `requests` times, takes a share of the nodes away without a sign, and asks as many times again, beginning at
    /// once. The last requests begin `requests` tenths of a millisecond later, so with some thousands the nodes have
    /// hardly begun to notice.
    pub fn lose(&mut self, share: f64, requests: usize) -> Loss {
        let before = self.answers(requests);
        self.silence_share(share);
        let after = self.answers(requests);
        Loss { before, after }
    }

    fn answers(&mut self, requests: usize) -> Answers {
        let cells = oracle::living_cells(&self.network);
        Answers { cells, outcome: self.ask_random_cells(requests) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn what_is_asked_is_asked_of_those_who_live() {
        let mut scenario = Scenario::new(2, 3, 1).unwrap();
        scenario.grow(40, Duration::from_millis(200)).unwrap();
        scenario.network.run_for(Duration::from_secs(60));
        let Loss { before, after } = scenario.lose(0.25, 500);
        assert_eq!((before.cells.len(), after.cells.len()), (40, 30));
        assert_eq!((before.outcome.asked, before.outcome.succeeded()), (500, 500));
        assert_eq!(after.outcome.asked, 500);
        assert!(after.outcome.success() > 0.98, "{:?}", after.outcome);
        assert!(after.cells.iter().all(|cell| before.cells.contains(cell)));
    }
}
