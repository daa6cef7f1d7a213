//! What is wrong with a file, and on which line.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Problem {
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    #[error("is no TOML: {0}")]
    Syntax(String),
    #[error("unknown key {key:?}{}; {place} {}", nearest.map(|n| format!(", did you mean {n:?}?")).unwrap_or_default(), choices(known))]
    UnknownKey { key: String, nearest: Option<&'static str>, known: Box<[&'static str]>, place: String },
    #[error("{} {} missing", list(keys), if keys.len() == 1 { "is" } else { "are" })]
    Missing { keys: Vec<&'static str> },
    #[error("{key} must be {expected}, not {found}")]
    Type { key: String, expected: String, found: String },
    #[error("{key}: {why}")]
    Value { key: String, why: String },
    #[error("{0}")]
    Parameters(grid::parameters::ParameterError),
}

fn list(keys: &[&str]) -> String {
    keys.join(", ")
}

fn choices(known: &[&str]) -> String {
    format!("has the keys {}", list(known))
}

impl ConfigError {
    pub(super) fn new(file: &Path, line: Option<usize>, problem: Problem) -> Self {
        Self { file: file.to_path_buf(), line, problem }
    }
}

/// The text of a file of settings.
pub(super) fn read_text(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|error| ConfigError::new(file, None, Problem::Read(error)))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for ConfigError {}
