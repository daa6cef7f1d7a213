//! Growing large networks: through several introducers in turn, and what the joins took.

use core::time::Duration;

use crate::identity::{Forged, HostIndex};
use crate::scenario::Scenario;
use crate::scenario::joins::{Joins, Watch};

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

impl Scenario {
    /// Adds nodes as `growth` says; `watch` is told how many there are, after each. What nodes told their owners
    /// meanwhile is not kept.
    ///
    /// # Errors
    /// As [`crate::network::Network::add`].
    pub fn grow_as(&mut self, growth: &Growth, mut watch: impl FnMut(usize)) -> Result<Joins, Forged> {
        let mut watched = Watch::default();
        while self.network.hosts().len() < growth.nodes {
            let introducer = self.introducer(growth.introducers);
            let host = self.network.add(introducer)?;
            watched.came(host, self.network.now());
            self.network.run_for(growth.every);
            watched.hear(&mut self.network);
            watch(self.network.hosts().len());
        }
        self.network.run_for(growth.settle);
        watched.hear(&mut self.network);
        Ok(watched.end())
    }

    /// One of the first `among` nodes that has joined; the first of all if none has.
    fn introducer(&mut self, among: usize) -> Option<HostIndex> {
        let hosts = self.network.hosts();
        let joined: Vec<HostIndex> = (0..hosts.len().min(among)).filter(|&host| hosts[host].joined).collect();
        let first = (!hosts.is_empty()).then_some(0);
        self.network.chance().pick(&joined).or(first)
    }
}
