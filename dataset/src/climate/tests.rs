use super::*;
use crate::model::Kind;
use crate::netcdf::NetCdf;
use crate::source::Source;
use crate::tree::Outboard;

/// The variables with shape and root, by name.
fn roots(path: &Path) -> Vec<(String, Kind, Vec<u64>, [u8; 32])> {
    let file = NetCdf::open_path(path).unwrap();
    let variables = file.description().variables.iter().enumerate();
    let mut roots: Vec<_> = variables
        .map(|(place, variable)| {
            let root = Outboard::of(&file, place).unwrap().root;
            (variable.name.clone(), variable.kind, file.description().shape(place), root)
        })
        .collect();
    roots.sort_by(|one, other| one.0.cmp(&other.0));
    roots
}

#[test]
fn every_layout_has_the_same_streams() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Chunks { days: 5, latitudes: 7, longitudes: 11, deflate: None, is_shuffled: false };
    let layouts = [
        Layout::Classic,
        Layout::Offset64,
        Layout::Cdf5,
        Layout::Hdf5,
        Layout::Chunked(plain),
        Layout::Chunked(Chunks { days: 1, latitudes: 18, longitudes: 36, deflate: Some(1), ..plain }),
        Layout::Chunked(Chunks { days: 14, latitudes: 4, longitudes: 9, deflate: Some(6), is_shuffled: true }),
    ];
    let written = layouts.map(|layout| {
        let path = folder.path().join(format!("{layout:?}.nc").replace(' ', ""));
        write(&path, &Climate::SMALL, layout).unwrap();
        roots(&path)
    });
    assert_eq!(written[0].len(), 11);
    assert!(written.iter().all(|roots| *roots == written[0]));
    let other = folder.path().join("other.nc");
    write(&other, &Climate { days: 15, ..Climate::SMALL }, Layout::Classic).unwrap();
    assert_ne!(roots(&other), written[0]);
}

#[test]
fn it_has_what_makes_trouble() {
    let climate = Climate::SMALL;
    let sea: Vec<f32> = fields::sea(&climate, 0).collect();
    assert!(sea.iter().any(|value| value.is_nan()));
    assert!(sea.contains(&fields::NO_SEA));
    assert!(sea.iter().any(|value| (20.0..30.0).contains(value)));
    assert!(fields::air(&climate, 0).all(|value| (220.0..320.0).contains(&value)));
    assert!(fields::rain(&climate, 0).any(|value| value == fields::NO_RAIN));
    assert!(fields::rain(&climate, 0).any(|value| value > 1_000));
    assert_eq!(Climate::of_bytes(200_000), Climate { days: 6, latitudes: 36, longitudes: 72 });
    assert_eq!(Climate::of_bytes(1 << 30).latitudes, 180);
}

/// The bits do not depend on the machine: they are pinned.
#[test]
fn its_bits_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("climate.nc");
    write(&path, &Climate::SMALL, Layout::Classic).unwrap();
    let all = blake3::hash(&std::fs::read(&path).unwrap());
    assert_eq!(all.to_hex().as_str(), "a2cdc891690a2521cfb7e2320f15e46c1f33cee8118e3bbaf81d74854e82f4cc");
}
