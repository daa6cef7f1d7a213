//! A description as DAP2 sees it: arrays, grids with their maps, and sequences.

use super::name;
use crate::model::{Description, Kind, Table};

/// Which language a selection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Grids, sequences, strings instead of characters.
    Dap2,
    /// Arrays only.
    Dap4,
}

/// What stands at the top of a DDS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A variable.
    Array(usize),
    /// A variable, and for each of its dimensions the variable that holds the coordinates along it.
    Grid {
        /// The variable.
        variable: usize,
        /// The coordinate variables.
        maps: Vec<usize>,
    },
    /// A table, by its place.
    Sequence(usize),
}

/// All of a description's nodes, in the order of its variables; a table stands where its first column does.
pub(super) fn nodes(description: &Description) -> Vec<Node> {
    let maps = coordinates(description);
    let mut nodes = Vec::with_capacity(description.variables.len());
    for variable in 0..description.variables.len() {
        match table_of(description, variable) {
            Some(table) => {
                if !nodes.contains(&Node::Sequence(table)) {
                    nodes.push(Node::Sequence(table));
                }
            }
            None => nodes.push(node(description, &maps, variable)),
        }
    }
    nodes
}

fn node(description: &Description, coordinates: &[Option<usize>], variable: usize) -> Node {
    let dimensions = &description.variables[variable].dimensions;
    let maps: Option<Vec<usize>> = dimensions.iter().map(|&dimension| coordinates[dimension as usize]).collect();
    let repeats = dimensions.iter().enumerate().any(|(axis, dimension)| dimensions[..axis].contains(dimension));
    match maps {
        Some(maps)
            if !maps.is_empty()
                && !maps.contains(&variable)
                && !repeats
                && !is_text(description.variables[variable].kind) =>
        {
            Node::Grid { variable, maps }
        }
        Some(_) | None => Node::Array(variable),
    }
}

/// Whether a kind is text.
pub(super) const fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Char | Kind::String)
}

/// For each dimension the numeric variable of its name over it alone. Text makes no map: netCDF's reader would give it a
/// second dimension.
pub(super) fn coordinates(description: &Description) -> Vec<Option<usize>> {
    let mut maps = vec![None; description.dimensions.len()];
    for (place, variable) in description.variables.iter().enumerate() {
        let &[dimension] = variable.dimensions.as_slice() else { continue };
        let is_map = description.dimensions[dimension as usize].name == variable.name;
        if is_map && !is_text(variable.kind) && table_of(description, place).is_none() {
            maps[dimension as usize] = Some(place);
        }
    }
    maps
}

/// The table that a variable is a column of.
pub(super) fn table_of(description: &Description, variable: usize) -> Option<usize> {
    description.tables.iter().position(|table| table.columns.iter().any(|&column| column as usize == variable))
}

/// A column's name within its table.
pub(super) fn column_name<'a>(description: &'a Description, table: &Table, column: usize) -> &'a str {
    let whole = description.variables[column].name.as_str();
    let inner = whole.strip_prefix(table.name.as_str()).and_then(|rest| rest.strip_prefix(['.', '/']));
    inner.filter(|inner| !inner.is_empty()).unwrap_or(whole)
}

/// The dimensions of a variable; in DAP2 the last one of characters is the length of a string.
pub(super) fn dimensions(protocol: Protocol, description: &Description, variable: usize) -> &[u32] {
    let is_column = table_of(description, variable).is_some();
    let variable = &description.variables[variable];
    match variable.dimensions.split_last() {
        Some((_, rest)) if protocol == Protocol::Dap2 && variable.kind == Kind::Char && !is_column => rest,
        Some(_) | None => &variable.dimensions,
    }
}

/// The lengths of those dimensions.
pub(super) fn shape(protocol: Protocol, description: &Description, variable: usize) -> Vec<u64> {
    let size = |&dimension: &u32| description.dimensions[dimension as usize].size;
    dimensions(protocol, description, variable).iter().map(size).collect()
}

/// Characters in a string of a `char` variable.
pub(super) fn string_length(description: &Description, variable: usize) -> u64 {
    description.shape(variable).last().copied().unwrap_or(1)
}

/// The DAP2 type of an array's elements.
pub(super) const fn dap2_type(kind: Kind) -> &'static str {
    match kind {
        Kind::I8 | Kind::U8 => "Byte",
        Kind::I16 => "Int16",
        Kind::U16 => "UInt16",
        Kind::I32 => "Int32",
        Kind::U32 => "UInt32",
        Kind::F32 => "Float32",
        Kind::I64 | Kind::U64 | Kind::F64 => "Float64",
        Kind::Char | Kind::String => "String",
    }
}

/// The DAP2 type of a sequence's column.
pub(super) const fn column_type(kind: Kind) -> &'static str {
    match kind {
        Kind::I8 | Kind::U8 | Kind::I16 | Kind::U16 => "Int32",
        Kind::I32 | Kind::U32 | Kind::I64 | Kind::U64 | Kind::F32 | Kind::F64 | Kind::Char | Kind::String => {
            dap2_type(kind)
        }
    }
}

/// The DAP4 type.
pub(super) const fn dap4_type(kind: Kind) -> &'static str {
    match kind {
        Kind::I8 => "Int8",
        Kind::U8 => "UInt8",
        Kind::I16 => "Int16",
        Kind::U16 => "UInt16",
        Kind::I32 => "Int32",
        Kind::U32 => "UInt32",
        Kind::I64 => "Int64",
        Kind::U64 => "UInt64",
        Kind::F32 => "Float32",
        Kind::F64 => "Float64",
        Kind::Char => "Char",
        Kind::String => "String",
    }
}

/// A node's name, as a DAP2 identifier.
pub(super) fn node_name(description: &Description, node: &Node) -> String {
    match node {
        Node::Array(variable) | Node::Grid { variable, .. } => name::identifier(&description.variables[*variable].name),
        Node::Sequence(table) => name::identifier(&description.tables[*table].name),
    }
}
