//! DAP2's attributes, `.das`.

use std::collections::BTreeMap;

use super::shape::{self, Protocol, column_name};
use super::{Body, name, text, text_body};
use crate::model::{Attribute, Description, Kind, Values};

/// Plans the attributes of all variables; a constraint has no say in them. `longest` has the bytes of the longest text of
/// variables of strings, where that is known.
pub(super) fn plan(description: &Description, longest: &BTreeMap<usize, u64>) -> Body {
    let mut das = "Attributes {\n".to_owned();
    for (place, variable) in description.variables.iter().enumerate() {
        if shape::table_of(description, place).is_none() {
            let mut lines = of_variable(description, place);
            lines.extend(longest.get(&place).map(|longest| format!("Int32 DODS.strlen {};", longest.max(&1))));
            das.push_str(&container(&variable.name, &lines, "    "));
        }
    }
    for table in &description.tables {
        das.push_str(&format!("    {} {{\n", name::identifier(&table.name)));
        for &column in &table.columns {
            let column = column as usize;
            das.push_str(&container(
                column_name(description, table, column),
                &of_variable(description, column),
                "        ",
            ));
        }
        das.push_str("    }\n");
    }
    let global: Vec<String> = description.attributes.iter().map(|attribute| global(description, attribute)).collect();
    das.push_str(&container("NC_GLOBAL", &global, "    "));
    if let Some(dimension) = record_dimension(description) {
        let dimension = text::quoted(&name::identifier(dimension));
        das.push_str(&container("DODS_EXTRA", &[format!("String Unlimited_Dimension {dimension};")], "    "));
    }
    das.push_str("}\n");
    let known = longest.iter().map(|(place, longest)| format!("{place}:{longest}"));
    text_body("text/plain; charset=utf-8", "dods-das", known.collect::<Vec<_>>().join(","), das)
}

fn container(name: &str, lines: &[String], indent: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{indent}    {line}\n")).collect();
    format!("{indent}{} {{\n{lines}{indent}}}\n", name::identifier(name))
}

/// An attribute of the dataset; that of a group has the group's name before its own, as variables have.
fn global(description: &Description, attribute: &Attribute) -> String {
    let variables = description.variables.iter().map(|variable| &variable.name);
    let mut names = variables.chain(description.dimensions.iter().map(|dimension| &dimension.name));
    let is_grouped = attribute
        .name
        .rsplit_once('/')
        .is_some_and(|(group, _)| names.any(|name| name.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))));
    match is_grouped {
        true => line(&Attribute { name: name::dotted(&attribute.name), values: attribute.values.clone() }, None),
        false => line(attribute, None),
    }
}

/// All that is said of a variable.
fn of_variable(description: &Description, place: usize) -> Vec<String> {
    let variable = &description.variables[place];
    let is_column = shape::table_of(description, place).is_some();
    let has = |name: &str| variable.attributes.iter().any(|attribute| attribute.name == name);
    let mut lines: Vec<String> = variable
        .attributes
        .iter()
        .filter(|attribute| !(is_odd_fill(attribute, variable.kind) && has("missing_value")))
        .map(|attribute| line(attribute, Some((variable.kind, is_column))))
        .collect();
    let mut note = |text: String| lines.push(text);
    match variable.kind {
        Kind::I8 if !is_column && !has("_Unsigned") => note("String _Unsigned \"false\";".to_owned()),
        Kind::U8 | Kind::U16 | Kind::U32 if !is_column && !has("_Unsigned") => {
            note("String _Unsigned \"true\";".to_owned());
        }
        Kind::I64 | Kind::U64 => {
            note(format!("String dap2_cast \"{} as Float64\";", shape::dap4_type(variable.kind)));
        }
        Kind::Char if !is_column => {
            let length = shape::string_length(description, place).max(1);
            note(format!("Int32 DODS.strlen {length};"));
            if let Some(&last) = variable.dimensions.last() {
                let dimension = name::identifier(&description.dimensions[last as usize].name);
                note(format!("String DODS.dimName {};", text::quoted(&dimension)));
            }
        }
        Kind::I8
        | Kind::U8
        | Kind::I16
        | Kind::U16
        | Kind::I32
        | Kind::U32
        | Kind::F32
        | Kind::F64
        | Kind::Char
        | Kind::String => {}
    }
    lines
}

/// The dimension that netCDF's reader makes its one unlimited dimension: it fails unless that comes first wherever it
/// occurs, and unless there are no sequences.
fn record_dimension(description: &Description) -> Option<&str> {
    if !description.tables.is_empty() {
        return None;
    }
    let is_record = |dimension: usize| {
        let axes =
            |variable| shape::dimensions(Protocol::Dap2, description, variable).iter().map(|&axis| axis as usize);
        let uses = |variable| axes(variable).enumerate().filter(|&(_, axis)| axis == dimension).map(|(place, _)| place);
        let mut all = (0..description.variables.len()).flat_map(uses).peekable();
        all.peek().is_some() && all.all(|place| place == 0)
    };
    let place = (0..description.dimensions.len())
        .find(|&dimension| description.dimensions[dimension].is_unlimited && is_record(dimension))?;
    Some(description.dimensions[place].name.as_str())
}

/// Whether a fill value is none that netCDF's reader takes, which has room for one element only.
fn is_odd_fill(attribute: &Attribute, kind: Kind) -> bool {
    let is_text = shape::is_text(kind);
    let is_one = match &attribute.values {
        Values::I8(values) => values.len() == 1 && !is_text,
        Values::U8(values) => values.len() == 1 && !is_text,
        Values::I16(values) => values.len() == 1 && !is_text,
        Values::U16(values) => values.len() == 1 && !is_text,
        Values::I32(values) => values.len() == 1 && !is_text,
        Values::U32(values) => values.len() == 1 && !is_text,
        Values::I64(values) => values.len() == 1 && !is_text,
        Values::U64(values) => values.len() == 1 && !is_text,
        Values::F32(values) => values.len() == 1 && !is_text,
        Values::F64(values) => values.len() == 1 && !is_text,
        Values::Text(value) => value.len() <= 1 && is_text,
        Values::Strings(values) => values.len() == 1 && values[0].len() <= 1 && is_text,
    };
    attribute.name == "_FillValue" && !is_one
}

/// One attribute. A fill value has the type of its variable; `of` is the variable's kind, and whether it is a column.
fn line(attribute: &Attribute, of: Option<(Kind, bool)>) -> String {
    let (mut kind, values) = typed(attribute, of.map(|(kind, _)| kind));
    let mut name = attribute.name.as_str();
    if let Some((variable, is_column)) = of.filter(|_| name == "_FillValue") {
        if is_odd_fill(attribute, variable) {
            name = "missing_value";
        } else {
            kind = if is_column { shape::column_type(variable) } else { shape::dap2_type(variable) };
        }
    }
    let (kind, values) = if values.is_empty() { ("String", "\"\"".to_owned()) } else { (kind, values.join(", ")) };
    format!("{kind} {} {values};", name::escape_attribute(name))
}

/// Attributes that are compared with the values of their variable, and have its type (CF 1.11, sections 2.5.1 and 3.5).
const LIKE_VALUES: [&str; 8] = [
    "_FillValue",
    "actual_range",
    "flag_masks",
    "flag_values",
    "missing_value",
    "valid_max",
    "valid_min",
    "valid_range",
];

/// The DAP2 type and the texts of an attribute's values; `of` is the kind of the variable that has it.
fn typed(attribute: &Attribute, of: Option<Kind>) -> (&'static str, Vec<String>) {
    fn texts<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(T::to_string).collect()
    }
    let is_cast = matches!(of, Some(Kind::I64 | Kind::U64)) && LIKE_VALUES.contains(&attribute.name.as_str());
    match &attribute.values {
        Values::I8(values) => ("Byte", texts(values)),
        Values::U8(values) => ("Byte", texts(values)),
        Values::I16(values) => ("Int16", texts(values)),
        Values::U16(values) => ("UInt16", texts(values)),
        Values::I32(values) => ("Int32", texts(values)),
        Values::U32(values) => ("UInt32", texts(values)),
        Values::I64(values) => large(&values.iter().map(|&value| i128::from(value)).collect::<Vec<_>>(), is_cast),
        Values::U64(values) => large(&values.iter().map(|&value| i128::from(value)).collect::<Vec<_>>(), is_cast),
        Values::F32(values) => ("Float32", values.iter().map(|&value| text::single(value)).collect()),
        Values::F64(values) => ("Float64", values.iter().map(|&value| text::double(value)).collect()),
        Values::Text(value) => ("String", vec![text::quoted(value)]),
        Values::Strings(values) => ("String", values.iter().map(|value| text::quoted(value)).collect()),
    }
}

/// 64-bit integers: `Float64` if they are cast as their variable's values are; else `Int32` if all fit, `Float64` if all
/// are exact, or text.
#[allow(clippy::cast_precision_loss, reason = "values of 64 bits are cast the same way")]
fn large(values: &[i128], is_cast: bool) -> (&'static str, Vec<String>) {
    let texts = || values.iter().map(i128::to_string);
    // A double has 53 bits before the zeros at the end.
    let is_exact = |value: &i128| value.unsigned_abs() >> value.trailing_zeros().min(127) <= 1 << 53;
    if is_cast {
        ("Float64", values.iter().map(|&value| text::double(value as f64)).collect())
    } else if values.iter().all(|&value| i32::try_from(value).is_ok()) {
        ("Int32", texts().collect())
    } else if values.iter().all(is_exact) {
        ("Float64", texts().map(|value| format!("{value}.0")).collect())
    } else {
        ("String", texts().map(|value| text::quoted(&value)).collect())
    }
}
