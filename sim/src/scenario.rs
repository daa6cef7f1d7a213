//! What experiments have in common: growing a network, asking it things, taking parts of it away.

mod growth;
mod joins;
mod loss;
mod storm;

use core::time::Duration;
use std::collections::BTreeMap;

use grid::cell::{GeometryError, Shape};
use grid::config::Config;
use grid::input::{Command, Ticket};
use grid::output::{Event, RequestFailure};
use grid::parameters::Parameters;
use grid::record::{Pointer, Record};
use grid::time::Time;

use crate::identity::{Forged, HostIndex};
use crate::link::Weather;
use crate::network::{Network, Told};
use crate::oracle::{self, RosterErrors};
use crate::records;

pub use growth::Growth;
pub use joins::Joins;
pub use loss::{Answers, Loss};
pub use storm::{Carried, Storm, Stormed};

/// A network, and what happens to it.
#[derive(Debug)]
pub struct Scenario {
    /// The network.
    pub network: Network,
    /// How large the values of new records are.
    pub record_bytes: usize,
}

/// A new record with a value that nobody has put before, of eight bytes at least.
pub(crate) fn new_record(network: &mut Network, bytes: usize) -> Option<Record> {
    let unique = network.chance().number().to_be_bytes();
    let value: Vec<u8> = unique.into_iter().cycle().take(bytes.max(unique.len())).collect();
    // It is within what any grid allows, or the network itself refuses it.
    records::immutable(&value, 0, network.rules()).ok()
}

/// What a number of requests came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Requests made.
    pub asked: usize,
    /// Requests that succeeded, by hops.
    pub by_hops: BTreeMap<u8, usize>,
    /// Failures, by what was said.
    pub failures: BTreeMap<String, usize>,
    /// Times to success, in milliseconds, in increasing order.
    #[serde(skip)]
    pub latencies: Vec<u64>,
}

impl Outcome {
    /// Requests that succeeded.
    pub fn succeeded(&self) -> usize {
        self.by_hops.values().sum()
    }

    /// The share that succeeded; 1 of nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    pub fn success(&self) -> f64 {
        if self.asked == 0 { 1.0 } else { self.succeeded() as f64 / self.asked as f64 }
    }

    /// The most hops that any request took.
    pub fn most_hops(&self) -> u8 {
        self.by_hops.keys().copied().max().unwrap_or(0)
    }

    /// Mean hops of those that succeeded.
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    pub fn mean_hops(&self) -> f64 {
        let sum: usize = self.by_hops.iter().map(|(&hops, &count)| usize::from(hops) * count).sum();
        sum as f64 / (self.succeeded().max(1)) as f64
    }

    /// The latency that a share of the successes did not exceed, in milliseconds.
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let last = self.latencies.len().checked_sub(1)?;
        self.latencies.get(last * percent / 100).copied()
    }

    pub(crate) fn note(&mut self, outcome: Result<u8, RequestFailure>, took: Duration) {
        match outcome {
            Ok(hops) => {
                *self.by_hops.entry(hops).or_default() += 1;
                self.latencies.push(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            }
            Err(failure) => *self.failures.entry(class(&failure).to_owned()).or_default() += 1,
        }
    }
}

/// A failure without the particulars, for counting.
fn class(failure: &RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Vacant(_) => "vacant",
        RequestFailure::NoWay(_) => "no way",
        RequestFailure::TimedOut(_) => "timed out",
        RequestFailure::NotFound { .. } => "not found",
        RequestFailure::NoKeeper => "no keeper",
        RequestFailure::TooFewCells { .. } => "too few cells",
        RequestFailure::Refused(_) => "refused",
        RequestFailure::Absent(_) => "absent",
        RequestFailure::Busy(_) => "busy",
        RequestFailure::Uncertified(_) => "uncertified",
        RequestFailure::Doubtful { .. } => "doubtful",
        _ => "other",
    }
}

impl Scenario {
    /// A network in fair weather, with default settings.
    ///
    /// # Errors
    /// [`GeometryError`] for an impossible shape.
    pub fn new(dims: u8, side: u16, seed: u64) -> Result<Self, GeometryError> {
        Self::in_weather(dims, side, Weather::default(), seed)
    }

    /// A network in other weather.
    ///
    /// # Errors
    /// [`GeometryError`] for an impossible shape.
    pub fn in_weather(dims: u8, side: u16, weather: Weather, seed: u64) -> Result<Self, GeometryError> {
        let parameters = Parameters { shape: Shape::new(dims, side)?, ..Parameters::local() };
        Ok(Self { network: Network::new(parameters, Config::default(), weather, seed), record_bytes: 32 })
    }

    /// Adds nodes until there are `nodes`, one every `every`, all through the first.
    ///
    /// # Errors
    /// As [`Network::add`].
    pub fn grow(&mut self, nodes: usize, every: Duration) -> Result<(), Forged> {
        while self.network.hosts().len() < nodes {
            let introducer = (!self.network.hosts().is_empty()).then_some(0);
            self.network.add(introducer)?;
            self.network.run_for(every);
        }
        Ok(())
    }

    /// How far the rosters are from the truth.
    pub fn roster_errors(&self) -> RosterErrors {
        oracle::roster_errors(&self.network)
    }

    /// Takes away a share of the hosts at once, without a sign; returns them.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count of hosts")]
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    pub fn silence_share(&mut self, share: f64) -> Vec<HostIndex> {
        let mut living = self.network.living();
        let wanted = (living.len() as f64 * share).round() as usize;
        let mut victims = Vec::with_capacity(wanted);
        for _ in 0..wanted.min(living.len()) {
            let index = self.network.chance().index(living.len());
            victims.push(living.swap_remove(index));
        }
        victims.iter().for_each(|&host| self.network.silence(host));
        victims
    }

    /// Lets random nodes ask random occupied cells, `count` times, and waits for the outcomes.
    pub fn ask_random_cells(&mut self, count: usize) -> Outcome {
        let batch = self.begin_asking(count);
        self.finish(batch)
    }

    /// Begins to ask random occupied cells, within a tenth of a millisecond each.
    pub fn begin_asking(&mut self, count: usize) -> Batch {
        let occupied: Vec<_> = oracle::occupied_cells(&self.network).into_iter().collect();
        self.begin(count, |network, ticket| {
            let target = network.chance().pick(&occupied)?;
            Some(Command::Echo { ticket, target })
        })
    }

    /// Puts `count` records from random nodes; returns the pointers of those that were stored, and the outcome, whose
    /// hops are the cells.
    pub fn put_records(&mut self, count: usize) -> (Vec<Pointer>, Outcome) {
        let (mut pointers, bytes) = (BTreeMap::new(), self.record_bytes);
        let batch = self.begin(count, |network, ticket| {
            let record = new_record(network, bytes)?;
            pointers.insert(ticket, record.pointer().clone());
            Some(Command::Put { ticket, record })
        });
        let outcome = self.finish(batch);
        let stored = self.network.told().iter().filter_map(|told| {
            let (ticket, cells) = done(&told.event)?;
            cells.ok().and_then(|_| pointers.get(&ticket).cloned())
        });
        (stored.collect(), outcome)
    }

    /// Lets random nodes get each of the records, and waits for the outcomes.
    pub fn get_records(&mut self, pointers: &[Pointer]) -> Outcome {
        let batch = self.begin_getting(pointers);
        self.finish(batch)
    }

    /// Begins to get each of the records, within a tenth of a millisecond each.
    pub fn begin_getting(&mut self, pointers: &[Pointer]) -> Batch {
        let mut rest = pointers.iter().cloned();
        self.begin(pointers.len(), |_, ticket| rest.next().map(|pointer| Command::Get { ticket, pointer, chunk: 0 }))
    }

    /// Gives random living nodes `count` commands.
    fn begin(&mut self, count: usize, mut command: impl FnMut(&mut Network, Ticket) -> Option<Command>) -> Batch {
        let living = self.network.living();
        self.begin_by(count, Duration::from_micros(100), |network, ticket| {
            let host = network.chance().pick(&living);
            Some((host?, command(network, ticket)?))
        })
    }

    /// Gives hosts `count` commands, one every `every`.
    pub(crate) fn begin_by(
        &mut self,
        count: usize,
        every: Duration,
        mut command: impl FnMut(&mut Network, Ticket) -> Option<(HostIndex, Command)>,
    ) -> Batch {
        let mut begun = BTreeMap::new();
        for _ in 0..count {
            let ticket = self.network.ticket();
            if let Some((host, command)) = command(&mut self.network, ticket) {
                begun.insert(ticket, self.network.now());
                self.network.command(host, command);
            }
            self.network.run_for(every);
        }
        Batch { asked: count, begun }
    }

    /// Waits until everything that was begun has ended, by answer or by time, and counts what came of one batch.
    pub fn finish(&mut self, batch: Batch) -> Outcome {
        self.network.run_for(Duration::from_secs(31));
        self.count(batch)
    }

    /// Counts what has come of one batch so far: of one that was begun with another, when that is finished.
    pub fn count(&self, batch: Batch) -> Outcome {
        let mut outcome = Outcome { asked: batch.asked, ..Outcome::default() };
        for Told { at, event, .. } in self.network.told() {
            if let Some((ticket, result)) = done(event)
                && let Some(&start) = batch.begun.get(&ticket)
            {
                outcome.note(result, at.since(start));
            }
        }
        outcome.latencies.sort_unstable();
        outcome
    }
}

/// Requests under way.
#[derive(Debug)]
pub struct Batch {
    asked: usize,
    begun: BTreeMap<Ticket, Time>,
}

/// The outcome that an event tells of, if it does; a put's number is its cells.
fn done(event: &Event) -> Option<(Ticket, Result<u8, RequestFailure>)> {
    match event {
        Event::PutDone { ticket, outcome } => {
            let cells = outcome.as_ref().map(|report| u8::try_from(report.cells).unwrap_or(u8::MAX));
            Some((*ticket, cells.map_err(Clone::clone)))
        }
        Event::GetDone { ticket, outcome } => {
            Some((*ticket, outcome.as_ref().map(|report| report.hops).map_err(Clone::clone)))
        }
        Event::EchoDone { ticket, outcome } => {
            Some((*ticket, outcome.as_ref().map(|report| report.hops).map_err(Clone::clone)))
        }
        Event::JoinProgress(_)
        | Event::JoinFailed { .. }
        | Event::Joined { .. }
        | Event::RosterDoubt { .. }
        | Event::Grown
        | Event::Equivocated(_)
        | Event::RosterDone { .. }
        | Event::NeighbourUp(_)
        | Event::NeighbourDown(_)
        | Event::Asked { .. }
        | Event::AskDone { .. }
        | Event::ProvideDone { .. }
        | Event::ProvidersDone { .. }
        | Event::HandingOver { .. }
        | Event::Left => None,
    }
}
