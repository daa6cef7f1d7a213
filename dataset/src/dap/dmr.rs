//! DAP4: structure and attributes as XML, `.dmr`, and values behind it, `.dap`.
//!
//! The variables of a group come before those of the groups in it, as the specification has it and netCDF's reader
//! expects; `dmrVersion` 2.0 says so to pydap. libdap 3.20 reads the groups first, and so no dataset that has some.
//!
//! Values are little-endian, which every client reads; pydap reads lengths of strings no other way.

use super::coder::Output;
use super::constraint::{Names, piece};
use super::frame::{Framing, framed};
use super::name::{last, xml};
use super::selection::{Item, Selection, build};
use super::shape::{self, Protocol, coordinates};
use super::values::values;
use super::{Body, DapError, Part, text, text_body};
use crate::model::{Attribute, Description, Values};
use crate::slab::Slab;

/// Groups within groups; what lies deeper keeps its path in its name.
const MAX_DEPTH: usize = 32;
/// The longest DMR that fits a chunk.
const MAX_DMR: usize = (1 << 24) - 1;

/// Plans the structure and attributes of what was selected.
pub(super) fn plan(dataset: &str, description: &Description, query: &str) -> Result<Body, DapError> {
    let root = Group::of(description);
    let (selection, _) = select(description, &root, query)?;
    let text = declare(dataset, description, &root, &selection);
    let kind = "application/vnd.opendap.dap4.dataset-metadata+xml; charset=utf-8";
    Ok(text_body(kind, "dap4-dmr", selection.canonical().to_owned(), text))
}

/// Plans the values of what was selected.
pub(super) fn plan_data(dataset: &str, description: &Description, query: &str) -> Result<Body, DapError> {
    let root = Group::of(description);
    let (selection, has_checksums) = select(description, &root, query)?;
    let text = declare(dataset, description, &root, &selection);
    if text.len() > MAX_DMR {
        return Err(DapError::Unsayable(format!(
            "the description has {} bytes, more than a chunk; select variables",
            text.len()
        )));
    }
    let (first, mut data) = (text.len() as u64, Some(0_u64));
    let mut parts = vec![Part::Bytes(text.into_bytes())];
    for (variable, slab) in arrays(&selection) {
        parts.push(values(Protocol::Dap4, description, variable, slab, Output::Little)?);
        let width = description.variables[variable].kind.width();
        let length = width.and_then(|width| slab.elements().checked_mul(width));
        data = data
            .zip(length)
            .and_then(|(sum, length)| sum.checked_add(length)?.checked_add(4 * u64::from(has_checksums)));
        if has_checksums {
            parts.push(Part::Checksum);
        }
    }
    let canonical = format!("{}{}", selection.canonical(), if has_checksums { ";checksum" } else { "" });
    Ok(Body {
        content_type: "application/vnd.opendap.dap4.data",
        content_description: "dap4-data",
        length: data.map(|data| framed(first, data)),
        canonical,
        framing: Framing::Dap4,
        parts,
    })
}

/// Reads `dap4.ce=/v[0:9];/w&dap4.checksum=true`; also says whether checksums are wanted. Of clients that do not say,
/// libdap, which asks for all, expects them, and netCDF's, which asks for one variable after the other, does not.
fn select(description: &Description, root: &Group, query: &str) -> Result<(Selection, bool), DapError> {
    let names = Names::dap4(description, root.order().into_iter());
    let (mut projections, mut has_checksums, mut is_part) = (Vec::new(), None, false);
    let (whole, mut end) = (piece(query)?, 0);
    for clause in query.split('&') {
        let first = end;
        end = first + clause.len();
        if let Some(value) = clause.strip_prefix("dap4.checksum=") {
            has_checksums = Some(value.eq_ignore_ascii_case("true"));
        } else if let Some(start) =
            ["dap4.ce=", "dap4.ce%3D", "dap4.ce%3d"].iter().find(|start| clause.starts_with(*start))
        {
            let read = |end: usize| names.projections(&whole.part(first + start.len()..end), b';');
            // netCDF's client leaves an `&` in a name as it is.
            let long = query[end..].find("&dap4.").map_or(query.len(), |more| end + more);
            projections.extend(read(end).or_else(|error| read(long).map_err(|_| error))?);
            is_part = true;
        }
        end += 1;
        // Other keys are for other servers, or for the client itself.
    }
    Ok((build(&names, &projections, &[])?, has_checksums.unwrap_or(!is_part)))
}

fn arrays(selection: &Selection) -> impl Iterator<Item = (usize, &Slab)> {
    selection.items.iter().filter_map(|item| match item {
        Item::Array { variable, slab } => Some((*variable, slab)),
        Item::Grid { .. } | Item::Rows { .. } => None,
    })
}

/// A group, as the paths in names make it.
#[derive(Debug, Default)]
struct Group {
    name: String,
    attributes: Vec<usize>,
    dimensions: Vec<usize>,
    variables: Vec<usize>,
    groups: Vec<Self>,
}

impl Group {
    fn of(description: &Description) -> Self {
        let mut root = Self::default();
        for (place, dimension) in description.dimensions.iter().enumerate() {
            root.enter(path(&dimension.name).0).dimensions.push(place);
        }
        for (place, variable) in description.variables.iter().enumerate() {
            root.enter(path(&variable.name).0).variables.push(place);
        }
        for (place, attribute) in description.attributes.iter().enumerate() {
            // A slash may also be in the name itself.
            match root.within(path(&attribute.name).0) {
                Some(group) => group.attributes.push(place),
                None => root.attributes.push(place),
            }
        }
        root
    }

    fn enter(&mut self, path: Vec<&str>) -> &mut Self {
        path.into_iter().fold(self, |group, name| {
            let place = group.groups.iter().position(|inner| inner.name == name).unwrap_or_else(|| {
                group.groups.push(Self { name: name.to_owned(), ..Self::default() });
                group.groups.len() - 1
            });
            &mut group.groups[place]
        })
    }

    fn within(&mut self, path: Vec<&str>) -> Option<&mut Self> {
        path.into_iter().try_fold(self, |group, name| group.groups.iter_mut().find(|inner| inner.name == name))
    }

    /// The variables as their values follow each other: those of a group before those of the groups in it.
    fn order(&self) -> Vec<usize> {
        self.variables.iter().copied().chain(self.groups.iter().flat_map(Self::order)).collect()
    }
}

/// The groups of a path, and what is in them.
fn path(name: &str) -> (Vec<&str>, &str) {
    let mut pieces: Vec<&str> = name.splitn(MAX_DEPTH, '/').collect();
    let last = pieces.pop().unwrap_or(name);
    // An empty piece would be a group without a name.
    if pieces.iter().any(|piece| piece.is_empty()) || last.is_empty() { (Vec::new(), name) } else { (pieces, last) }
}

fn declare(dataset: &str, description: &Description, root: &Group, selection: &Selection) -> String {
    let selected: Vec<Option<&Slab>> =
        arrays(selection).fold(vec![None; description.variables.len()], |mut all, (place, slab)| {
            all[place] = Some(slab);
            all
        });
    let writer = Writer { description, selected, maps: coordinates(description) };
    let inner = writer.group(root, "    ");
    // Clients cut off the last two bytes, or one.
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Dataset xmlns=\"http://xml.opendap.org/ns/DAP/4.0#\" dapVersion=\"4.0\" \
         dmrVersion=\"2.0\" name=\"{}\">\n{inner}</Dataset>\r\n",
        xml(dataset)
    )
}

struct Writer<'a> {
    description: &'a Description,
    /// What of each variable is wanted.
    selected: Vec<Option<&'a Slab>>,
    /// The coordinate variable of each dimension.
    maps: Vec<Option<usize>>,
}

impl Writer<'_> {
    fn group(&self, group: &Group, indent: &str) -> String {
        let mut text = String::new();
        for &place in &group.dimensions {
            let dimension = &self.description.dimensions[place];
            let name = inner(path(&dimension.name).1);
            let unlimited = if dimension.is_unlimited { " _edu.ucar.isunlim=\"1\"" } else { "" };
            text.push_str(&format!("{indent}<Dimension name=\"{name}\" size=\"{}\"{unlimited}/>\n", dimension.size));
        }
        for &place in &group.variables {
            if let Some(slab) = self.selected[place] {
                text.push_str(&self.variable(place, slab, indent));
            }
        }
        for &place in &group.attributes {
            let described = &self.description.attributes[place];
            let name = if group.name.is_empty() { described.name.as_str() } else { last(&described.name) };
            text.push_str(&attribute(name, described, indent));
        }
        let inner = format!("{indent}    ");
        for group in &group.groups {
            let content = self.group(group, &inner);
            text.push_str(&format!("{indent}<Group name=\"{}\">\n{content}{indent}</Group>\n", xml(&group.name)));
        }
        text
    }

    fn is_whole(&self, variable: usize) -> bool {
        self.selected[variable].is_some_and(|slab| *slab == Slab::whole(&self.description.shape(variable)))
    }

    fn variable(&self, place: usize, slab: &Slab, indent: &str) -> String {
        let variable = &self.description.variables[place];
        let kind = shape::dap4_type(variable.kind);
        let mut text = format!("{indent}<{kind} name=\"{}\">\n", inner(path(&variable.name).1));
        let is_whole = self.is_whole(place);
        for (&dimension, span) in variable.dimensions.iter().zip(&slab.0) {
            // Of a part, all dimensions are without a name: pydap mixes up the order of named ones and others.
            match is_whole {
                true => {
                    let name = xml(&self.description.dimensions[dimension as usize].name);
                    text.push_str(&format!("{indent}    <Dim name=\"/{name}\"/>\n"));
                }
                false => text.push_str(&format!("{indent}    <Dim size=\"{}\"/>\n", span.count)),
            }
        }
        for described in &variable.attributes {
            text.push_str(&attribute(&described.name, described, &format!("{indent}    ")));
        }
        let maps = variable.dimensions.iter().filter_map(|&dimension| self.maps[dimension as usize]);
        for map in maps.filter(|&map| is_whole && map != place && self.is_whole(map)) {
            text.push_str(&format!("{indent}    <Map name=\"/{}\"/>\n", xml(&self.description.variables[map].name)));
        }
        format!("{text}{indent}</{kind}>\n")
    }
}

/// A name within a group, in which netCDF's reader bears no slash.
fn inner(name: &str) -> String {
    xml(&name.replace('/', "%2F"))
}

fn attribute(name: &str, attribute: &Attribute, indent: &str) -> String {
    let (kind, values) = typed(&attribute.values);
    let (kind, values) = if values.is_empty() { ("String", vec![String::new()]) } else { (kind, values) };
    let head = format!("{indent}<Attribute name=\"{}\" type=\"{kind}\"", inner(name));
    // netCDF's reader garbles backslashes and `&` in elements, but not here.
    if let ("String", [value]) = (kind, values.as_slice()) {
        return format!("{head} value=\"{}\"/>\n", xml(value));
    }
    let value = |value: &String| format!("{indent}    <Value>{}</Value>\n", xml(value));
    let values: String = values.iter().map(value).collect();
    format!("{head}>\n{values}{indent}</Attribute>\n")
}

/// The DAP4 type and the texts of an attribute's values.
fn typed(values: &Values) -> (&'static str, Vec<String>) {
    fn texts<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(T::to_string).collect()
    }
    match values {
        Values::I8(values) => ("Int8", texts(values)),
        Values::U8(values) => ("UInt8", texts(values)),
        Values::I16(values) => ("Int16", texts(values)),
        Values::U16(values) => ("UInt16", texts(values)),
        Values::I32(values) => ("Int32", texts(values)),
        Values::U32(values) => ("UInt32", texts(values)),
        Values::I64(values) => ("Int64", texts(values)),
        Values::U64(values) => ("UInt64", texts(values)),
        Values::F32(values) => ("Float32", values.iter().map(|&value| text::single(value)).collect()),
        Values::F64(values) => ("Float64", values.iter().map(|&value| text::double(value)).collect()),
        Values::Text(value) => ("String", vec![value.clone()]),
        Values::Strings(values) => ("String", values.clone()),
    }
}
