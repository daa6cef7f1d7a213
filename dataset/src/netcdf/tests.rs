use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use hdf5_reader::storage::BytesStorage;
use netcdf_writer::{NcFileBuilder, NcWriteFormat, NcWriteOptions};
use proptest::prelude::*;

use super::*;
use crate::climate::{self, Chunks, Climate, Layout};
use crate::memory;
use crate::slab::Span;

const CHUNKS: Chunks = Chunks { days: 3, latitudes: 5, longitudes: 7, deflate: Some(2), is_shuffled: true };

/// A world small enough to be broken at every byte.
const WORLD: Climate = Climate { days: 7, latitudes: 6, longitudes: 9 };

fn bytes(layout: Layout) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("climate.nc");
    climate::write(&path, &WORLD, layout).unwrap();
    std::fs::read(path).unwrap()
}

/// The same file as CDF-2, NetCDF-4 in one piece, and NetCDF-4 in chunks.
fn files() -> &'static [Vec<u8>; 3] {
    static FILES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    FILES.get_or_init(|| [Layout::Offset64, Layout::Hdf5, Layout::Chunked(CHUNKS)].map(bytes))
}

fn open(bytes: &[u8]) -> Result<NetCdf, SourceError> {
    NetCdf::open("a.nc", Arc::new(BytesStorage::new(bytes.to_vec())))
}

fn stream(file: &NetCdf, variable: usize) -> Result<Vec<u8>, SourceError> {
    let mut out = Vec::new();
    file.read_range(variable, 0..file.length(variable)?, &mut out)?;
    Ok(out)
}

/// All of a file, or the first error.
fn read_all(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SourceError> {
    let file = open(bytes)?;
    (0..file.description().variables.len()).map(|variable| stream(&file, variable)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn slabs_and_ranges_are_parts_of_the_stream(layout in 0_usize..3, variable in any::<prop::sample::Index>(), ends in any::<(u64, u64)>(), axes in prop::collection::vec(any::<(u64, u64, u64)>(), 3)) {
        let file = open(&files()[layout]).unwrap();
        let variable = variable.index(file.description().variables.len());
        let whole = stream(&file, variable).unwrap();
        let length = whole.len() as u64;
        let (one, other) = (ends.0 % (length + 1), ends.1 % (length + 1));
        let range = one.min(other)..one.max(other);
        let mut out = vec![1];
        file.read_range(variable, range.clone(), &mut out).unwrap();
        prop_assert_eq!(&out[1..], &whole[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
        let shape = file.description().shape(variable);
        let spans = shape.iter().zip(axes).map(|(&size, (start, stride, count))| {
            let (start, stride) = (start % size, stride % 4 + 1);
            Span { start, count: count % (size - start).div_ceil(stride) + 1, stride }
        });
        let slab = Slab(spans.collect()).canonical(&shape).unwrap();
        let mut expected = vec![1];
        memory::take(&whole, file.description().variables[variable].kind, &slab, &shape, &mut expected);
        let mut out = vec![1];
        file.read(variable, &slab, &mut out).unwrap();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn a_cut_file_is_an_error(layout in 0_usize..3, place in any::<prop::sample::Index>()) {
        let file = &files()[layout];
        let cut = &file[..place.index(file.len())];
        match read_all(cut) {
            Err(SourceError::Damaged { name, .. }) => prop_assert!(name.starts_with("a.nc")),
            Err(other) => prop_assert!(false, "{}", other),
            // What was cut off may have been empty space at the end.
            Ok(values) => prop_assert_eq!(values, read_all(file).unwrap()),
        }
    }

    #[test]
    fn flipped_bytes_are_an_error_or_other_values(layout in 0_usize..3, places in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6)) {
        let mut file = files()[layout].clone();
        for (place, flip) in places {
            let place = place.index(file.len());
            file[place] ^= flip;
        }
        if let Err(error) = read_all(&file) {
            prop_assert!(error.to_string().starts_with("a.nc"), "{}", error);
        }
    }

    #[test]
    fn flipped_bytes_of_the_beginning_are_an_error_or_other_values(layout in 0_usize..3, place in 0_usize..4000, flip in 1_u8..) {
        let mut file = files()[layout].clone();
        let place = place % file.len();
        file[place] ^= flip;
        if let Err(error) = read_all(&file) {
            prop_assert!(error.to_string().starts_with("a.nc"), "{}", error);
        }
    }
}

#[test]
fn every_cut_of_the_header_is_an_error() {
    for file in files() {
        for length in 0..file.len().min(3000) {
            assert!(matches!(read_all(&file[..length]), Err(SourceError::Damaged { .. })), "{length} bytes");
        }
    }
}

#[test]
fn what_is_no_netcdf_file_is_named() {
    for (bytes, text) in [(&b""[..], "0 bytes"), (b"%PDF-1.7 or so", "magic"), (b"CDF\x04 is no version", "version 4")]
    {
        let error = open(bytes).err().unwrap().to_string();
        assert!(error.starts_with("a.nc is damaged") && error.contains(text), "{error}");
    }
}

#[test]
fn what_netcdf_keeps_for_itself_is_hidden() {
    for file in files() {
        let file = open(file).unwrap();
        let description = file.description();
        let sea = &description.variables[description.find("sst").unwrap()];
        let names: Vec<&str> = sea.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        assert_eq!(names, ["standard_name", "units", "grid_mapping", "_FillValue", "under ice"]);
        let names: Vec<&str> = description.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        assert_eq!(names, ["title", "Conventions", "how it was made", "days of a year"]);
        let names: Vec<&str> = description.variables.iter().map(|variable| variable.name.as_str()).collect();
        assert!(!names.contains(&"station"), "a dimension without a variable is none: {names:?}");
        assert!(file.skipped().is_empty());
    }
}

#[test]
fn groups_are_paths_and_strings_are_texts() {
    let mut builder = NcFileBuilder::new();
    let town = builder.add_dimension("town", 3).unwrap();
    let x = builder.add_dimension_path("forecast/x", 2).unwrap();
    let names = builder.add_string_variable("names", &[town]).unwrap();
    builder.write_string_variable(names, &["Tórshavn", "", "Oslo"]).unwrap();
    let rain = builder.add_variable_path::<u16>("forecast/rain", &[town, x]).unwrap();
    builder.write_variable(rain, &[1_u16, 2, 3, 4, 5, 6]).unwrap();
    let (_, bytes) = builder.to_vec(NcWriteOptions { format: NcWriteFormat::Nc4 }).unwrap();
    let file = open(&bytes).unwrap();
    let description = file.description();
    let dimensions: Vec<_> = description.dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
    assert_eq!(dimensions, ["town", "forecast/x"]);
    let rain = description.find("forecast/rain").unwrap();
    assert_eq!(description.variables[rain].dimensions, [0, 1]);
    assert_eq!(stream(&file, rain).unwrap(), [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);
    let names = description.find("names").unwrap();
    assert_eq!(stream(&file, names).unwrap(), memory::strings(&["Tórshavn", "", "Oslo"]));
    let mut out = Vec::new();
    file.read(names, &Slab(vec![Span { start: 0, count: 2, stride: 2 }]), &mut out).unwrap();
    assert_eq!(out, memory::strings(&["Tórshavn", "Oslo"]));
}

#[test]
fn a_long_header_is_read() {
    let mut builder = NcFileBuilder::new();
    let x = builder.add_dimension("x", 2).unwrap();
    let text = "the history of a file that many programs wrote to; ".repeat(5_000);
    builder.add_attribute("history", netcdf_writer::NcAttrValue::Chars(text.clone())).unwrap();
    let values = builder.add_variable::<i16>("values", &[x]).unwrap();
    builder.write_variable(values, &[1_i16, -1]).unwrap();
    let (_, bytes) = builder.to_vec(NcWriteOptions::classic()).unwrap();
    let file = open(&bytes).unwrap();
    assert_eq!(file.description().attributes[0].values, crate::model::Values::Text(text));
    assert_eq!(stream(&file, 0).unwrap(), [0, 1, 255, 255]);
}

#[test]
fn a_file_at_which_a_reader_panics_is_damaged() {
    // Fuzzing has found it: an old layout of sizes whose product is beyond 64 bits.
    let found = include_bytes!("../../../fuzz/corpus/netcdf/found-layout-overflow");
    assert!(matches!(open(found), Err(SourceError::Damaged { .. })));
}
