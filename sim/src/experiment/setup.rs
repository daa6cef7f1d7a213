//! Everything that can be found out about an experiment before any work starts.

use serde_json::Value;

use super::file::{Asked, Experiment, Place, Ranges, Seeds, Swept};
use super::kinds::{Kind, Parameters, Trial};
use super::near::instead;

/// More trials than this are refused unless somebody insists.
pub const MANY_TRIALS: u64 = 100_000;

/// More trials than this are refused, for their figures would not fit into memory.
const TOO_MANY_TRIALS: u64 = 20_000_000;

/// How to run an experiment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// The version that takes seconds.
    pub small: bool,
    /// Other than the file's number of seeds.
    pub seeds: Option<u64>,
    /// Also if there are more than [`MANY_TRIALS`].
    pub many: bool,
}

/// An experiment that can be run.
pub struct Setup {
    /// What the file says.
    pub experiment: Experiment,
    /// How it is run.
    pub wishes: Wishes,
    /// Which seeds are tried at each point.
    pub seeds: Seeds,
    /// The names of what differs between points.
    pub swept: Vec<String>,
    /// In the order of the sweep, the last parameter fastest.
    pub points: Vec<Point>,
}

/// One setting of all parameters.
pub struct Point {
    /// The model, checked.
    pub trial: Box<dyn Trial>,
    /// All its parameters.
    pub parameters: Parameters,
    /// Those that differ between points, as the file gives them.
    pub swept: Vec<(String, Value)>,
}

impl Setup {
    /// Makes all points and checks each.
    ///
    /// # Errors
    /// What is unknown or impossible, in which line or at which point.
    pub fn new(experiment: Experiment, wishes: Wishes) -> Result<Self, String> {
        let argument = experiment.argument.clone();
        Self::prepare(experiment, wishes).map_err(|error| format!("{argument}: {error}"))
    }

    fn prepare(experiment: Experiment, wishes: Wishes) -> Result<Self, String> {
        let kind = Kind::named(&experiment.model)?;
        let defaults = kind.defaults()?;
        let ranges = experiment.ranges(wishes.small)?;
        let swept = known_fields(&ranges, kind, &defaults)?;
        let seeds = experiment.seeds(wishes.small);
        let seeds = Seeds { count: wishes.seeds.unwrap_or(seeds.count), ..seeds };
        bounded(&ranges, seeds, wishes)?;
        let points = points(&ranges, kind, &defaults)?;
        let setup = Self { experiment, wishes, seeds, swept, points };
        setup.check_claims(&defaults)?;
        setup.check_plots(&defaults)?;
        Ok(setup)
    }

    /// How many trials it takes.
    pub fn trials(&self) -> usize {
        self.points.len() * self.seeds().len()
    }

    /// The seeds, one after the other.
    pub fn seeds(&self) -> Vec<u64> {
        (0..self.seeds.count).map(|step| self.seeds.first + step).collect()
    }

    /// What to type to do it again.
    pub fn command(&self) -> String {
        let argument = &self.experiment.argument;
        let quoted = if argument.contains(|letter: char| letter.is_whitespace() || "'\"$&;()".contains(letter)) {
            format!("'{}'", argument.replace('\'', r"'\''"))
        } else {
            argument.clone()
        };
        let small = if self.wishes.small { " --small" } else { "" };
        let seeds = self.wishes.seeds.map_or_else(String::new, |count| format!(" --seeds {count}"));
        format!("rook-sim run {quoted}{small}{seeds}")
    }

    fn check_claims(&self, defaults: &Parameters) -> Result<(), String> {
        for claim in &self.experiment.claims {
            let Some(Asked { place, .. }) = claim.version(self.wishes.small) else { continue };
            known_place(place, defaults).map_err(|error| format!("the claim {:?}: {error}", claim.says))?;
            if !self.points.iter().any(|point| point.is_at(place)) {
                let version = if self.wishes.small {
                    " of the small version (a claim may have small = false, or small = { where = .., at_least = .. })"
                } else {
                    ""
                };
                return Err(format!("the claim {:?}: where = {} is no point{version}", claim.says, shown(place)));
            }
        }
        Ok(())
    }

    fn check_plots(&self, defaults: &Parameters) -> Result<(), String> {
        for plot in &self.experiment.plots {
            let failed = |error: String| format!("the plot {:?}: {error}", plot.title);
            known_place(&plot.place, defaults).map_err(failed)?;
            for series in &plot.series.0 {
                known(series, defaults).map_err(|error| failed(format!("series: {error}")))?;
            }
            if plot.y.0.is_empty() {
                return Err(failed("y names no measure".into()));
            }
            // The small version may have fixed what the whole one sweeps; it draws what it can.
            if !self.wishes.small && defaults.contains_key(&plot.x) && !self.swept.contains(&plot.x) {
                return Err(failed(format!("x = {:?} is the same at all points: it is not in [sweep]", plot.x)));
            }
            if !self.wishes.small && !self.points.iter().any(|point| point.is_at(&plot.place)) {
                return Err(failed(format!("where = {} is no point", shown(&plot.place))));
            }
        }
        Ok(())
    }
}

impl Point {
    /// Whether its parameters are these; one that is not named may be anything.
    pub fn is_at(&self, place: &Place) -> bool {
        place.iter().all(|(name, value)| self.parameter(name).is_some_and(|own| same(own, value)))
    }

    /// A parameter's value, as the file gives it if it does.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        let swept = self.swept.iter().find(|(swept, _)| swept == name);
        swept.map(|(_, value)| value).or_else(|| self.parameters.get(name))
    }

    /// For people: what differs from other points.
    pub fn label(&self) -> String {
        label(&self.swept)
    }
}

fn label(swept: &[(String, Value)]) -> String {
    let pairs: Vec<_> = swept.iter().map(|(name, value)| format!("{name} = {}", plain(value))).collect();
    if pairs.is_empty() { "the only point".into() } else { pairs.join(", ") }
}

/// A value for people, text without quotes.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A place for people, as a file has it.
pub fn shown(place: &Place) -> String {
    let pairs: Vec<_> = place.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Whether two values are the same; 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq() || one == other,
        _ => one == other,
    }
}

fn known(name: &str, defaults: &Parameters) -> Result<(), String> {
    if defaults.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = defaults.keys().map(String::as_str).collect();
    Err(format!("the model has no parameter `{name}`; {}", instead(name, names)))
}

fn known_place(place: &Place, defaults: &Parameters) -> Result<(), String> {
    place.keys().try_for_each(|name| known(name, defaults).map_err(|error| format!("where: {error}")))
}

/// Refuses what is no parameter of the model. A sweep over tables sets several at once.
///
/// Returns the names of what is swept, in order.
fn known_fields(ranges: &Ranges, kind: Kind, defaults: &Parameters) -> Result<Vec<String>, String> {
    for (name, (_, line)) in &ranges.fixed {
        known(name, defaults).map_err(|error| format!("line {line}, model {}: {error}", kind.name()))?;
    }
    let mut names: Vec<String> = Vec::new();
    for swept in &ranges.swept {
        for name in fields_of(swept, defaults) {
            let place = || format!("line {}, model {}", swept.line, kind.name());
            known(&name, defaults).map_err(|error| format!("{}: {error}", place()))?;
            if names.contains(&name) {
                return Err(format!("{}: `{name}` is swept twice", place()));
            }
            if ranges.fixed.contains_key(&name) {
                return Err(format!("{}: `{}` sweeps `{name}`, which is also said to be the same", place(), swept.key));
            }
            names.push(name);
        }
    }
    Ok(names)
}

/// The parameters that a line of a sweep sets.
fn fields_of(swept: &Swept, defaults: &Parameters) -> Vec<String> {
    let tables = swept.steps.iter().map(Value::as_object).collect::<Option<Vec<_>>>();
    match tables {
        Some(tables) if !defaults.contains_key(&swept.key) => {
            let mut names: Vec<String> = tables.iter().flat_map(|table| table.keys().cloned()).collect();
            names.sort_unstable();
            names.dedup();
            names
        }
        _ => vec![swept.key.clone()],
    }
}

/// Refuses a sweep of which nobody would see the end.
fn bounded(ranges: &Ranges, seeds: Seeds, wishes: Wishes) -> Result<(), String> {
    if seeds.count == 0 {
        return Err("no seeds, no trials: take seeds = 20".into());
    }
    if seeds.first.checked_add(seeds.count).is_none() {
        return Err(format!("{} seeds from {} on are more than there are", seeds.count, seeds.first));
    }
    let steps = ranges.swept.iter().map(|swept| swept.steps.len() as u64);
    let points = steps.fold(1, u64::saturating_mul);
    let trials = points.saturating_mul(seeds.count);
    let counted = format!("{points} points with {} seeds each are {trials} trials", seeds.count);
    if trials > TOO_MANY_TRIALS {
        return Err(format!("{counted}; at most {TOO_MANY_TRIALS} fit: shorten the lists of [sweep]"));
    }
    if trials > MANY_TRIALS && !wishes.many {
        return Err(format!("{counted}, more than {MANY_TRIALS}: shorten the lists of [sweep], or say --yes"));
    }
    Ok(())
}

fn points(ranges: &Ranges, kind: Kind, defaults: &Parameters) -> Result<Vec<Point>, String> {
    let fixed: Parameters = ranges.fixed.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
    let mut combinations: Vec<Vec<(String, Value)>> = vec![Vec::new()];
    for swept in &ranges.swept {
        let several = !defaults.contains_key(&swept.key);
        let grow = |before: &Vec<(String, Value)>| -> Vec<Vec<(String, Value)>> {
            swept.steps.iter().map(|step| extended(before, &swept.key, step, several)).collect()
        };
        combinations = combinations.iter().flat_map(grow).collect();
    }
    combinations.into_iter().map(|swept| point(&fixed, swept, kind)).collect()
}

fn extended(before: &[(String, Value)], key: &str, step: &Value, several: bool) -> Vec<(String, Value)> {
    let mut after = before.to_vec();
    match step.as_object().filter(|_| several) {
        Some(fields) => after.extend(fields.clone()),
        None => after.push((key.to_owned(), step.clone())),
    }
    after
}

fn point(fixed: &Parameters, swept: Vec<(String, Value)>, kind: Kind) -> Result<Point, String> {
    let mut given = fixed.clone();
    given.extend(swept.iter().cloned());
    let failed = |error: String| if swept.is_empty() { error } else { format!("at {}: {error}", label(&swept)) };
    let trial = kind.make(&given).map_err(failed)?;
    trial.check().map_err(failed)?;
    let parameters = trial.parameters()?;
    Ok(Point { trial, parameters, swept })
}
