//! The header's bytes.

use super::{ClassicError, Place};
use crate::model::{Attribute, Description, Kind, Values};

/// Which format a file has: how wide its numbers are, and which types it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 64-bit offsets, counts of 32 bits, the six old types.
    Cdf2,
    /// 64-bit offsets and counts, and unsigned and 64-bit integers.
    Cdf5,
}

const DIMENSIONS: u32 = 10;
const VARIABLES: u32 = 11;
const ATTRIBUTES: u32 = 12;

struct Writer {
    version: Version,
    bytes: Vec<u8>,
}

/// A dimension of the file: its name, its length, and the variable that first used it.
struct Axis<'a> {
    source: u32,
    name: String,
    length: u64,
    user: &'a str,
}

pub(super) fn encode(version: Version, description: &Description, places: &[Place]) -> Result<Vec<u8>, ClassicError> {
    let axes = axes(description, places)?;
    let names = places.iter().map(|place| flat(&description.variables[place.variable].name));
    unique(names)?;
    unique(axes.iter().map(|axis| axis.name.clone()))?;
    let mut out = Writer { version, bytes: Vec::from(*b"CDF") };
    out.bytes.push(match version {
        Version::Cdf2 => 2,
        Version::Cdf5 => 5,
    });
    out.count(0);
    out.list(DIMENSIONS, axes.len());
    for axis in &axes {
        out.name(&axis.name);
        out.count(axis.length);
    }
    out.attributes(&description.attributes);
    out.list(VARIABLES, places.len());
    for place in places {
        out.variable(description, &axes, place);
    }
    Ok(out.bytes)
}

/// The dimensions that are used, in the order of their first use.
fn axes<'a>(description: &'a Description, places: &[Place]) -> Result<Vec<Axis<'a>>, ClassicError> {
    let mut axes: Vec<Axis<'_>> = Vec::new();
    for place in places {
        let variable = &description.variables[place.variable];
        for (&source, span) in variable.dimensions.iter().zip(&place.slab.0) {
            let dimension = &description.dimensions[source as usize];
            match axes.iter().find(|axis| axis.source == source) {
                Some(axis) if axis.length != span.count => {
                    return Err(ClassicError::TwoLengths {
                        dimension: dimension.name.clone(),
                        first: axis.user.to_owned(),
                        second: variable.name.clone(),
                    });
                }
                Some(_) => {}
                None => {
                    axes.push(Axis { source, name: flat(&dimension.name), length: span.count, user: &variable.name })
                }
            }
        }
    }
    Ok(axes)
}

/// A name with groups before it as the format, which has none, can have it.
fn flat(name: &str) -> String {
    name.replace('/', ".")
}

fn unique(names: impl Iterator<Item = String>) -> Result<(), ClassicError> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ClassicError::SameName(pair[0].clone())),
        None => Ok(()),
    }
}

impl Writer {
    fn count(&mut self, value: u64) {
        match self.version {
            // The version was chosen so that it fits; a length that does not is written as the greatest, as the
            // specification wants it.
            Version::Cdf2 => self.word(u32::try_from(value).unwrap_or(u32::MAX)),
            Version::Cdf5 => self.bytes.extend(value.to_be_bytes()),
        }
    }

    fn word(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// The head of a list; an absent one has no tag.
    fn list(&mut self, tag: u32, elements: usize) {
        self.word(if elements == 0 { 0 } else { tag });
        self.count(elements as u64);
    }

    fn name(&mut self, name: &str) {
        self.count(name.len() as u64);
        self.bytes.extend(name.as_bytes());
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn attributes(&mut self, attributes: &[Attribute]) {
        self.list(ATTRIBUTES, attributes.len());
        for attribute in attributes {
            self.name(&flat(&attribute.name));
            self.values(&attribute.values);
            self.pad();
        }
    }

    fn values(&mut self, values: &Values) {
        let texts = |texts: &[String]| texts.join("\n");
        match values {
            Values::I8(values) => self.numbers(Kind::I8, values, |value| value.to_be_bytes()),
            Values::U8(values) => self.numbers(Kind::U8, values, |value| value.to_be_bytes()),
            Values::I16(values) => self.numbers(Kind::I16, values, |value| value.to_be_bytes()),
            Values::U16(values) => self.numbers(Kind::U16, values, |value| value.to_be_bytes()),
            Values::I32(values) => self.numbers(Kind::I32, values, |value| value.to_be_bytes()),
            Values::U32(values) => self.numbers(Kind::U32, values, |value| value.to_be_bytes()),
            Values::I64(values) => self.numbers(Kind::I64, values, |value| value.to_be_bytes()),
            Values::U64(values) => self.numbers(Kind::U64, values, |value| value.to_be_bytes()),
            Values::F32(values) => self.numbers(Kind::F32, values, |value| value.to_be_bytes()),
            Values::F64(values) => self.numbers(Kind::F64, values, |value| value.to_be_bytes()),
            Values::Text(text) => self.numbers(Kind::Char, text.as_bytes(), |value| [*value]),
            Values::Strings(list) => self.numbers(Kind::Char, texts(list).as_bytes(), |value| [*value]),
        }
    }

    fn numbers<T, const N: usize>(&mut self, kind: Kind, values: &[T], bytes: impl Fn(&T) -> [u8; N]) {
        self.word(code(kind));
        self.count(values.len() as u64);
        for value in values {
            self.bytes.extend(bytes(value));
        }
    }

    fn variable(&mut self, description: &Description, axes: &[Axis<'_>], place: &Place) {
        let variable = &description.variables[place.variable];
        self.name(&flat(&variable.name));
        self.count(variable.dimensions.len() as u64);
        for source in &variable.dimensions {
            // Every dimension of every variable is among the axes.
            let axis = axes.iter().position(|axis| axis.source == *source).unwrap_or_default();
            self.count(axis as u64);
        }
        self.attributes(&variable.attributes);
        self.word(code(variable.kind));
        self.count(place.length.next_multiple_of(4));
        self.bytes.extend(place.begin.to_be_bytes());
    }
}

/// `nc_type`; there is none for strings, which are refused before.
const fn code(kind: Kind) -> u32 {
    match kind {
        Kind::I8 => 1,
        Kind::Char | Kind::String => 2,
        Kind::I16 => 3,
        Kind::I32 => 4,
        Kind::F32 => 5,
        Kind::F64 => 6,
        Kind::U8 => 7,
        Kind::U16 => 8,
        Kind::U32 => 9,
        Kind::I64 => 10,
        Kind::U64 => 11,
    }
}
