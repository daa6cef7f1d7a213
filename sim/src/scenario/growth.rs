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
    /// A newcomer joins through one of the first so many nodes, at random among those that have joined. A single one has
    /// more guests than it may have as soon as newcomers come faster than they get in.
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
    /// The join time that so many percent of those that have joined did not exceed, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a simulation are far below 2^53")]
    pub fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.join_times.len().checked_sub(1)?;
        self.join_times.get(last * percent / 100).map(|&ms| ms as f64)
    }

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
                | Event::Grown
                | Event::Equivocated(_)
                | Event::RosterDone { .. }
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
            let introducer = self.introducer(growth.introducers);
            let host = self.network.add(introducer)?;
            waiting.insert(host, self.network.now());
            self.network.run_for(growth.every);
            grown.hear(self, &mut waiting);
            watch(self.network.hosts().len());
        }
        self.network.run_for(growth.settle);
        grown.hear(self, &mut waiting);
        grown.join_times.sort_unstable();
        Ok(grown)
    }

    /// One of the first `among` nodes that has joined; the first of all if none has.
    fn introducer(&mut self, among: usize) -> Option<HostIndex> {
        let hosts = self.network.hosts();
        let joined: Vec<HostIndex> = (0..hosts.len().min(among)).filter(|&host| hosts[host].joined).collect();
        let first = (!hosts.is_empty()).then_some(0);
        self.network.chance().pick(&joined).or(first)
    }
}
