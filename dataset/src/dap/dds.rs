//! DAP2's structure, `.dds`, and its values, `.dods`: the structure, then XDR (RFC 4506).

use super::coder::Output;
use super::rows::RowCoder;
use super::selection::{Item, Selection};
use super::shape::{self, Protocol};
use super::values::values;
use super::{Body, DapError, Framing, Part, name, text_body};
use crate::model::{Description, Kind};
use crate::slab::{Slab, Span};

/// Plans the structure of what was selected.
pub(super) fn plan(dataset: &str, description: &Description, selection: &Selection) -> Body {
    let text = declare(dataset, description, selection);
    text_body("text/plain; charset=utf-8", "dods-dds", selection.canonical().to_owned(), text)
}

/// Plans the values of what was selected.
pub(super) fn plan_data(dataset: &str, description: &Description, selection: &Selection) -> Result<Body, DapError> {
    let mut parts = Parts::default();
    // Clients look for exactly this.
    parts.bytes(format!("{}Data:\n", declare(dataset, description, selection)).as_bytes());
    for item in &selection.items {
        match item {
            Item::Array { variable, slab } => parts.array(description, *variable, slab)?,
            Item::Grid { members, .. } => {
                members.iter().try_for_each(|(variable, slab)| parts.array(description, *variable, slab))?;
            }
            Item::Rows { columns, rows, filter, .. } => {
                parts.length = None;
                parts.parts.push(rows_part(description, columns.len(), *rows, filter, false));
            }
        }
    }
    Ok(Body {
        content_type: "application/octet-stream",
        content_description: "dods-data",
        length: parts.length,
        canonical: selection.canonical().to_owned(),
        framing: Framing::None,
        parts: parts.parts,
    })
}

/// Rows of a table, of which the first columns are shown.
pub(super) fn rows_part(
    description: &Description,
    shown: usize,
    rows: Span,
    filter: &super::Filter,
    is_text: bool,
) -> Part {
    let kinds = filter.columns().iter().map(|&column| description.variables[column].kind).collect();
    let columns = filter.columns().iter().map(|&column| (column, Slab(vec![rows]))).collect();
    Part::Rows { columns, filter: filter.clone(), coder: RowCoder::new(kinds, shown, is_text) }
}

#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    /// Bytes of all parts, unless that depends on the values.
    length: Option<u64>,
}

impl Parts {
    fn bytes(&mut self, bytes: &[u8]) {
        let length = if self.parts.is_empty() { Some(0) } else { self.length };
        self.length = length.and_then(|length| length.checked_add(bytes.len() as u64));
        match self.parts.last_mut() {
            Some(Part::Bytes(before)) => before.extend_from_slice(bytes),
            Some(Part::Values { .. } | Part::Rows { .. } | Part::Checksum) | None => {
                self.parts.push(Part::Bytes(bytes.to_vec()));
            }
        }
    }

    fn array(&mut self, description: &Description, variable: usize, slab: &Slab) -> Result<(), DapError> {
        let (kind, elements) = (description.variables[variable].kind, slab.elements());
        let described = &description.variables[variable].name;
        let count = i32::try_from(elements).map_err(|_| {
            DapError::Unsayable(format!(
                "{elements} values of {described} are more than DAP2 can count, 2^31; ask for parts, or by DAP4"
            ))
        })?;
        let is_scalar = slab.0.is_empty();
        if !is_scalar {
            // The length of an array of numbers is there twice: once for DAP2, once for XDR.
            self.bytes(&count.to_be_bytes().repeat(if shape::is_text(kind) { 1 } else { 2 }));
        }
        let part = values(Protocol::Dap2, description, variable, slab, Output::Xdr { is_scalar })?;
        self.length = self.length.zip(size(kind, elements)).and_then(|(sum, more)| sum.checked_add(more));
        self.parts.push(part);
        Ok(())
    }
}

/// Bytes of so many numbers as XDR, arrays and single values; none for text.
fn size(kind: Kind, elements: u64) -> Option<u64> {
    match kind {
        Kind::I8 | Kind::U8 => elements.checked_next_multiple_of(4),
        Kind::I16 | Kind::U16 | Kind::I32 | Kind::U32 | Kind::F32 => elements.checked_mul(4),
        Kind::I64 | Kind::U64 | Kind::F64 => elements.checked_mul(8),
        Kind::Char | Kind::String => None,
    }
}

/// Writes the structure of what was selected.
fn declare(dataset: &str, description: &Description, selection: &Selection) -> String {
    let mut text = "Dataset {\n".to_owned();
    for item in &selection.items {
        match item {
            Item::Array { variable, slab } => text.push_str(&array(description, *variable, slab, "    ")),
            Item::Grid { variable, members, is_whole } => {
                text.push_str(&grid(description, *variable, members, *is_whole))
            }
            Item::Rows { table, columns, .. } => {
                let table = &description.tables[*table];
                text.push_str("    Sequence {\n");
                for &column in columns {
                    let kind = shape::column_type(description.variables[column].kind);
                    let name = name::identifier(shape::column_name(description, table, column));
                    text.push_str(&format!("        {kind} {name};\n"));
                }
                text.push_str(&format!("    }} {};\n", name::identifier(&table.name)));
            }
        }
    }
    format!("{text}}} {};\n", name::escape(dataset))
}

fn array(description: &Description, variable: usize, slab: &Slab, indent: &str) -> String {
    let described = &description.variables[variable];
    let dimensions = shape::dimensions(Protocol::Dap2, description, variable).iter().zip(&slab.0);
    let dimensions = dimensions.map(|(&dimension, span)| {
        format!("[{} = {}]", name::identifier(&description.dimensions[dimension as usize].name), span.count)
    });
    let dimensions: String = dimensions.collect();
    format!("{indent}{} {}{dimensions};\n", shape::dap2_type(described.kind), name::identifier(&described.name))
}

/// A grid; with some members only it is a structure.
fn grid(description: &Description, variable: usize, members: &[(usize, Slab)], is_whole: bool) -> String {
    let name = name::identifier(&description.variables[variable].name);
    let (inner, first) = match members.split_first() {
        Some(((variable, slab), maps)) if is_whole => {
            let array = array(description, *variable, slab, "            ");
            (maps, format!("    Grid {{\n        Array:\n{array}        Maps:\n"))
        }
        Some(_) | None => (members, "    Structure {\n".to_owned()),
    };
    let indent = if is_whole { "            " } else { "        " };
    let members: String = inner.iter().map(|(variable, slab)| array(description, *variable, slab, indent)).collect();
    format!("{first}{members}    }} {name};\n")
}
