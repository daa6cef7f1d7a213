//! Growing large networks: through several introducers in turn, and what the joins took.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::output::Event;
use grid::time::Time;

use crate::identity::{Forged, HostIndex};
use crate::scenario::Scenario;

/// How a network grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many nodes there are in the end.
    pub nodes: usize,
    /// Time between two newcomers.
    pub every: Duration,
    /// The first so many nodes introduce those that come later, in turn; at least 1. A single one has more guests than
    /// it may have as soon as a newcomer takes longer than that many intervals to get in.
    pub introducers: usize,
    /// Time that passes after the last newcomer.
    pub settle: Duration,
}

/// What growing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grown {
    /// From coming to having joined for the first time, in milliseconds, in increasing order; those that have not joined
    /// are not in it.
    pub join_times: Vec<u64>,
    /// Joins that failed and were tried again.
    pub failed_tries: usize,
}

impl Grown {
    fn hear(&mut self, scenario: &mut Scenario, waiting: &mut BTreeMap<HostIndex, Time>) {
        for told in scenario.network.take_told() {
            match told.event {
                Event::Joined { .. } => {
                    if let Some(came) = waiting.remove(&told.host) {
                        let took = told.at.since(came).as_millis();
                        self.join_times.push(u64::try_from(took).unwrap_or(u64::MAX));
                    }
                }
                Event::JoinFailed { .. } => self.failed_tries += 1,
                Event::JoinProgress(_)
                | Event::RosterDoubt { .. }
                | Event::NeighbourUp(_)
                | Event::NeighbourDown(_)
                | Event::PutDone { .. }
                | Event::GetDone { .. }
                | Event::EchoDone { .. }
                | Event::Asked { .. }
                | Event::AskDone { .. }
                | Event::ProvideDone { .. }
                | Event::ProvidersDone { .. }
                | Event::HandingOver { .. }
                | Event::Left => {}
            }
        }
    }
}

impl Scenario {
    /// Adds nodes as `growth` says; `watch` is told how many there are, after each. What nodes told their owners
    /// meanwhile is not kept.
    ///
    /// # Errors
    /// As [`crate::network::Network::add`].
    pub fn grow_as(&mut self, growth: &Growth, mut watch: impl FnMut(usize)) -> Result<Grown, Forged> {
        let (mut grown, mut waiting) = (Grown::default(), BTreeMap::new());
        while self.network.hosts().len() < growth.nodes {
            let present = self.network.hosts().len();
            let introducer = (present > 0).then(|| present % growth.introducers.clamp(1, present.max(1)));
            let host = self.network.add(introducer)?;
            waiting.insert(host, self.network.now());
            self.network.run_for(growth.every);
            grown.hear(self, &mut waiting);
            watch(present + 1);
        }
        self.network.run_for(growth.settle);
        grown.hear(self, &mut waiting);
        grown.join_times.sort_unstable();
        Ok(grown)
    }
}
