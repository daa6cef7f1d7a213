//! Neighbours that serve each other, and those that only take: the ledger and the work queue that ship, in networks of
//! hundreds of nodes.
//!
//! Every node is a single server with exponential service times of mean 1 s and a bounded queue ([`grid::queue`]), asks
//! at random moments (`load` requests a second) a random neighbour, and up to two others when it is refused or not served
//! in time. A request has up to three coordinates still to be corrected and is priced by [`grid::ledger::tariff`]. A few
//! nodes do not serve as the others do, see [`Conduct`]; they ask as often.
//!
//! Three ways to serve: in order of arrival; in fair turns among neighbours; in turns weighted by the ledger.
//!
//! | Measure | What it is |
//! | --- | --- |
//! | `honest_served`, `leech_served` | share of their requests that was served, in the second half of the time |
//! | `leech_to_honest` | the second over the first |
//! | `leech_to_honest_by_16`, `_by_50`, `_by_100` | the same of what honest nodes were asked, around the 16th exchange of a pair and shortly before the 50th and the 100th; every request counts, in either direction, served or not |
//! | `honest_tries_by_50` | share of honest nodes' tries at honest nodes that was served shortly before the 50th exchange of a pair: what there is to tell a leech by |
//! | `honest_loss` | what honest nodes lose against the same network without leeches, as a share |
//! | `honest_wait_s`, `leech_wait_s` | mean time to service of what was served |
//! | `leeches_found`, `honest_called_leech` | share of such neighbours with the verdict, as honest nodes see them |
//! | `leech_work` | work of a leech for honest nodes, of an honest node's |
//! | `units_an_identity` | what an identity of a leech got, in the ledger's units |
//! | `identity_price_share` | the same, of what an identity costs |

mod node;
mod tally;
mod world;

use serde::{Deserialize, Serialize};

use crate::experiment::{Measures, Model};
use world::World;

/// The order of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// First come, first served.
    Fifo,
    /// Turns among neighbours, all alike.
    Turns,
    /// Turns weighted by the ledger.
    Ledger,
}

/// What the nodes that are not honest do. All of them ask as often as the honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conduct {
    /// Serves a share of what it is asked, `serves`, and refuses the rest at once.
    Refuses,
    /// The same, but what it does not serve it takes over and leaves undone.
    Silent,
    /// Honest and serving nothing by turns, `period_s` each.
    Oscillates,
    /// Serves nothing, and takes a new identity every `period_s`.
    Whitewashes,
    /// Serves nobody but its partner, who is its neighbour and does the same.
    Colludes,
    /// A pair of which one never serves and has its partner asked by way of the neighbours that both have, so that these
    /// owe something to the partner, who serves nobody else. Before the measured time there are 1,000 s with a load of 0.5,
    /// in which hardly anybody is turned away.
    Mills,
}

/// The parameters, see the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Barter {
    /// All nodes.
    pub nodes: u32,
    /// Neighbours of each.
    pub neighbours: u32,
    /// Share of the nodes that are not honest.
    pub leeches: f64,
    /// What these do.
    pub conduct: Conduct,
    /// The share of what it is asked that a leech serves, where its conduct says so.
    pub serves: f64,
    /// Time of the conduct's changes, in seconds.
    pub period_s: f64,
    /// Requests that every node makes, as a share of what a node can serve.
    pub load: f64,
    /// The order of service.
    pub order: Order,
    /// Requests that may wait at a node.
    pub queue: u32,
    /// Time after which a request that waits is of no use any more.
    pub patience_s: f64,
    /// Neighbours that are asked for one request at most.
    pub attempts: u32,
    /// Measured time.
    pub seconds: f64,
    /// Time in which half of what was done is forgotten.
    pub half_life_s: f64,
}

impl Default for Barter {
    fn default() -> Self {
        Self {
            nodes: 300,
            neighbours: 30,
            leeches: 0.1,
            conduct: Conduct::Refuses,
            serves: 0.0,
            period_s: 200.0,
            load: 1.3,
            order: Order::Ledger,
            queue: 40,
            patience_s: 40.0,
            attempts: 3,
            seconds: 400.0,
            half_life_s: 86_400.0,
        }
    }
}

impl Model for Barter {
    const NAME: &'static str = "barter";

    fn check(&self) -> Result<(), String> {
        within("nodes", self.nodes.into(), 4.0, 1e5)?;
        within("neighbours", self.neighbours.into(), 2.0, f64::from(self.nodes) - 2.0)?;
        within("leeches", self.leeches, 0.0, 0.9)?;
        within("serves", self.serves, 0.0, 1.0)?;
        within("period_s", self.period_s, 0.1, 1e9)?;
        within("load", self.load, 0.01, 100.0)?;
        within("queue", self.queue.into(), 1.0, 1e5)?;
        within("patience_s", self.patience_s, 0.1, 1e6)?;
        within("attempts", self.attempts.into(), 1.0, f64::from(self.neighbours) - 1.0)?;
        within("seconds", self.seconds, 1.0, 1e7)?;
        within("half_life_s", self.half_life_s, 1.0, 1e12)?;
        if self.neighbours % 2 == 1 {
            return Err(format!("neighbours must be even, not {}", self.neighbours));
        }
        Ok(())
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        let tally = World::new(self, seed).run();
        // Without leeches there is nothing that could order honest nodes unfairly, so that network is the same for all orders.
        let alone = Self { leeches: 0.0, order: Order::Fifo, ..self.clone() };
        let without = if self.leeches > 0.0 { World::new(&alone, seed).run() } else { tally.clone() };
        Ok(tally.measures(&without))
    }
}

/// Refuses a parameter outside `least..=greatest`, and says what would do. What is not a number is outside.
fn within(parameter: &str, found: f64, least: f64, greatest: f64) -> Result<(), String> {
    match (least..=greatest).contains(&found) {
        true => Ok(()),
        false => Err(format!("{parameter} must be {least} to {greatest}, not {found}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Barter {
        Barter { nodes: 60, neighbours: 12, seconds: 300.0, ..Barter::default() }
    }

    fn run(model: &Barter) -> Measures {
        model.check().unwrap();
        model.trial(1).unwrap()
    }

    #[test]
    fn a_seed_decides_everything() {
        let model = Barter { seconds: 50.0, ..small() };
        assert_eq!(run(&model), run(&model));
        assert_ne!(model.trial(1).unwrap(), model.trial(2).unwrap());
    }

    /// Without leeches and waits every queue serves what the servers can.
    #[test]
    fn honest_networks_serve_what_they_can_in_any_order() {
        for order in [Order::Fifo, Order::Turns, Order::Ledger] {
            for (load, expected) in [(0.6, 1.0), (2.0, 0.5)] {
                let served = run(&Barter { load, leeches: 0.0, order, ..small() })["honest_served"];
                assert!((served - expected).abs() < 0.03, "{order:?} {load}: {served}");
            }
        }
    }

    #[test]
    fn turns_alone_do_not_tell_a_leech_from_others_and_the_ledger_does() {
        let at = |order| run(&Barter { load: 2.0, order, ..small() })["leech_to_honest"];
        assert!(at(Order::Fifo) > 0.8 && at(Order::Turns) > 0.8 && at(Order::Ledger) < 0.1);
    }

    #[test]
    fn impossible_parameters_are_named() {
        let error = Barter { neighbours: 7, ..Barter::default() }.check().unwrap_err();
        assert!(error.contains("even, not 7"), "{error}");
        assert!(Barter { attempts: 31, ..Barter::default() }.check().unwrap_err().contains("1 to 29"));
    }
}
