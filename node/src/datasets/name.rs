//! What datasets are called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::pointer::{PointerText, TextError};

/// Characters of the longest name.
const LONGEST: usize = 64;
/// Endings that a DAP client adds to a dataset's address to say what it wants of it (OPeNDAP, "Data Access Protocol",
/// versions 2.0 and 4.0): a name that ended so could not be told from such a request.
const ENDINGS: [&str; 14] =
    ["dds", "das", "dods", "ddx", "asc", "ascii", "info", "ver", "help", "html", "dmr", "dap", "dsr", "rdf"];

/// A dataset's name: up to 64 letters, digits, dots, hyphens and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no dataset's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no or too many characters.
    #[error("a dataset's name has 1 to {LONGEST} characters, not {0}")]
    Length(usize),
    /// A character that does not stand in names.
    #[error(
        "a dataset's name is made of letters, digits, `.`, `-` and `_`, and begins with a letter or digit; {name:?} has {found:?}"
    )]
    Character {
        /// The text.
        name: String,
        /// The character.
        found: char,
    },
    /// It ends like a request.
    #[error("a dataset's name must not end in \".{0}\": DAP clients add that to it to say what they want")]
    Ending(&'static str),
    /// It looks like a pointer.
    #[error("{0:?} looks like a pointer: say NAME@POINTER")]
    Pointer(String),
    /// What stands behind the `@` is no pointer.
    #[error("what stands behind the @ is no pointer: {0}")]
    Text(#[from] TextError),
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if !(1..=LONGEST).contains(&length) {
            return Err(NameError::Length(length));
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let wrong = text.char_indices().find(|&(at, c)| !inner(c) || (at == 0 && !c.is_ascii_alphanumeric()));
        if let Some((_, found)) = wrong {
            return Err(NameError::Character { name: text.to_owned(), found });
        }
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("rook1") {
            return Err(NameError::Pointer(text.to_owned()));
        }
        let last = lower.rsplit_once('.').map(|(_, last)| last);
        match ENDINGS.into_iter().find(|&ending| Some(ending) == last) {
            Some(ending) => Err(NameError::Ending(ending)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How people say which dataset they mean: `NAME`, or `NAME@POINTER` if several go by that name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The dataset's name.
    pub name: Name,
    /// The pointer of its head, if it was said.
    pub pointer: Option<PointerText>,
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, pointer) = match text.split_once('@') {
            Some((name, pointer)) => (name, Some(pointer.parse()?)),
            None => (text, None),
        };
        Ok(Self { name: name.parse()?, pointer })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            Some(pointer) => write!(f, "{}@{pointer}", self.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_what_an_address_can_hold() {
        for good in ["sst", "COADS-climatology", "a", "1x", "era5.t2m_daily", "coads.nc", &"x".repeat(64)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for wrong in
            ["", ".", "..", "-x", "_x", "a/b", "a b", "a@b", "ä", "a.dds", "b.DAS", "rook1abc", &"x".repeat(65)]
        {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_reference_may_say_whose_dataset_it_means() {
        let reference: Reference = "sst".parse().unwrap();
        assert_eq!((reference.name.as_str(), reference.pointer), ("sst", None));
        let error = "sst@rook1qqqq".parse::<Reference>().unwrap_err();
        assert!(error.to_string().starts_with("what stands behind the @ is no pointer"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_refused(text in "\\PC{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str(), &text);
            }
            let _ = text.parse::<Reference>();
        }
    }
}
