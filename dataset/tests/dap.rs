//! The Data Access Protocol, through its public interface.
//!
//! Real clients read the same descriptions; what they need is in the comments of `dap`.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may fail, and its numbers are small")]

use dataset::dap::{self, Body, DapError, Format, Part, render, select};
use dataset::memory::Memory;
use dataset::model::{Attribute, Description, Kind, Values};
use dataset::slab::{Slab, Span};
use dataset::source::Source;
use proptest::prelude::*;

#[path = "dap/made_up.rs"]
mod made_up;

use made_up::{everything, groups, odd, source, stations};

fn plan(description: &Description, format: Format, query: &str) -> Result<Body, DapError> {
    dap::plan(format, "name", description, query)
}

fn bytes(source: &Memory, format: Format, query: &str) -> Vec<u8> {
    let body = plan(source.description(), format, query).unwrap();
    let length = body.length;
    let rendered = render(body, source).unwrap();
    assert!(length.is_none_or(|length| length == rendered.len() as u64), "{query}: a wrong length");
    rendered
}

fn text(source: &Memory, format: Format, query: &str) -> String {
    String::from_utf8(bytes(source, format, query)).unwrap()
}

/// The XDR behind the DDS.
fn data(source: &Memory, query: &str) -> Vec<u8> {
    let whole = bytes(source, Format::Dods, query);
    let marker = b"\nData:\n";
    let start = whole.windows(marker.len()).position(|window| window == marker).unwrap();
    whole[start + marker.len()..].to_vec()
}

#[test]
fn a_grid_is_declared_with_its_maps() {
    let source = source(everything());
    let expected = "Dataset {\n    Grid {\n        Array:\n            Float32 sst[time = 2][lat = 2][lon = 5];\n        \
                    Maps:\n            Float64 time[time = 2];\n            Float32 lat[lat = 2];\n            Float32 \
                    lon[lon = 5];\n    } sst;\n    Int32 odd%20name[n = 7];\n} name;\n";
    assert_eq!(text(&source, Format::Dds, "sst[0:1][1:2:3],odd%20name"), expected);
    let expected = "Dataset {\n    Structure {\n        Float32 sst[time = 3][lat = 4][lon = 5];\n        Float32 lat[lat \
                    = 1];\n    } sst;\n} name;\n";
    assert_eq!(text(&source, Format::Dds, "sst.lat[2],sst.sst"), expected);
}

#[test]
fn values_are_xdr() {
    let source = source(everything());
    assert_eq!(data(&source, "i8[0:2]"), [0, 0, 0, 3, 0, 0, 0, 3, 200, 237, 18, 0]);
    assert_eq!(data(&source, "i16[0]"), [0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x9c, 0x40]);
    assert_eq!(data(&source, "u16[0]"), [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0x9c, 0x40]);
    assert_eq!(data(&source, "scalar_i8"), [200, 0, 0, 200]);
    assert_eq!(data(&source, "i64[0]"), [&[0, 0, 0, 1, 0, 0, 0, 1][..], &(-5_f64).to_be_bytes()].concat());
    assert_eq!(data(&source, "word"), b"\0\0\0\x03one\0");
    assert_eq!(data(&source, "cities[0:1]"), b"\0\0\0\x02\0\0\0\x07Hamburg\0\0\0\0\0");
    assert_eq!(data(&source, "names[2:3]"), b"\0\0\0\x02\0\0\0\x05three\0\0\0\0\0\0\x04four");
    let lat: Vec<u8> = [-2.5_f32, 0.0].iter().flat_map(|value| value.to_be_bytes()).collect();
    assert_eq!(data(&source, "lat[1:2:3]"), [&[0, 0, 0, 2, 0, 0, 0, 2][..], &lat].concat());
}

#[test]
fn rows_of_a_sequence_are_selected() {
    let source = source(stations());
    let row = b"\x5a\0\0\0\0\0\0\x01x\0\0\0\xff\xff\xff\x81\xa5\0\0\0";
    assert_eq!(data(&source, "station.name,station.flag&station.height>=2.5e10"), row);
    assert_eq!(data(&source, "station.name%2Cstation.flag%26station.height%3E%3D2.5e10"), row);
    assert_eq!(data(&source, "station.name,station.flag&station.name=~\"^x\""), row);
    let names =
        |query: &str| text(&source, Format::Ascii, &format!("station.name{query}")).replace("Dataset: name\n", "");
    assert_eq!(names("&station.name={\"x\",\"Hamburg\"}"), "station.name\n\"Hamburg\"\n\"x\"\n");
    let last = "station.name\n\"a longer text than the others\"\n\"x\"\n";
    assert_eq!(names("&station.flag<station.level"), last);
    assert_eq!(names("[4:100]"), last);
    assert_eq!(names("&station.count=-5&station.height<0"), "station.name\n\"Hamburg\"\n");
    assert_eq!(
        names("&station.name!=\"\"&station.flag>50"),
        "station.name\n\"back\\\\slash\"\n\"a longer text than the others\"\n"
    );
}

#[test]
fn attributes_are_typed_and_escaped() {
    let das = text(&source(everything()), Format::Das, "");
    for line in [
        "        String long_name \"Sea \\\"surface\\\" temperature \\\\ naïve\nsecond line\";\n",
        "        Float32 _FillValue 9.96921e36;\n",
        "        Float64 not%20finite NaN, inf, -inf;\n",
        "        Byte _FillValue -2;\n        String _Unsigned \"false\";\n",
        "        UInt16 _FillValue 65535;\n        String _Unsigned \"true\";\n",
        "        String dap2_cast \"Int64 as Float64\";\n",
        "        Int32 DODS.strlen 6;\n        String DODS.dimName \"length\";\n",
        "    odd%20name {\n        String an%20attribute \"with blanks\";\n",
        "        String path \"C:\\\\temp\\134\";\n",
        "        Float64 big 1099511627776.0;\n        String huge \"18446744073709551615\";\n",
        "        String none \"\";\n",
        "    DODS_EXTRA {\n        String Unlimited_Dimension \"time\";\n    }\n",
    ] {
        assert!(das.contains(line), "{line} is missing in {das}");
    }
    let das = text(&source(stations()), Format::Das, "");
    assert!(
        das.contains("    station {\n        name {\n            String long_name \"name of the station\";\n"),
        "{das}"
    );
    assert!(!das.contains("DODS_EXTRA"), "netCDF's reader panics on it beside sequences");
}

#[test]
fn groups_are_dots_in_dap2() {
    let source = source(groups());
    let dds = text(&source, Format::Dds, "");
    assert!(dds.contains("Float32 forecast%2Ev[forecast%2Et = 2][x = 3];\n"), "{dds}");
    let das = text(&source, Format::Das, "");
    assert!(das.contains("    forecast%2Et {\n        String units \"s\";\n"), "{das}");
    assert!(das.contains("String forecast.model \"m\";\n") && das.contains("String m%2Fs \"no group\";\n"), "{das}");
    let asked = data(&source, "forecast/v.forecast/v[1][0:2:2]");
    for query in ["forecast%2Ev.forecast%2Ev[1][0:2:2]", "forecast.v.forecast.v[1][0:2:2]"] {
        assert_eq!(data(&source, query), asked, "{query}");
    }
}

#[test]
fn names_that_look_encoded_are_found_however_they_are_encoded() {
    let mut description = everything();
    description.variables[23].name = "per%20cent".to_owned();
    let once = select(&description, "per%2520cent[1]").unwrap();
    for query in ["per%2520cent%5B1%5D", "per%2520cent%255B1%255D", "per%252520cent%255B1%255D"] {
        assert_eq!(select(&description, query).unwrap(), once, "{query}");
    }
}

#[test]
fn names_are_found_as_netcdf_garbles_them() {
    let mut description = everything();
    // Of these only the dot is a character for which it writes them.
    for (place, name) in [(20, "a-b"), (21, "a.b"), (22, "a:b")] {
        description.variables[place].name = name.to_owned();
    }
    let asked = |query: &str| plan(&description, Format::Dmr, query).map(|body| body.canonical);
    assert_eq!(asked("dap4.ce=/a%5c%5cb").unwrap(), asked("dap4.ce=/a.b").unwrap());
    description.variables[20].name = "a&b".to_owned();
    let asked = |query: &str| plan(&description, Format::Dmr, query).map(|body| body.canonical);
    let right = asked("dap4.ce=/a%26b&dap4.checksum=true").unwrap();
    assert_eq!(asked("dap4.ce=/a&b&dap4.checksum=true").unwrap(), right, "nor does it escape this");
}

#[test]
fn clients_are_told_how_long_texts_are() {
    let description = everything();
    let longest = std::collections::BTreeMap::from([(20, 100), (21, 0)]);
    let body = dap::plan_attributes(&description, &longest);
    let Some(Part::Bytes(bytes)) = body.parts.first() else { panic!("{body:?}") };
    let das = std::str::from_utf8(bytes).unwrap();
    assert!(das.contains("    cities {\n        Int32 DODS.strlen 100;\n    }\n"), "{das}");
    assert!(das.contains("    city {\n        Int32 DODS.strlen 1;\n    }\n"), "{das}");
    assert_ne!(body.canonical, plan(&description, Format::Das, "").unwrap().canonical);
}

#[test]
fn attributes_that_are_compared_with_values_are_cast_as_they_are() {
    let mut description = everything();
    let large = |name: &str| Attribute { name: name.to_owned(), values: Values::I64(vec![i64::MAX]) };
    let smallest = Attribute { name: "exact".to_owned(), values: Values::I64(vec![i64::MIN]) };
    description.variables[11].attributes = vec![large("missing_value"), large("comment"), smallest];
    let das = text(&source(description), Format::Das, "");
    for line in [
        "Float64 missing_value 9.223372036854776e18;",
        "String comment \"9223372036854775807\";",
        "Float64 exact -9223372036854775808.0;",
    ] {
        assert!(das.contains(line), "{line} is missing in {das}");
    }
}

#[test]
fn groups_are_groups_in_dap4() {
    let source = source(groups());
    let dmr = text(&source, Format::Dmr, "");
    let forecast = "    <Group name=\"forecast\">\n        <Dimension name=\"t\" size=\"2\"/>\n        <Float32 name=\"t\">\n            \
                    <Dim name=\"/forecast/t\"/>\n            <Attribute name=\"units\" type=\"String\" value=\"s\"/>\n        \
                    </Float32>\n";
    assert!(dmr.contains(forecast), "{dmr}");
    assert!(dmr.contains("        <Attribute name=\"model\" type=\"String\" value=\"m\"/>\n"), "{dmr}");
    assert!(dmr.contains("    <Attribute name=\"m%2Fs\" type=\"String\" value=\"no group\"/>\n"), "{dmr}");
    let part = text(&source, Format::Dmr, "dap4.ce=/forecast/v[1][0:2:2]");
    assert!(part.contains("<Dim size=\"1\"/>\n            <Dim size=\"2\"/>\n") && !part.contains("<Map"), "{part}");
}

#[test]
fn dap4_values_have_checksums_if_they_are_wanted() {
    let source = source(everything());
    let values: Vec<u8> = [-1_171_510_507_i32, -1_048_053_718].iter().flat_map(|value| value.to_le_bytes()).collect();
    let tail = |query: &str, length: usize| {
        let whole = bytes(&source, Format::Dap, query);
        whole[whole.len() - length..].to_vec()
    };
    let expected = [&[5, 0, 0, 8][..], &values].concat();
    assert_eq!(tail("dap4.ce=/i32[1:2]", 12), expected);
    assert_eq!(tail("dap4.ce=%2Fi32%5B1%3A2%5D&dap4.checksum=false", 12), expected);
    let crc = crc32fast::hash(&values).to_le_bytes();
    assert_eq!(tail("dap4.ce=/i32[1:2]&dap4.checksum=true", 16), [&[5, 0, 0, 12][..], &values, &crc].concat());
    // As netCDF's client writes a dot, or a slash, an at, a backslash.
    assert_eq!(tail("dap4.ce=/dot%5c%5cted", 28), tail("dap4.ce=/dot.ted", 28));
    assert_eq!(tail("dap4.ce=/names[3]", 10), b"\x05\0\0\x06four\0\0");
    assert_eq!(tail("dap4.ce=/cities[0:1]", 27), b"\x05\0\0\x17\x07\0\0\0\0\0\0\0Hamburg\0\0\0\0\0\0\0\0");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let everything = everything();
    let errors = [
        (
            "sst[0][9]",
            "column 8 of the constraint: dimension lat of sst has indices 0 to 3, the selection reaches to 9",
        ),
        (
            "sst%5B0%5D%5B9%5D",
            "column 14 of the constraint: dimension lat of sst has indices 0 to 3, the selection reaches to 9",
        ),
        ("lat,sts", "column 5 of the constraint: there is no variable \"sts\"; did you mean sst?"),
        ("lat[0:0:2]", "column 5 of the constraint: dimension lat of lat needs a stride of at least 1"),
        ("lat[0:-1:2]", "column 7 of the constraint: -1 is negative; indices count from 0, strides from 1"),
        (
            "lat[2:1]",
            "column 5 of the constraint: dimension lat of lat is selected from 2 to 1; the start must not lie behind the stop",
        ),
        ("lat[0][0]", "column 8 of the constraint: lat has 1 dimensions, the selection 2"),
        (",", "column 1 of the constraint: names of variables are missing; write v,w[0:9]"),
        ("lat[1", "column 4 of the constraint: a bracket that is not closed"),
        ("lat[0:1:2:3]", "column 5 of the constraint: too many colons; write [start:stride:stop]"),
        (
            "lat[99999999999999999999999]",
            "column 5 of the constraint: \"99999999999999999999999\" is no index; write whole numbers, as in [0:2:10]",
        ),
        (
            "lat[0],lat[1]",
            "column 8 of the constraint: lat is selected twice, with different hyperslabs; ask for them one after the other",
        ),
        (
            "&lat>3",
            "column 2 of the constraint: conditions are on columns of tables, table.column>=3.5; of arrays select indices, as in v[0:9]",
        ),
    ];
    for (query, message) in errors {
        let error = plan(&everything, Format::Dods, query).unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, message), "{query}");
    }
}

#[test]
fn any_name_can_be_asked_for() {
    let description = odd();
    for (place, variable) in description.variables.iter().enumerate() {
        let declared = plan(&description, Format::Dds, "").unwrap();
        let declared = String::from_utf8(render(declared, &source(odd())).unwrap()).unwrap();
        let escaped: Vec<&str> = declared.split([' ', ';', '[']).filter(|word| !word.is_empty()).collect();
        let encode = |name: &str| name.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let name = escaped.iter().find(|word| dataset_name(word) == variable.name).unwrap();
        let brackets = description.shape(place).first().map_or(String::new(), |_| "[0]".to_owned());
        for query in
            [format!("{name}{brackets}"), format!("{}{}", encode(name), encode(&brackets)), encode(&encode(name))]
        {
            assert!(select(&description, &query).is_ok(), "{query} for {}", variable.name);
        }
    }
}

/// What a client shows of an identifier.
fn dataset_name(identifier: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = identifier;
    while let Some(place) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..place]);
        bytes.push(u8::from_str_radix(&rest[place + 1..place + 3], 16).unwrap());
        rest = &rest[place + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn too_much_is_known_before_the_start() {
    let mut large = everything();
    large.dimensions[0].size = 1 << 40;
    let body = plan(&large, Format::Dods, "packed[0:1000][0][0]").unwrap();
    assert_eq!(body.reads(&large), 1001 * (2 + 8) + 4 + 4);
    let error = plan(&large, Format::Dods, "packed").unwrap_err();
    assert_eq!(error.status(), 413);
    assert!(plan(&large, Format::Dap, "").unwrap().reads(&large) > 10 << 40);
}

#[test]
fn one_selection_has_one_text() {
    let (everything, stations) = (everything(), stations());
    let canonical = |description: &Description, query: &str| select(description, query).unwrap().canonical().to_owned();
    for query in [
        "lat[1:2:3],sst[0]",
        "sst[0:0][0:3],lat[1:2:3],lat[1:2:3]",
        "sst%255B0%255D,lat%5b1:2:3%5d",
        "sst[0:7:0],lat[1:2:3]",
    ] {
        assert_eq!(canonical(&everything, query), "lat[1:2:3],sst[0:1:0][0:1:3][0:1:4]", "{query}");
    }
    assert_eq!(canonical(&everything, ""), "");
    assert_eq!(canonical(&everything, "odd name,dot.ted[]"), canonical(&everything, "dot%252Eted,odd%2520name"));
    let conditions = "station.height,station.name&station.height>=-1.5&station.name=\"x%20y\"";
    assert_eq!(canonical(&stations, conditions), conditions);
    assert_eq!(
        canonical(&stations, "station.height,station.name&station.name=%22x%20y%22&station.height%3E=-1.50"),
        conditions
    );
}

/// Queries of pieces that mean something, in any order.
fn queries() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "sst",
        "sst.sst",
        "sst.lat",
        "lat",
        "names",
        "cities",
        "odd%20name",
        "dot.ted",
        "scalar",
        "[0]",
        "[1:2]",
        "[0:2:3]",
        "[",
        "]",
        ",",
        "&",
        "=",
        ">",
        "=~",
        "\"",
        "{",
        "}",
        "%5B",
        "%25",
        "%2C",
        "5",
        "-1",
        "1e400",
        "\\",
        ";",
        "/",
        "ü",
        " ",
        "station",
        "station.name",
        "station.height",
        ".",
        "dap4.ce=",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

fn slab(shape: Vec<u64>) -> impl Strategy<Value = Vec<Span>> {
    let span = |size: u64| {
        (0..size, 1_u64..4).prop_flat_map(move |(start, stride)| {
            (1..=(size - start).div_ceil(stride)).prop_map(move |count| Span {
                start,
                count,
                stride: if count == 1 { 1 } else { stride },
            })
        })
    };
    shape.into_iter().map(span).collect::<Vec<_>>()
}

/// A variable of the numbers, and a slab of it.
fn slabs() -> impl Strategy<Value = (usize, Slab)> {
    let description = everything();
    let numbers = move |&place: &usize| !matches!(description.variables[place].kind, Kind::Char | Kind::String);
    let places: Vec<usize> = (0..24).filter(numbers).collect();
    prop::sample::select(places)
        .prop_flat_map(|place| slab(everything().shape(place)).prop_map(move |spans| (place, Slab(spans))))
}

#[test]
fn where_sizes_depend_on_values_nothing_is_left_out() {
    let skips = |description: &Description, format, query| plan(description, format, query).unwrap().skip(5).is_some();
    for (format, query, expected) in [
        (Format::Dods, "", false),
        (Format::Dap, "", false),
        (Format::Dap, "dap4.checksum=false", false),
        (Format::Ascii, "lat", false),
        (Format::Dods, "lat", true),
        (Format::Dds, "", true),
    ] {
        assert_eq!(skips(&everything(), format, query), expected, "{format:?} {query}");
    }
    assert!(!skips(&stations(), Format::Dods, ""));
}

proptest! {
    #[test]
    fn no_query_panics_and_canonical_texts_stay(query in queries()) {
        for description in [everything(), stations(), groups(), odd()] {
            if let Ok(selection) = select(&description, &query) {
                let again = select(&description, selection.canonical()).unwrap();
                prop_assert_eq!(again.canonical(), selection.canonical());
                prop_assert_eq!(again, selection);
            }
            for format in [Format::Dap, Format::Dmr, Format::Ascii, Format::Dods] {
                let _ = plan(&description, format, &query);
            }
        }
    }

    #[test]
    fn values_are_those_of_the_slab((variable, slab) in slabs()) {
        let source = source(everything());
        let described = &source.description().variables[variable];
        let brackets: String = slab.0.iter().map(|span| format!("[{}:{}:{}]", span.start, span.stride, span.last())).collect();
        let query = format!("dap4.ce=/{}{brackets}", described.name);
        let (mut canonical, width) = (Vec::new(), described.kind.width().unwrap() as usize);
        source.read(variable, &slab, &mut canonical).unwrap();
        canonical.chunks_mut(width).for_each(<[u8]>::reverse);
        let whole = bytes(&source, Format::Dap, &query);
        prop_assert_eq!(&whole[whole.len() - canonical.len()..], canonical);
        bytes(&source, Format::Dods, &format!("{}{brackets}", described.name));
    }

    #[test]
    fn pieces_may_be_cut_anywhere(cuts in prop::collection::vec(1_usize..20, 1..8)) {
        let source = source(everything());
        for format in [Format::Dods, Format::Dap, Format::Ascii] {
            for part in plan(source.description(), format, "").unwrap().parts {
                let Part::Values { variable, slabs, coder, .. } = part else { continue };
                let mut canonical = Vec::new();
                slabs.iter().for_each(|slab| source.read(variable, slab, &mut canonical).unwrap());
                let (mut whole, mut cut, mut rest) = (Vec::new(), Vec::new(), canonical.as_slice());
                let mut coders = [coder.clone(), coder];
                coders[0].push(&canonical, &mut whole).unwrap();
                coders[0].finish(&mut whole).unwrap();
                for length in cuts.iter().cycle() {
                    let (piece, behind) = rest.split_at(rest.len().min(*length));
                    coders[1].push(piece, &mut cut).unwrap();
                    rest = behind;
                    if rest.is_empty() { break; }
                }
                coders[1].finish(&mut cut).unwrap();
                prop_assert_eq!(cut, whole);
            }
        }
    }

    #[test]
    fn without_its_beginning_a_body_is_the_rest((variable, slab) in slabs(), place in 0.0..1.0) {
        let source = source(everything());
        let brackets: String = slab.0.iter().map(|span| format!("[{}:{}:{}]", span.start, span.stride, span.last())).collect();
        let numbers: Vec<&str> = source.description().variables.iter()
            .filter(|variable| variable.kind.width().is_some() && variable.kind != Kind::Char)
            .map(|variable| variable.name.as_str()).collect();
        let names: Vec<String> = numbers.iter().map(|name| name.replace(' ', "%20").replace('/', ".")).collect();
        let query = format!("{}{brackets},{}", source.description().variables[variable].name, names.join(","));
        let Ok(body) = plan(source.description(), Format::Dods, &query) else { return Ok(()) };
        let whole = render(body.clone(), &source).unwrap();
        let first = (place * whole.len() as f64) as u64;
        let Some((rest, early)) = body.skip(first) else {
            prop_assert_eq!(source.description().variables[variable].kind, Kind::Char);
            return Ok(());
        };
        let rest = render(rest, &source).unwrap();
        prop_assert!(early < 8);
        prop_assert_eq!(&rest[early as usize..], &whole[first as usize..]);
    }

    #[test]
    fn values_that_do_not_fit_are_refused(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        let description = everything();
        for part in plan(&description, Format::Dods, "").unwrap().parts {
            let Part::Values { variable, mut coder, .. } = part else { continue };
            let mut out = Vec::new();
            let is_coded = coder.push(&garbage, &mut out).and_then(|()| coder.finish(&mut out)).is_ok();
            let elements: u64 = description.shape(variable).iter().product();
            let width = description.variables[variable].kind.width();
            prop_assert!(!is_coded || width.is_none_or(|width| elements * width == garbage.len() as u64));
        }
    }
}
