//! The cell's side of offers: keep what nodes announce, for as long as it stands, and tell who asks.
//!
//! Offers are soft: they are kept in memory, and who offers something says so again before they expire. They cost their
//! node nothing but its identity, so each topic and each node has a cap; of too many providers of one topic those stay
//! whose hash with topic and day is least, which nobody can choose.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;
use sha2::{Digest, Sha256};

use crate::id::{NodeId, RequestId};
use crate::message::{AnswerBody, Message};
use crate::placement::first_cells;
use crate::protocol::{CLOCK_TOLERANCE, Context, Signal};
use crate::provider::{MAX_ANSWERED, Provider, Topic};
use crate::time::Day;

/// Providers of one topic that are kept.
const MAX_PROVIDERS: usize = 128;
/// Topics of one node that are kept.
const MAX_TOPICS_OF_A_NODE: usize = 64;
/// Offers that are kept in all: 4 MiB or so.
const MAX_OFFERS: usize = 4096;
/// Cells of the sequence in which offers are kept: the usual replicas and some that stand in for vacant ones.
const CELLS: usize = 16;
/// Time between two looks for what has expired.
const SWEEP: Duration = Duration::from_secs(60);

/// When to look for what has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next look.
    Sweep,
}

/// The offers that are kept.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    topics: BTreeMap<Topic, BTreeMap<NodeId, Provider>>,
    of_node: BTreeMap<NodeId, usize>,
    count: usize,
}

impl Providers {
    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        cx.timer(SWEEP, Timer::Sweep);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Sweep => {
                let now = cx.unix();
                let over = |provider: &Provider| provider.offer().expires <= now;
                let expired = self.topics.iter().flat_map(|(&topic, of_topic)| {
                    of_topic.values().filter(|provider| over(provider)).map(move |p| (topic, p.peer().id()))
                });
                for (topic, node) in expired.collect::<Vec<_>>() {
                    self.remove(&topic, node);
                }
                self.start(cx);
            }
        }
    }

    /// An announcement has reached our cell.
    pub(crate) fn announced<R: Rng>(&mut self, request: RequestId, provider: Provider, cx: &mut Context<'_, R>) {
        for mate in cx.table.mates_alive() {
            cx.send(mate, Message::Offered(provider.clone()));
        }
        let kept = self.keep(provider, cx);
        cx.signal(Signal::Reply(request, if kept { AnswerBody::Provided } else { AnswerBody::Busy }));
    }

    /// Another node of our cell has heard of an offer.
    pub(crate) fn on_offered<R: Rng>(&mut self, from: NodeId, provider: Provider, cx: &mut Context<'_, R>) {
        if cx.table.mates().contains(&from) {
            self.keep(provider, cx);
        }
    }

    /// Keeps an offer, if there is room for it; whether it is kept.
    fn keep<R: Rng>(&mut self, provider: Provider, cx: &Context<'_, R>) -> bool {
        let (topic, node, now) = (provider.offer().topic, provider.peer().id(), cx.unix());
        let cells = first_cells(cx.table.shape(), &topic.routing_key(), CELLS);
        let stands = provider.offer().expires > now && provider.offer().issued <= now + CLOCK_TOLERANCE;
        if !stands || !cells.contains(&cx.me.cell()) {
            return false;
        }
        let of_topic = self.topics.get(&topic);
        let known = of_topic.and_then(|of_topic| of_topic.get(&node));
        if let Some(known) = known {
            if known.offer().issued < provider.offer().issued {
                self.insert(provider);
            }
            return true;
        }
        let of_node = self.of_node.get(&node).copied().unwrap_or_default();
        if of_node >= MAX_TOPICS_OF_A_NODE || self.count >= MAX_OFFERS {
            return false;
        }
        let today = cx.today();
        let worst = of_topic.filter(|of_topic| of_topic.len() >= MAX_PROVIDERS);
        let worst = worst.and_then(|of_topic| of_topic.keys().copied().max_by_key(|node| rank(&topic, node, today)));
        match worst {
            Some(worst) if rank(&topic, &worst, today) < rank(&topic, &node, today) => return false,
            Some(worst) => {
                self.remove(&topic, worst);
                self.insert(provider);
            }
            None => self.insert(provider),
        }
        true
    }

    fn insert(&mut self, provider: Provider) {
        let (topic, node) = (provider.offer().topic, provider.peer().id());
        if self.topics.entry(topic).or_default().insert(node, provider).is_none() {
            *self.of_node.entry(node).or_default() += 1;
            self.count += 1;
        }
    }

    fn remove(&mut self, topic: &Topic, node: NodeId) {
        let Some(of_topic) = self.topics.get_mut(topic) else { return };
        if of_topic.remove(&node).is_none() {
            return;
        }
        if of_topic.is_empty() {
            self.topics.remove(topic);
        }
        self.count -= 1;
        if let Some(count) = self.of_node.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.of_node.remove(&node);
            }
        }
    }

    /// Somebody asks who offers something: some of them, drawn at random, so that not all go to the same.
    pub(crate) fn asked<R: Rng>(&mut self, request: RequestId, topic: &Topic, cx: &mut Context<'_, R>) {
        let now = cx.unix();
        let of_topic = self.topics.get(topic).into_iter().flat_map(BTreeMap::values);
        let mut standing: Vec<Provider> = of_topic.filter(|provider| provider.offer().expires > now).cloned().collect();
        crate::chance::shuffle(cx.rng, &mut standing);
        standing.truncate(MAX_ANSWERED);
        cx.signal(Signal::Reply(request, AnswerBody::Providers(standing)));
    }
}

fn rank(topic: &Topic, node: &NodeId, today: Day) -> [u8; 32] {
    let hash = Sha256::new().chain_update(b"rook provider rank v1").chain_update(topic.as_bytes());
    hash.chain_update(node.as_bytes()).chain_update(today.number().to_be_bytes()).finalize().into()
}
