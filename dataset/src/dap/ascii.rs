//! Values as text, `.ascii`, as libdap's `asciival` writes them: a line for each row of an array, with its name and
//! indices before it. The rows of a grid have indices where `asciival` writes coordinates; these stand in the maps' own
//! lines.

use super::coder::Output;
use super::dds::rows_part;
use super::selection::{Item, Selection};
use super::shape::{self, Protocol};
use super::values::values;
use super::{Body, DapError, Framing, Part, name};
use crate::model::Description;
use crate::slab::Slab;

/// Values of one variable in one answer.
const MAX_VALUES: u64 = 1 << 31;

/// Plans the values of what was selected.
pub(super) fn plan(dataset: &str, description: &Description, selection: &Selection) -> Result<Body, DapError> {
    let mut parts = vec![Part::Bytes(format!("Dataset: {dataset}\n").into_bytes())];
    for item in &selection.items {
        match item {
            Item::Array { variable, slab } => parts.push(array(description, *variable, slab, "")?),
            Item::Grid { variable, members, .. } => {
                let prefix = format!("{}.", name::identifier(&description.variables[*variable].name));
                for (member, slab) in members {
                    parts.push(array(description, *member, slab, &prefix)?);
                }
            }
            Item::Rows { table, columns, rows, filter } => {
                let table = &description.tables[*table];
                let column = |&column: &usize| {
                    format!(
                        "{}.{}",
                        name::identifier(&table.name),
                        name::identifier(shape::column_name(description, table, column))
                    )
                };
                let heading: Vec<String> = columns.iter().map(column).collect();
                parts.push(Part::Bytes(format!("{}\n", heading.join(", ")).into_bytes()));
                parts.push(rows_part(description, columns.len(), *rows, filter, true));
            }
        }
    }
    Ok(Body {
        content_type: "text/plain; charset=utf-8",
        content_description: "dods-ascii",
        length: None,
        canonical: selection.canonical().to_owned(),
        framing: Framing::None,
        parts,
    })
}

fn array(description: &Description, variable: usize, slab: &Slab, prefix: &str) -> Result<Part, DapError> {
    let (described, elements) = (&description.variables[variable], slab.elements());
    let name = format!("{prefix}{}", name::identifier(&described.name));
    if elements > MAX_VALUES {
        let what = format!("{elements} values of {} are too many as text; ask for parts, or by .dods", described.name);
        return Err(DapError::Unsayable(what));
    }
    let output = Output::Ascii { name, shape: slab.0.iter().map(|span| span.count).collect() };
    values(Protocol::Dap2, description, variable, slab, output)
}
