//! The experiment "levels": what a machine costs the grid, and gets of it, as a leaf, a normal node, or a strong one.
//!
//! A grid of normal nodes has settled when some machines come, one after the other: each a leaf, a normal node, or a strong
//! node with several identities. Counted is what their joins took, what they send and get while nobody asks anything, how
//! their own requests fare, and what they do for others who ask, and of the records that are put.

use core::time::Duration;

use grid::cell::Shape;
use grid::config::Config;
use grid::input::Command;
use grid::level::Level;
use serde::{Deserialize, Serialize};

use crate::experiment::{Measures, Model};
use crate::identity::HostIndex;
use crate::machine;
use crate::oracle;
use crate::scenario::{Growth, Outcome, Scenario};
use crate::traffic::{Count, Purpose};

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It asks, and does nothing for others.
    Leaf,
    /// It does its share.
    Normal,
    /// It does the share of several identities.
    Strong,
}

/// The parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Levels {
    /// The grid's axes.
    pub dims: u8,
    /// Coordinates on each axis.
    pub side: u16,
    /// Normal nodes that are there before.
    pub nodes: usize,
    /// What the machines are that come.
    pub kind: Kind,
    /// How many come.
    pub machines: usize,
    /// Identities of a strong one.
    pub identities: usize,
    /// Milliseconds between two of them.
    pub every_ms: u64,
    /// Requests that they make, and as many that others make.
    pub requests: usize,
    /// Records that anybody puts.
    pub records: usize,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            dims: 3,
            side: 4,
            nodes: 256,
            kind: Kind::Normal,
            machines: 16,
            identities: 4,
            every_ms: 1000,
            requests: 2000,
            records: 256,
        }
    }
}

/// The largest network whose trial takes seconds.
const MOST_NODES: usize = 5000;
/// How long the machines are watched while nobody asks anything.
const IDLE: Duration = Duration::from_secs(300);
/// Until all that follows a join is done.
const SETTLE: Duration = Duration::from_secs(60);

impl Model for Levels {
    const NAME: &'static str = "levels";

    fn check(&self) -> Result<(), String> {
        let shape = Shape::new(self.dims, self.side).map_err(|error| error.to_string())?;
        if !(2..=MOST_NODES).contains(&self.nodes) {
            return Err(format!("nodes is {}, and has to be in 2..={MOST_NODES}", self.nodes));
        }
        if self.machines == 0 || self.identities == 0 || self.requests == 0 {
            return Err(
                "machines, identities and requests have to be 1 or more: of none there is nothing to say".into()
            );
        }
        machine::check_memory(self.nodes + self.machines * self.identities, shape)
    }

    /// All of it for each machine: `links`, `join_messages` and `join_bytes` until it has joined, `idle_bytes_a_minute`
    /// sent and got; its own requests' `success`, `hops` and `p95_ms`; `busy_messages` sent and got for each request that
    /// somebody else makes, and `records_kept` of those that are put.
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut scenario = Scenario::new(self.dims, self.side, seed).map_err(|error| error.to_string())?;
        let forged = |error| format!("{error:?}");
        let growth = Growth { nodes: self.nodes, every: Duration::from_millis(100), introducers: 16, settle: SETTLE };
        scenario.grow_as(&growth, |_| ()).map_err(forged)?;
        let machines = self.machines as f64;
        let joins = scenario.network.traffic().of(Purpose::Join);
        let comers = self.come(&mut scenario).map_err(forged)?;
        let joins = scenario.network.traffic().of(Purpose::Join).since(joins);
        let links: usize = comers.iter().map(|&host| scenario.network.hosts()[host].overlay.status().links).sum();
        let joined = comers.iter().filter(|&&host| scenario.network.hosts()[host].joined).count();

        let idle = of_all(&scenario, &comers);
        scenario.network.run_for(IDLE);
        let idle = of_all(&scenario, &comers).since(idle);
        let asked = ask(&mut scenario, &comers, self.requests);
        let normal: Vec<HostIndex> = (0..self.nodes).collect();
        let busy = of_all(&scenario, &comers);
        let others = ask(&mut scenario, &normal, self.requests);
        let busy = of_all(&scenario, &comers).since(busy);
        // What it sends and gets anyway, in the time that the others' requests took.
        let anyway = idle.messages as f64 / IDLE.as_secs_f64() * asking_time(self.requests).as_secs_f64();
        scenario.put_records(self.records);
        let records = comers.iter().map(|&host| scenario.network.hosts()[host].disk.records.len()).sum::<usize>();
        Ok(Measures::from([
            ("joined_share", joined as f64 / comers.len() as f64),
            ("links", links as f64 / machines),
            ("join_messages", joins.messages as f64 / machines),
            ("join_bytes", joins.bytes as f64 / machines),
            ("idle_bytes_a_minute", idle.bytes as f64 / machines / (IDLE.as_secs_f64() / 60.0)),
            ("success", asked.success()),
            ("hops", asked.mean_hops()),
            ("p95_ms", asked.percentile(95).map_or(f64::NAN, |ms| ms as f64)),
            ("others_success", others.success()),
            ("busy_messages", (busy.messages as f64 - anyway) / machines / self.requests as f64),
            ("records_kept", records as f64 / machines),
        ]))
    }
}

impl Levels {
    /// The machines come; their hosts, all that they have.
    fn come(&self, scenario: &mut Scenario) -> Result<Vec<HostIndex>, crate::identity::Forged> {
        let (level, identities) = match self.kind {
            Kind::Leaf => (Level::Leaf, 1),
            Kind::Normal => (Level::Normal, 1),
            Kind::Strong => (Level::Normal, self.identities),
        };
        scenario.network.set_config(Config { level, ..Config::default() });
        let mut comers = Vec::new();
        for machine in 0..self.machines {
            for _ in 0..identities {
                comers.push(scenario.network.add(Some(machine % self.nodes.min(16)))?);
            }
            scenario.network.run_for(Duration::from_millis(self.every_ms));
        }
        scenario.network.run_for(SETTLE);
        Ok(comers)
    }
}

fn of_all(scenario: &Scenario, hosts: &[HostIndex]) -> Count {
    let mut all = Count::default();
    hosts.iter().for_each(|&host| all.add(scenario.network.traffic().of_host(host)));
    all
}

/// Time between two requests, and after the last.
const BETWEEN: Duration = Duration::from_millis(10);
const AFTER: Duration = Duration::from_secs(31);

fn asking_time(count: usize) -> Duration {
    AFTER + BETWEEN * u32::try_from(count).unwrap_or(u32::MAX)
}

/// Hosts ask random cells in which somebody lives, in turns.
fn ask(scenario: &mut Scenario, hosts: &[HostIndex], count: usize) -> Outcome {
    let cells: Vec<_> = oracle::occupied_cells(&scenario.network).into_iter().collect();
    let mut turn = hosts.iter().cycle();
    let batch = scenario.begin_by(count, BETWEEN, |network, ticket| {
        let target = network.chance().pick(&cells)?;
        Some((*turn.next()?, Command::Echo { ticket, target }))
    });
    scenario.finish(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named_before_anything_is_simulated() {
        let usual = Levels::default;
        usual().check().unwrap();
        for (model, word) in [
            (Levels { nodes: 1, ..usual() }, "2..=5000"),
            (Levels { side: 0, ..usual() }, "side"),
            (Levels { machines: 0, ..usual() }, "1 or more"),
            (Levels { identities: 0, ..usual() }, "1 or more"),
        ] {
            let refused = model.check().unwrap_err();
            assert!(refused.contains(word), "{refused:?} says nothing of {word:?}");
        }
    }

    #[test]
    fn a_strong_machine_is_as_much_as_its_identities() {
        let small = Levels { dims: 2, nodes: 48, machines: 4, requests: 200, records: 48, ..Levels::default() };
        let one = small.trial(1).unwrap();
        assert_eq!(small.trial(1).unwrap(), one);
        let four = Levels { kind: Kind::Strong, ..small }.trial(1).unwrap();
        for measure in ["links", "idle_bytes_a_minute", "records_kept"] {
            let times = four[measure] / one[measure];
            assert!((2.5..6.5).contains(&times), "{measure}: {times}");
        }
    }
}
