//! Files that are written as their values come are netCDF files with these values.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test")]

use std::path::Path;

use dataset::classic::{ClassicError, Layout, Version};
use dataset::climate::{self, Climate};
use dataset::model::{Attribute, Description, Dimension, Kind, Values, Variable};
use dataset::netcdf::NetCdf;
use dataset::slab::{Slab, Span};
use dataset::source::Source;

/// Writes a layout with the values of a source.
fn write(layout: &Layout, source: &dyn Source, path: &Path) {
    let mut bytes = layout.header.clone();
    for place in &layout.places {
        assert_eq!(bytes.len() as u64, place.begin);
        source.read(place.variable, &place.slab, &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, place.begin + place.length);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    assert_eq!(bytes.len() as u64, layout.length);
    std::fs::write(path, bytes).unwrap();
}

fn values(source: &dyn Source, variable: usize, slab: &Slab) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.read(variable, slab, &mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.nc"), folder.path().join("to.nc"));
    climate::write(&from, &Climate::SMALL, climate::Layout::Classic).unwrap();
    let source = NetCdf::open_path(&from).unwrap();
    let description = source.description();
    let whole = |variable| (variable, Slab::whole(&description.shape(variable)));
    let wanted: Vec<_> = (0..description.variables.len()).map(whole).collect();
    let layout = Layout::new(description, &wanted).unwrap();
    write(&layout, &source, &to);
    let copy = NetCdf::open_path(&to).unwrap();
    assert_eq!(copy.description().attributes, description.attributes);
    assert_eq!(copy.description().variables.len(), description.variables.len());
    for (place, variable) in description.variables.iter().enumerate() {
        let found = copy.description().find(&variable.name).unwrap();
        let same = &copy.description().variables[found];
        assert_eq!((same.kind, &same.attributes), (variable.kind, &variable.attributes), "{}", variable.name);
        assert_eq!(values(&copy, found, &wanted[place].1), values(&source, place, &wanted[place].1));
    }
}

#[test]
fn parts_are_written_with_their_coordinates() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.nc"), folder.path().join("to.nc"));
    climate::write(&from, &Climate::SMALL, climate::Layout::Classic).unwrap();
    let source = NetCdf::open_path(&from).unwrap();
    let description = source.description();
    let array = (0..description.variables.len()).find(|&place| description.shape(place).len() == 3).unwrap();
    let mut slab = Slab::whole(&description.shape(array));
    slab.0[0] = Span { start: 1, count: 4, stride: 3 };
    slab.0[2] = Span { start: 5, count: 1, stride: 1 };
    let layout = Layout::new(description, &[(array, slab.clone())]).unwrap();
    write(&layout, &source, &to);
    let copy = NetCdf::open_path(&to).unwrap();
    assert_eq!(copy.description().shape(0), slab.0.iter().map(|span| span.count).collect::<Vec<_>>());
    assert_eq!(values(&copy, 0, &Slab::whole(&copy.description().shape(0))), values(&source, array, &slab));
}

fn variable(name: &str, kind: Kind, dimensions: &[u32]) -> Variable {
    let units = Attribute { name: "units of it".into(), values: Values::U64(vec![u64::MAX]) };
    Variable { name: name.into(), kind, dimensions: dimensions.to_vec(), attributes: vec![units] }
}

fn description(variables: Vec<Variable>) -> Description {
    let dimensions = vec![Dimension { name: "g/x".into(), size: 6, is_unlimited: false }];
    Description { dimensions, variables, ..Description::default() }
}

#[test]
fn new_types_take_the_newer_format_and_what_cannot_be_is_refused() {
    let of = |variables: Vec<Variable>, wanted: &[(usize, Slab)]| Layout::new(&description(variables), wanted);
    let whole = Slab::whole(&[6]);
    let layout = of(vec![variable("g/a", Kind::U64, &[0])], &[(0, whole.clone())]).unwrap();
    assert_eq!((layout.version, &layout.header[..4]), (Version::Cdf5, &b"CDF\x05"[..]));
    let texts = of(vec![variable("t", Kind::String, &[0])], &[(0, whole.clone())]);
    assert_eq!(texts, Err(ClassicError::Strings("t".into())));
    let same = vec![variable("g/a", Kind::I16, &[0]), variable("g.a", Kind::I16, &[0])];
    let same = of(same, &[(0, whole.clone()), (1, whole.clone())]);
    assert_eq!(same, Err(ClassicError::SameName("g.a".into())));
    let two = vec![variable("a", Kind::I16, &[0]), variable("b", Kind::I16, &[0])];
    let part = Slab(vec![Span { start: 0, count: 2, stride: 1 }]);
    assert!(matches!(of(two, &[(0, whole), (1, part)]), Err(ClassicError::TwoLengths { .. })));
}
