//! Experiments: a model with parameters, tried with many seeds at many points.
//!
//! A [`Model`] is one question that can be asked of a network: its fields are the parameters, with the names that an
//! experiment file uses for them. It does no input and output and knows no files, plots and threads: [`Model::trial`]
//! is a function of the parameters and a seed, so that trials can be spread over threads in any order and give the same
//! figures.
//!
//! | Part | What it is for |
//! | --- | --- |
//! | [`kinds`], [`shipped`] | the models, and the experiments that ship: a line for each |
//! | [`mod@file`], [`setup`] | an experiment file, and all points of its sweep, checked before any work |
//! | [`run`], [`statistics`] | all trials on all cores; means and confidence intervals |
//! | [`claims`] | whether what the file claims is so |
//! | [`results`], [`plot`], [`report`], [`folder`] | tables, JSON, diagrams, a page to read; files that are whole |
//! | [`near`] | what may have been meant |

pub mod claims;
pub mod file;
pub mod folder;
pub mod kinds;
pub mod near;
pub mod plot;
pub mod report;
pub mod results;
pub mod run;
pub mod setup;
pub mod shipped;
pub mod statistics;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What one trial measured, by name: shares are in `0..=1`, times in the unit that ends the name (`_s`, `_ms`, `_days`).
pub type Measures = BTreeMap<&'static str, f64>;

/// One question that can be asked of a network.
///
/// The fields' serde names are the keys of an experiment file; a model has `#[serde(default, deny_unknown_fields,
/// rename_all = "snake_case")]`, so that a file says only what differs from the defaults, and a key that is mistyped is
/// named.
pub trait Model: Serialize + DeserializeOwned + Send + Sync {
    /// What an experiment file calls it.
    const NAME: &'static str;

    /// Whether it can be tried at all, found out before any work starts.
    ///
    /// # Errors
    /// What is impossible, with which value, and which would do.
    fn check(&self) -> Result<(), String>;

    /// One trial. The same parameters and seed give the same measures, bit for bit, on any number of threads.
    ///
    /// # Errors
    /// What went wrong in it; never anything that [`Model::check`] could have said.
    fn trial(&self, seed: u64) -> Result<Measures, String>;
}

/// A seed decides everything of a trial, and decides something.
#[cfg(test)]
pub(crate) fn repeats<M: Model>(model: &M) {
    model.check().unwrap();
    assert_eq!(model.trial(1).unwrap(), model.trial(1).unwrap(), "{}", M::NAME);
    assert_ne!(model.trial(1).unwrap(), model.trial(2).unwrap(), "{}", M::NAME);
}
