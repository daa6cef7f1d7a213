//! Experiment files: which model is asked what, at which points, and what is claimed of the answers.
//!
//! [`Experiment::parse`] refuses a key that nobody knows, with its name and line. Whether the parameters are possible is
//! found out by [`super::setup`].
//!
//! ```
//! let file = r#"
//! model = "geometry"                        # see super::kinds
//! title = "Vacant cells"
//! question = "How many cells are vacant?"
//! conclusion = "As many as chance leaves." # paragraphs, `code`, lists of lines that begin with a dash
//! seeds = 20                                # or { first = 1, count = 20 }
//!
//! [parameters]                              # of the model; what is not said has its default
//! pairs = 1000
//!
//! [sweep]                                   # each with each; tables set several parameters at once
//! network = [{ dims = 2, side = 8 }, { dims = 3, side = 6 }]
//! density = [1.0, 2.0, 4.0]
//!
//! [[plot]]
//! title = "Vacant cells"
//! x = "density"                             # a swept parameter, or a measure
//! y = ["vacancy", "vacancy_expected"]       # what ends in _expected is dashed
//! series = "dims"                           # a line for each value; what differs besides is added
//! where = { side = 8 }                      # only these points
//! log_y = true                              # also: log_x, x_label, y_label
//!
//! [[claim]]
//! says = "at two nodes a cell, 13.5 % of the cells are vacant"
//! measure = "vacancy"                       # its mean over the seeds
//! where = { density = 2.0 }                 # at each of these points
//! near = 0.135                              # within a share of it; or at_least, at_most
//! within = 0.1
//! small = { says = "about", within = 0.3, near = 0.135 } # in the small version; false: not there
//!
//! [small]                                   # takes seconds; what it does not say is as above
//! seeds = 3
//! sweep.density = [2.0]
//! "#;
//! let experiment = sim::experiment::file::Experiment::parse("vacancy", "vacancy.toml", file)?;
//! let setup = sim::experiment::setup::Setup::new(experiment, Default::default())?;
//! assert_eq!(setup.trials(), 120);
//! # Ok::<(), String>(())
//! ```

mod claim;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

pub use claim::{Asked, Bounds, Claim};

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
