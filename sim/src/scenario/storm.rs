//! A join storm: a crowd that knows a single node, and comes all at once.

use core::time::Duration;

use grid::overlay::InHand;

use crate::identity::{Forged, HostIndex};
use crate::network::Network;
use crate::scenario::Scenario;
use crate::scenario::joins::{Joins, Watch};

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
    /// What joining took.
    pub joins: Joins,
    /// The most of each that the introducer had in hand.
    pub most: Carried,
    /// What it had in hand in the end.
    pub left: Carried,
    /// Messages that it sent and got.
    pub messages: u64,
    /// Their bytes on the real wire, about.
    pub bytes: u64,
}

impl Scenario {
    /// Lets a storm come over the network, until all newcomers have joined or patience is over. What nodes told their owners
    /// meanwhile is not kept.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn storm(&mut self, storm: &Storm) -> Result<Stormed, Forged> {
        let (mut stormed, mut watched) = (Stormed::default(), Watch::default());
        let (begun, before) = (self.network.now(), self.network.traffic().of_host(INTRODUCER));
        self.network.set_service(INTRODUCER, storm.service);
        let newcomers = u32::try_from(storm.newcomers).unwrap_or(u32::MAX).max(1);
        for number in 0..newcomers {
            self.network.run_until(begun + storm.within * number / newcomers);
            let host = self.network.add(Some(INTRODUCER))?;
            watched.came(host, self.network.now());
            self.look(&mut stormed);
        }
        let end = begun + storm.within + storm.patience;
        while !watched.is_over() && self.network.now() < end {
            self.network.run_for(LOOK);
            self.look(&mut stormed);
            watched.hear(&mut self.network);
        }
        stormed.left = Carried::by(&self.network, INTRODUCER);
        let traffic = self.network.traffic().of_host(INTRODUCER).since(before);
        (stormed.messages, stormed.bytes) = (traffic.messages, traffic.bytes);
        stormed.joins = watched.end();
        Ok(stormed)
    }

    fn look(&self, stormed: &mut Stormed) {
        stormed.most = stormed.most.most(Carried::by(&self.network, INTRODUCER));
    }
}
