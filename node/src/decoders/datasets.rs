//! Datasets: what publishers, servers and clients say, and the files in which data come.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use dataset::dap::{self, Format, Part};
use dataset::manifest::Manifest;
use dataset::memory::{self, Memory};
use dataset::model::{Description, Dimension, Kind, Table, Variable};
use dataset::netcdf::NetCdf;
use dataset::proof::Decoder;
use dataset::slab::{Slab, Span};
use dataset::source::Source;
use dataset::tree::{GROUP, Outboard, encode};
use hdf5_reader::storage::BytesStorage;

use super::decoded;
use crate::datasets::catalog::{decode_outboards, encode_outboards};
use crate::datasets::head::{Head, Note};
use crate::gateway::along::{Asked, Said};

/// What a publisher says of a dataset, or a server of itself.
pub fn head(bytes: &[u8]) -> bool {
    if let Ok(head) = Head::decode(bytes) {
        let again = head.encode();
        assert!(again.len() <= bytes.len());
        assert_eq!(Head::decode(&again), Ok(head));
        return true;
    }
    let Ok(note) = Note::decode(bytes) else { return false };
    let again = Note::decode(&note.encode()).unwrap();
    assert!((&again.pointer, again.version) == (&note.pointer, note.version));
    assert!(note.addresses.starts_with(&again.addresses));
    true
}

/// What every server and reader does with a description, which is somebody else's.
fn described(description: &Description) {
    for format in [Format::Das, Format::Dds, Format::Dmr, Format::Dods, Format::Dap, Format::Ascii] {
        let Ok(body) = dap::plan(format, "name", description, "") else { continue };
        _ = body.reads(description);
        let said = |part: &Part| match part {
            Part::Bytes(bytes) => Some(bytes.len() as u64),
            Part::Values { .. } | Part::Rows { .. } | Part::Checksum => None,
        };
        if matches!(format, Format::Das | Format::Dds) {
            assert_eq!(body.length, body.parts.iter().map(said).sum(), "{format:?}");
        }
    }
    for place in 0..description.variables.len() {
        let shape = description.shape(place);
        let first = Slab(shape.iter().map(|_| Span { start: 0, count: 1, stride: 1 }).collect());
        for slab in [Slab::whole(&shape), first] {
            let Ok(slab) = slab.canonical(&shape) else { continue };
            let all: u64 = slab.elements();
            for (start, count) in slab.runs(&shape).take(3) {
                assert!(count <= all && start.checked_add(count).is_some());
            }
        }
    }
}

pub fn manifest(bytes: &[u8]) -> bool {
    let Ok(manifest) = Manifest::decode(bytes) else { return false };
    let again = manifest.encode().expect("what was read can be written");
    assert!(again.len() <= bytes.len());
    assert_eq!(Manifest::decode(&again).expect("what was written is read").encode().unwrap(), again);
    manifest.files.iter().for_each(|file| described(&file.description));
    true
}

/// Hashes that a node keeps; as they are, and with the checksum that they ought to have.
pub fn outboards(bytes: &[u8]) -> bool {
    let summed = [bytes, blake3::hash(bytes).as_bytes()].concat();
    for bytes in [bytes, &summed] {
        if let Some(files) = decode_outboards(bytes) {
            assert_eq!(encode_outboards(&files), bytes);
            return true;
        }
    }
    let Some(outboard) = Outboard::from_bytes(bytes) else { return false };
    assert_eq!(outboard.to_bytes(), bytes);
    true
}

/// A stream of so many bytes, none of whose groups is like another; and its hashes.
fn stream(length: usize) -> (Vec<u8>, Memory, Outboard) {
    let bytes: Vec<u8> = (0..length).map(|place| u8::try_from((place * 7 + place / 251) % 256).unwrap()).collect();
    let source = Memory::of_bytes(&bytes);
    let outboard = Outboard::of(&source, 0).unwrap();
    (bytes, source, outboard)
}

/// The groups that a number names, one by each bit, as ascending ranges.
fn ranges(bits: u8) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for group in (0..8).filter(|group| bits >> group & 1 == 1) {
        match ranges.last_mut() {
            Some(last) if last.end == group => last.end += 1,
            Some(_) | None => ranges.push(group..group + 1),
        }
    }
    ranges
}

/// Groups of a stream with what proves them: whatever comes, nothing passes but what the publisher has signed.
///
/// Which stream, which groups, whether the rest says what is changed of the true encoding (three octets a time), or is it.
pub fn proof(bytes: &[u8]) -> bool {
    static STREAMS: OnceLock<Vec<(Vec<u8>, Memory, Outboard)>> = OnceLock::new();
    let streams = STREAMS.get_or_init(|| [0, 1, 16_384, 16_385, 70_000, 131_072].map(stream).into());
    let Some(([which, bits, kind], rest)) = bytes.split_first_chunk() else { return false };
    let (truth, source, outboard) = &streams[usize::from(*which) % streams.len()];
    let groups = ranges(*bits);
    let inside: Vec<_> = groups.iter().map(|range| range.start..range.end.min(outboard.groups())).collect();
    let inside: Vec<_> = inside.into_iter().filter(|range| !range.is_empty()).collect();
    let mut encoding = Vec::new();
    encode(source, 0, outboard, &inside, &mut encoding).unwrap();
    let whole = encoding.clone();
    if kind % 2 == 0 {
        for change in rest.chunks_exact(3).filter(|_| !whole.is_empty()) {
            let place = (usize::from(u16::from_be_bytes([change[0], change[1]])) * 3) % whole.len();
            encoding[place] ^= change[2];
        }
    } else {
        encoding = rest.to_vec();
    }
    let (mut decoder, mut from, mut found) = (Decoder::new(&outboard.stream(), &groups), &encoding[..], 0);
    while let Some(wanted) = decoder.wanted() {
        assert!((1..=16_384).contains(&wanted) || truth.is_empty());
        let Some((piece, behind)) = from.split_at_checked(wanted) else { return false };
        from = behind;
        match decoder.take(piece) {
            Ok(Some(place)) => {
                let place = usize::try_from(place).unwrap();
                assert_eq!(piece, &truth[place..place + piece.len()]);
                assert!(groups.iter().any(|range| range.contains(&(place as u64 / GROUP))) || truth.is_empty());
                found += 1;
            }
            Ok(None) => {}
            Err(_) => {
                assert!(encoding != whole && decoder.wanted().is_none());
                return false;
            }
        }
    }
    found > 0
}

fn dimension(name: &str, size: u64) -> Dimension {
    Dimension { name: name.into(), size, is_unlimited: false }
}

fn variable(name: &str, kind: Kind, dimensions: &[u32]) -> Variable {
    Variable { name: name.into(), kind, dimensions: dimensions.to_vec(), attributes: Vec::new() }
}

/// Arrays, maps, texts, a single value and a table.
pub(super) fn asked_of() -> &'static Memory {
    static SOURCE: OnceLock<Memory> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let towns = ["Oslo", "", "say \"hi\"", "Reykjavík"];
        let description = Description {
            dimensions: vec![dimension("time", 3), dimension("lat", 4), dimension("void", 0)],
            attributes: Vec::new(),
            variables: vec![
                variable("time", Kind::F64, &[0]),
                variable("lat", Kind::F32, &[1]),
                variable("sst", Kind::F32, &[0, 1]),
                variable("town", Kind::String, &[1]),
                variable("mask", Kind::Char, &[1]),
                variable("one", Kind::I64, &[]),
                variable("none", Kind::U16, &[2, 0]),
                variable("id", Kind::I32, &[1]),
                variable("place", Kind::String, &[1]),
                variable("value", Kind::F64, &[1]),
            ],
            tables: vec![Table { name: "table".into(), columns: vec![7, 8, 9] }],
        };
        let reals = |all: &[f64]| all.iter().flat_map(|value| value.to_be_bytes()).collect::<Vec<u8>>();
        let streams = vec![
            reals(&[0.0, 0.5, 1.0]),
            [1.0_f32, f32::NAN, -3.5, 4.0].into_iter().flat_map(f32::to_be_bytes).collect(),
            vec![0x40; 48],
            memory::strings(&towns),
            b"a\0bc".to_vec(),
            vec![0xff; 8],
            Vec::new(),
            [1_i32, -2, 3, i32::MIN].into_iter().flat_map(i32::to_be_bytes).collect(),
            memory::strings(&towns),
            reals(&[0.5, f64::NAN, f64::INFINITY, -1e300]),
        ];
        Memory::new(description, streams).unwrap()
    })
}

/// A query of a client: the first octet says in which format.
pub fn dap(bytes: &[u8]) -> bool {
    const FORMATS: [Format; 6] = [Format::Ascii, Format::Dap, Format::Das, Format::Dds, Format::Dmr, Format::Dods];
    let Some((format, query)) = bytes.split_first() else { return false };
    let (format, Ok(query)) = (FORMATS[usize::from(*format) % FORMATS.len()], std::str::from_utf8(query)) else {
        return false;
    };
    // A line of a request is no longer.
    if query.len() > 1 << 14 {
        return false;
    }
    let source = asked_of();
    let description = source.description();
    let body = match dap::plan(format, "name", description, query) {
        Ok(body) => body,
        Err(error) => {
            let (_, _, document) = error.document(format);
            assert!(!document.is_empty());
            return false;
        }
    };
    if let Ok(selection) = dap::select(description, query)
        && !format.is_dap4()
    {
        let again = dap::select(description, selection.canonical()).expect("the one text of a selection is read");
        assert_eq!(again.canonical(), selection.canonical());
        if selection.canonical() != query {
            assert_eq!(again, selection);
        }
    }
    assert!(
        body.reads(description) <= 4096 * (1 + query.len() as u64),
        "a line asks for {} bytes",
        body.reads(description)
    );
    let length = body.length;
    let rendered = dap::render(body, source).expect("a plan can be carried out");
    assert!(length.is_none_or(|length| length == rendered.len() as u64));
    true
}

/// The most bytes of a variable that are looked at.
const LOOK: u64 = 1 << 16;

/// All of a file that is not large.
fn whole(source: &dyn Source) {
    let description = source.description();
    assert_eq!(description.check(), Ok(()));
    for (place, variable) in description.variables.iter().enumerate().take(64) {
        let Ok(length) = source.length(place) else { continue };
        if length > LOOK {
            continue;
        }
        let (mut all, mut slab) = (Vec::new(), Vec::new());
        if source.read_range(place, 0..length, &mut all).is_ok() {
            assert_eq!(all.len() as u64, length, "{}", variable.name);
            if source.read(place, &Slab::whole(&description.shape(place)), &mut slab).is_ok() {
                assert!(slab == all, "{}", variable.name);
            }
        }
    }
}

/// A NetCDF file.
pub fn netcdf(bytes: &[u8]) -> bool {
    let Ok(file) = NetCdf::open("a.nc", Arc::new(BytesStorage::new(bytes.to_vec()))) else { return false };
    whole(&file);
    true
}

/// A table of text.
pub fn csv(bytes: &[u8]) -> bool {
    let Ok(table) = dataset::csv::open("table.csv", bytes) else { return false };
    whole(&table);
    described(table.description());
    true
}

/// What a server is asked along the grid, and what it says.
pub fn along(bytes: &[u8]) -> bool {
    let asked = decoded::<Asked>(bytes).is_some();
    let said = decoded::<Said>(bytes).is_some();
    asked || said
}
