//! What is counted while it happens.

use std::fmt::Debug;

use grid::message::Message;
use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};

use super::labels;
use crate::transport::Filling;

/// Labels of a metric: names and values that this program alone chooses.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];
/// A counter for each combination of labels.
type Counters<const N: usize> = Family<Labels<N>, Counter>;
/// A histogram for each combination of labels.
type Histograms<const N: usize> = Family<Labels<N>, Histogram>;

const BYTES: Option<Unit> = Some(Unit::Bytes);
const SECONDS: Option<Unit> = Some(Unit::Seconds);
const CLASS: Label = ("class", &labels::CLASSES);
const OPERATION: Label = ("kind", &labels::OPERATIONS);
const REQUEST: Label = ("kind", &labels::REQUESTS);

// What each means; docs/operations.md has these words from here.
const ANSWERED: &str = "Neighbours' requests that were answered, by kind and what the answer comes to";
const BYTES_IN: &str = "Bytes of the messages that came over links, before encryption, by kind";
const BYTES_OUT: &str = "Bytes of the messages handed to links, before encryption, by kind";
const CAME: &str = "Requests that came from neighbours, by kind and class";
const DIALS: &str = "Dials that led to no link, by why";
const DISCARDED: &str =
    "Records removed from the disk: expired, evicted as the quota was full, or not of this node's cell any more";
const DROPS: &str = "Messages not sent since too much waited for the link already, by class; what they were for is tried again or by another way";
const HOPS: &str = "Links that an operation of the owner crossed to the node that answered";
const JOINS: &str = "Attempts to join that failed, by the step at which";
const LINKS: &str = "Links open now, by the level of the node at the other end";
const OPERATIONS: &str = "Operations of the owner, by kind and outcome; done is success";
const PASSED_ON: &str = "Neighbours' requests that were sent on, by kind";
const PAYMENTS: &str = "Requests for which busy nodes asked postage, by whether it could be paid";
const RECEIVED: &str = "Messages that came over links, by kind";
const REFUSED: &str =
    "Neighbours' requests that were refused, by class and reason; busy are those that the work queue dropped";
const SENT: &str = "Messages handed to links, by kind";
const SERVED: &str =
    "Time from a neighbour's request to this node's answer, whether it was made here or came back from further on";
const SLOTS: &str = "Send slots of links, by what they were filled with; all at zero without cover traffic";
const TOOK: &str = "Time from a command of the owner to its outcome, whatever that was";
const WRITTEN: &str = "Records that were to be written to the disk, by outcome";

/// All counters of a node. Each stands in [`Counts::register`] with what it means, and nowhere else.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(super) dial_failures: Counters<1>,
    pub(super) join_failures: Counters<1>,
    pub(super) link_cuts: Counter,
    pub(super) link_drops: Counters<1>,
    pub(super) links: Family<Labels<1>, Gauge>,
    pub(super) links_lost: Counter,
    pub(super) links_opened: Counter,
    pub(super) messages_received: Counters<1>,
    pub(super) messages_sent: Counters<1>,
    pub(super) received_bytes: Counters<1>,
    pub(super) sent_bytes: Counters<1>,
    pub(super) operation_hops: Histograms<1>,
    pub(super) operation_time: Histograms<1>,
    pub(super) operations: Counters<2>,
    pub(super) payments: Counters<1>,
    pub(super) records_discarded: Counter,
    pub(super) records_written: Counters<1>,
    pub(super) request_time: Histograms<1>,
    pub(super) requests_answered: Counters<2>,
    pub(super) requests_passed_on: Counters<1>,
    pub(super) requests_received: Counters<2>,
    pub(super) requests_refused: Counters<2>,
    pub(super) roster_doubts: Counter,
    pub(super) slots: Counters<1>,
}

/// From a tenth of a millisecond, on one machine, to 26 seconds, beyond every timeout.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 19))
}

/// A route has at most `d` hops and two sidesteps, and `d` is rarely above six.
fn hops() -> Histogram {
    Histogram::new((0..=8).map(f64::from))
}

impl Counts {
    /// All at zero, told of by a registry from now on. Every combination of labels is there from the start: a counter
    /// that appears with its first event hides that event from whoever looks at rates.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (links_opened, links_lost) = (Counter::default(), Counter::default());
        let (link_cuts, records_discarded, roster_doubts) = Default::default();
        let mut plain = |name: &str, help: &str, metric: &Counter| registry.register(name, help, metric.clone());
        plain("link_cuts", "Links that this node cut since the other side did not read", &link_cuts);
        plain("links_lost", "Links that ended", &links_lost);
        plain("links_opened", "Links that were opened, by this node or to it", &links_opened);
        plain("records_discarded", DISCARDED, &records_discarded);
        plain("roster_doubts", "Rosters that did not fit the node's other lines", &roster_doubts);
        Self {
            link_cuts,
            links_lost,
            links_opened,
            records_discarded,
            roster_doubts,
            dial_failures: family(registry, "dial_failures", DIALS, None, [("why", &labels::DIALS)]),
            join_failures: family(registry, "join_failures", JOINS, None, [("step", &labels::STEPS)]),
            link_drops: family(registry, "link_drops", DROPS, None, [("class", &labels::CLASSES)]),
            links: family(registry, "links", LINKS, None, [("level", &labels::LEVELS)]),
            messages_received: family(registry, "messages_received", RECEIVED, None, [("kind", &labels::MESSAGES)]),
            messages_sent: family(registry, "messages_sent", SENT, None, [("kind", &labels::MESSAGES)]),
            received_bytes: family(registry, "link_received", BYTES_IN, BYTES, [("kind", &labels::MESSAGES)]),
            sent_bytes: family(registry, "link_sent", BYTES_OUT, BYTES, [("kind", &labels::MESSAGES)]),
            operation_hops: histogram(registry, "operation_hops", HOPS, None, hops, &["echo", "get"]),
            operation_time: histogram(registry, "operation_duration", TOOK, SECONDS, times, &labels::OPERATIONS),
            operations: family(registry, "operations", OPERATIONS, None, [OPERATION, ("outcome", &labels::OUTCOMES)]),
            payments: family(registry, "payments", PAYMENTS, None, [("outcome", &["done", "failed"])]),
            records_written: family(registry, "records_written", WRITTEN, None, [("outcome", &labels::WRITTEN)]),
            request_time: histogram(registry, "request_duration", SERVED, SECONDS, times, &labels::REQUESTS),
            slots: family(registry, "slots", SLOTS, None, [("filling", &labels::FILLINGS)]),
            requests_answered: family(
                registry,
                "requests_answered",
                ANSWERED,
                None,
                [REQUEST, ("outcome", &labels::ANSWERS)],
            ),
            requests_passed_on: family(registry, "requests_passed_on", PASSED_ON, None, [REQUEST]),
            requests_received: family(registry, "requests_received", CAME, None, [REQUEST, CLASS]),
            requests_refused: family(
                registry,
                "requests_refused",
                REFUSED,
                None,
                [CLASS, ("reason", &labels::REFUSALS)],
            ),
        }
    }

    /// A message of so many bytes came.
    pub(crate) fn received(&self, message: &Message, bytes: usize) {
        count(&self.messages_received, &self.received_bytes, message, bytes);
    }

    /// A message of so many bytes was handed to its link.
    pub(crate) fn sent(&self, message: &Message, bytes: usize) {
        count(&self.messages_sent, &self.sent_bytes, message, bytes);
    }

    /// A send slot was filled.
    pub(crate) fn filled(&self, filling: Filling) {
        self.slots.get_or_create(&[("filling", labels::filling(filling))]).inc();
    }

    /// A link was cut since the other side does not read.
    pub(crate) fn cut(&self) {
        self.link_cuts.inc();
    }
}

fn count(messages: &Counters<1>, all: &Counters<1>, message: &Message, bytes: usize) {
    let kind = [("kind", labels::message(message))];
    messages.get_or_create(&kind).inc();
    all.get_or_create(&kind).inc_by(bytes as u64);
}

/// A label and the words that it may have.
type Label = (&'static str, &'static [&'static str]);

/// Registers a metric with every combination of its labels.
fn family<const N: usize, M: Clone + Default + EncodeMetric + TypedMetric + Debug + Send + Sync + 'static>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    labels: [Label; N],
) -> Family<Labels<N>, M> {
    let metric = Family::default();
    register(registry, name, help, unit, metric.clone());
    let combinations = labels.iter().map(|(_, words)| words.len()).product();
    for number in 0..combinations {
        let mut rest: usize = number;
        drop(metric.get_or_create(&labels.map(|(name, words)| {
            let word = words[rest % words.len()];
            rest /= words.len();
            (name, word)
        })));
    }
    metric
}

/// Registers a histogram by kind.
fn histogram(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    make: fn() -> Histogram,
    kinds: &[&'static str],
) -> Histograms<1> {
    let metric = Family::new_with_constructor(make);
    register(registry, name, help, unit, metric.clone());
    kinds.iter().for_each(|kind| drop(metric.get_or_create(&[("kind", *kind)])));
    metric
}

fn register(registry: &mut Registry, name: &str, help: &str, unit: Option<Unit>, metric: impl Metric) {
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, metric),
        None => registry.register(name, help, metric),
    }
}
