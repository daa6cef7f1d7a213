//! Carries out all trials of an experiment, on as many threads as there are.
//!
//! What comes out does not depend on the threads: a trial knows only its point and its seed, and its figures are put
//! where it belongs, not when it ended.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Measures;
use super::setup::Setup;
use super::statistics::Summary;

/// An experiment that was run.
pub struct Results {
    /// What was run.
    pub setup: Setup,
    /// What came out, one for each point of the setup.
    pub rows: Vec<Row>,
}

/// What came out at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of each seed.
    pub trials: Vec<Measures>,
    /// Of each measure, over the seeds.
    pub measures: BTreeMap<&'static str, Summary>,
}

impl Results {
    /// The names of everything that was measured at any point, in their order.
    pub fn measures(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.rows.iter().flat_map(|row| row.measures.keys().copied()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Runs it. `done` is called after each trial, from any thread.
///
/// # Errors
/// The threads cannot be had, or a trial went wrong: at which point, with which seed.
pub fn run(setup: Setup, threads: Option<usize>, done: &(dyn Fn() + Sync)) -> Result<Results, String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0));
    let pool = pool.build().map_err(|error| format!("{} threads: {error}", threads.unwrap_or(0)))?;
    let seeds = setup.seeds();
    let trials = 0..setup.points.len() * seeds.len();
    let one = |trial: usize| {
        let (point, seed) = (&setup.points[trial / seeds.len()], seeds[trial % seeds.len()]);
        let measures = point.trial.trial(seed);
        done();
        measures.map_err(|error| format!("{}: at {}, seed {seed}: {error}", setup.experiment.name, point.label()))
    };
    // Trials differ in length a hundredfold, so each is handed out on its own.
    let measured: Result<Vec<Measures>, String> =
        pool.install(|| trials.into_par_iter().with_max_len(1).map(one).collect());
    let rows = measured?.chunks(seeds.len()).map(|trials| Row::of(trials.to_vec())).collect();
    Ok(Results { setup, rows })
}

impl Row {
    fn of(trials: Vec<Measures>) -> Self {
        let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for (&name, &value) in trials.iter().flatten() {
            values.entry(name).or_default().push(value);
        }
        let summed = values.into_iter().filter_map(|(name, values)| Some((name, Summary::of(values)?)));
        Self { measures: summed.collect(), trials }
    }
}
