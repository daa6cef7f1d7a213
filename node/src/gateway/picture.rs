//! A quick plot of what a constraint selects: one or two axes, few enough values to be drawn.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use dataset::dap::{self, Format, Part};
use dataset::model::{Attribute, Description, Kind, Values};
use dataset::slab::{Slab, Span};

use super::html::plot::{self, Axis, CELLS, POINTS};
use super::http::{Asked, Service};
use super::reader::FileReader;
use super::refusal::Refusal;

pub(super) async fn answer(service: &Service, asked: &Asked) -> Result<Response, Refusal> {
    let description = &asked.opened.manifest.files[asked.file].description;
    let (variable, slab) = selected(description, &asked.query)?;
    let axes: Vec<usize> = (0..slab.0.len()).filter(|&axis| slab.0[axis].count > 1).collect();
    let [most, least] = match *axes.as_slice() {
        [] => [1, 1],
        [_] => [POINTS, 1],
        [_, _] => [CELLS, CELLS],
        _ => return Err(bad("a plot shows one or two axes: take one index of each of the others".into())),
    };
    if axes.iter().any(|&axis| slab.0[axis].count > most.max(least)) {
        let what =
            format!("too many values for a plot: at most {POINTS} along one axis, or {CELLS} by {CELLS}; use strides");
        return Err(bad(what));
    }
    let _permit = service.room().await?;
    let reader = service.reader(asked);
    let values = numbers(&reader, description, variable, slab.clone()).await?;
    let title = format!("{} of {}", label(description, variable), asked.opened.title(asked.file));
    let mut drawn = Vec::new();
    for &axis in &axes {
        drawn.push(coordinates(&reader, description, variable, axis, slab.0[axis]).await?);
    }
    let svg = match drawn.as_slice() {
        [rows, columns] => plot::cells(&title, rows, columns, &values),
        [axis] => plot::line(&title, axis, &values),
        _ => plot::line(&title, &Axis { label: String::new(), values: vec![0.0] }, &values),
    };
    Ok(([(CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

fn bad(what: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, what)
}

/// The first array of numbers that the constraint selects.
fn selected(description: &Description, query: &str) -> Result<(usize, Slab), Refusal> {
    let body = dap::plan(Format::Dods, "plot", description, query)?;
    let array = body.parts.into_iter().find_map(|part| match part {
        Part::Values { variable, slabs, .. } => Some((variable, slabs)),
        Part::Bytes(_) | Part::Rows { .. } | Part::Checksum => None,
    });
    let is_number = |kind| !matches!(kind, Kind::Char | Kind::String);
    match array {
        Some((variable, slabs)) if is_number(description.variables[variable].kind) => {
            slabs.into_iter().next().map(|slab| (variable, slab)).ok_or_else(|| bad("nothing is selected".into()))
        }
        Some(_) => Err(bad("texts cannot be drawn".into())),
        None => Err(bad("only arrays can be drawn".into())),
    }
}

/// Values as numbers, unpacked by `scale_factor` and `add_offset`; NaN where they are missing (netCDF's conventions).
async fn numbers(
    reader: &FileReader,
    description: &Description,
    variable: usize,
    slab: Slab,
) -> Result<Vec<f64>, Refusal> {
    let bytes = reader.collect(variable, slab).await?;
    let of = &description.variables[variable];
    let first = |name: &str| of.attributes.iter().find(|attribute| attribute.name == name).and_then(number);
    let (scale, offset) = (first("scale_factor").unwrap_or(1.0), first("add_offset").unwrap_or(0.0));
    let missing = [first("_FillValue"), first("missing_value")];
    let unpack = |value: f64| if missing.contains(&Some(value)) { f64::NAN } else { value * scale + offset };
    Ok(decoded(of.kind, &bytes).into_iter().map(unpack).collect())
}

/// The coordinates along an axis: the values of its coordinate variable, or indices.
async fn coordinates(
    reader: &FileReader,
    description: &Description,
    variable: usize,
    axis: usize,
    span: Span,
) -> Result<Axis, Refusal> {
    let place = description.variables[variable].dimensions[axis];
    let name = &description.dimensions[place as usize].name;
    let found = description.find(name).filter(|&found| {
        let coordinate = &description.variables[found];
        coordinate.dimensions == [place] && !matches!(coordinate.kind, Kind::Char | Kind::String)
    });
    match found {
        Some(found) => {
            let values = numbers(reader, description, found, Slab(vec![span])).await?;
            Ok(Axis { label: label(description, found), values })
        }
        None => {
            #[expect(clippy::cast_precision_loss, reason = "for a plot")]
            let index = |number: u64| (span.start + number * span.stride) as f64;
            Ok(Axis { label: name.clone(), values: (0..span.count).map(index).collect() })
        }
    }
}

/// A variable's name, with its units.
fn label(description: &Description, variable: usize) -> String {
    let variable = &description.variables[variable];
    let units = variable.attributes.iter().find(|attribute| attribute.name == "units");
    match units.map(|units| super::html::page::shown(&units.values)) {
        Some(units) if !units.is_empty() => format!("{} [{units}]", variable.name),
        Some(_) | None => variable.name.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a plot")]
fn number(attribute: &Attribute) -> Option<f64> {
    match &attribute.values {
        Values::I8(values) => values.first().map(|&value| value.into()),
        Values::U8(values) => values.first().map(|&value| value.into()),
        Values::I16(values) => values.first().map(|&value| value.into()),
        Values::U16(values) => values.first().map(|&value| value.into()),
        Values::I32(values) => values.first().map(|&value| value.into()),
        Values::U32(values) => values.first().map(|&value| value.into()),
        Values::I64(values) => values.first().map(|&value| value as f64),
        Values::U64(values) => values.first().map(|&value| value as f64),
        Values::F32(values) => values.first().map(|&value| value.into()),
        Values::F64(values) => values.first().copied(),
        Values::Text(_) | Values::Strings(_) => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a plot")]
fn decoded(kind: Kind, bytes: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
    }
    match kind {
        Kind::I8 => each(bytes, |b| i8::from_be_bytes(b).into()),
        Kind::U8 => each(bytes, |b| u8::from_be_bytes(b).into()),
        Kind::I16 => each(bytes, |b| i16::from_be_bytes(b).into()),
        Kind::U16 => each(bytes, |b| u16::from_be_bytes(b).into()),
        Kind::I32 => each(bytes, |b| i32::from_be_bytes(b).into()),
        Kind::U32 => each(bytes, |b| u32::from_be_bytes(b).into()),
        Kind::I64 => each(bytes, |b| i64::from_be_bytes(b) as f64),
        Kind::U64 => each(bytes, |b| u64::from_be_bytes(b) as f64),
        Kind::F32 => each(bytes, |b| f32::from_be_bytes(b).into()),
        Kind::F64 => each(bytes, f64::from_be_bytes),
        Kind::Char | Kind::String => Vec::new(),
    }
}
