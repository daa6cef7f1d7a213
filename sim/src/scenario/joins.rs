//! Joins that are watched: how long each took, and how often it failed before.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::output::{Event, JoinStep};
use grid::time::Time;

use crate::identity::HostIndex;
use crate::network::Network;

/// What joining took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joins {
    /// From coming to having joined for the first time, in milliseconds, in increasing order; those that have not joined
    /// are not in it.
    pub times: Vec<u64>,
    /// Joins that failed and were tried again, by how far they had come and why.
    pub failed_tries: BTreeMap<String, usize>,
}

impl Joins {
    /// How many had joined a time after they had come.
    pub fn within(&self, time: Duration) -> usize {
        self.times.iter().filter(|&&took| u128::from(took) <= time.as_millis()).count()
    }

    /// The join time that so many percent of those that have joined did not exceed, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a simulation are far below 2^53")]
    pub fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.times.len().checked_sub(1)?;
        self.times.get(last * percent / 100).map(|&ms| ms as f64)
    }

    /// Joins that failed and were tried again.
    pub fn tries(&self) -> usize {
        self.failed_tries.values().sum()
    }
}

/// Watches nodes until they have joined.
#[derive(Debug, Default)]
pub(super) struct Watch {
    waiting: BTreeMap<HostIndex, Time>,
    joins: Joins,
}

impl Watch {
    /// A node has come.
    pub(super) fn came(&mut self, host: HostIndex, at: Time) {
        self.waiting.insert(host, at);
    }

    /// Whether all that have come have joined.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes what nodes have told their owners.
    pub(super) fn hear(&mut self, network: &mut Network) {
        for told in network.take_told() {
            match told.event {
                Event::Joined { .. } => {
                    if let Some(came) = self.waiting.remove(&told.host) {
                        let took = told.at.since(came).as_millis();
                        self.joins.times.push(u64::try_from(took).unwrap_or(u64::MAX));
                    }
                }
                Event::JoinFailed { step, why, .. } => {
                    *self.joins.failed_tries.entry(class(step, &why)).or_default() += 1;
                }
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

    /// What came of it so far.
    pub(super) fn end(self) -> Joins {
        let mut joins = self.joins;
        joins.times.sort_unstable();
        joins
    }
}

/// A failure without the cell that it happened on the way to, for counting.
fn class(step: JoinStep, why: &str) -> String {
    let words: Vec<&str> = why.split(' ').filter(|word| !word.chars().any(|c| c.is_ascii_digit())).collect();
    format!("{step:?}: {}", words.join(" "))
}
