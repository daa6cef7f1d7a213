//! One table of a TOML file, read strictly.

use std::ops::{Range, RangeInclusive};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Problem};

/// A table whose keys are all known.
pub(super) struct Section<'a> {
    source: Source<'a>,
    table: DeTable<'a>,
    known: Vec<&'static str>,
    /// `""` for the file itself, `"limits."` for a table in it.
    prefix: String,
}

/// The file that a section stands in.
#[derive(Clone, Copy)]
struct Source<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, span: Range<usize>, problem: Problem) -> ConfigError {
        let line = self.text[..span.start.min(self.text.len())].matches('\n').count() + 1;
        ConfigError::new(self.file, Some(line), problem)
    }
}

impl<'a> Section<'a> {
    /// The whole file, which may have the `known` keys.
    pub(super) fn document(file: &'a Path, text: &'a str, known: Vec<&'static str>) -> Result<Self, ConfigError> {
        let source = Source { file, text };
        let table = DeTable::parse(text).map_err(|error| {
            let problem = Problem::Syntax(error.message().to_owned());
            match error.span() {
                Some(span) => source.error(span, problem),
                None => ConfigError::new(file, None, problem),
            }
        })?;
        Self::checked(source, table.into_inner(), known, String::new())
    }

    fn checked(
        source: Source<'a>,
        table: DeTable<'a>,
        known: Vec<&'static str>,
        prefix: String,
    ) -> Result<Self, ConfigError> {
        if let Some(key) = table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            let place = match prefix.is_empty() {
                true => "the file".to_owned(),
                false => format!("[{}]", prefix.trim_end_matches('.')),
            };
            let nearest = nearest(key.get_ref(), &known);
            let known = known.into_boxed_slice();
            let problem = Problem::UnknownKey { key: key.get_ref().to_string(), nearest, known, place };
            return Err(source.error(key.span(), problem));
        }
        Ok(Self { source, table, known, prefix })
    }

    /// Refuses a file that lacks one of the known keys.
    pub(super) fn require_all(&self) -> Result<(), ConfigError> {
        let missing = |key: &&'static str| !self.table.contains_key(*key);
        let keys: Vec<_> = self.known.iter().copied().filter(missing).collect();
        match keys.is_empty() {
            true => Ok(()),
            false => Err(ConfigError::new(self.source.file, None, Problem::Missing { keys })),
        }
    }

    /// A table in this one.
    pub(super) fn section(&self, key: &str, known: Vec<&'static str>) -> Result<Option<Self>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let DeValue::Table(table) = value.get_ref() else { return Err(self.wrong_type(key, value, "a table")) };
        let prefix = format!("{}{key}.", self.prefix);
        Self::checked(self.source, table.clone(), known, prefix).map(Some)
    }

    /// The value of `key` as the file has it.
    pub(super) fn raw(&self, key: &str) -> Option<&str> {
        self.source.text.get(self.table.get(key)?.span())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref().as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.wrong_type(key, value, "a text")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let wrong = || self.wrong_type(key, value, "a list of texts");
        let DeValue::Array(values) = value.get_ref() else { return Err(wrong()) };
        let texts = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned).ok_or_else(wrong));
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn number(&self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = value.get_ref().as_integer() else { return Err(self.wrong_type(key, value, &expected)) };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let key = format!("{}{key}", self.prefix);
                let found = integer.as_str().to_owned();
                Err(self.source.error(value.span(), Problem::Type { key, expected, found }))
            }
        }
    }

    /// A text, made into something else.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|why| self.refuse(key, format!("{text:?}: {why}")))
    }

    /// A list of texts, each made into something else.
    pub(super) fn parsed_list<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<Vec<T>>, ConfigError> {
        let Some(texts) = self.texts(key)? else { return Ok(None) };
        let parsed = texts.iter().map(|text| parse(text).map_err(|why| self.refuse(key, format!("{text:?}: {why}"))));
        parsed.collect::<Result<_, _>>().map(Some)
    }

    /// An error about the value of `key`.
    pub(super) fn refuse(&self, key: &str, why: String) -> ConfigError {
        let problem = Problem::Value { key: format!("{}{key}", self.prefix), why };
        match self.table.get(key) {
            Some(value) => self.source.error(value.span(), problem),
            None => ConfigError::new(self.source.file, None, problem),
        }
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> ConfigError {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let key = format!("{}{key}", self.prefix);
        let problem = Problem::Type { key, expected: expected.to_owned(), found: found.to_owned() };
        self.source.error(value.span(), problem)
    }
}

/// The known key that differs least, if it is near enough to be a slip.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |candidate: &&'static str| edit_distance(key, candidate);
    let best = known.iter().copied().min_by_key(|candidate| distance(candidate))?;
    (distance(&best) <= best.len().max(3) / 3).then_some(best)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_of_known_words() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        const KNOWN: &[&str] = &["dims", "side", "replica_cells"];
        assert_eq!(nearest("dim", KNOWN), Some("dims"));
        assert_eq!(nearest("replica-cells", KNOWN), Some("replica_cells"));
        assert_eq!(nearest("colour", KNOWN), None);
    }
}
