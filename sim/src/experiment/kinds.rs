//! The models that an experiment file can name. A new one is a line in `KINDS`.

use core::fmt::Debug;

use serde_json::{Map, Value};

use super::near::instead;
use super::{Measures, Model};
use crate::adversary::boa_constrictor::BoaConstrictor;
use crate::adversary::dht_flood::DhtFlood;
use crate::adversary::gpu_adversary::GpuAdversary;
use crate::adversary::roster_lies::RosterLies;
use crate::adversary::spy_and_flood::SpyAndFlood;
use crate::barter::Barter;
use crate::censorship::Censorship;
use crate::censorship::Price;
use crate::churn::model::Churn;
use crate::field::scale::Scale;
use crate::geometry::Geometry;
use crate::levels::Levels;
use crate::line_rosters::LineRosters;
use crate::peers::churn::ChurnPeers;
use crate::peers::eclipse::Eclipse;
use crate::peers::hops::KademliaHops;
use crate::peers::lookups::PeerLookups;
use crate::small_grids::SmallGrids;
use crate::stretch::Stretch;
use crate::tunnels::anonymity::Anonymity;
use crate::tunnels::compromise::TunnelCompromise;
use crate::tunnels::intersection::TunnelIntersection;
use crate::tunnels::predecessor::TunnelPredecessor;

/// Every model, in the order of their names.
static KINDS: &[Kind] = &[
    Kind::of::<Anonymity>(),
    Kind::of::<Barter>(),
    Kind::of::<BoaConstrictor>(),
    Kind::of::<Censorship>(),
    Kind::of::<Price>(),
    Kind::of::<Churn>(),
    Kind::of::<ChurnPeers>(),
    Kind::of::<DhtFlood>(),
    Kind::of::<Eclipse>(),
    Kind::of::<Geometry>(),
    Kind::of::<GpuAdversary>(),
    Kind::of::<KademliaHops>(),
    Kind::of::<Levels>(),
    Kind::of::<LineRosters>(),
    Kind::of::<PeerLookups>(),
    Kind::of::<RosterLies>(),
    Kind::of::<Scale>(),
    Kind::of::<SmallGrids>(),
    Kind::of::<SpyAndFlood>(),
    Kind::of::<Stretch>(),
    Kind::of::<TunnelCompromise>(),
    Kind::of::<TunnelIntersection>(),
    Kind::of::<TunnelPredecessor>(),
];

/// Parameters by name, as an experiment file gives them.
pub type Parameters = Map<String, Value>;

/// A model whose parameters are set.
pub trait Trial: Send + Sync {
    /// See [`Model::check`].
    ///
    /// # Errors
    /// What is impossible.
    fn check(&self) -> Result<(), String>;

    /// See [`Model::trial`].
    ///
    /// # Errors
    /// What went wrong.
    fn trial(&self, seed: u64) -> Result<Measures, String>;

    /// All parameters, those included that a file left as they are.
    ///
    /// # Errors
    /// A model that cannot be written down as a table.
    fn parameters(&self) -> Result<Parameters, String>;
}

impl<M: Model> Trial for M {
    fn check(&self) -> Result<(), String> {
        Model::check(self)
    }

    fn trial(&self, seed: u64) -> Result<Measures, String> {
        Model::trial(self, seed)
    }

    fn parameters(&self) -> Result<Parameters, String> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(other) => Err(format!("the model {} is no table of parameters but {other}", M::NAME)),
            Err(error) => Err(format!("the parameters of the model {}: {error}", M::NAME)),
        }
    }
}

/// A model whose parameters are still to be set.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    name: &'static str,
    make: fn(Parameters) -> Result<Box<dyn Trial>, serde_json::Error>,
}

impl Kind {
    const fn of<M: Model + 'static>() -> Self {
        Self { name: M::NAME, make: |parameters| Ok(Box::new(serde_json::from_value::<M>(Value::Object(parameters))?)) }
    }

    /// All that there are.
    pub fn all() -> &'static [Self] {
        KINDS
    }

    /// The model of that name.
    ///
    /// # Errors
    /// There is none; which names are near.
    pub fn named(name: &str) -> Result<Self, String> {
        KINDS
            .iter()
            .find(|kind| kind.name == name)
            .copied()
            .ok_or_else(|| format!("there is no model {name:?}; {}", instead(name, KINDS.iter().map(|kind| kind.name))))
    }

    /// What a file calls it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Its parameters, as they are when a file says nothing.
    ///
    /// # Errors
    /// A parameter of the model has no default.
    pub fn defaults(self) -> Result<Parameters, String> {
        (self.make)(Parameters::new()).map_err(|error| error.to_string())?.parameters()
    }

    /// The model with these parameters; not checked yet.
    ///
    /// # Errors
    /// A parameter that the model does not have, or a value of the wrong kind, with the parameter's name.
    pub fn make(self, parameters: &Parameters) -> Result<Box<dyn Trial>, String> {
        (self.make)(parameters.clone()).map_err(|error| {
            let guilty = parameters.iter().find_map(|(name, value)| {
                let alone = Parameters::from_iter([(name.clone(), value.clone())]);
                (self.make)(alone).err().map(|error| format!("parameter `{name}` = {value}: {error}"))
            });
            guilty.unwrap_or_else(|| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_defaults_that_can_be_tried_and_refuses_what_it_does_not_know() {
        for kind in Kind::all() {
            let defaults = kind.defaults().unwrap();
            assert!(!defaults.is_empty(), "{}", kind.name());
            kind.make(&defaults).unwrap().check().unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
            let unknown = Parameters::from_iter([("no_such_parameter".to_owned(), Value::from(1))]);
            let error = kind.make(&unknown).err().unwrap_or_else(|| panic!("{} takes any key", kind.name()));
            assert!(error.contains("no_such_parameter"), "{error}");
        }
    }

    #[test]
    fn names_are_in_order_and_near_ones_are_offered() {
        assert!(KINDS.is_sorted_by(|one, other| one.name < other.name));
        assert!(Kind::named("geomtry").unwrap_err().contains("near it: geometry"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let kind = Kind::named("geometry").unwrap();
        let parameters = Parameters::from_iter([("dims".into(), Value::from(2)), ("side".into(), Value::from("x"))]);
        let error = kind.make(&parameters).err().unwrap();
        assert!(error.contains("`side` = \"x\""), "{error}");
    }
}
