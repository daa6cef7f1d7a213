//! A flood: one node, its neighbours, and far more requests than it can serve.
//!
//! Honest neighbours together ask for `load` of the node's capacity, hostile ones for `flood` times that. The node is a
//! single server with exponential service times and a bounded queue ([`crate::queueing`]); a request that is served
//! later than `patience_s` after it came is of no use to whoever asked. Goodput is the share of honest requests that are
//! served in time.
//!
//! Two formulas to meet. First come, first served gives `1 / (load (1 + flood))` of everybody's requests. Fair turns give
//! each neighbour what it asks for, or the level `c` at which all shares add up to the capacity (max-min fairness), see
//! [`fluid_goodput`].
//!
//! Effort follows Tor's proposal 327, with the control that ships ([`grid::effort`]): the node suggests an effort, from
//! `effort_step_s` to `most_effort_s`, and the honest pay it. The attacker has `attacker_cores` and overbids the honest by
//! a thousandth of a step for as many requests as that pays for; the rest of its flood carries no effort.
//!
//! What an attacker with `C` cores can be kept from is bounded. When the honest pay all that they bear, `e` core-seconds a
//! request, the attacker has `C / e` requests a second that look like theirs. Where who overbids comes first, those are
//! served and the honest have what is left, nothing from `mu e` cores on: [`overbid_goodput`]. Where all who paid what is
//! asked take turns by neighbours, it is their fair share: [`paid_goodput`]. More than `1 / (load + C / (mu e))` no order
//! of service can give them that does not know who is hostile, since so many more honest requesters would look the same.
//!
//! Waits are those of the honest requests that were served; `hostile_share_of_work` is what the server spent on the
//! hostile, of all that it worked; `honest_effort_s` the mean stamp of an honest request.

mod server;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::adversary::within;
use crate::experiment::{Measures, Model};
use crate::figures;
use crate::queueing::Discipline;
use server::Server;

/// How the honest demand is spread over the honest neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Each asks for as much.
    Equal,
    /// Exponentially distributed shares: a few ask for several times the mean.
    Uneven,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DhtFlood {
    /// All neighbours.
    pub neighbours: u32,
    /// Those that flood.
    pub hostile: u32,
    /// Honest load, as a share of the capacity.
    pub load: f64,
    /// Hostile requests for one honest one.
    pub flood: f64,
    /// Share of the hostile requests that come by way of honest neighbours, from further away.
    pub through: f64,
    /// The order of service.
    pub discipline: Discipline,
    /// Jobs that may wait.
    pub queue: u32,
    /// Requests that the node can serve in a second.
    pub capacity_per_s: f64,
    /// A request served later than this is lost: the grid's hop timeout.
    pub patience_s: f64,
    /// Whether the node throws away what has waited for longer than `patience_s` instead of serving it.
    pub sheds_stale: bool,
    /// How honest demand is spread.
    pub demand: Demand,
    /// Cores that the attacker has for stamps.
    pub attacker_cores: f64,
    /// Core-seconds that the node asks for, and an honest requester pays, for a request at most.
    pub most_effort_s: f64,
    /// Core-seconds of the least effort that is asked for; Equi-X takes 5.3 ms an attempt.
    pub effort_step_s: f64,
    /// Time between two changes of the suggested effort. Nodes take 2 s; here less, so that a trial sees many.
    pub control_s: f64,
    /// Honest requests in one trial; the first quarter warms up and is not counted.
    pub requests: u32,
}

impl Default for DhtFlood {
    fn default() -> Self {
        Self {
            neighbours: 64,
            hostile: 4,
            load: 0.9,
            flood: 10.0,
            through: 0.0,
            discipline: Discipline::Fair,
            queue: 256,
            capacity_per_s: 1000.0,
            patience_s: 0.5,
            sheds_stale: false,
            demand: Demand::Equal,
            attacker_cores: 0.0,
            most_effort_s: 0.053,
            effort_step_s: 0.0053,
            control_s: 0.5,
            requests: 20_000,
        }
    }
}

impl Model for DhtFlood {
    const NAME: &'static str = "dht_flood";

    fn check(&self) -> Result<(), String> {
        within("neighbours", self.neighbours.into(), 1.0, 100_000.0)?;
        within("hostile", self.hostile.into(), 0.0, f64::from(self.neighbours) - 1.0)?;
        within("load", self.load, 0.001, 100.0)?;
        within("flood", self.flood, 0.0, 10_000.0)?;
        within("through", self.through, 0.0, 1.0)?;
        within("queue", self.queue.into(), 1.0, 1e6)?;
        within("capacity_per_s", self.capacity_per_s, 1e-3, 1e9)?;
        within("patience_s", self.patience_s, 0.0, 1e6)?;
        within("attacker_cores", self.attacker_cores, 0.0, 1e9)?;
        within("effort_step_s", self.effort_step_s, 1e-9, 1e6)?;
        within("most_effort_s", self.most_effort_s, self.effort_step_s, self.effort_step_s * 1e6)?;
        within("control_s", self.control_s, 1e-6, 1e6)?;
        within("requests", self.requests.into(), 100.0, 1e8)?;
        if self.hostile == 0 && self.flood > 0.0 && self.through < 1.0 {
            return Err("hostile = 0 leaves nobody to flood: take 1 or more, through = 1, or flood = 0".into());
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let mut outcome = Server::new(self, seed).run();
        let p50 = figures::quantile(&mut outcome.waits, 0.5);
        let p99 = figures::quantile(&mut outcome.waits, 0.99);
        Ok(BTreeMap::from([
            ("goodput", outcome.in_time / outcome.asked.max(1.0)),
            ("served_too_late", outcome.late / outcome.asked.max(1.0)),
            ("wait_p50_ms", 1e3 * p50),
            ("wait_p99_ms", 1e3 * p99),
            ("wait_p99_to_unloaded", 1e3 * p99 / unloaded_p99_ms(self)),
            ("hostile_share_of_work", outcome.hostile_work / outcome.work.max(f64::MIN_POSITIVE)),
            ("honest_effort_s", outcome.honest_effort_s / outcome.asked.max(1.0)),
            ("attacker_cores_used", outcome.attacker_effort_s / outcome.seconds.max(f64::MIN_POSITIVE)),
            ("cores_to_displace", self.capacity_per_s * self.most_effort_s),
            ("overbid_goodput", overbid_goodput(self)),
            ("paid_goodput", paid_goodput(self)),
            ("fluid_fair_goodput", fluid_goodput(self)),
        ]))
    }
}

/// What fair turns leave to the honest if requests were a fluid and all honest demands equal.
pub fn fluid_goodput(flood: &DhtFlood) -> f64 {
    max_min_fair(flood, flood.load * flood.flood)
}

/// The same if the hostile ask for that share of the capacity: neighbours get what they ask for, or the level `c` with
/// `sum min(demand, c) = 1`, found by bisection.
fn max_min_fair(flood: &DhtFlood, hostile_load: f64) -> f64 {
    let (hostile, honest) = (f64::from(flood.hostile), f64::from(flood.neighbours - flood.hostile));
    let mixed = hostile_load * flood.through / honest;
    let demand = flood.load / honest;
    let lone = if flood.hostile == 0 { 0.0 } else { hostile_load * (1.0 - flood.through) / hostile };
    let taken = |level: f64| honest * (demand + mixed).min(level) + hostile * lone.min(level);
    let (mut low, mut high) = (0.0, demand + mixed + lone);
    if taken(high) <= 1.0 {
        return 1.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if taken(middle) > 1.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    low.min(demand + mixed) / (demand + mixed)
}

/// The 99th percentile of the wait without a flood, first come, first served: that of M/M/1, where the wait exceeds `t` with
/// chance `load e^-(1 - load) mu t`. Not a number where that queue does not keep up.
fn unloaded_p99_ms(flood: &DhtFlood) -> f64 {
    let spare = (1.0 - flood.load) * flood.capacity_per_s;
    if spare > 0.0 { 1e3 * (flood.load / 0.01).ln().max(0.0) / spare } else { f64::NAN }
}

/// The attacker's requests, as a share of the capacity, for which it can pay as much as the honest bear.
fn paid_flood(flood: &DhtFlood) -> f64 {
    let paid = flood.attacker_cores / (flood.most_effort_s * flood.capacity_per_s);
    paid.min(flood.load * flood.flood)
}

/// What is left to the honest who pay all that they bear, if whoever pays a little more is served before them.
pub fn overbid_goodput(flood: &DhtFlood) -> f64 {
    ((1.0 - paid_flood(flood)) / flood.load).clamp(0.0, 1.0)
}

/// What is left to the honest who pay all that they bear, if all who do take turns by neighbours, before anybody else.
pub fn paid_goodput(flood: &DhtFlood) -> f64 {
    max_min_fair(flood, paid_flood(flood))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(flood: &DhtFlood) -> Measures {
        flood.check().unwrap();
        flood.trial(5).unwrap()
    }

    fn at(discipline: Discipline) -> DhtFlood {
        DhtFlood { discipline, ..DhtFlood::default() }
    }

    #[test]
    fn without_a_flood_it_is_the_textbook_queue() {
        // M/M/1: the wait exceeds t with chance rho e^-(mu - lambda) t; at rho = 0.9 the median is 5.9 ms, p99 45 ms.
        let calm = DhtFlood { flood: 0.0, queue: 100_000, requests: 200_000, ..at(Discipline::Fifo) };
        let measures = run(&calm);
        for (name, expected) in [("wait_p50_ms", 5.88), ("wait_p99_ms", 45.0)] {
            assert!((measures[name] / expected - 1.0).abs() < 0.1, "{name} {}", measures[name]);
        }
        assert!(measures["goodput"] > 0.999);
    }

    #[test]
    fn first_come_first_served_gives_the_flood_its_share() {
        for flood in [10.0, 100.0] {
            let goodput = run(&DhtFlood { flood, ..at(Discipline::Fifo) })["goodput"];
            let expected = 1.0 / (0.9 * (1.0 + flood));
            assert!((goodput / expected - 1.0).abs() < 0.1, "{flood}: {goodput}, not {expected}");
        }
    }

    #[test]
    fn turns_are_max_min_fair() {
        // Room enough that a lane runs empty by its demand and not by its bound.
        let roomy = DhtFlood { queue: 4096, patience_s: 10.0, requests: 60_000, ..at(Discipline::Fair) };
        for hostile in [4, 16, 32] {
            let measures = run(&DhtFlood { hostile, ..roomy.clone() });
            let (goodput, fluid) = (measures["goodput"], measures["fluid_fair_goodput"]);
            assert!((goodput - fluid).abs() < 0.03, "{hostile}: {goodput}, fluid {fluid}");
        }
        let through = run(&DhtFlood { through: 1.0, hostile: 0, ..at(Discipline::Fair) });
        assert!(through["goodput"] < 0.15, "turns do not help against what comes through the honest");
    }

    #[test]
    fn effort_holds_until_the_attacker_pays_for_the_whole_capacity() {
        // mu e = 1000 / s x 0.053 s = 53 cores.
        let with = |attacker_cores| run(&DhtFlood { attacker_cores, ..at(Discipline::Effort) });
        assert!(with(0.0)["goodput"] > 0.97, "{:?}", with(0.0));
        assert!(with(3.0)["goodput"] > 0.9, "{:?}", with(3.0));
        assert!(with(100.0)["goodput"] < 0.1, "{:?}", with(100.0));
        // What comes by the same neighbour is told apart by effort, though each neighbour has only its turn: with rho = 0.9
        // and four places M/M/1/5 loses 13 %.
        let mixed = run(&DhtFlood { through: 1.0, hostile: 0, ..at(Discipline::FairThenEffort) })["goodput"];
        assert!((mixed - 0.87).abs() < 0.05, "{mixed}");
    }

    #[test]
    fn a_long_queue_serves_everybody_too_late_unless_it_sheds_what_is_stale() {
        let long = DhtFlood { hostile: 16, queue: 2048, ..at(Discipline::Fair) };
        let stale = run(&long);
        assert!(stale["goodput"] < 0.3 && stale["served_too_late"] > 0.5, "{stale:?}");
        // Who floods too much lets its own turns go stale; the best flood is hardly above its share.
        let shed = DhtFlood { sheds_stale: true, ..long };
        assert!(run(&shed)["goodput"] > 0.98);
        let paced = run(&DhtFlood { flood: 0.3, ..shed });
        assert!((paced["goodput"] - paced["fluid_fair_goodput"]).abs() < 0.05, "{paced:?}");
    }

    #[test]
    fn impossible_parameters_are_named() {
        assert!(DhtFlood { hostile: 64, ..DhtFlood::default() }.check().unwrap_err().contains("0 to 63"));
        assert!(DhtFlood { hostile: 0, ..DhtFlood::default() }.check().unwrap_err().contains("nobody to flood"));
    }
}
