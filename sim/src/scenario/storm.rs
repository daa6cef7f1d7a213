//! A join storm: a crowd that knows a single node, and comes all at once.

use core::time::Duration;
use std::collections::BTreeMap;

use grid::output::{Event, JoinStep};
use grid::overlay::InHand;
use grid::time::Time;

use crate::identity::{Forged, HostIndex};
use crate::network::Network;
use crate::scenario::Scenario;

/// The node through which all newcomers come: the first of its network.
const INTRODUCER: HostIndex = 0;
/// How often what the introducer carries is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Who comes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// How many newcomers there are.
    pub newcomers: usize,
    /// The time within which all of them start, evenly.
    pub within: Duration,
    /// How long the introducer takes to serve a request, one after the other; zero for one that has time for everything at
    /// once.
    pub service: Duration,
    /// How long the storm is watched at most.
    pub patience: Duration,
}

/// What a node has in hand at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Carried {
    /// Open links.
    pub links: usize,
    /// Those of them that lead to strangers on their way in, or that wait until their time is over.
    pub guests: usize,
    /// Those of them that lead to strangers with whom requests are passed on.
    pub bridges: usize,
    /// Requests of others that wait for their turn.
    pub queued: usize,
    /// Requests that it works on, or whose answer it waits for.
    pub under_way: usize,
    /// Welcomes that are being sealed.
    pub sealing: usize,
}

impl Carried {
    fn by(network: &Network, host: HostIndex) -> Self {
        let overlay = &network.hosts()[host].overlay;
        let InHand { guests, bridges, requests, welcomes } = overlay.in_hand();
        let links = network.hosts()[host].links.len();
        Self { links, guests, bridges, queued: overlay.waiting(), under_way: requests, sealing: welcomes }
    }

    fn most(self, other: Self) -> Self {
        Self {
            links: self.links.max(other.links),
            guests: self.guests.max(other.guests),
            bridges: self.bridges.max(other.bridges),
            queued: self.queued.max(other.queued),
            under_way: self.under_way.max(other.under_way),
            sealing: self.sealing.max(other.sealing),
        }
    }
}

/// What came of a storm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stormed {
    /// From coming to having joined for the first time, in milliseconds, in increasing order; those that have not joined
    /// are not in it.
    pub join_times: Vec<u64>,
    /// Joins that failed and were tried again, by how far they had come and why.
    pub failed_tries: BTreeMap<String, usize>,
    /// The most of each that the introducer had in hand.
    pub most: Carried,
    /// What it had in hand in the end.
    pub left: Carried,
    /// Messages that it sent and got.
    pub messages: u64,
    /// Their bytes on the real wire, about.
    pub bytes: u64,
}

impl Stormed {
    /// How many had joined a time after they had come.
    pub fn joined_within(&self, time: Duration) -> usize {
        self.join_times.iter().filter(|&&took| u128::from(took) <= time.as_millis()).count()
    }

    /// The join time that so many percent of those that have joined did not exceed, in milliseconds.
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let last = self.join_times.len().checked_sub(1)?;
        self.join_times.get(last * percent / 100).copied()
    }

    /// Joins that failed and were tried again.
    pub fn tries(&self) -> usize {
        self.failed_tries.values().sum()
    }

    fn hear(&mut self, network: &mut Network, waiting: &mut BTreeMap<HostIndex, Time>) {
        for told in network.take_told() {
            match told.event {
                Event::Joined { .. } => {
                    if let Some(came) = waiting.remove(&told.host) {
                        let took = told.at.since(came).as_millis();
                        self.join_times.push(u64::try_from(took).unwrap_or(u64::MAX));
                    }
                }
                Event::JoinFailed { step, why, .. } => {
                    *self.failed_tries.entry(class(step, &why)).or_default() += 1;
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
}

/// A failure without the cell that it happened on the way to, for counting.
fn class(step: JoinStep, why: &str) -> String {
    let words: Vec<&str> = why.split(' ').filter(|word| !word.chars().any(|c| c.is_ascii_digit())).collect();
    format!("{step:?}: {}", words.join(" "))
}

impl Scenario {
    /// Lets a storm come over the network, until all newcomers have joined or patience is over. What nodes told their owners
    /// meanwhile is not kept.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn storm(&mut self, storm: &Storm) -> Result<Stormed, Forged> {
        let (mut stormed, mut waiting) = (Stormed::default(), BTreeMap::new());
        let (begun, before) = (self.network.now(), self.network.traffic().of_host(INTRODUCER));
        self.network.set_service(INTRODUCER, storm.service);
        let newcomers = u32::try_from(storm.newcomers).unwrap_or(u32::MAX).max(1);
        for number in 0..newcomers {
            self.network.run_until(begun + storm.within * number / newcomers);
            let host = self.network.add(Some(INTRODUCER))?;
            waiting.insert(host, self.network.now());
            self.look(&mut stormed);
        }
        let end = begun + storm.within + storm.patience;
        while !waiting.is_empty() && self.network.now() < end {
            self.network.run_for(LOOK);
            self.look(&mut stormed);
            stormed.hear(&mut self.network, &mut waiting);
        }
        stormed.left = Carried::by(&self.network, INTRODUCER);
        let traffic = self.network.traffic().of_host(INTRODUCER).since(before);
        (stormed.messages, stormed.bytes) = (traffic.messages, traffic.bytes);
        stormed.join_times.sort_unstable();
        Ok(stormed)
    }

    fn look(&self, stormed: &mut Stormed) {
        stormed.most = stormed.most.most(Carried::by(&self.network, INTRODUCER));
    }
}
