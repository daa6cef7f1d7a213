//! Prints what is in a NetCDF file, or writes the canonical stream of one of its variables, to compare with what other
//! programs read: `cargo run -p dataset --example dump -- FILE [VARIABLE [START:COUNT:STRIDE ...]]`.

use std::io::Write;

use dataset::netcdf::NetCdf;
use dataset::slab::{Slab, Span};
use dataset::source::Source;

type Failure = Box<dyn std::error::Error>;

/// The most bytes that are held at once.
const PIECE: u64 = 4 << 20;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, rest)) = arguments.split_first() else {
        return Err("usage: dump FILE [VARIABLE [START:COUNT:STRIDE ...]]".into());
    };
    let file = NetCdf::open_path(path.as_ref())?;
    let mut out = std::io::stdout().lock();
    let Some((name, spans)) = rest.split_first() else {
        return describe(&file, &mut out);
    };
    let variable = file.description().find(name).ok_or_else(|| format!("there is no variable {name}"))?;
    let mut bytes = Vec::new();
    if !spans.is_empty() {
        let slab = Slab(spans.iter().map(|span| parse(span)).collect::<Result<_, _>>()?);
        file.read(variable, &slab.canonical(&file.description().shape(variable))?, &mut bytes)?;
        return Ok(out.write_all(&bytes)?);
    }
    let length = file.length(variable)?;
    let mut next = 0;
    while next < length {
        bytes.clear();
        file.read_range(variable, next..length.min(next + PIECE), &mut bytes)?;
        out.write_all(&bytes)?;
        next = length.min(next + PIECE);
    }
    Ok(())
}

/// One line for each dimension, variable and attribute, and for what is left out.
fn describe(file: &NetCdf, out: &mut impl Write) -> Result<(), Failure> {
    let description = file.description();
    for dimension in &description.dimensions {
        writeln!(out, "dimension\t{}\t{}\t{}", dimension.name, dimension.size, dimension.is_unlimited)?;
    }
    for attribute in &description.attributes {
        writeln!(out, "attribute\t\t{}\t{:?}", attribute.name, attribute.values)?;
    }
    for variable in &description.variables {
        let axes = variable.dimensions.iter().map(|&place| description.dimensions[place as usize].name.as_str());
        writeln!(out, "variable\t{}\t{:?}\t{}", variable.name, variable.kind, axes.collect::<Vec<_>>().join(","))?;
        for attribute in &variable.attributes {
            writeln!(out, "attribute\t{}\t{}\t{:?}", variable.name, attribute.name, attribute.values)?;
        }
    }
    file.skipped().iter().try_for_each(|skipped| writeln!(out, "left out\t{}\t{}", skipped.name, skipped.why))?;
    Ok(())
}

fn parse(span: &str) -> Result<Span, Failure> {
    let numbers: Vec<u64> = span.split(':').map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [start, count, stride] => Ok(Span { start, count, stride }),
        _ => Err(format!("{span} is not START:COUNT:STRIDE").into()),
    }
}
