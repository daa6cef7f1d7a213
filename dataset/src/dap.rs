//! The Data Access Protocol: what a client asks for in a URL, and the body it gets, as a plan that others carry out.
//!
//! DAP 2.0 is ESE-RFC-004 ("The Data Access Protocol — DAP 2.0", NASA 2004), DAP 4.0 the OPeNDAP specification of 2016.
//! [`plan`] is a pure function of a dataset's description and the request, so that every server says the same: the parts
//! of a [`Body`], one after the other, are what is sent. Where a part needs values, it names the hyperslab and the
//! [`Coder`] that turns the slab's canonical bytes into those of the format; whoever has a [`crate::source::Source`] at
//! hand calls [`render()`], a server streams.
//!
//! What the languages cannot say, and what is sent instead:
//!
//! - DAP2 has no 64-bit integers: they are `Float64`, exact to 2^53, and the attribute `dap2_cast` says so. DAP4 keeps
//!   them.
//! - DAP2's `Byte` is unsigned: an 8-bit variable carries `_Unsigned "false"` or `"true"`, which netCDF's clients heed.
//! - DAP2 has no characters: the last dimension of a `char` array becomes the length of a `String`; the attribute
//!   container `DODS` keeps that dimension's name and size, from which netCDF's client makes it an array again.
//! - Small integers in a DAP2 sequence are `Int32`: that takes the same four bytes, and pydap reads no others.
//! - A table is a sequence in DAP2; in DAP4, whose clients hardly know sequences, its columns are arrays.
//! - DAP2 has no groups: a variable `forecast/t` is `forecast.t`.
//! - An attribute with no values is an empty text.

mod ascii;
mod coder;
mod constraint;
mod das;
mod dds;
mod dmr;
mod error;
mod filter;
mod frame;
mod item;
mod name;
mod render;
mod rows;
mod selection;
mod service;
mod shape;
mod skip;
mod text;
mod values;

pub use coder::{Coder, CoderError};
pub use error::DapError;
pub use filter::Filter;
pub use frame::{Framer, Framing};
pub use render::{RenderError, render};
pub use rows::RowCoder;
pub use selection::{Selection, select};

use std::collections::BTreeMap;

use crate::model::Description;
use crate::slab::Slab;

/// What of a dataset is asked for; in a URL the suffix after the dataset's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `.ascii` or `.asc`: the values as text.
    Ascii,
    /// `.dap`: DAP4's values.
    Dap,
    /// `.das`: DAP2's attributes.
    Das,
    /// `.dds`: DAP2's structure.
    Dds,
    /// `.dmr` or `.dmr.xml`: DAP4's structure and attributes.
    Dmr,
    /// `.dods`: DAP2's values.
    Dods,
    /// `.help`: what can be asked for.
    Help,
    /// `.ver`: versions.
    Ver,
}

impl Format {
    const SUFFIXES: [(&'static str, Self); 10] = [
        (".ascii", Self::Ascii),
        (".asc", Self::Ascii),
        (".dap", Self::Dap),
        (".das", Self::Das),
        (".dds", Self::Dds),
        (".dmr.xml", Self::Dmr),
        (".dmr", Self::Dmr),
        (".dods", Self::Dods),
        (".help", Self::Help),
        (".ver", Self::Ver),
    ];

    /// Splits the last piece of a URL's path, already decoded, into a dataset's name and a format; `None` if it ends in
    /// no suffix of ours.
    pub fn of(path: &str) -> Option<(&str, Self)> {
        Self::SUFFIXES.iter().find_map(|&(suffix, format)| Some((path.strip_suffix(suffix)?, format)))
    }

    /// Whether its errors are DAP4's.
    pub const fn is_dap4(self) -> bool {
        match self {
            Self::Dap | Self::Dmr => true,
            Self::Ascii | Self::Das | Self::Dds | Self::Dods | Self::Help | Self::Ver => false,
        }
    }
}

/// An answer, as the work that makes it.
#[derive(Clone, Debug)]
pub struct Body {
    /// The header `Content-Type`.
    pub content_type: &'static str,
    /// The header `Content-Description`, by which DAP's clients know what they got.
    pub content_description: &'static str,
    /// How many bytes it will have, framing included, where that does not depend on the values.
    pub length: Option<u64>,
    /// The one text for what was selected, by which answers are cached and compared. It takes part in an ETag.
    pub canonical: String,
    /// How the parts' output is wrapped.
    pub framing: Framing,
    /// What it is made of, in order.
    pub parts: Vec<Part>,
}

/// A piece of a body.
#[derive(Clone, Debug)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Values of one variable: the canonical bytes of the slabs, one after the other, through the coder.
    Values {
        /// Which variable.
        variable: usize,
        /// What of it: many small slabs for strings, whose offsets a coder must hold; one else.
        slabs: Vec<Slab>,
        /// Canonical bytes that the coder does not want of the beginning.
        skip: u64,
        /// What makes the body's bytes of them.
        coder: Coder,
    },
    /// Rows of a table: windows of the same rows of all columns, through the coder.
    Rows {
        /// The variables, and which rows of them.
        columns: Vec<(usize, Slab)>,
        /// Which of these rows are wanted.
        filter: Filter,
        /// What makes the body's bytes of them.
        coder: RowCoder,
    },
    /// The checksum of all that came since the last one; the [`Framer`] knows it.
    Checksum,
}

impl Body {
    /// Canonical bytes that will be read, so that too much is refused before the start; a string counts 16.
    pub fn reads(&self, description: &Description) -> u64 {
        let of = |variable: usize, slab: &Slab| {
            let width = description.variables.get(variable).and_then(|variable| variable.kind.width()).unwrap_or(16);
            slab.elements().saturating_mul(width)
        };
        let part = |part: &Part| match part {
            Part::Bytes(_) | Part::Checksum => 0,
            Part::Values { variable, slabs, .. } => {
                slabs.iter().fold(0_u64, |sum, slab| sum.saturating_add(of(*variable, slab)))
            }
            Part::Rows { columns, .. } => {
                columns.iter().fold(0_u64, |sum, (place, slab)| sum.saturating_add(of(*place, slab)))
            }
        };
        self.parts.iter().map(part).fold(0, u64::saturating_add)
    }
}

/// Plans the answer to a request: a format of the dataset of that name, and the query of the URL as it came, without its
/// question mark. The description must have passed its check.
///
/// # Errors
/// [`DapError`] if the query cannot be understood, does not fit the description, or asks for what the format cannot say.
pub fn plan(format: Format, name: &str, description: &Description, query: &str) -> Result<Body, DapError> {
    match format {
        Format::Ascii => ascii::plan(name, description, &select(description, query)?),
        Format::Dap => dmr::plan_data(name, description, query),
        Format::Das => Ok(das::plan(description, &BTreeMap::new())),
        Format::Dds => Ok(dds::plan(name, description, &select(description, query)?)),
        Format::Dmr => dmr::plan(name, description, query),
        Format::Dods => dds::plan_data(name, description, &select(description, query)?),
        Format::Help => Ok(service::help(name)),
        Format::Ver => Ok(service::version()),
    }
}

/// Plans DAP2's attributes, given the bytes of the longest text of each variable of strings, by the variables' places.
/// netCDF's clients cut all texts at that length, and at 64 bytes if they are not told.
pub fn plan_attributes(description: &Description, longest: &BTreeMap<usize, u64>) -> Body {
    das::plan(description, longest)
}

fn text_body(content_type: &'static str, content_description: &'static str, canonical: String, text: String) -> Body {
    Body {
        content_type,
        content_description,
        length: Some(text.len() as u64),
        canonical,
        framing: Framing::None,
        parts: vec![Part::Bytes(text.into_bytes())],
    }
}
