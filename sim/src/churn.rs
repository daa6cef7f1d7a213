//! The experiment "churn": nodes come and go, while others put and get records.
//!
//! The population stays the same: when a node's session ends, another node comes, a new identity in a cell of its own
//! and with an empty disk, and joins through a random node that has joined. Nobody returns. Sessions are drawn as in
//! [`session`]. What is measured: whether records are found and survive, and what that costs.

mod crowd;
pub mod model;
mod operations;
pub mod plan;
pub mod report;
pub mod session;

use core::time::Duration;
use std::collections::BTreeMap;

use grid::input::Command;
use grid::output::Event;
use grid::time::Time;

use crate::identity::HostIndex;
use crate::network::{FAREWELL, Told};
use crate::oracle;
use crate::queue::Queue;
use crate::scenario::Scenario;

use crowd::Crowd;
use operations::Operations;
use plan::Plan;
use report::{Census, Population, Records, Report, Spending};
use session::{Ending, Sessions};

/// What is going to be done, and when.
#[derive(Debug)]
enum Act {
    /// A session ends, and another node comes.
    End(HostIndex),
    /// The process of a node that has said farewell ends.
    Exit(HostIndex),
    Get,
    Put,
}

/// An experiment under way.
#[derive(Debug)]
struct Churn<'a> {
    plan: &'a Plan,
    scenario: Scenario,
    sessions: Sessions,
    agenda: Queue<Act>,
    living: Crowd,
    joined: Crowd,
    operations: Operations,
    census: Census,
    population: Population,
    /// Newcomers that have not joined yet, and when they came.
    newcomers: BTreeMap<HostIndex, Time>,
    join_times: Vec<u64>,
}

/// Carries out a plan.
///
/// # Errors
/// What is impossible about the plan.
pub fn simulate(plan: &Plan) -> Result<Report, String> {
    plan.check()?;
    let churn = Churn::prepare(plan)?;
    let before = Records::count(&churn.scenario.network, churn.operations.known());
    if before.lost > 0 {
        return Err(format!("{} records were lost before anybody left", before.lost));
    }
    churn.run()
}

impl<'a> Churn<'a> {
    /// Grows the network, lets it settle and puts the first records.
    fn prepare(plan: &'a Plan) -> Result<Self, String> {
        let mut scenario = Scenario::new(plan.dims, plan.side, plan.seed).map_err(|error| error.to_string())?;
        scenario.record_bytes = plan.record_bytes;
        scenario.grow(plan.nodes, Duration::from_millis(500)).map_err(|error| format!("{error:?}"))?;
        scenario.network.run_for(Duration::from_secs(120));
        let (known, _) = scenario.put_records(plan.records);
        scenario.network.take_told();
        let hosts = scenario.network.hosts();
        let joined = (0..hosts.len()).filter(|&host| hosts[host].joined).collect();
        Ok(Self {
            plan,
            sessions: Sessions::of_median(Duration::from_secs_f64(60.0 * plan.median_minutes)),
            agenda: Queue::default(),
            living: (0..hosts.len()).collect(),
            joined,
            operations: Operations::new(known),
            census: Census::begin(scenario.network.now()),
            population: Population::default(),
            newcomers: BTreeMap::new(),
            join_times: Vec::new(),
            scenario,
        })
    }

    fn run(mut self) -> Result<Report, String> {
        let (begin, stored) = (self.scenario.network.now(), self.operations.known().len());
        let spent = Spending::so_far(&self.scenario.network);
        let end = begin + self.plan.duration();
        (0..self.scenario.network.hosts().len()).for_each(|host| self.plan_end(host));
        // From the middle of one interval to the middle of the next, so that none falls on the end.
        self.plan_next(self.plan.gets_every().map(|every| every / 2), Act::Get);
        self.plan_next(self.plan.puts_every().map(|every| every / 2), Act::Put);
        while let Some((at, act)) = self.agenda.pop_until(end) {
            self.pass_until(at);
            self.perform(act)?;
        }
        self.pass_until(end);
        let network = &self.scenario.network;
        let spent = Spending::so_far(network).since(&spent);
        let all = Records::count(network, self.operations.known());
        let first = Records::count(network, &self.operations.known()[..stored]);
        self.take_census(end);
        // Longer than any operation may take; nobody leaves meanwhile.
        self.pass_until(end + Duration::from_secs(31));
        Ok(self.report(first, all, &spent))
    }

    /// Lets time pass and hears what the nodes have to tell.
    fn pass_until(&mut self, at: Time) {
        self.scenario.network.run_until(at);
        for told in self.scenario.network.take_told() {
            self.hear(told);
        }
    }

    fn hear(&mut self, Told { at, host, event }: Told) {
        match event {
            Event::Joined { .. } if self.living.contains(host) => {
                self.take_census(at);
                self.joined.insert(host);
                if let Some(came) = self.newcomers.remove(&host) {
                    self.join_times.push(u64::try_from(at.since(came).as_millis()).unwrap_or(u64::MAX));
                }
            }
            Event::JoinFailed { .. } => {
                self.take_census(at);
                self.joined.remove(host);
            }
            Event::PutDone { ticket, outcome } => self.operations.put_done(at, ticket, outcome),
            Event::GetDone { ticket, outcome } => {
                let (network, living) = (&self.scenario.network, &self.living);
                let exists = |key| oracle::is_held_by(network, living.iter(), key);
                self.operations.get_done(at, ticket, outcome, exists);
            }
            Event::Joined { .. }
            | Event::JoinProgress(_)
            | Event::RosterDoubt { .. }
            | Event::Grown
            | Event::Equivocated(_)
            | Event::RosterDone { .. }
            | Event::NeighbourUp(_)
            | Event::NeighbourDown(_)
            | Event::EchoDone { .. }
            | Event::Asked { .. }
            | Event::AskDone { .. }
            | Event::ProvideDone { .. }
            | Event::ProvidersDone { .. }
            | Event::HandingOver { .. } => {}
            Event::Left => self.agenda.push(at + FAREWELL, Act::Exit(host)),
        }
    }

    fn take_census(&mut self, at: Time) {
        self.census.take(at, self.living.len(), self.joined.len());
    }

    fn plan_end(&mut self, host: HostIndex) {
        let session = self.sessions.draw(self.scenario.network.chance());
        self.agenda.push(self.scenario.network.now() + session, Act::End(host));
    }

    fn plan_next(&mut self, every: Option<Duration>, act: Act) {
        if let Some(every) = every {
            self.agenda.push(self.scenario.network.now() + every, act);
        }
    }

    fn perform(&mut self, act: Act) -> Result<(), String> {
        match act {
            Act::End(host) => {
                self.end(host)?;
                self.welcome()?;
            }
            Act::Exit(host) => {
                self.scenario.network.kill(host);
                self.bury(host)?;
            }
            Act::Get => {
                self.plan_next(self.plan.gets_every(), Act::Get);
                self.operations.get(&mut self.scenario.network, &self.joined);
            }
            Act::Put => {
                self.plan_next(self.plan.puts_every(), Act::Put);
                self.operations.put(&mut self.scenario.network, &self.joined, self.plan.record_bytes);
            }
        }
        Ok(())
    }

    fn end(&mut self, host: HostIndex) -> Result<(), String> {
        self.take_census(self.scenario.network.now());
        self.living.remove(host);
        self.joined.remove(host);
        self.newcomers.remove(&host);
        self.operations.asker_gone(host);
        self.population.deaths += 1;
        let network = &mut self.scenario.network;
        match Ending::draw(self.plan.graceful, self.plan.killed, network.chance()) {
            Ending::Farewell => {
                network.command(host, Command::Leave);
                return Ok(());
            }
            Ending::Kill => network.kill(host),
            Ending::Crash => network.silence(host),
        }
        self.bury(host)
    }

    fn bury(&mut self, host: HostIndex) -> Result<(), String> {
        self.scenario.network.bury(host).map_err(|error| format!("{error:?}"))
    }

    /// Another node comes.
    fn welcome(&mut self) -> Result<(), String> {
        let network = &mut self.scenario.network;
        let introducer = self.joined.pick(network.chance()).or_else(|| self.living.pick(network.chance()));
        let host = network.add(introducer).map_err(|error| format!("{error:?}"))?;
        self.newcomers.insert(host, network.now());
        self.living.insert(host);
        self.population.arrivals += 1;
        self.plan_end(host);
        Ok(())
    }

    fn report(mut self, first: Records, all: Records, spent: &Spending) -> Report {
        self.join_times.sort_unstable();
        self.population.fill(&self.census, &self.join_times);
        let (gets, puts) = self.operations.conclude();
        let rates = spent.rates(self.census.node_seconds());
        let network = &self.scenario.network;
        Report {
            plan: self.plan.clone(),
            population: self.population,
            gets,
            puts,
            first_records: first,
            records: all,
            bytes_per_node_and_second: rates,
            links_opened_per_node_and_second: spent.links_rate(self.census.node_seconds()),
            leaked_contacts: network.traffic().leaked_contacts,
            simulated_s: network.now().since(Time::ZERO).as_secs_f64(),
            events: network.happened(),
            trace: format!("{:016x}", network.trace().value()),
        }
    }
}
