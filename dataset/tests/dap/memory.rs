//! A source in memory, and descriptions with everything in them that clients stumble over.

use std::ops::Range;

use dataset::model::{Attribute, Description, Dimension, Kind, Table, Values, Variable};
use dataset::slab::Slab;
use dataset::source::{Source, SourceError};

/// Values of every variable.
pub(crate) struct Memory {
    description: Description,
    values: Vec<Column>,
}

/// Values of one variable.
enum Column {
    Bytes(Vec<u8>),
    Strings(Vec<String>),
}

const WORDS: [&str; 6] = ["Hamburg", "", "say \"hi\"", "back\\slash", "a longer text than the others", "x"];

impl Memory {
    /// Makes up values: a fixed sequence for each kind.
    pub(crate) fn of(description: Description) -> Self {
        description.check().unwrap();
        let values = (0..description.variables.len()).map(|variable| values(&description, variable)).collect();
        Self { description, values }
    }
}

fn values(description: &Description, place: usize) -> Column {
    let elements: u64 = description.shape(place).iter().product();
    let numbers = 0..i64::try_from(elements).unwrap();
    let real = |number: i64| (number as f64 - 3.0) * 1.25;
    let bytes = |of: &dyn Fn(i64) -> Vec<u8>| Column::Bytes(numbers.clone().flat_map(of).collect());
    match description.variables[place].kind {
        Kind::I8 | Kind::U8 => bytes(&|i| vec![(i * 37 + 200) as u8]),
        Kind::I16 | Kind::U16 => bytes(&|i| ((i * 7919 + 40000) as u16).to_be_bytes().to_vec()),
        Kind::I32 | Kind::U32 => bytes(&|i| ((i * 123_456_789 + 3_000_000_000) as u32).to_be_bytes().to_vec()),
        Kind::I64 | Kind::U64 => bytes(&|i| (i * 1_000_000_007 - 5).to_be_bytes().to_vec()),
        Kind::F32 => bytes(&|i| (real(i) as f32).to_be_bytes().to_vec()),
        Kind::F64 => bytes(&|i| (real(i) * 1e10).to_be_bytes().to_vec()),
        Kind::Char => bytes(&|i| vec![b"one\0\0\0two\0\0\0three\0four\0\0"[i as usize % 24]]),
        Kind::String => Column::Strings(numbers.map(|i| WORDS[i as usize % WORDS.len()].to_owned()).collect()),
    }
}

impl Source for Memory {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, variable: usize) -> Result<u64, SourceError> {
        let mut all = Vec::new();
        self.read(variable, &Slab::whole(&self.description.shape(variable)), &mut all)?;
        Ok(all.len() as u64)
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let shape = self.description.shape(variable);
        assert_eq!(slab.canonical(&shape).as_ref(), Ok(slab), "a slab that is not canonical");
        let runs = slab.runs(&shape).map(|(start, count)| start as usize..(start + count) as usize);
        match &self.values[variable] {
            Column::Bytes(bytes) => {
                let width = self.description.variables[variable].kind.width().unwrap() as usize;
                runs.for_each(|run| out.extend_from_slice(&bytes[run.start * width..run.end * width]));
            }
            Column::Strings(strings) => {
                let selected: Vec<&String> = runs.flat_map(|run| &strings[run]).collect();
                let mut offset = 0_u64;
                out.extend_from_slice(&offset.to_be_bytes());
                for string in &selected {
                    offset += string.len() as u64;
                    out.extend_from_slice(&offset.to_be_bytes());
                }
                selected.iter().for_each(|string| out.extend_from_slice(string.as_bytes()));
            }
        }
        Ok(())
    }

    fn read_range(&self, variable: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let mut all = Vec::new();
        self.read(variable, &Slab::whole(&self.description.shape(variable)), &mut all)?;
        out.extend_from_slice(&all[range.start as usize..range.end as usize]);
        Ok(())
    }
}

fn dimension(name: &str, size: u64) -> Dimension {
    Dimension { name: name.into(), size, is_unlimited: name == "time" }
}

fn text(name: &str, value: &str) -> Attribute {
    Attribute { name: name.into(), values: Values::Text(value.into()) }
}

fn attribute(name: &str, values: Values) -> Attribute {
    Attribute { name: name.into(), values }
}

fn variable(name: &str, kind: Kind, dimensions: &[u32], attributes: Vec<Attribute>) -> Variable {
    Variable { name: name.into(), kind, dimensions: dimensions.to_vec(), attributes }
}

/// Arrays, grids, single values and texts, with odd names and attributes.
pub(crate) fn everything() -> Description {
    let dimensions = vec![
        dimension("time", 3),
        dimension("lat", 4),
        dimension("lon", 5),
        dimension("length", 6),
        dimension("n", 7),
        dimension("void", 0),
    ];
    let units = |units: &str| vec![text("units", units)];
    let fill = |values| vec![attribute("_FillValue", values)];
    let variables = vec![
        variable("time", Kind::F64, &[0], units("days since 2000-01-01")),
        variable("lat", Kind::F32, &[1], units("degrees_north")),
        variable("lon", Kind::F32, &[2], units("degrees_east")),
        variable(
            "sst",
            Kind::F32,
            &[0, 1, 2],
            vec![
                text("long_name", "Sea \"surface\" temperature \\ naïve\nsecond line"),
                attribute("_FillValue", Values::F32(vec![9.969_21e36])),
                attribute("valid_range", Values::F32(vec![-2.0, 0.1])),
                attribute("not finite", Values::F64(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])),
            ],
        ),
        variable("loose", Kind::F64, &[1, 4], units("")),
        variable("i8", Kind::I8, &[4], fill(Values::I8(vec![-2]))),
        variable("u8", Kind::U8, &[4], fill(Values::U8(vec![255]))),
        variable("i16", Kind::I16, &[4], fill(Values::I16(vec![-32768]))),
        variable("u16", Kind::U16, &[4], fill(Values::U16(vec![65535]))),
        variable("i32", Kind::I32, &[4], fill(Values::I32(vec![i32::MIN]))),
        variable("u32", Kind::U32, &[4], fill(Values::U32(vec![u32::MAX]))),
        variable("i64", Kind::I64, &[4], vec![]),
        variable("u64", Kind::U64, &[4], vec![]),
        variable(
            "packed",
            Kind::I16,
            &[0, 1, 2],
            vec![
                attribute("scale_factor", Values::F64(vec![0.01])),
                attribute("add_offset", Values::F64(vec![273.15])),
            ],
        ),
        variable("scalar", Kind::F64, &[], units("K")),
        variable("scalar_i8", Kind::I8, &[], vec![]),
        variable("scalar_i16", Kind::I16, &[], vec![]),
        variable("letter", Kind::Char, &[], vec![]),
        variable("word", Kind::Char, &[3], vec![text("standard_name", "word")]),
        variable("names", Kind::Char, &[1, 3], vec![]),
        variable("cities", Kind::String, &[4], vec![]),
        variable("city", Kind::String, &[], vec![]),
        variable("odd name", Kind::I32, &[4], vec![text("an attribute", "with blanks")]),
        variable("dot.ted", Kind::I32, &[4], vec![]),
    ];
    let attributes = vec![
        text("title", "Everything"),
        text("Conventions", "CF-1.8"),
        text("history", "first\nsecond\tline"),
        text("empty", ""),
        text("path", "C:\\temp\\"),
        text("markup", "<a & b>"),
        text("url", "http://example.org/?a=1;b,c"),
        attribute("numbers", Values::I32(vec![1, -2, 3])),
        attribute("bytes", Values::I8(vec![-1, 2])),
        attribute("big", Values::I64(vec![1 << 40])),
        attribute("huge", Values::U64(vec![u64::MAX])),
        attribute("texts", Values::Strings(vec!["one".into(), "two, three".into()])),
        attribute("none", Values::I32(vec![])),
        attribute("odd name: of (all)", Values::F32(vec![0.1])),
        attribute("dotted.name", Values::I16(vec![7])),
        text("code", "a keyword"),
        text("umlaut", "Größe"),
    ];
    Description { dimensions, attributes, variables, tables: vec![] }
}

/// A dataset with a table.
pub(crate) fn stations() -> Description {
    let dimensions = vec![dimension("row", 6), dimension("x", 2)];
    let variables = vec![
        variable("name", Kind::String, &[0], vec![text("long_name", "name of the station")]),
        variable("height", Kind::F64, &[0], vec![text("units", "m")]),
        variable("level", Kind::I16, &[0], vec![]),
        variable("flag", Kind::I8, &[0], vec![]),
        variable("count", Kind::I64, &[0], vec![]),
        variable("other", Kind::F32, &[1], vec![]),
    ];
    let tables = vec![Table { name: "station".into(), columns: vec![0, 1, 2, 3, 4] }];
    Description { dimensions, attributes: vec![text("title", "Stations")], variables, tables }
}

/// A dataset with groups.
pub(crate) fn groups() -> Description {
    let dimensions = vec![dimension("x", 3), dimension("forecast/t", 2), dimension("forecast/deep/z", 4)];
    let variables = vec![
        variable("x", Kind::F64, &[0], vec![]),
        variable("forecast/deep/v", Kind::I32, &[2, 0], vec![text("units", "1")]),
        variable("forecast/t", Kind::F32, &[1], vec![text("units", "s")]),
        variable("forecast/v", Kind::F32, &[1, 0], vec![]),
        variable("last", Kind::I16, &[0], vec![]),
    ];
    let attributes = vec![text("title", "Groups"), text("forecast/model", "m"), text("m/s", "no group")];
    Description { dimensions, attributes, variables, tables: vec![] }
}
