//! What is read of a variable, and the coder for it.

use super::coder::{Coder, Output, WINDOW};
use super::shape::{self, Protocol};
use super::{DapError, Part};
use crate::model::{Description, Kind};
use crate::slab::{Slab, Span};

/// Strings of one variable in one answer; each window of them is a slab in memory.
const MAX_STRINGS: u64 = 1 << 31;

/// Plans the values of a slab, over the language's dimensions.
pub(super) fn values(
    protocol: Protocol,
    description: &Description,
    variable: usize,
    slab: &Slab,
    output: Output,
) -> Result<Part, DapError> {
    let (described, elements) = (&description.variables[variable], slab.elements());
    if described.kind == Kind::String && elements > MAX_STRINGS {
        return Err(DapError::Unsayable(format!(
            "{elements} texts of {} are too many for one answer; ask for parts",
            described.name
        )));
    }
    let slabs = slabs(protocol, description, variable, slab);
    let coder = if described.kind == Kind::String {
        Coder::strings(slabs.iter().map(Slab::elements).collect(), output)
    } else if described.kind == Kind::Char && protocol == Protocol::Dap2 {
        Coder::chars(string_length(description, variable)?, elements, output)
    } else {
        Coder::fixed(described.kind, elements, output)
    };
    Ok(Part::Values { variable, slabs, skip: 0, coder })
}

/// The length of a `char` variable's strings.
fn string_length(description: &Description, variable: usize) -> Result<u64, DapError> {
    let length = shape::string_length(description, variable);
    let name = &description.variables[variable].name;
    match i32::try_from(length) {
        Ok(_) => Ok(length),
        Err(_) => Err(DapError::Unsayable(format!(
            "the texts of {name} have {length} bytes, more than DAP2 can count; ask by DAP4"
        ))),
    }
}

/// What has to be read: of DAP2's characters all of their strings, of strings windows.
fn slabs(protocol: Protocol, description: &Description, variable: usize, slab: &Slab) -> Vec<Slab> {
    let variable = &description.variables[variable];
    if slab.elements() == 0 {
        return Vec::new();
    }
    if variable.kind == Kind::String {
        return windows(slab);
    }
    if variable.kind != Kind::Char || protocol == Protocol::Dap4 {
        return vec![slab.clone()];
    }
    let length = variable.dimensions.last().map(|&last| Span::whole(description.dimensions[last as usize].size));
    match length {
        // A string of no characters has nothing to be read.
        Some(Span { count: 0, .. }) => Vec::new(),
        length => vec![Slab(slab.0.iter().copied().chain(length).collect())],
    }
}

/// Cuts a slab into ones of [`WINDOW`] elements at most, in order.
fn windows(slab: &Slab) -> Vec<Slab> {
    let axis = (0..slab.0.len()).find(|&axis| Slab(slab.0[axis + 1..].to_vec()).elements() <= WINDOW);
    let Some(axis) = axis else { return vec![slab.clone()] };
    let step = WINDOW / Slab(slab.0[axis + 1..].to_vec()).elements();
    let mut windows = vec![Vec::new()];
    for (place, span) in slab.0.iter().enumerate() {
        let size = match place.cmp(&axis) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => step,
            std::cmp::Ordering::Greater => span.count,
        };
        let pieces = (0..span.count.div_ceil(size)).map(|piece| {
            let count = size.min(span.count - piece * size);
            Span {
                start: span.start + piece * size * span.stride,
                count,
                stride: if count == 1 { 1 } else { span.stride },
            }
        });
        let pieces: Vec<Span> = pieces.collect();
        let with = |window: &Vec<Span>| {
            let window = window.clone();
            pieces.clone().into_iter().map(move |span| window.iter().copied().chain([span]).collect())
        };
        windows = windows.iter().flat_map(with).collect();
    }
    windows.into_iter().map(Slab).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_the_slab_in_order() {
        let span = |start, count, stride| Span { start, count, stride };
        let slab = Slab(vec![span(3, 2, 5), span(1, WINDOW * 2 + 1, 2), span(0, 1, 1)]);
        let windows = windows(&slab);
        assert_eq!(windows.len(), 6);
        assert_eq!(windows[1].0, [span(3, 1, 1), span(1 + WINDOW * 2, WINDOW, 2), span(0, 1, 1)]);
        assert_eq!(windows[5].0, [span(8, 1, 1), span(1 + WINDOW * 4, 1, 1), span(0, 1, 1)]);
        assert_eq!(windows.iter().map(Slab::elements).sum::<u64>(), slab.elements());
    }
}
