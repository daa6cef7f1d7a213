//! A file's groups as one flat description.

use netcdf_reader::{NcAttrValue, NcAttribute, NcDimension, NcGroup, NcType, NcVariable};

use crate::model::{Attribute, Description, Dimension, Kind, Values, Variable};

/// What netCDF puts before the name of a variable that is called like a dimension and is not its coordinate.
const NOT_A_COORDINATE: &str = "_nc4_non_coord_";

/// Something in a file that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The variable, or `variable:attribute`, or `:attribute` of a file's own.
    pub name: String,
    /// Why.
    pub why: String,
}

/// A variable of the file, in the order of the description.
pub(super) struct Found<'a> {
    /// Its path in the file.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) variable: &'a NcVariable,
}

/// A file that was walked through.
#[derive(Default)]
pub(super) struct Described<'a> {
    pub(super) description: Description,
    pub(super) found: Vec<Found<'a>>,
    pub(super) skipped: Vec<Skipped>,
}

pub(super) fn describe(root: &NcGroup) -> Described<'_> {
    let mut described = Described::default();
    described.group(root, "", &[]);
    described
}

/// A dimension as the reader names it, and its place in the description.
type Known = (NcDimension, u32);

impl<'a> Described<'a> {
    fn group(&mut self, group: &'a NcGroup, path: &str, outer: &[Known]) {
        let mut known: Vec<Known> = Vec::with_capacity(group.dimensions.len());
        for dimension in &group.dimensions {
            // The reader lists the dimensions of the groups around this one among its own.
            let inherited = outer.iter().find(|(other, _)| other == dimension).map(|(_, place)| *place);
            let place = inherited.unwrap_or_else(|| self.dimension(path, dimension));
            known.push((dimension.clone(), place));
        }
        let attributes = self.attributes(path, "", &group.attributes);
        self.description.attributes.extend(attributes);
        for variable in &group.variables {
            self.variable(variable, path, &mut known);
        }
        for inner in &group.groups {
            self.group(inner, &format!("{path}{}/", inner.name), &known);
        }
    }

    /// Adds a dimension, under a name that no other has.
    fn dimension(&mut self, path: &str, dimension: &NcDimension) -> u32 {
        let dimensions = &mut self.description.dimensions;
        let mut name = format!("{path}{}", dimension.name);
        while dimensions.iter().any(|other| other.name == name) {
            name.push('_');
        }
        dimensions.push(Dimension { name, size: dimension.size, is_unlimited: dimension.is_unlimited });
        u32::try_from(dimensions.len() - 1).unwrap_or(u32::MAX)
    }

    fn variable(&mut self, variable: &'a NcVariable, path: &str, known: &mut Vec<Known>) {
        let name = variable.name.strip_prefix(NOT_A_COORDINATE).unwrap_or(&variable.name);
        let name = format!("{path}{name}");
        let kind = match kind(&variable.dtype) {
            Ok(kind) => kind,
            Err(why) => return self.skipped.push(Skipped { name, why: why.into() }),
        };
        let mut dimensions = Vec::with_capacity(variable.dimensions.len());
        for dimension in &variable.dimensions {
            let same = |(other, _): &&Known| other.name == dimension.name && other.size == dimension.size;
            let place = known.iter().find(same).map(|(_, place)| *place);
            // Files of plain HDF5 have no dimensions; the reader makes them up as it meets them.
            dimensions.push(place.unwrap_or_else(|| {
                let place = self.dimension(path, dimension);
                known.push((dimension.clone(), place));
                place
            }));
        }
        let attributes = self.attributes("", &name, &variable.attributes);
        self.found.push(Found { path: format!("{path}{}", variable.name), kind, variable });
        self.description.variables.push(Variable { name, kind, dimensions, attributes });
    }

    fn attributes(&mut self, path: &str, variable: &str, attributes: &[NcAttribute]) -> Vec<Attribute> {
        let mut all = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            let name = format!("{path}{}", attribute.name);
            match values(&attribute.value) {
                Some(values) => all.push(Attribute { name, values }),
                None => self.skipped.push(Skipped {
                    name: format!("{variable}:{name}"),
                    why: "attributes of a type that its writer defined are not served".into(),
                }),
            }
        }
        all
    }
}

/// The kind in which a variable is served, or why it is not.
fn kind(nc_type: &NcType) -> Result<Kind, &'static str> {
    Ok(match nc_type {
        NcType::Byte => Kind::I8,
        NcType::Char => Kind::Char,
        NcType::Short => Kind::I16,
        NcType::Int => Kind::I32,
        NcType::Float => Kind::F32,
        NcType::Double => Kind::F64,
        NcType::UByte => Kind::U8,
        NcType::UShort => Kind::U16,
        NcType::UInt => Kind::U32,
        NcType::Int64 => Kind::I64,
        NcType::UInt64 => Kind::U64,
        NcType::String => Kind::String,
        NcType::Enum { base, .. } => return kind(base),
        NcType::Compound { .. } => return Err("compounds are not served"),
        NcType::Opaque { .. } => return Err("opaque values are not served"),
        NcType::Array { .. } => return Err("arrays within values are not served"),
        NcType::VLen { .. } => return Err("lists of variable length are not served"),
    })
}

fn values(value: &NcAttrValue) -> Option<Values> {
    Some(match value {
        NcAttrValue::Bytes(values) => Values::I8(values.clone()),
        NcAttrValue::Chars(text) => Values::Text(text.clone()),
        NcAttrValue::Shorts(values) => Values::I16(values.clone()),
        NcAttrValue::Ints(values) => Values::I32(values.clone()),
        NcAttrValue::Floats(values) => Values::F32(values.clone()),
        NcAttrValue::Doubles(values) => Values::F64(values.clone()),
        NcAttrValue::UBytes(values) => Values::U8(values.clone()),
        NcAttrValue::UShorts(values) => Values::U16(values.clone()),
        NcAttrValue::UInts(values) => Values::U32(values.clone()),
        NcAttrValue::Int64s(values) => Values::I64(values.clone()),
        NcAttrValue::UInt64s(values) => Values::U64(values.clone()),
        NcAttrValue::Strings(texts) => Values::Strings(texts.clone()),
        NcAttrValue::UserDefined { .. } => return None,
    })
}
