//! Experiment files: which model is asked what, at which points, and what is claimed of the answers.
//!
//! [`Experiment::parse`] refuses a key that nobody knows, with its name and line. Whether the parameters are possible is
//! found out by [`super::setup`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

/// Values of parameters by name, and where in the file they stand.
type Located = BTreeMap<Spanned<String>, Spanned<toml::Value>>;

/// An experiment, as its file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The file's name without its ending; the names of the results begin with it.
    #[serde(skip)]
    pub name: String,
    /// What to say on a command line to run it.
    #[serde(skip)]
    pub argument: String,
    /// The file itself.
    #[serde(skip)]
    pub text: String,
    /// See [`super::Model::NAME`].
    pub model: String,
    /// A heading.
    pub title: String,
    /// What the experiment asks.
    pub question: String,
    /// The honest answer; figures in it are claims.
    pub conclusion: String,
    /// Which seeds are tried at every point.
    #[serde(default)]
    pub seeds: Seeds,
    /// Parameters that are the same at every point.
    #[serde(default)]
    parameters: Located,
    /// Lists of parameters' values: each with each is a point.
    #[serde(default)]
    sweep: Located,
    /// What to draw.
    #[serde(default, rename = "plot")]
    pub plots: Vec<Plot>,
    /// What has to hold.
    #[serde(default, rename = "claim")]
    pub claims: Vec<Claim>,
    /// How the version differs that takes seconds.
    #[serde(default)]
    small: Small,
}

/// Seeds in a row.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(from = "SeedsInFile")]
pub struct Seeds {
    /// The first of them.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl Default for Seeds {
    /// As many as a confidence interval should have.
    fn default() -> Self {
        Self { first: 1, count: 20 }
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "seeds are a number of them, or { first = 1, count = 20 }")]
enum SeedsInFile {
    Count(u64),
    Row { first: u64, count: u64 },
}

impl From<SeedsInFile> for Seeds {
    fn from(seeds: SeedsInFile) -> Self {
        match seeds {
            SeedsInFile::Count(count) => Self { first: 1, count },
            SeedsInFile::Row { first, count } => Self { first, count },
        }
    }
}

/// A diagram.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plot {
    /// Its heading.
    pub title: String,
    /// A parameter or a measure.
    pub x: String,
    /// Measures.
    pub y: Names,
    /// Parameters of which each value is a line; those that are swept and not named are added.
    #[serde(default)]
    pub series: Names,
    /// Draws only points with these parameters.
    #[serde(default, rename = "where")]
    pub place: Place,
    /// Whether steps along x are factors.
    #[serde(default)]
    pub log_x: bool,
    /// Whether steps along y are factors.
    #[serde(default)]
    pub log_y: bool,
    /// What x is; made of its name unless told.
    pub x_label: Option<String>,
    /// What y is; made of its names unless told.
    pub y_label: Option<String>,
}

/// A name, or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "NamesInFile")]
pub struct Names(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a name, or a list of names")]
enum NamesInFile {
    One(String),
    Several(Vec<String>),
}

impl From<NamesInFile> for Names {
    fn from(names: NamesInFile) -> Self {
        match names {
            NamesInFile::One(name) => Self(vec![name]),
            NamesInFile::Several(names) => Self(names),
        }
    }
}

/// Parameters that tell points apart.
pub type Place = BTreeMap<String, Value>;

/// Something that has to hold of a measure's mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// In words.
    pub says: String,
    /// Which measure.
    pub measure: String,
    /// At which points; at all if it is empty.
    #[serde(default, rename = "where")]
    pub place: Place,
    /// See [`Bounds::at_least`].
    at_least: Option<f64>,
    /// See [`Bounds::at_most`].
    at_most: Option<f64>,
    /// See [`Bounds::near`].
    near: Option<f64>,
    /// See [`Bounds::within`].
    within: Option<f64>,
    /// What becomes of it in the small version.
    #[serde(default)]
    small: ClaimOfSmall,
}

/// Between what a mean has to be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Not below this.
    pub at_least: Option<f64>,
    /// Not above this.
    pub at_most: Option<f64>,
    /// No farther from this than [`Bounds::within`].
    pub near: Option<f64>,
    /// A share of [`Bounds::near`]; of a `near` of 0, the distance itself.
    pub within: Option<f64>,
    /// Of the small version: the points, if they are not those of the whole one.
    #[serde(default, rename = "where")]
    place: Option<Place>,
    /// Of the small version: the words, if they are not those of the whole one.
    says: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`small` of a claim is true, false, or a table of bounds (at_least, at_most, near, within, where, says)"
)]
enum ClaimOfSmall {
    Held(bool),
    Other(Bounds),
}

impl Default for ClaimOfSmall {
    fn default() -> Self {
        Self::Held(true)
    }
}

impl Claim {
    /// What has to hold in this version; `None` if nothing.
    pub fn version(&self, small: bool) -> Option<Asked<'_>> {
        let Self { at_least, at_most, near, within, .. } = *self;
        let whole =
            Asked { says: &self.says, place: &self.place, bounds: Bounds::new(at_least, at_most, near, within) };
        match &self.small {
            ClaimOfSmall::Held(false) if small => None,
            ClaimOfSmall::Other(other) if small => Some(Asked {
                says: other.says.as_deref().unwrap_or(whole.says),
                place: other.place.as_ref().unwrap_or(whole.place),
                bounds: if other.are_none() { whole.bounds } else { other.clone() },
            }),
            ClaimOfSmall::Held(_) | ClaimOfSmall::Other(_) => Some(whole),
        }
    }
}

/// A claim in one version of an experiment.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// See [`Claim::says`].
    pub says: &'a str,
    /// See [`Claim::place`].
    pub place: &'a Place,
    /// Between what the mean has to be.
    pub bounds: Bounds,
}

impl Bounds {
    /// These, of any place.
    pub fn new(at_least: Option<f64>, at_most: Option<f64>, near: Option<f64>, within: Option<f64>) -> Self {
        Self { at_least, at_most, near, within, ..Self::default() }
    }

    fn are_none(&self) -> bool {
        self.at_least.is_none() && self.at_most.is_none() && self.near.is_none()
    }

    fn check(&self) -> Result<(), String> {
        if self.are_none() {
            return Err("it bounds nothing: say at_least, at_most, or near and within".into());
        }
        match (self.near, self.within) {
            (Some(_), None) => Err("`near` needs `within`, a share such as 0.01".into()),
            (None, Some(_)) => Err("`within` needs `near`, the figure to be near to".into()),
            (_, Some(within)) if within < 0.0 => Err(format!("within = {within} is below 0")),
            _ => Ok(()),
        }
    }
}

/// How the small version differs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Small {
    seeds: Option<Seeds>,
    #[serde(default)]
    parameters: Located,
    #[serde(default)]
    sweep: Located,
}

/// The parameters' values of a version of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    /// Parameters that are the same at every point, with their lines in the file.
    pub fixed: BTreeMap<String, (Value, usize)>,
    /// Lists of values, in the order of the file.
    pub swept: Vec<Swept>,
}

/// A line of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The parameter; of a list of tables, a name for them all.
    pub key: String,
    /// Its line in the file.
    pub line: usize,
    /// What it is, one after the other.
    pub steps: Vec<Value>,
}

impl Experiment {
    /// Reads an experiment that is called `name` and that is run by `rook-sim run ARGUMENT`.
    ///
    /// # Errors
    /// What is wrong with the text, and in which line.
    pub fn parse(name: &str, argument: &str, text: &str) -> Result<Self, String> {
        let parsed: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let experiment = Self { name: name.into(), argument: argument.into(), text: text.into(), ..parsed };
        for claim in &experiment.claims {
            for small in [false, true] {
                let checked = claim.version(small).map_or(Ok(()), |asked| asked.bounds.check());
                checked.map_err(|error| format!("the claim {:?}: {error}", claim.says))?;
            }
        }
        Ok(experiment)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let name = path.file_stem().map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned());
        Self::parse(&name, &shown, &text).map_err(|error| format!("{shown}: {error}"))
    }

    /// The seeds of a version.
    pub fn seeds(&self, small: bool) -> Seeds {
        if small {
            self.small.seeds.unwrap_or(Seeds { count: self.seeds.count.min(3), ..self.seeds })
        } else {
            self.seeds
        }
    }

    /// The values of a version. What the small version says of a parameter, fixed or swept, takes the place of what the
    /// whole version says of it.
    ///
    /// # Errors
    /// Something that is no value of a parameter, or a sweep that is no list, and in which line.
    pub fn ranges(&self, small: bool) -> Result<Ranges, String> {
        let mut ranges = Ranges::default();
        self.add(&mut ranges, &self.parameters, &self.sweep)?;
        if small {
            self.add(&mut ranges, &self.small.parameters, &self.small.sweep)?;
        }
        Ok(ranges)
    }

    fn add(&self, ranges: &mut Ranges, parameters: &Located, sweep: &Located) -> Result<(), String> {
        for (key, value) in parameters {
            let (name, line) = (key.get_ref(), self.line(key.span().start));
            ranges.swept.retain(|swept| swept.key != *name);
            let value = plain(value.get_ref()).map_err(|error| format!("line {line}: `{name}`: {error}"))?;
            ranges.fixed.insert(name.clone(), (value, line));
        }
        let mut in_order: Vec<_> = sweep.iter().collect();
        in_order.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in in_order {
            let (key, line) = (key.get_ref().clone(), self.line(key.span().start));
            let value = plain(value.get_ref()).map_err(|error| format!("line {line}: `{key}`: {error}"))?;
            let steps = value.as_array().filter(|steps| !steps.is_empty()).cloned();
            let steps =
                steps.ok_or_else(|| format!("line {line}: a sweep is a list of values, `{key} = [{value}]`"))?;
            if parameters.keys().any(|fixed| *fixed.get_ref() == key) {
                return Err(format!("line {line}: `{key}` is swept, and also among the parameters that are the same"));
            }
            ranges.fixed.remove(&key);
            let swept = Swept { key, line, steps };
            match ranges.swept.iter_mut().find(|earlier| earlier.key == swept.key) {
                Some(earlier) => *earlier = swept,
                None => ranges.swept.push(swept),
            }
        }
        Ok(())
    }

    /// The line of a byte of the text, from 1.
    fn line(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|&letter| letter == b'\n').count()
    }
}

/// The value in the language of the results.
fn plain(value: &toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::Float(number) if !number.is_finite() => Err(format!("{number} is no value of a parameter")),
        toml::Value::Datetime(date) => Err(format!("{date} is a date, and no parameter is")),
        toml::Value::Array(items) => items.iter().map(plain).collect(),
        toml::Value::Table(fields) => {
            let fields: Result<_, String> =
                fields.iter().map(|(key, value)| Ok((key.clone(), plain(value)?))).collect();
            fields.map(Value::Object)
        }
        toml::Value::String(_) | toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
            serde_json::to_value(value).map_err(|error| error.to_string())
        }
    }
}
