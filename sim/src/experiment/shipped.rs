//! The experiments that ship: files in `sim/experiments`, in the program itself.

use super::file::Experiment;
use super::near::instead;

/// The files by name, in order.
const FILES: &[(&str, &str)] = &[
    ("churn", include_str!("../../experiments/churn.toml")),
    ("geometry", include_str!("../../experiments/geometry.toml")),
];

/// Their names, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    FILES.iter().map(|&(name, _)| name)
}

/// The text of one of them.
///
/// # Errors
/// There is none of that name; which names are near.
pub fn text(name: &str) -> Result<&'static str, String> {
    let found = FILES.iter().find(|&&(known, _)| known == name);
    found.map(|&(_, text)| text).ok_or_else(|| format!("there is no experiment {name:?}; {}", instead(name, names())))
}

/// One of them.
///
/// # Errors
/// There is none of that name; which names are near.
pub fn open(name: &str) -> Result<Experiment, String> {
    Experiment::parse(name, name, text(name)?).map_err(|error| format!("{name}: {error}"))
}
