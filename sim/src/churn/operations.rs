//! The puts and gets under way, and what came of them.

use std::collections::BTreeMap;

use grid::id::RecordKey;
use grid::input::{Command, Ticket};
use grid::output::{GetReport, PutReport, RequestFailure};
use grid::record::Pointer;
use grid::time::Time;

use crate::churn::crowd::Crowd;
use crate::churn::report::{Gets, Puts};
use crate::identity::HostIndex;
use crate::network::Network;
use crate::scenario::{Outcome, new_record};

/// One that has not ended yet.
#[derive(Clone, Debug)]
struct Asked {
    by: HostIndex,
    at: Time,
    pointer: Pointer,
    put: bool,
}

/// All puts and gets.
#[derive(Debug)]
pub(super) struct Operations {
    asked: BTreeMap<Ticket, Asked>,
    /// Records that were stored, in the order in which they were.
    known: Vec<Pointer>,
    gets: Gets,
    puts: Puts,
}

impl Operations {
    pub(super) fn new(known: Vec<Pointer>) -> Self {
        Self { asked: BTreeMap::new(), known, gets: Gets::default(), puts: Puts::default() }
    }

    pub(super) fn known(&self) -> &[Pointer] {
        &self.known
    }

    /// One of them gets one of the records.
    pub(super) fn get(&mut self, network: &mut Network, askers: &Crowd) {
        if let (Some(by), Some(pointer)) = (askers.pick(network.chance()), network.chance().pick(&self.known)) {
            let ticket = network.ticket();
            self.asked.insert(ticket, Asked { by, at: network.now(), pointer: pointer.clone(), put: false });
            network.command(by, Command::Get { ticket, pointer, chunk: 0 });
        }
    }

    /// One of them puts a new record.
    pub(super) fn put(&mut self, network: &mut Network, askers: &Crowd, bytes: usize) {
        if let Some(by) = askers.pick(network.chance())
            && let Some(record) = new_record(network, bytes)
        {
            let (ticket, pointer) = (network.ticket(), record.pointer().clone());
            self.asked.insert(ticket, Asked { by, at: network.now(), pointer, put: true });
            network.command(by, Command::Put { ticket, record });
        }
    }

    /// Nobody waits for the outcomes of a node that is gone.
    pub(super) fn asker_gone(&mut self, host: HostIndex) {
        let (gets, puts) = (&mut self.gets.asker_gone, &mut self.puts.asker_gone);
        self.asked.retain(|_, asked| {
            let gone = asked.by == host;
            *(if asked.put { &mut *puts } else { &mut *gets }) += usize::from(gone);
            !gone
        });
    }

    pub(super) fn put_done(&mut self, at: Time, ticket: Ticket, outcome: Result<PutReport, RequestFailure>) {
        let Some(asked) = self.asked.remove(&ticket) else { return };
        if outcome.is_ok() {
            self.known.push(asked.pointer);
        }
        let cells = outcome.map(|report| u8::try_from(report.cells).unwrap_or(u8::MAX));
        self.puts.outcome.asked += 1;
        self.puts.outcome.note(cells, at.since(asked.at));
    }

    /// `exists` tells whether any living node has a record.
    pub(super) fn get_done(
        &mut self,
        at: Time,
        ticket: Ticket,
        outcome: Result<GetReport, RequestFailure>,
        exists: impl Fn(RecordKey) -> bool,
    ) {
        let Some(asked) = self.asked.remove(&ticket) else { return };
        self.gets.outcome.asked += 1;
        match outcome {
            Ok(report) if report.record.key() != asked.pointer.key() => self.gets.wrong += 1,
            Ok(report) => self.gets.outcome.note(Ok(report.hops), at.since(asked.at)),
            Err(failure) => {
                *(if exists(asked.pointer.key()) { &mut self.gets.missed } else { &mut self.gets.of_lost }) += 1;
                self.gets.outcome.note(Err(failure), at.since(asked.at));
            }
        }
    }

    /// The figures, when all has ended.
    pub(super) fn conclude(mut self) -> (Gets, Puts) {
        for asked in self.asked.values() {
            let outcome = if asked.put { &mut self.puts.outcome } else { &mut self.gets.outcome };
            outcome.asked += 1;
            *outcome.failures.entry("no outcome".to_owned()).or_default() += 1;
        }
        self.gets.fill();
        self.puts.fill();
        (self.gets, self.puts)
    }
}

impl Outcome {
    /// Brings the latencies into the order in which they are asked for.
    pub(super) fn sort(&mut self) {
        self.latencies.sort_unstable();
    }
}
